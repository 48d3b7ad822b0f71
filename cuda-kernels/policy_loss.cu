// Clipped policy-gradient surrogate with KL and its gradient; formulas: src/math/policy_loss.h.
//
// Parallelisation
//   A warp per sequence (up to 1024 tokens) or a block per sequence. Sequences are cut into at most
//   kMaxParts contiguous parts, one block each: the part's sums go to the workspace and a second
//   launch of one block adds them. One part (up to 16 short sequences or 2 long ones) is finished
//   in the same launch. DAPO without total_tokens needs the number of unmasked tokens first: with
//   one part the block counts them itself, otherwise the first launch leaves the parts' sums,
//   undivided, and the second divides them and writes what belongs to each token.
// Memory traffic
//   The mask is read first, for the sequence's length (a gradient needs it), and again from cache
//   with the tokens, which are read once (by each launch of DAPO's two). Consecutive lanes move consecutive elements: these
//   tensors are thousands of times smaller than logits, the time is that of the launches.
// Numerics
//   Tokens in f32 (f64 for f64), a thread's sums of one sequence likewise, everything above in f64.
//   A masked token is never part of any arithmetic.
// Occupancy
//   Bound by f64 registers; a batch has fewer sequences than a chip has warps.
#include "launch.h"
#include "math/policy_loss.h"
#include "reduce.h"
#include "vector.h"

namespace eqp {
namespace cuda {
namespace {

constexpr int64_t kMaxParts = 512;

// What is summed over sequences, in this order: the metrics' numerators and the loss.
enum Total { kLoss, kClipLow, kClipHigh, kK3, kRatio, kFloored, kTokens, kTotals };
static_assert(kMaxParts * kTotals * static_cast<int64_t>(sizeof(double)) <= kPartialBytes,
              "the partial sums fit the workspace");

// What a launch does: everything, or only the parts' sums, or only the rest.
enum Pass { kEverything, kSums, kTokensOfEach };

// How the sequences are cut into work.
struct Parts {
  int64_t count, sequences_each;
  int team;
};

EQP_DEVICE const uint8_t* mask_of(const PolicyLoss& call, int64_t sequence) {
  return static_cast<const uint8_t*>(call.mask.data) + sequence * call.mask.row_stride;
}
template <class T>
EQP_DEVICE const T* row_of(const Matrix& matrix, int64_t row) {
  return static_cast<const T*>(matrix.data) + row * matrix.row_stride;
}

// The unmasked tokens of a sequence that the calling lane sees.
EQP_DEVICE double count_tokens(const PolicyLoss& call, int64_t sequence, int lane, int team) {
  const uint8_t* const mask = mask_of(call, sequence);
  int count = 0;
  for (int64_t t = lane; t < call.mask.columns; t += team) count += mask[t] != 0 ? 1 : 0;
  return static_cast<double>(count);
}

// Unmasked tokens of sequences [begin, end), in every thread of the block.
EQP_DEVICE double block_tokens(const PolicyLoss& call, int64_t begin, int64_t end, int team) {
  double tokens[1] = {0};
  const int lane = static_cast<int>(threadIdx.x) % team;
  for (int64_t i = begin + threadIdx.x / team; i < end; i += kThreads / team) {
    tokens[0] += count_tokens(call, i, lane, team);
  }
  block_sum(tokens);
  return tokens[0];
}

// The sum over the sequence's team, in every one of its threads.
template <int kCount>
EQP_DEVICE void team_sum(double (&value)[kCount], int team) {
  if (team == kThreads) {
    block_sum(value);
    return;
  }
#pragma unroll
  for (int k = 0; k < kCount; ++k) value[k] = warp_sum(value[k]);
}

// S: compute type. Adds the lane's tokens of one sequence to sums and writes their gradients where
// they are wanted.
template <class T, class S>
EQP_DEVICE void add_sequence(const PolicyLoss& call, int64_t sequence, double scale, bool gradients,
                             int lane, int team, double (&sums)[kTotals]) {
  const PolicyConstants<S> constants{static_cast<S>(1.0 - call.options.epsilon_low),
                                     static_cast<S>(1.0 + call.options.epsilon_high),
                                     static_cast<S>(call.options.kl_beta),
                                     static_cast<S>(call.options.negative_log_prob_floor)};
  const uint8_t* const mask = mask_of(call, sequence);
  const T* const log_probs = row_of<T>(call.log_probs, sequence);
  const T* const old =
      call.old_log_probs.data == nullptr ? log_probs : row_of<T>(call.old_log_probs, sequence);
  const T* const reference = call.reference_log_probs.data == nullptr
                                 ? log_probs
                                 : row_of<T>(call.reference_log_probs, sequence);
  const S* const advantages = row_of<S>(call.advantages, sequence);
  T* const to =
      gradients ? static_cast<T*>(call.d_log_probs.data) + sequence * call.d_log_probs.row_stride
                : nullptr;
  S loss = 0, clip_low = 0, clip_high = 0, k3 = 0, ratio = 0, floored = 0;
  for (int64_t t = lane; t < call.log_probs.columns; t += team) {
    if (mask[t] == 0) {
      if (to != nullptr) assign(to + t, S(0));
      continue;
    }
    const PolicyToken<S> token =
        policy_token<S, S>(widen(log_probs[t]), widen(old[t]), widen(reference[t]),
                           advantages[call.advantages_per_token ? t : 0], constants);
    loss += token.loss;
    clip_low += token.clip_low;
    clip_high += token.clip_high;
    k3 += token.k3;
    ratio += token.ratio;
    floored += token.floored;
    if (to != nullptr) assign(to + t, token.d_log_prob * static_cast<S>(scale));
  }
  sums[kLoss] = static_cast<double>(loss);
  sums[kClipLow] = static_cast<double>(clip_low);
  sums[kClipHigh] = static_cast<double>(clip_high);
  sums[kK3] = static_cast<double>(k3);
  sums[kRatio] = static_cast<double>(ratio);
  sums[kFloored] = static_cast<double>(floored);
}

template <class S>
EQP_DEVICE void write_totals(const PolicyLoss& call, const double (&totals)[kTotals]) {
  *static_cast<S*>(call.loss) = static_cast<S>(totals[kLoss]);
  if (call.metrics == nullptr) return;
  S* const metrics = static_cast<S*>(call.metrics);
  const double per_token = totals[kTokens] < 1.0 ? 0.0 : 1.0 / totals[kTokens];
  metrics[EQP_POLICY_METRIC_CLIP_LOW] = static_cast<S>(totals[kClipLow] * per_token);
  metrics[EQP_POLICY_METRIC_CLIP_HIGH] = static_cast<S>(totals[kClipHigh] * per_token);
  metrics[EQP_POLICY_METRIC_KL] = static_cast<S>(totals[kK3] * per_token);
  metrics[EQP_POLICY_METRIC_RATIO] = static_cast<S>(totals[kRatio] * per_token);
  metrics[EQP_POLICY_METRIC_FLOORED] = static_cast<S>(totals[kFloored] * per_token);
  metrics[EQP_POLICY_METRIC_TOKENS] = static_cast<S>(totals[kTokens]);
}

// Sums over all parts, in every thread of the block.
EQP_DEVICE void add_parts(int64_t parts, const double* partial, double (&totals)[kTotals]) {
  for (int64_t part = threadIdx.x; part < parts; part += kThreads) {
#pragma unroll
    for (int k = 0; k < kTotals; ++k) totals[k] += partial[part * kTotals + k];
  }
  block_sum(totals);
}

// The divisor common to all sequences, given the unmasked tokens of all (only DAPO asks).
EQP_DEVICE double divisor_of(const PolicyLoss& call, double tokens) {
  const int64_t sequences = call.log_probs.rows;
  double divisor = sequences < 1 ? 1.0 : static_cast<double>(sequences);
  if (call.options.normalizer == EQP_POLICY_NORMALIZER_DR_GRPO)
    divisor *= call.options.max_completion_length;
  if (call.options.normalizer == EQP_POLICY_NORMALIZER_DAPO) {
    const double total = call.options.total_tokens == 0.0 ? tokens : call.options.total_tokens;
    divisor = total < 1.0 ? 1.0 : total;
  }
  return divisor;
}

// Whether the divisor is the number of unmasked tokens.
EQP_HD bool counts_tokens(const eqp_policy_loss_options& options) {
  return options.normalizer == EQP_POLICY_NORMALIZER_DAPO && options.total_tokens == 0.0;
}

template <class T, class S>
EQP_DEVICE void policy_losses(const PolicyLoss& call, const Parts& parts, Pass pass,
                              double* partial) {
  const int lane = static_cast<int>(threadIdx.x) % parts.team;
  const int64_t sequences = call.log_probs.rows;
  double all[kTotals] = {};
  if (pass == kTokensOfEach) {
    add_parts(parts.count, partial, all);
  } else if (pass == kEverything && counts_tokens(call.options)) {
    all[kTokens] = block_tokens(call, 0, sequences, parts.team);
  }
  const double divisor = pass == kSums ? 1.0 : divisor_of(call, all[kTokens]);
  const bool gradients = pass != kSums && call.d_log_probs.data != nullptr;
  for (int64_t part = blockIdx.x; part < parts.count; part += gridDim.x) {
    double totals[kTotals] = {};
    const int64_t begin = part * parts.sequences_each;
    const int64_t end =
        begin + parts.sequences_each < sequences ? begin + parts.sequences_each : sequences;
    for (int64_t i = begin + threadIdx.x / parts.team; i < end; i += kThreads / parts.team) {
      double length[1] = {count_tokens(call, i, lane, parts.team)};
      team_sum(length, parts.team);
      const bool by_length =
          call.options.normalizer == EQP_POLICY_NORMALIZER_GRPO && length[0] > 1.0;
      double scale = 1.0 / (by_length ? divisor * length[0] : divisor);
      if (call.sequence_weights.data != nullptr) {
        scale *= static_cast<double>(static_cast<const S*>(call.sequence_weights.data)[i]);
      }
      double sums[kTotals] = {};
      add_sequence<T, S>(call, i, scale, gradients, lane, parts.team, sums);
      team_sum(sums, parts.team);
      if (lane != 0) continue;
      // A sequence without tokens adds nothing, whatever its weight.
      sums[kLoss] = length[0] == 0.0 ? 0.0 : sums[kLoss] * scale;
      sums[kTokens] = length[0];
      if (pass != kSums && call.sequence_losses != nullptr)
        static_cast<S*>(call.sequence_losses)[i] = static_cast<S>(sums[kLoss]);
#pragma unroll
      for (int k = 0; k < kTotals; ++k) totals[k] += sums[k];
    }
    if (pass == kTokensOfEach) continue;
    block_sum(totals);
    if (threadIdx.x != 0) continue;
    if (parts.count == 1) {
      write_totals<S>(call, totals);
    } else {
#pragma unroll
      for (int k = 0; k < kTotals; ++k) partial[part * kTotals + k] = totals[k];
    }
  }
  if (pass == kTokensOfEach && blockIdx.x == 0 && threadIdx.x == 0) {
    all[kLoss] /= divisor;
    write_totals<S>(call, all);
  }
}

template <class S>
EQP_DEVICE void finish_parts(const PolicyLoss& call, int64_t parts, const double* partial) {
  double totals[kTotals] = {};
  add_parts(parts, partial, totals);
  if (threadIdx.x == 0) write_totals<S>(call, totals);
}

}  // namespace

// shapes: log-probs, mask [sequences, tokens], partial [parts, kTotals]
#define EQP_KERNELS(T, S)                                                                        \
  EQP_KERNEL_OF_FEW_BLOCKS policy_loss_fwd_##T##_kernel(PolicyLoss call, Parts parts, Pass pass, \
                                                        double* partial) {                       \
    policy_losses<T, S>(call, parts, pass, partial);                                             \
  }                                                                                              \
  EQP_KERNEL_OF_FEW_BLOCKS                                                                       \
  policy_loss_totals_##T##_kernel(PolicyLoss call, int64_t parts, const double* partial) {       \
    finish_parts<S>(call, parts, partial);                                                       \
  }
EQP_KERNELS(float, float)
EQP_KERNELS(bf16, float)
EQP_KERNELS(f16, float)
EQP_KERNELS(double, double)

#define EQP_POLICY_LOSS(T)                                                                        \
  do {                                                                                            \
    EQP_LAUNCH(policy_loss_fwd_##T##_kernel, grid_for(parts.count), kThreads, a.stream.stream, a, \
               parts, first, partial);                                                            \
    if (first == kSums) {                                                                         \
      EQP_LAUNCH(policy_loss_fwd_##T##_kernel, grid_for(parts.count), kThreads, a.stream.stream,  \
                 a, parts, kTokensOfEach, partial);                                               \
    } else if (parts.count > 1) {                                                                 \
      EQP_LAUNCH(policy_loss_totals_##T##_kernel, 1, kThreads, a.stream.stream, a, parts.count,   \
                 static_cast<const double*>(partial));                                            \
    }                                                                                             \
  } while (0)

eqp_status policy_loss(const PolicyLoss& a) {
  LaunchScope scope("eqp_policy_loss", a.stream);
  if (!scope.ready()) return scope.finish();
  const int64_t sequences = a.log_probs.rows;
  Parts parts;
  parts.team = team_for(a.log_probs.columns);
  parts.sequences_each = 2 * kThreads / parts.team;
  if (sequences > parts.sequences_each * kMaxParts) {
    parts.sequences_each = (sequences + kMaxParts - 1) / kMaxParts;
  }
  // No sequences: one part without any, which writes the zeros.
  parts.count = sequences == 0 ? 1 : (sequences + parts.sequences_each - 1) / parts.sequences_each;
  double* const partial = partials<double>(a.stream);
  const Pass first = parts.count > 1 && counts_tokens(a.options) ? kSums : kEverything;
  EQP_BY_DTYPE_AND_F64(a.log_probs.dtype, EQP_POLICY_LOSS);
  return scope.finish();
}

}  // namespace cuda
}  // namespace eqp

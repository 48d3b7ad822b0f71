// Policy losses and their gradients; formulas: src/math/policy_surrogate.h and policy_loss.h.
//
// Parallelisation
//   A warp per sequence (up to 1024 tokens) or a block per sequence. Sequences are cut into at most
//   kMaxParts contiguous parts, one block each: the part's sums go to the workspace and a second
//   launch of one block adds them. One part (up to 16 short sequences or 2 long ones) is finished
//   in the same launch. A divisor that is a number of tokens (DAPO without total_tokens, the
//   entropy bonus) is needed first: with one part the block counts itself, otherwise the first
//   launch leaves the parts' sums, undivided, and the second divides them and writes what belongs
//   to each token.
// Memory traffic
//   The mask is read first, for the sequence's length (a gradient needs it), and again from cache
//   with the tokens, which a plain loss reads once (by each launch of two). What the tokens of a
//   sequence share costs one more sweep over the sequence, its gradient another, both of what the
//   first one brought into cache. Consecutive lanes move consecutive elements: these tensors are
//   thousands of times smaller than logits, the time is that of the launches.
// Numerics
//   Tokens in f32 (f64 for f64), a thread's sums of one sequence likewise, everything above in f64.
//   A masked token is never part of any arithmetic.
// Occupancy
//   Bound by f64 registers; a batch has fewer sequences than a chip has warps.
#include "abi/calls/policy_loss.h"
#include "policy_sequence.h"

namespace eqp {
namespace cuda {
namespace {

constexpr int64_t kMaxParts = 480;

// What is summed over sequences: PolicySum, of a plain loss its head, and the unmasked tokens.
template <class Form>
struct Totals {
  static constexpr int kTokens = Form::kSums;
  static constexpr int kCount = kTokens + 1;
  double sums[kCount] = {};
};
static_assert(kMaxParts * Totals<GeneralForm>::kCount * static_cast<int64_t>(sizeof(double)) <=
                  kPartialBytes,
              "the partial sums fit the workspace");

// What a launch does: everything, or only the parts' sums, or only the rest.
enum Pass { kEverything, kSums, kTokensOfEach };

// How the sequences are cut into work.
struct Parts {
  int64_t count, sequences_each;
  int team;
};

// What multiplies a sequence's token losses, and the entropy of a token that the bonus counts.
struct Scales {
  double token, bonus;
};

// Adds the lane's tokens of one sequence to sums and, unless the pass is kSums, writes their
// gradients.
template <class Form, class T, class S>
EQP_DEVICE void add_sequence(const PolicyLoss& call, const PolicyConstants<S>& constants, int64_t i,
                             const Scales& scales, double length, Pass pass, int lane, int team,
                             double* sums) {
  const Sequence<Form, T, S> sequence(call, i, lane, team);
  T* const to = pass == kSums ? nullptr : row_out_of<T>(call.d_log_probs, i);
  S* const d_entropy = pass == kSums ? nullptr : row_out_of<S>(call.d_entropy, i);
  PolicySequence<S> shared;
  if constexpr (!Form::kLean) {
    if (needs_facts<Form>(constants))
      shared = shared_facts(call, sequence, constants, length, to != nullptr, team);
  }
  constexpr int kCount = Totals<Form>::kTokens;
  S lane_sums[kCount] = {};
  sequence.each(
      [&](int64_t t, const PolicyInputs<S>& x) {
        const PolicyToken<S> token = policy_token<Form>(x, constants, shared);
#pragma unroll
        for (int k = 0; k < kCount; ++k) lane_sums[k] += token.sums[k];
        if (to != nullptr) assign(to + t, token.d_log_prob * static_cast<S>(scales.token));
        if (!Form::kLean && d_entropy != nullptr)
          d_entropy[t] = token.sums[kEntropyKept] > S(0) ? static_cast<S>(-scales.bonus) : S(0);
      },
      [&](int64_t t) {
        if (to != nullptr) assign(to + t, S(0));
        if (!Form::kLean && d_entropy != nullptr) d_entropy[t] = S(0);
      });
#pragma unroll
  for (int k = 0; k < kCount; ++k) sums[k] = static_cast<double>(lane_sums[k]);
}

template <class Form, class S>
EQP_DEVICE void write_totals(const PolicyLoss& call, const Totals<Form>& totals) {
  *static_cast<S*>(call.loss) = static_cast<S>(totals.sums[kLoss]);
  if (call.metrics == nullptr) return;
  policy_metrics(totals.sums, Totals<Form>::kTokens, totals.sums[Totals<Form>::kTokens],
                 static_cast<S*>(call.metrics));
}

// Sums over all parts, in every thread of the block.
template <class Form>
EQP_DEVICE void add_parts(int64_t parts, const double* partial, Totals<Form>& totals) {
  constexpr int kCount = Totals<Form>::kCount;
  for (int64_t part = threadIdx.x; part < parts; part += kThreads) {
#pragma unroll
    for (int k = 0; k < kCount; ++k) totals.sums[k] += partial[part * kCount + k];
  }
  block_sum(totals.sums);
}

// The entropy bonus into the loss; an entropy that is only measured may be anything.
template <class Form>
EQP_DEVICE void add_bonus(double* sums, double bonus) {
  if constexpr (!Form::kLean) {
    if (bonus != 0.0) sums[kLoss] -= sums[kBonus] * bonus;
  }
}

template <class Form, class T, class S>
EQP_DEVICE void policy_losses(const PolicyLoss& call, const Parts& parts, Pass pass,
                              double* partial) {
  constexpr int kTokens = Totals<Form>::kTokens;
  const int lane = static_cast<int>(threadIdx.x) % parts.team;
  const int64_t sequences = call.log_probs.rows;
  const PolicyConstants<S> constants = policy_constants<Form, S>(call);
  Totals<Form> all;
  double counts[2] = {};
  if (pass == kTokensOfEach) {
    add_parts(parts.count, partial, all);
    counts[0] = all.sums[kTokens];
    counts[1] = Form::kLean ? 0.0 : all.sums[Form::kLean ? kLoss : kEntropyKept];
  } else if (pass == kEverything && (counts_unmasked_tokens(call) || counts_kept_tokens(call))) {
    for (int64_t i = threadIdx.x / parts.team; i < sequences; i += kThreads / parts.team)
      count_tokens<Form, S>(call, i, lane, parts.team, counts);
    block_sum(counts);
  }
  const Scales common =
      pass == kSums ? Scales{1.0, 0.0}
                    : Scales{1.0 / policy_divisor(call, counts[0]), policy_bonus(call, counts[1])};
  for (int64_t part = blockIdx.x; part < parts.count; part += gridDim.x) {
    Totals<Form> totals;
    const int64_t begin = part * parts.sequences_each;
    const int64_t end =
        begin + parts.sequences_each < sequences ? begin + parts.sequences_each : sequences;
    for (int64_t i = begin + threadIdx.x / parts.team; i < end; i += kThreads / parts.team) {
      double length[2] = {};
      count_tokens<PlainForm, S>(call, i, lane, parts.team, length);
      team_sum(length, parts.team);
      Scales scales = common;
      scales.token = sequence_scale<S>(call, i, scales.token, length[0]);
      double sums[Totals<Form>::kCount] = {};
      add_sequence<Form, T, S>(call, constants, i, scales, length[0], pass, lane, parts.team, sums);
      team_sum(sums, parts.team);
      if (lane != 0) continue;
      // A sequence without tokens adds nothing, whatever its weight.
      sums[kLoss] = length[0] == 0.0 ? 0.0 : sums[kLoss] * scales.token;
      add_bonus<Form>(sums, scales.bonus);
      sums[kTokens] = length[0];
      if (pass != kSums && call.sequence_losses != nullptr)
        static_cast<S*>(call.sequence_losses)[i] = static_cast<S>(sums[kLoss]);
#pragma unroll
      for (int k = 0; k < Totals<Form>::kCount; ++k) totals.sums[k] += sums[k];
    }
    if (pass == kTokensOfEach) continue;
    block_sum(totals.sums);
    if (threadIdx.x != 0) continue;
    if (parts.count == 1) {
      write_totals<Form, S>(call, totals);
    } else {
#pragma unroll
      for (int k = 0; k < Totals<Form>::kCount; ++k)
        partial[part * Totals<Form>::kCount + k] = totals.sums[k];
    }
  }
  if (pass == kTokensOfEach && blockIdx.x == 0 && threadIdx.x == 0) {
    all.sums[kLoss] *= common.token;
    add_bonus<Form>(all.sums, common.bonus);
    write_totals<Form, S>(call, all);
  }
}

template <class Form, class S>
EQP_DEVICE void finish_parts(const PolicyLoss& call, int64_t parts, const double* partial) {
  Totals<Form> totals;
  add_parts(parts, partial, totals);
  if (threadIdx.x == 0) write_totals<Form, S>(call, totals);
}

}  // namespace

// shapes: log-probs, mask [sequences, tokens], partial [parts, totals]
// KIND: how many registers a thread may have; the general loss needs more than 128.
#define EQP_KERNELS_OF(KIND, name, Form, T, S)                                             \
  KIND name##_fwd_##T##_kernel(PolicyLoss call, Parts parts, Pass pass, double* partial) { \
    policy_losses<Form, T, S>(call, parts, pass, partial);                                 \
  }                                                                                        \
  KIND name##_totals_##T##_kernel(PolicyLoss call, int64_t parts, const double* partial) { \
    finish_parts<Form, S>(call, parts, partial);                                           \
  }
#define EQP_KERNELS(T, S)                                                \
  EQP_KERNELS_OF(EQP_KERNEL_OF_FEW_BLOCKS, policy_loss, PlainForm, T, S) \
  EQP_KERNELS_OF(EQP_KERNEL_OF_MANY_REGISTERS, policy_loss_general, GeneralForm, T, S)
EQP_KERNELS(float, float)
EQP_KERNELS(bf16, float)
EQP_KERNELS(f16, float)
EQP_KERNELS(double, double)

#define EQP_LAUNCH_OF(name, T)                                                                 \
  do {                                                                                         \
    EQP_LAUNCH(name##_fwd_##T##_kernel, grid_for(parts.count), kThreads, a.stream.stream, a,   \
               parts, first, partial);                                                         \
    if (first == kSums) {                                                                      \
      EQP_LAUNCH(name##_fwd_##T##_kernel, grid_for(parts.count), kThreads, a.stream.stream, a, \
                 parts, kTokensOfEach, partial);                                               \
    } else if (parts.count > 1) {                                                              \
      EQP_LAUNCH(name##_totals_##T##_kernel, 1, kThreads, a.stream.stream, a, parts.count,     \
                 static_cast<const double*>(partial));                                         \
    }                                                                                          \
  } while (0)
#define EQP_POLICY_LOSS(T)                   \
  do {                                       \
    if (is_plain(a)) {                       \
      EQP_LAUNCH_OF(policy_loss, T);         \
    } else {                                 \
      EQP_LAUNCH_OF(policy_loss_general, T); \
    }                                        \
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
  const Pass first =
      parts.count > 1 && (counts_unmasked_tokens(a) || counts_kept_tokens(a)) ? kSums : kEverything;
  EQP_BY_DTYPE_AND_F64(a.log_probs.dtype, EQP_POLICY_LOSS);
  return scope.finish();
}

}  // namespace cuda
}  // namespace eqp

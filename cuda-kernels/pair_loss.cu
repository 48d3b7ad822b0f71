// Losses over (chosen, rejected) pairs with their gradient; formulas: src/math/pair_loss.h.
//
// Parallelisation
//   A warp per pair (up to 1024 tokens a side) or a block per pair. Pairs are cut into at most
//   kMaxParts contiguous parts, one block each: the part's sums go to the workspace and a second
//   launch of one block adds them. One part (up to 16 short pairs or 2 long ones) is finished in
//   the same launch.
// Memory traffic
//   Policy, reference and mask are read once; the gradient pass reads the mask again, from cache,
//   and writes the gradients. Consecutive lanes move consecutive elements: these tensors are
//   thousands of times smaller than logits, the time is that of the launches.
// Numerics
//   All sums and the pair's formula in f64. A masked token is never part of any arithmetic.
// Occupancy
//   Bound by f64 registers; a batch has fewer pairs than a chip has warps.
#include "launch.h"
#include "math/pair_loss.h"
#include "reduce.h"
#include "vector.h"

namespace eqp {
namespace cuda {
namespace {

constexpr int64_t kMaxParts = 512;
constexpr int kTotals = EQP_PAIR_METRIC_COUNT + 1;  // the metrics, then the loss
static_assert(kMaxParts * kTotals * static_cast<int64_t>(sizeof(double)) <= kPartialBytes,
              "the partial sums fit the workspace");

// sums: log-probs, reference log-probs, unmasked tokens
template <class T>
EQP_DEVICE void add_tokens(const PairLoss::Side& side, int64_t pair, int lane, int team,
                           double* sums) {
  const uint8_t* const mask =
      static_cast<const uint8_t*>(side.mask.data) + pair * side.mask.row_stride;
  const T* const policy = static_cast<const T*>(side.policy.data) + pair * side.policy.row_stride;
  const T* const reference =
      static_cast<const T*>(side.reference.data) + pair * side.reference.row_stride;
  for (int64_t t = lane; t < side.policy.columns; t += team) {
    if (mask[t] == 0) continue;
    sums[0] += static_cast<double>(widen(policy[t]));
    if (side.reference.data != nullptr) sums[1] += static_cast<double>(widen(reference[t]));
    sums[2] += 1.0;
  }
}

template <class T>
EQP_DEVICE void write_gradient(const PairLoss::Side& side, int64_t pair, double slope, int lane,
                               int team) {
  if (side.d_policy.data == nullptr) return;
  using Narrow = decltype(widen(T()));
  const uint8_t* const mask =
      static_cast<const uint8_t*>(side.mask.data) + pair * side.mask.row_stride;
  T* const to = static_cast<T*>(side.d_policy.data) + pair * side.d_policy.row_stride;
  for (int64_t t = lane; t < side.policy.columns; t += team) {
    assign(to + t, mask[t] == 0 ? Narrow(0) : static_cast<Narrow>(slope));
  }
}

EQP_DEVICE PairValue value_of_kind(eqp_pair_loss_kind kind, const PairInput& in) {
#define EQP_CASE(name, value_of_name, uses_label_smoothing) \
  if (kind == (value_of_name)) return PairLoss##name::value(in);
  EQP_PAIR_LOSS_KINDS(EQP_CASE)
#undef EQP_CASE
  return PairValue{kNaN, kNaN, kNaN};  // unreachable: the op has checked the kind
}

// Writes the outputs of the whole batch from its totals.
template <class S>
EQP_DEVICE void write_totals(const PairLoss& call, const double (&totals)[kTotals]) {
  const int64_t pairs = call.chosen.policy.rows;
  const double divisor = pairs < 1 ? 1.0 : static_cast<double>(pairs);
  *static_cast<S*>(call.loss) = static_cast<S>(totals[EQP_PAIR_METRIC_COUNT] / divisor);
  if (call.metrics == nullptr) return;
#pragma unroll
  for (int m = 0; m < EQP_PAIR_METRIC_COUNT; ++m) {
    static_cast<S*>(call.metrics)[m] = static_cast<S>(totals[m] / divisor);
  }
}

// S: type of the scalar outputs.
template <class T, class S>
EQP_DEVICE void pair_losses(const PairLoss& call, int64_t parts, int64_t pairs_per_part, int team,
                            double* partial) {
  const int lane = static_cast<int>(threadIdx.x) % team;
  const int64_t pairs = call.chosen.policy.rows;
  const double share = 1.0 / static_cast<double>(pairs);
  for (int64_t part = blockIdx.x; part < parts; part += gridDim.x) {
    double totals[kTotals] = {};
    const int64_t begin = part * pairs_per_part;
    const int64_t end = begin + pairs_per_part < pairs ? begin + pairs_per_part : pairs;
    for (int64_t pair = begin + threadIdx.x / team; pair < end; pair += kThreads / team) {
      double sums[6] = {};
      add_tokens<T>(call.chosen, pair, lane, team, sums);
      add_tokens<T>(call.rejected, pair, lane, team, sums + 3);
      if (team == kThreads) {
        block_sum(sums);
      } else {
#pragma unroll
        for (int k = 0; k < 6; ++k) sums[k] = warp_sum(sums[k]);
      }
      PairInput in;
      in.delta_chosen = sums[0] - sums[1];
      in.delta_rejected = sums[3] - sums[4];
      in.length_chosen = sums[2] < 1.0 ? 1.0 : sums[2];
      in.length_rejected = sums[5] < 1.0 ? 1.0 : sums[5];
      in.beta = call.options.beta;
      in.label_smoothing = call.options.label_smoothing;
      const PairValue value = value_of_kind(call.options.kind, in);
      write_gradient<T>(call.chosen, pair, value.d_chosen * share, lane, team);
      write_gradient<T>(call.rejected, pair, value.d_rejected * share, lane, team);
      if (lane != 0) continue;
      const double reward_chosen = in.beta * in.delta_chosen;
      const double reward_rejected = in.beta * in.delta_rejected;
      const double margin = reward_chosen - reward_rejected;
      totals[EQP_PAIR_METRIC_ACCURACY] += margin > 0 ? 1.0 : 0.0;
      totals[EQP_PAIR_METRIC_MARGIN] += margin;
      totals[EQP_PAIR_METRIC_REWARD_CHOSEN] += reward_chosen;
      totals[EQP_PAIR_METRIC_REWARD_REJECTED] += reward_rejected;
      totals[EQP_PAIR_METRIC_LOG_PROB_CHOSEN] += sums[0];
      totals[EQP_PAIR_METRIC_LOG_PROB_REJECTED] += sums[3];
      totals[EQP_PAIR_METRIC_COUNT] += value.loss;
      if (call.pair_losses != nullptr)
        static_cast<S*>(call.pair_losses)[pair] = static_cast<S>(value.loss);
      if (call.chosen.rewards != nullptr)
        static_cast<S*>(call.chosen.rewards)[pair] = static_cast<S>(reward_chosen);
      if (call.rejected.rewards != nullptr) {
        static_cast<S*>(call.rejected.rewards)[pair] = static_cast<S>(reward_rejected);
      }
    }
    block_sum(totals);
    if (threadIdx.x != 0) continue;
    if (parts == 1) {
      write_totals<S>(call, totals);
    } else {
#pragma unroll
      for (int k = 0; k < kTotals; ++k) partial[part * kTotals + k] = totals[k];
    }
  }
}

template <class S>
EQP_DEVICE void add_parts(const PairLoss& call, int64_t parts, const double* partial) {
  double totals[kTotals] = {};
  for (int64_t part = threadIdx.x; part < parts; part += kThreads) {
#pragma unroll
    for (int k = 0; k < kTotals; ++k) totals[k] += partial[part * kTotals + k];
  }
  block_sum(totals);
  if (threadIdx.x == 0) write_totals<S>(call, totals);
}

}  // namespace

// shapes: a side [pairs, tokens], partial [parts, kTotals]
#define EQP_KERNELS(T, S)                                                                \
  EQP_KERNEL_OF_FEW_BLOCKS pair_loss_fwd_##T##_kernel(                                   \
      PairLoss call, int64_t parts, int64_t pairs_per_part, int team, double* partial) { \
    pair_losses<T, S>(call, parts, pairs_per_part, team, partial);                       \
  }                                                                                      \
  EQP_KERNEL_OF_FEW_BLOCKS                                                               \
  pair_loss_totals_##T##_kernel(PairLoss call, int64_t parts, const double* partial) {   \
    add_parts<S>(call, parts, partial);                                                  \
  }
EQP_KERNELS(float, float)
EQP_KERNELS(bf16, float)
EQP_KERNELS(f16, float)
EQP_KERNELS(double, double)

#define EQP_PAIR_LOSS(T)                                                                         \
  do {                                                                                           \
    EQP_LAUNCH(pair_loss_fwd_##T##_kernel, grid_for(parts), kThreads, a.stream.stream, a, parts, \
               pairs_per_part, team, partial);                                                   \
    if (parts > 1) {                                                                             \
      EQP_LAUNCH(pair_loss_totals_##T##_kernel, 1, kThreads, a.stream.stream, a, parts,          \
                 static_cast<const double*>(partial));                                           \
    }                                                                                            \
  } while (0)

eqp_status pair_loss(const PairLoss& a) {
  LaunchScope scope("eqp_pair_loss", a.stream);
  if (!scope.ready()) return scope.finish();
  const int64_t pairs = a.chosen.policy.rows;
  const int64_t longest = a.chosen.policy.columns > a.rejected.policy.columns
                              ? a.chosen.policy.columns
                              : a.rejected.policy.columns;
  const int team = team_for(longest);
  int64_t pairs_per_part = 2 * kThreads / team;
  if (pairs > pairs_per_part * kMaxParts) pairs_per_part = (pairs + kMaxParts - 1) / kMaxParts;
  // No pairs: one part without any, which writes the zeros.
  const int64_t parts = pairs == 0 ? 1 : (pairs + pairs_per_part - 1) / pairs_per_part;
  double* const partial = partials<double>(a.stream);
  EQP_BY_DTYPE_AND_F64(a.chosen.policy.dtype, EQP_PAIR_LOSS);
  return scope.finish();
}

}  // namespace cuda
}  // namespace eqp

// Losses over (chosen, rejected) pairs with their gradient; formulas: src/math/pair_loss.h.
//
// Parallelisation
//   A warp per pair (up to 1024 tokens a side) or a block per pair. Pairs are cut into at most
//   kMaxParts contiguous parts, one block each: the part's sums go to the workspace and a second
//   launch of one block adds them. One part (up to 16 short pairs or 2 long ones) is finished in
//   the same launch.
//   An SFT term's mean over the batch's tokens needs their count first: one launch more, whose parts'
//   counts every block of the next adds up. A term that sorts needs two launches more: the sums of
//   the pairs, and the rank of each by comparison with all, a warp per pair.
// Memory traffic
//   Policy, reference and mask are read once (twice for a term that sorts); the gradient pass reads
//   the mask again, from cache, and writes the gradients. Consecutive lanes move consecutive
//   elements: these tensors are thousands of times smaller than logits, the time is that of the
//   launches.
// Numerics
//   All sums and the pair's formula in f64. A masked token is never part of any arithmetic.
// Occupancy
//   Bound by f64 registers (README, static table); a batch has fewer pairs than a chip has warps.
#include "abi/calls/pair_loss.h"
#include "launch.h"
#include "math/pair_loss.h"
#include "rows.h"
#include "vector.h"

namespace eqp {
namespace cuda {
namespace {

constexpr int64_t kMaxParts = 512;
// The metrics, then the loss, then the pairs whose weight is not 0: the metrics are means over them.
constexpr int kTotals = EQP_PAIR_METRIC_COUNT + 2;
constexpr int kLossTotal = EQP_PAIR_METRIC_COUNT, kPairsTotal = EQP_PAIR_METRIC_COUNT + 1;
constexpr int kCounts = 2;  // chosen tokens, weights
static_assert(kMaxParts * (kTotals + kCounts) * static_cast<int64_t>(sizeof(double)) <=
                  kPartialBytes,
              "the partial sums fit the workspace");

// How the pairs are cut, and the workspace.
struct Plan {
  int64_t parts, pairs_per_part;
  int team;         // threads per pair
  double* partial;  // [parts, kTotals]
  double* counts;   // [parts, kCounts]
  // What sorts: keys [4, pairs] (c - r, c_ref - r_ref, delta_c, delta_r), the same in order of
  // rank, and the ranks.
  double *keys, *sorted;
  int64_t* ranks;
};
constexpr int kKeys = 4;
static_assert(3 * kKeys * 8 <= kPairSortBytes, "what the op has asked for");

EQP_DEVICE const uint8_t* mask_of(const PairLoss::Side& side, int64_t pair) {
  return static_cast<const uint8_t*>(side.mask.data) + pair * side.mask.row_stride;
}

// sums: log-probs, reference log-probs, their differences, unmasked tokens; of the tokens from `begin` to `end`.
template <class T>
EQP_DEVICE void add_tokens(const PairLoss::Side& side, int64_t pair, int64_t begin, int64_t end,
                           int lane, int team, double* sums) {
  const uint8_t* const mask = mask_of(side, pair);
  const T* const policy = static_cast<const T*>(side.policy.data) + pair * side.policy.row_stride;
  const T* const reference =
      static_cast<const T*>(side.reference.data) + pair * side.reference.row_stride;
  for (int64_t t = begin + lane; t < end; t += team) {
    if (mask[t] == 0) continue;
    const double value = static_cast<double>(widen(policy[t]));
    const double other =
        side.reference.data == nullptr ? 0.0 : static_cast<double>(widen(reference[t]));
    sums[0] += value;
    sums[1] += other;
    sums[2] += value - other;
    sums[3] += 1.0;
  }
}

EQP_DEVICE double unmasked_tokens(const PairLoss::Side& side, int64_t pair, int64_t end, int lane,
                                  int team) {
  const uint8_t* const mask = mask_of(side, pair);
  double count[1] = {};
  for (int64_t t = lane; t < end; t += team) count[0] += mask[t] != 0 ? 1.0 : 0.0;
  team_sum(count, team);
  return count[0];
}

// The token after the `count` first unmasked ones, by bisection; all threads of the team agree on it.
EQP_DEVICE int64_t end_of_unmasked(const PairLoss::Side& side, int64_t pair, double count, int lane,
                                   int team) {
  int64_t low = 0, high = side.mask.columns;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (unmasked_tokens(side, pair, middle, lane, team) < count) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// The sums of one pair, in every thread of its team.
template <class T>
EQP_DEVICE void pair_sums(const PairLoss& call, int64_t pair, int lane, int team, PairSide* chosen,
                          PairSide* rejected) {
  const double ld_alpha = call.options.ld_alpha;
  int64_t shared[2] = {call.chosen.policy.columns, call.rejected.policy.columns};
  if (ld_alpha < 1) {
    const double in_chosen = unmasked_tokens(call.chosen, pair, shared[0], lane, team);
    const double in_rejected = unmasked_tokens(call.rejected, pair, shared[1], lane, team);
    if (in_chosen > in_rejected) {
      shared[0] = end_of_unmasked(call.chosen, pair, in_rejected, lane, team);
    } else if (in_rejected > in_chosen) {
      shared[1] = end_of_unmasked(call.rejected, pair, in_chosen, lane, team);
    }
  }
  double sums[8] = {};
  add_tokens<T>(call.chosen, pair, 0, shared[0], lane, team, sums);
  add_tokens<T>(call.rejected, pair, 0, shared[1], lane, team, sums + 4);
  team_sum(sums, team);
  *chosen = PairSide{sums[0], sums[1], sums[2], sums[0], sums[3], shared[0]};
  *rejected = PairSide{sums[4], sums[5], sums[6], sums[4], sums[7], shared[1]};
  if (ld_alpha < 1) {
    double tail[8] = {};
    add_tokens<T>(call.chosen, pair, shared[0], call.chosen.policy.columns, lane, team, tail);
    add_tokens<T>(call.rejected, pair, shared[1], call.rejected.policy.columns, lane, team,
                  tail + 4);
    team_sum(tail, team);
    add_tail(ld_alpha, tail, chosen);
    add_tail(ld_alpha, tail + 4, rejected);
  }
}

template <class T>
EQP_DEVICE void fill_gradient(const PairLoss::Side& side, int64_t pair, int64_t shared,
                              double share, const double* slope, int lane, int team) {
  if (side.d_policy.data == nullptr) return;
  using Narrow = decltype(widen(T()));
  const uint8_t* const mask = mask_of(side, pair);
  T* const to = static_cast<T*>(side.d_policy.data) + pair * side.d_policy.row_stride;
  const Narrow of_shared = static_cast<Narrow>(share * slope[0]);
  const Narrow of_others = static_cast<Narrow>(share * slope[1]);
  for (int64_t t = lane; t < side.policy.columns; t += team) {
    assign(to + t, mask[t] == 0 ? Narrow(0) : t < shared ? of_shared : of_others);
  }
}

template <class S>
EQP_DEVICE double weight_of(const PairLoss& call, int64_t pair) {
  return call.pair_weights == nullptr
             ? 1.0
             : static_cast<double>(static_cast<const S*>(call.pair_weights)[pair]);
}

// Writes the outputs of the whole batch from its totals.
template <class S>
EQP_DEVICE void write_totals(const PairLoss& call, const double (&totals)[kTotals]) {
  const int64_t pairs = call.chosen.policy.rows;
  const double divisor = pairs < 1 ? 1.0 : static_cast<double>(pairs);
  *static_cast<S*>(call.loss) = static_cast<S>(totals[kLossTotal] / divisor);
  if (call.metrics == nullptr) return;
  const double counted = totals[kPairsTotal] < 1 ? 1.0 : totals[kPairsTotal];
#pragma unroll
  for (int m = 0; m < EQP_PAIR_METRIC_COUNT; ++m) {
    static_cast<S*>(call.metrics)[m] = static_cast<S>(totals[m] / counted);
  }
}

// Calls body(part, first pair of this thread's team, end); the pairs of a part are kThreads / team
// apart.
template <class Body>
EQP_DEVICE void for_parts(const PairLoss& call, const Plan& plan, const Body& body) {
  const int64_t pairs = call.chosen.policy.rows;
  for (int64_t part = blockIdx.x; part < plan.parts; part += gridDim.x) {
    const int64_t begin = part * plan.pairs_per_part;
    const int64_t end = begin + plan.pairs_per_part < pairs ? begin + plan.pairs_per_part : pairs;
    body(part, begin + threadIdx.x / plan.team, end);
  }
}

template <class S>
EQP_DEVICE void count_tokens(const PairLoss& call, const Plan& plan) {
  const int lane = static_cast<int>(threadIdx.x) % plan.team;
  for_parts(call, plan, [&](int64_t part, int64_t begin, int64_t end) {
    double counts[kCounts] = {};
    for (int64_t pair = begin; pair < end; pair += kThreads / plan.team) {
      if (weight_of<S>(call, pair) == 0) continue;
      const uint8_t* const mask = mask_of(call.chosen, pair);
      for (int64_t t = lane; t < call.chosen.mask.columns; t += plan.team) {
        counts[0] += mask[t] != 0 ? 1.0 : 0.0;
      }
      if (lane == 0) counts[1] += weight_of<S>(call, pair);
    }
    block_sum(counts);
    if (threadIdx.x != 0) return;
    plan.counts[part * kCounts] = counts[0];
    plan.counts[part * kCounts + 1] = counts[1];
  });
}

// Pairs / chosen tokens of the batch, times the mean weight; in every thread.
EQP_DEVICE double tokens_share(const Plan& plan) {
  double counts[kCounts] = {};
  for (int64_t part = threadIdx.x; part < plan.parts; part += kThreads) {
    counts[0] += plan.counts[part * kCounts];
    counts[1] += plan.counts[part * kCounts + 1];
  }
  block_sum(counts);
  return counts[0] == 0 ? 0.0 : counts[1] / counts[0];
}

template <class T>
EQP_DEVICE void write_keys(const PairLoss& call, const Plan& plan) {
  const int lane = static_cast<int>(threadIdx.x) % plan.team;
  const int64_t pairs = call.chosen.policy.rows;
  for_parts(call, plan, [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t pair = begin; pair < end; pair += kThreads / plan.team) {
      PairSide chosen, rejected;
      pair_sums<T>(call, pair, lane, plan.team, &chosen, &rejected);
      if (lane != 0) continue;
      plan.keys[pair] = chosen.log_prob - rejected.log_prob;
      plan.keys[pairs + pair] = chosen.reference - rejected.reference;
      plan.keys[2 * pairs + pair] = chosen.delta;
      plan.keys[3 * pairs + pair] = rejected.delta;
    }
  });
}

// A warp per key: how many of its kind come before it.
EQP_DEVICE void rank_keys(int64_t pairs, const Plan& plan) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t warps = static_cast<int64_t>(gridDim.x) * kWarps;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32; i < kKeys * pairs;
       i += warps) {
    const int64_t pair = i % pairs;
    const double* const keys = plan.keys + (i - pair);
    const double own = keys[pair];
    double before = 0;
    for (int64_t other = lane; other < pairs; other += 32) {
      before += sorts_before(keys[other], other, own, pair) ? 1.0 : 0.0;
    }
    before = warp_sum(before);
    if (lane != 0) continue;
    const int64_t rank = static_cast<int64_t>(before);
    plan.ranks[i] = rank;
    plan.sorted[i - pair + rank] = own;
  }
}

EQP_DEVICE void read_matches(int64_t pairs, const Plan& plan, int64_t pair, PairBatch* batch) {
  const double* const keys = plan.keys + pair;
  const int64_t* const ranks = plan.ranks + pair;
  const double margin = keys[0] - plan.sorted[pairs + ranks[0]];
  batch->aot = PairMatch{margin, margin};
  batch->aot_unpaired = PairMatch{keys[2 * pairs] - plan.sorted[3 * pairs + ranks[2 * pairs]],
                                  plan.sorted[2 * pairs + ranks[3 * pairs]] - keys[3 * pairs]};
}

// S: type of the scalar outputs.
template <class T, class S>
EQP_DEVICE void pair_losses(const PairLoss& call, const Plan& plan) {
  const int lane = static_cast<int>(threadIdx.x) % plan.team;
  const int64_t pairs = call.chosen.policy.rows;
  const double share = 1.0 / static_cast<double>(pairs);
  PairBatch batch = {};
  if (call.has_sft) batch.tokens_share = tokens_share(plan);
  for_parts(call, plan, [&](int64_t part, int64_t begin, int64_t end) {
    double totals[kTotals] = {};
    for (int64_t pair = begin; pair < end; pair += kThreads / plan.team) {
      PairSide chosen, rejected;
      pair_sums<T>(call, pair, lane, plan.team, &chosen, &rejected);
      if (call.sorts) read_matches(pairs, plan, pair, &batch);
      const double weight = weight_of<S>(call, pair);
      const PairResult result = pair_result(call.options, chosen, rejected, batch, weight);
      fill_gradient<T>(call.chosen, pair, chosen.shared, share, result.chosen, lane, plan.team);
      fill_gradient<T>(call.rejected, pair, rejected.shared, share, result.rejected, lane,
                       plan.team);
      if (lane != 0) continue;
      const double margin = result.reward_chosen - result.reward_rejected;
      if (weight != 0) {
        totals[EQP_PAIR_METRIC_ACCURACY] += margin > 0 ? 1.0 : 0.0;
        totals[EQP_PAIR_METRIC_MARGIN] += margin;
        totals[EQP_PAIR_METRIC_REWARD_CHOSEN] += result.reward_chosen;
        totals[EQP_PAIR_METRIC_REWARD_REJECTED] += result.reward_rejected;
        totals[EQP_PAIR_METRIC_LOG_PROB_CHOSEN] += chosen.log_prob;
        totals[EQP_PAIR_METRIC_LOG_PROB_REJECTED] += rejected.log_prob;
        totals[kLossTotal] += result.loss;
        totals[kPairsTotal] += 1.0;
      }
      if (call.pair_losses != nullptr)
        static_cast<S*>(call.pair_losses)[pair] = static_cast<S>(result.loss);
      if (call.chosen.rewards != nullptr)
        static_cast<S*>(call.chosen.rewards)[pair] = static_cast<S>(result.reward_chosen);
      if (call.rejected.rewards != nullptr) {
        static_cast<S*>(call.rejected.rewards)[pair] = static_cast<S>(result.reward_rejected);
      }
    }
    block_sum(totals);
    if (threadIdx.x != 0) return;
    if (plan.parts == 1) {
      write_totals<S>(call, totals);
    } else {
#pragma unroll
      for (int k = 0; k < kTotals; ++k) plan.partial[part * kTotals + k] = totals[k];
    }
  });
}

template <class S>
EQP_DEVICE void add_parts(const PairLoss& call, const Plan& plan) {
  double totals[kTotals] = {};
  for (int64_t part = threadIdx.x; part < plan.parts; part += kThreads) {
#pragma unroll
    for (int k = 0; k < kTotals; ++k) totals[k] += plan.partial[part * kTotals + k];
  }
  block_sum(totals);
  if (threadIdx.x == 0) write_totals<S>(call, totals);
}

}  // namespace

// shapes: a side [pairs, tokens]
#define EQP_KERNELS(T, S)                                                                  \
  EQP_KERNEL_OF_FEW_BLOCKS pair_loss_count_##T##_kernel(EQP_GRID_CONSTANT PairLoss call,   \
                                                        Plan plan) {                       \
    count_tokens<S>(call, plan);                                                           \
  }                                                                                        \
  EQP_KERNEL_OF_FEW_BLOCKS pair_loss_keys_##T##_kernel(EQP_GRID_CONSTANT PairLoss call,    \
                                                       Plan plan) {                        \
    write_keys<T>(call, plan);                                                             \
  }                                                                                        \
  EQP_KERNEL_OF_MANY_REGISTERS pair_loss_fwd_##T##_kernel(EQP_GRID_CONSTANT PairLoss call, \
                                                          Plan plan) {                     \
    pair_losses<T, S>(call, plan);                                                         \
  }                                                                                        \
  EQP_KERNEL_OF_FEW_BLOCKS pair_loss_totals_##T##_kernel(EQP_GRID_CONSTANT PairLoss call,  \
                                                         Plan plan) {                      \
    add_parts<S>(call, plan);                                                              \
  }
EQP_KERNELS(float, float)
EQP_KERNELS(bf16, float)
EQP_KERNELS(f16, float)
EQP_KERNELS(double, double)

EQP_KERNEL_OF_FEW_BLOCKS pair_loss_ranks_kernel(int64_t pairs, Plan plan) {
  rank_keys(pairs, plan);
}

#define EQP_PAIR_LOSS(T)                                                                    \
  do {                                                                                      \
    const unsigned blocks = grid_for(plan.parts);                                           \
    if (a.has_sft)                                                                          \
      EQP_LAUNCH(pair_loss_count_##T##_kernel, blocks, kThreads, a.stream.stream, a, plan); \
    if (a.sorts && pairs > 0) {                                                             \
      EQP_LAUNCH(pair_loss_keys_##T##_kernel, blocks, kThreads, a.stream.stream, a, plan);  \
      EQP_LAUNCH(pair_loss_ranks_kernel, grid_for((kKeys * pairs + kWarps - 1) / kWarps),   \
                 kThreads, a.stream.stream, pairs, plan);                                   \
    }                                                                                       \
    EQP_LAUNCH(pair_loss_fwd_##T##_kernel, blocks, kThreads, a.stream.stream, a, plan);     \
    if (plan.parts > 1)                                                                     \
      EQP_LAUNCH(pair_loss_totals_##T##_kernel, 1, kThreads, a.stream.stream, a, plan);     \
  } while (0)

eqp_status pair_loss(const PairLoss& a) {
  LaunchScope scope("eqp_pair_loss", a.stream);
  if (!scope.ready()) return scope.finish();
  const int64_t pairs = a.chosen.policy.rows;
  const int64_t longest = a.chosen.policy.columns > a.rejected.policy.columns
                              ? a.chosen.policy.columns
                              : a.rejected.policy.columns;
  Plan plan;
  plan.team = team_for(longest);
  plan.pairs_per_part = 2 * kThreads / plan.team;
  if (pairs > plan.pairs_per_part * kMaxParts)
    plan.pairs_per_part = (pairs + kMaxParts - 1) / kMaxParts;
  // No pairs: one part without any, which writes the zeros.
  plan.parts = pairs == 0 ? 1 : (pairs + plan.pairs_per_part - 1) / plan.pairs_per_part;
  plan.partial = partials<double>(a.stream);
  plan.counts = plan.partial + kMaxParts * kTotals;
  plan.keys =
      reinterpret_cast<double*>(static_cast<char*>(a.stream.workspace) + kCudaWorkspaceBytes);
  plan.sorted = plan.keys + kKeys * pairs;
  plan.ranks = reinterpret_cast<int64_t*>(plan.sorted + kKeys * pairs);
  EQP_BY_DTYPE_AND_F64(a.chosen.policy.dtype, EQP_PAIR_LOSS);
  return scope.finish();
}

}  // namespace cuda
}  // namespace eqp

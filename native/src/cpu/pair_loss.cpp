// pair_loss on the CPU.
//
// A pair's token sums are taken in vectors of the compute type (float for f32 and bf16, double for
// f64), the formula of the pair in double. Pairs are cut into at most kBlocks contiguous blocks
// whose bounds depend on the number of pairs alone; the blocks' partial sums are added in order.
// What couples the pairs comes before: an SFT term's count of tokens, and the sorting of AOT, which
// takes the sums once more.
#include "abi/calls/pair_loss.h"

#include "cpu/kernels.h"
#include "cpu/masked.h"
#include "cpu/pair_sort.h"
#include "math/pair_loss.h"

namespace eqp {
namespace EQP_ISA {
namespace {

constexpr int64_t kBlocks = 64;

struct Totals {
  double loss = 0;
  double pairs = 0;  // whose weight is not 0: the metrics are means over them
  double metric[EQP_PAIR_METRIC_COUNT] = {};
};

// Calls body(block, first pair, end) for each block.
template <class Body>
void for_blocks(int64_t pairs, uint64_t bytes, const Body& body) {
  const int64_t blocks = pairs < kBlocks ? pairs : kBlocks;
  parallel_for(blocks, bytes, [&](int64_t block) {
    body(block, pairs * block / blocks, pairs * (block + 1) / blocks);
  });
}

// Over the tokens from `begin` to `end`.
template <class E, class S>
RowSums sums_between(const PairLoss::Side& side, int64_t pair, int64_t begin, int64_t end) {
  const E* const reference =
      side.reference.data == nullptr ? nullptr : row<E>(side.reference, pair);
  return row_sums<S>(row<E>(side.policy, pair), reference, row<uint8_t>(side.mask, pair), begin,
                     end);
}

// The token after the `count` first unmasked ones.
int64_t end_of_unmasked(const PairLoss::Side& side, int64_t pair, int64_t count) {
  const uint8_t* const mask = row<uint8_t>(side.mask, pair);
  int64_t t = 0;
  for (int64_t seen = 0; t < side.mask.columns && seen < count; ++t) seen += mask[t] != 0 ? 1 : 0;
  return t;
}

template <class E, class S>
PairSide side_sums(const PairLoss::Side& side, int64_t pair, int64_t shared, double ld_alpha) {
  const int64_t tokens = side.policy.columns;
  const RowSums head = sums_between<E, S>(side, pair, 0, shared);
  PairSide sums{head.log_prob,
                head.reference,
                head.difference,
                head.log_prob,
                static_cast<double>(head.length),
                shared};
  if (shared == tokens) return sums;
  const RowSums tail = sums_between<E, S>(side, pair, shared, tokens);
  const double of_tail[4] = {tail.log_prob, tail.reference, tail.difference,
                             static_cast<double>(tail.length)};
  add_tail(ld_alpha, of_tail, &sums);
  return sums;
}

template <class E, class S>
void pair_sums(const PairLoss& call, int64_t pair, PairSide* chosen, PairSide* rejected) {
  int64_t shared_chosen = call.chosen.policy.columns;
  int64_t shared_rejected = call.rejected.policy.columns;
  const double ld_alpha = call.options.ld_alpha;
  if (ld_alpha < 1) {
    const int64_t length_chosen = count_lanes(row<uint8_t>(call.chosen.mask, pair), shared_chosen);
    const int64_t length_rejected =
        count_lanes(row<uint8_t>(call.rejected.mask, pair), shared_rejected);
    if (length_chosen > length_rejected) {
      shared_chosen = end_of_unmasked(call.chosen, pair, length_rejected);
    } else if (length_rejected > length_chosen) {
      shared_rejected = end_of_unmasked(call.rejected, pair, length_chosen);
    }
  }
  *chosen = side_sums<E, S>(call.chosen, pair, shared_chosen, ld_alpha);
  *rejected = side_sums<E, S>(call.rejected, pair, shared_rejected, ld_alpha);
}

template <class E, class S>
void fill_gradient(E* out, const uint8_t* mask, int64_t begin, int64_t end, double slope) {
  using V = typename vec<S>::type;
  constexpr int w = vec<S>::width;
  const V unmasked = broadcast<V>(static_cast<S>(slope));
  int64_t t = begin;
  for (; t + w <= end; t += w) store(out + t, mask_lanes<S>(mask + t, w) ? unmasked : V{});
  if (t == end) return;
  const int count = lanes_left<S>(end - t);
  store_partial(out + t, count, mask_lanes<S>(mask + t, count) ? unmasked : V{});
}

template <class E, class S>
void write_gradient(const PairLoss::Side& side, int64_t pair, int64_t shared, double share,
                    const double (&slope)[2]) {
  if (side.d_policy.data == nullptr) return;
  const uint8_t* const mask = row<uint8_t>(side.mask, pair);
  E* const out = row_out<E>(side.d_policy, pair);
  fill_gradient<E, S>(out, mask, 0, shared, share * slope[0]);
  fill_gradient<E, S>(out, mask, shared, side.policy.columns, share * slope[1]);
}

// A pair is computed in double whatever the dtype: one copy of all kinds instead of one for each.
[[gnu::noinline]] PairResult result_of(const eqp_pair_loss_options& options, const PairSide& chosen,
                                       const PairSide& rejected, const PairBatch& batch,
                                       double weight) {
  return pair_result(options, chosen, rejected, batch, weight);
}

template <class S>
double weight_of(const PairLoss& call, int64_t pair) {
  return call.pair_weights == nullptr
             ? 1.0
             : static_cast<double>(static_cast<const S*>(call.pair_weights)[pair]);
}

// Pairs / chosen tokens of the batch, times the mean weight.
template <class S>
double tokens_share(const PairLoss& call) {
  const int64_t pairs = call.chosen.policy.rows;
  const int64_t columns = call.chosen.mask.columns;
  int64_t counts[kBlocks] = {};
  for_blocks(pairs, static_cast<uint64_t>(pairs * columns),
             [&](int64_t block, int64_t begin, int64_t end) {
               for (int64_t i = begin; i < end; ++i) {
                 if (weight_of<S>(call, i) != 0)
                   counts[block] += count_lanes(row<uint8_t>(call.chosen.mask, i), columns);
               }
             });
  int64_t tokens = 0;
  for (const int64_t count : counts) tokens += count;
  double weights = 0;
  for (int64_t i = 0; i < pairs; ++i) weights += weight_of<S>(call, i);
  return tokens == 0 ? 0.0 : weights / static_cast<double>(tokens);
}

template <class E, class S>
void sort_pairs(const PairLoss& call, uint64_t bytes, const PairSort& sort) {
  for_blocks(call.chosen.policy.rows, bytes, [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      PairSide chosen, rejected;
      pair_sums<E, S>(call, i, &chosen, &rejected);
      sort.set(i, chosen, rejected);
    }
  });
  sort.match();
}

// E: stored type, S: compute type (also the type of the scalar outputs).
template <class E, class S>
void pair_losses(const PairLoss& call) {
  const int64_t pairs = call.chosen.policy.rows;
  const int64_t tokens = call.chosen.policy.columns + call.rejected.policy.columns;
  const uint64_t bytes =
      static_cast<uint64_t>(pairs) * static_cast<uint64_t>(tokens) * (3 * sizeof(E) + 1);
  PairBatch batch = {};
  if (call.has_sft) batch.tokens_share = tokens_share<S>(call);
  const PairSort sort(call.stream.workspace, pairs);
  if (call.sorts) sort_pairs<E, S>(call, bytes, sort);
  Totals partial[kBlocks];
  for_blocks(pairs, bytes, [&](int64_t block, int64_t begin, int64_t end) {
    Totals totals;
    for (int64_t i = begin; i < end; ++i) {
      PairSide chosen, rejected;
      pair_sums<E, S>(call, i, &chosen, &rejected);
      PairBatch of_pair = batch;
      if (call.sorts) sort.get(i, &of_pair);
      const double weight = weight_of<S>(call, i);
      const PairResult result = result_of(call.options, chosen, rejected, of_pair, weight);
      const double margin = result.reward_chosen - result.reward_rejected;
      if (weight != 0) {
        totals.pairs += 1;
        totals.loss += result.loss;
        totals.metric[EQP_PAIR_METRIC_ACCURACY] += margin > 0 ? 1.0 : 0.0;
        totals.metric[EQP_PAIR_METRIC_MARGIN] += margin;
        totals.metric[EQP_PAIR_METRIC_REWARD_CHOSEN] += result.reward_chosen;
        totals.metric[EQP_PAIR_METRIC_REWARD_REJECTED] += result.reward_rejected;
        totals.metric[EQP_PAIR_METRIC_LOG_PROB_CHOSEN] += chosen.log_prob;
        totals.metric[EQP_PAIR_METRIC_LOG_PROB_REJECTED] += rejected.log_prob;
      }
      if (call.pair_losses != nullptr)
        static_cast<S*>(call.pair_losses)[i] = static_cast<S>(result.loss);
      if (call.chosen.rewards != nullptr) {
        static_cast<S*>(call.chosen.rewards)[i] = static_cast<S>(result.reward_chosen);
      }
      if (call.rejected.rewards != nullptr) {
        static_cast<S*>(call.rejected.rewards)[i] = static_cast<S>(result.reward_rejected);
      }
      const double share = 1.0 / static_cast<double>(pairs);
      write_gradient<E, S>(call.chosen, i, chosen.shared, share, result.chosen);
      write_gradient<E, S>(call.rejected, i, rejected.shared, share, result.rejected);
    }
    partial[block] = totals;
  });
  Totals all;
  for (const Totals& each : partial) {
    all.loss += each.loss;
    all.pairs += each.pairs;
    for (int m = 0; m < EQP_PAIR_METRIC_COUNT; ++m) all.metric[m] += each.metric[m];
  }
  const double divisor = pairs < 1 ? 1.0 : static_cast<double>(pairs);
  *static_cast<S*>(call.loss) = static_cast<S>(all.loss / divisor);
  if (call.metrics != nullptr) {
    for (int m = 0; m < EQP_PAIR_METRIC_COUNT; ++m) {
      static_cast<S*>(call.metrics)[m] =
          static_cast<S>(all.metric[m] / (all.pairs < 1 ? 1.0 : all.pairs));
    }
  }
}

}  // namespace

eqp_status pair_loss(const PairLoss& call) {
  switch (call.chosen.policy.dtype) {
    case EQP_F64:
      pair_losses<double, double>(call);
      break;
    case EQP_BF16:
      pair_losses<bfloat16, float>(call);
      break;
    default:
      pair_losses<float, float>(call);
      break;
  }
  return EQP_OK;
}

}  // namespace EQP_ISA
}  // namespace eqp

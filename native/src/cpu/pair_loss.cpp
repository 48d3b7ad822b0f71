// pair_loss on the CPU.
//
// A pair's token sums are taken in vectors of the compute type (float for f32 and bf16, double for
// f64), the formula of the pair in double. Pairs are cut into at most kBlocks contiguous blocks
// whose bounds depend on the number of pairs alone; the blocks' partial sums are added in order.
#include "math/pair_loss.h"

#include "cpu/kernels.h"
#include "cpu/masked.h"

namespace eqp {
namespace EQP_ISA {
namespace {

constexpr int64_t kBlocks = 64;

struct Totals {
  double loss = 0;
  double metric[EQP_PAIR_METRIC_COUNT] = {};
};

struct SideSums {
  double log_prob;   // c
  double reference;  // c_ref
  double length;     // unmasked tokens, at least 1
};

template <class E, class S>
SideSums side_sums(const PairLoss::Side& side, int64_t pair) {
  using V = typename vec<S>::type;
  constexpr int w = vec<S>::width;
  const uint8_t* const mask = row<uint8_t>(side.mask, pair);
  const E* const policy = row<E>(side.policy, pair);
  const E* const reference =
      side.reference.data == nullptr ? nullptr : row<E>(side.reference, pair);
  V log_prob = {}, reference_sum = {};
  int64_t length = 0;
  for (int64_t t = 0; t < side.policy.columns; t += w) {
    const int count = lanes_left<S>(side.policy.columns - t);
    const auto keep = mask_lanes<S>(mask + t, count);
    log_prob = log_prob + (keep ? load_lanes<S>(policy + t, count) : V{});
    if (reference != nullptr) {
      reference_sum = reference_sum + (keep ? load_lanes<S>(reference + t, count) : V{});
    }
    length += count_lanes(mask + t, count);
  }
  return SideSums{static_cast<double>(sum_lanes(log_prob)),
                  static_cast<double>(sum_lanes(reference_sum)),
                  length < 1 ? 1.0 : static_cast<double>(length)};
}

template <class E, class S>
void write_gradient(const PairLoss::Side& side, int64_t pair, double slope) {
  if (side.d_policy.data == nullptr) return;
  const uint8_t* const mask = row<uint8_t>(side.mask, pair);
  E* const out = row_out<E>(side.d_policy, pair);
  E unmasked, zero;
  assign(&unmasked, static_cast<S>(slope));
  assign(&zero, S(0));
  for (int64_t t = 0; t < side.policy.columns; ++t) out[t] = mask[t] != 0 ? unmasked : zero;
}

PairValue value_of_kind(eqp_pair_loss_kind kind, const PairInput& in) {
#define EQP_CASE(name, value_of_name, uses_label_smoothing) \
  if (kind == (value_of_name)) return PairLoss##name::value(in);
  EQP_PAIR_LOSS_KINDS(EQP_CASE)
#undef EQP_CASE
  return PairValue{kNaN, kNaN, kNaN};  // unreachable: the op has checked the kind
}

// E: stored type, S: compute type (also the type of the scalar outputs).
template <class E, class S>
void pair_losses(const PairLoss& call) {
  const int64_t pairs = call.chosen.policy.rows;
  const int64_t blocks = pairs < kBlocks ? pairs : kBlocks;
  const int64_t tokens = call.chosen.policy.columns + call.rejected.policy.columns;
  const uint64_t bytes =
      static_cast<uint64_t>(pairs) * static_cast<uint64_t>(tokens) * (3 * sizeof(E) + 1);
  const double beta = call.options.beta;
  Totals partial[kBlocks];
  parallel_for(blocks, bytes, [&](int64_t block) {
    Totals totals;
    for (int64_t i = pairs * block / blocks; i < pairs * (block + 1) / blocks; ++i) {
      const SideSums chosen = side_sums<E, S>(call.chosen, i);
      const SideSums rejected = side_sums<E, S>(call.rejected, i);
      PairInput in;
      in.delta_chosen = chosen.log_prob - chosen.reference;
      in.delta_rejected = rejected.log_prob - rejected.reference;
      in.length_chosen = chosen.length;
      in.length_rejected = rejected.length;
      in.beta = beta;
      in.label_smoothing = call.options.label_smoothing;
      const PairValue value = value_of_kind(call.options.kind, in);
      const double reward_chosen = beta * in.delta_chosen;
      const double reward_rejected = beta * in.delta_rejected;
      const double margin = reward_chosen - reward_rejected;
      totals.loss += value.loss;
      totals.metric[EQP_PAIR_METRIC_ACCURACY] += margin > 0 ? 1.0 : 0.0;
      totals.metric[EQP_PAIR_METRIC_MARGIN] += margin;
      totals.metric[EQP_PAIR_METRIC_REWARD_CHOSEN] += reward_chosen;
      totals.metric[EQP_PAIR_METRIC_REWARD_REJECTED] += reward_rejected;
      totals.metric[EQP_PAIR_METRIC_LOG_PROB_CHOSEN] += chosen.log_prob;
      totals.metric[EQP_PAIR_METRIC_LOG_PROB_REJECTED] += rejected.log_prob;
      if (call.pair_losses != nullptr)
        static_cast<S*>(call.pair_losses)[i] = static_cast<S>(value.loss);
      if (call.chosen.rewards != nullptr) {
        static_cast<S*>(call.chosen.rewards)[i] = static_cast<S>(reward_chosen);
      }
      if (call.rejected.rewards != nullptr) {
        static_cast<S*>(call.rejected.rewards)[i] = static_cast<S>(reward_rejected);
      }
      const double share = 1.0 / static_cast<double>(pairs);
      write_gradient<E, S>(call.chosen, i, value.d_chosen * share);
      write_gradient<E, S>(call.rejected, i, value.d_rejected * share);
    }
    partial[block] = totals;
  });
  Totals all;
  for (int64_t b = 0; b < blocks; ++b) {
    all.loss += partial[b].loss;
    for (int m = 0; m < EQP_PAIR_METRIC_COUNT; ++m) all.metric[m] += partial[b].metric[m];
  }
  const double divisor = pairs < 1 ? 1.0 : static_cast<double>(pairs);
  *static_cast<S*>(call.loss) = static_cast<S>(all.loss / divisor);
  if (call.metrics != nullptr) {
    for (int m = 0; m < EQP_PAIR_METRIC_COUNT; ++m) {
      static_cast<S*>(call.metrics)[m] = static_cast<S>(all.metric[m] / divisor);
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

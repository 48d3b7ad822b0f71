// policy_loss on the CPU.
//
// Tokens in vectors of the compute type (float for f32 and bf16, double for f64); sums over
// sequences in double. Sequences are cut into at most kBlocks contiguous blocks whose bounds depend
// on the number of sequences alone; the blocks' partial sums are added in order. DAPO without
// total_tokens first counts the mask.
#include "math/policy_loss.h"

#include "cpu/kernels.h"
#include "cpu/masked.h"

namespace eqp {
namespace EQP_ISA {
namespace {

constexpr int64_t kBlocks = 64;

struct Totals {
  double loss = 0, clip_low = 0, clip_high = 0, k3 = 0, ratio = 0, floored = 0, tokens = 0;
};

template <class V>
struct TokenSums {
  V loss = {}, clip_low = {}, clip_high = {}, k3 = {}, ratio = {}, floored = {};
};

// The tokens of sequence i. `scale` multiplies every token's loss: sequence weight / normaliser.
// Returns the sequence's share of the loss.
template <class E, class S>
double sequence(const PolicyLoss& call, int64_t i, const PolicyConstants<S>& constants,
                double scale, int64_t length, Totals& totals) {
  using V = typename vec<S>::type;
  constexpr int w = vec<S>::width;
  const int64_t tokens = call.log_probs.columns;
  const uint8_t* const mask = row<uint8_t>(call.mask, i);
  const E* const log_probs = row<E>(call.log_probs, i);
  const E* const old = call.old_log_probs.data == nullptr ? nullptr : row<E>(call.old_log_probs, i);
  const E* const reference =
      call.reference_log_probs.data == nullptr ? nullptr : row<E>(call.reference_log_probs, i);
  const S* const advantages = row<S>(call.advantages, i);
  E* const out = call.d_log_probs.data == nullptr ? nullptr : row_out<E>(call.d_log_probs, i);
  TokenSums<V> sums;
  for (int64_t t = 0; t < tokens; t += w) {
    const int count = lanes_left<S>(tokens - t);
    const auto keep = mask_lanes<S>(mask + t, count);
    // Masked tokens may hold anything: they become 0 before any arithmetic.
    const V lp = keep ? load_lanes<S>(log_probs + t, count) : V{};
    const V old_lp = old == nullptr ? lp : (keep ? load_lanes<S>(old + t, count) : V{});
    const V ref_lp = reference == nullptr ? lp : (keep ? load_lanes<S>(reference + t, count) : V{});
    const V all_advantages = call.advantages_per_token ? load_lanes<S>(advantages + t, count)
                                                       : broadcast<V>(advantages[0]);
    const V advantage = keep ? all_advantages : V{};
    const PolicyToken<V> token = policy_token(lp, old_lp, ref_lp, advantage, constants);
    sums.loss = sums.loss + (keep ? token.loss : V{});
    sums.clip_low = sums.clip_low + token.clip_low;
    sums.clip_high = sums.clip_high + token.clip_high;
    sums.k3 = sums.k3 + (keep ? token.k3 : V{});
    sums.ratio = sums.ratio + (keep ? token.ratio : V{});
    sums.floored = sums.floored + token.floored;
    if (out != nullptr) {
      const V gradient = keep ? token.d_log_prob * static_cast<S>(scale) : V{};
      if (count == w) {
        store(out + t, gradient);
      } else {
        store_partial(out + t, count, gradient);
      }
    }
  }
  totals.clip_low += static_cast<double>(sum_lanes(sums.clip_low));
  totals.clip_high += static_cast<double>(sum_lanes(sums.clip_high));
  totals.k3 += static_cast<double>(sum_lanes(sums.k3));
  totals.ratio += static_cast<double>(sum_lanes(sums.ratio));
  totals.floored += static_cast<double>(sum_lanes(sums.floored));
  totals.tokens += static_cast<double>(length);
  // A sequence without tokens adds nothing, whatever its weight.
  const double share = length == 0 ? 0.0 : static_cast<double>(sum_lanes(sums.loss)) * scale;
  totals.loss += share;
  return share;
}

template <class E, class S>
void policy_losses(const PolicyLoss& call) {
  const eqp_policy_loss_options& options = call.options;
  const int64_t sequences = call.log_probs.rows;
  const int64_t tokens = call.log_probs.columns;
  const int64_t blocks = sequences < kBlocks ? sequences : kBlocks;
  const uint64_t bytes =
      static_cast<uint64_t>(sequences) * static_cast<uint64_t>(tokens) * (4 * sizeof(E) + 1);
  const auto first = [&](int64_t block) { return sequences * block / blocks; };

  double divisor = static_cast<double>(sequences < 1 ? 1 : sequences);
  if (options.normalizer == EQP_POLICY_NORMALIZER_DR_GRPO) divisor *= options.max_completion_length;
  if (options.normalizer == EQP_POLICY_NORMALIZER_DAPO) {
    double total = options.total_tokens;
    if (total == 0) {
      int64_t counts[kBlocks];
      parallel_for(blocks, bytes, [&](int64_t block) {
        int64_t count = 0;
        for (int64_t i = first(block); i < first(block + 1); ++i) {
          count += count_lanes(row<uint8_t>(call.mask, i), tokens);
        }
        counts[block] = count;
      });
      for (int64_t b = 0; b < blocks; ++b) total += static_cast<double>(counts[b]);
    }
    divisor = total < 1 ? 1.0 : total;
  }

  PolicyConstants<S> constants;
  constants.ratio_low = static_cast<S>(1.0 - options.epsilon_low);
  constants.ratio_high = static_cast<S>(1.0 + options.epsilon_high);
  constants.kl_beta = static_cast<S>(options.kl_beta);
  constants.floor = static_cast<S>(options.negative_log_prob_floor);
  Totals partial[kBlocks];
  parallel_for(blocks, bytes, [&](int64_t block) {
    Totals totals;
    for (int64_t i = first(block); i < first(block + 1); ++i) {
      const int64_t length = count_lanes(row<uint8_t>(call.mask, i), tokens);
      double scale = 1.0 / divisor;
      if (options.normalizer == EQP_POLICY_NORMALIZER_GRPO) {
        scale /= length < 1 ? 1.0 : static_cast<double>(length);
      }
      if (call.sequence_weights.data != nullptr) {
        scale *= static_cast<double>(static_cast<const S*>(call.sequence_weights.data)[i]);
      }
      const double share = sequence<E, S>(call, i, constants, scale, length, totals);
      if (call.sequence_losses != nullptr) {
        static_cast<S*>(call.sequence_losses)[i] = static_cast<S>(share);
      }
    }
    partial[block] = totals;
  });
  Totals all;
  for (int64_t b = 0; b < blocks; ++b) {
    all.loss += partial[b].loss;
    all.clip_low += partial[b].clip_low;
    all.clip_high += partial[b].clip_high;
    all.k3 += partial[b].k3;
    all.ratio += partial[b].ratio;
    all.floored += partial[b].floored;
    all.tokens += partial[b].tokens;
  }
  *static_cast<S*>(call.loss) = static_cast<S>(all.loss);
  if (call.metrics == nullptr) return;
  S* const metrics = static_cast<S*>(call.metrics);
  const double per_token = all.tokens < 1 ? 0.0 : 1.0 / all.tokens;
  metrics[EQP_POLICY_METRIC_CLIP_LOW] = static_cast<S>(all.clip_low * per_token);
  metrics[EQP_POLICY_METRIC_CLIP_HIGH] = static_cast<S>(all.clip_high * per_token);
  metrics[EQP_POLICY_METRIC_KL] = static_cast<S>(all.k3 * per_token);
  metrics[EQP_POLICY_METRIC_RATIO] = static_cast<S>(all.ratio * per_token);
  metrics[EQP_POLICY_METRIC_FLOORED] = static_cast<S>(all.floored * per_token);
  metrics[EQP_POLICY_METRIC_TOKENS] = static_cast<S>(all.tokens);
}

}  // namespace

eqp_status policy_loss(const PolicyLoss& call) {
  switch (call.log_probs.dtype) {
    case EQP_F64:
      policy_losses<double, double>(call);
      break;
    case EQP_BF16:
      policy_losses<bfloat16, float>(call);
      break;
    default:
      policy_losses<float, float>(call);
      break;
  }
  return EQP_OK;
}

}  // namespace EQP_ISA
}  // namespace eqp

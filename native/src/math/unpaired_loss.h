// From a labelled answer's log-ratio to its loss and slope, and what the answers share; used by all
// backends.
#pragma once

#include "equipoise/unpaired_loss.h"
#include "math/elementary.h"

namespace eqp {
namespace EQP_ISA {

// Sums over the rows before their losses can be computed: the metrics but KL and REWARD_MEAN, at
// their indices, and behind them what these two are made from.
constexpr int kUnpairedRewardSum = EQP_UNPAIRED_METRIC_COUNT;        // of the finite rewards
constexpr int kUnpairedRewardCount = EQP_UNPAIRED_METRIC_COUNT + 1;  // of the same
constexpr int kUnpairedKlSum = EQP_UNPAIRED_METRIC_KL;               // of the mismatched rows
constexpr int kUnpairedSums = EQP_UNPAIRED_METRIC_COUNT + 2;

EQP_HD void add_unpaired_row(double reward, double log_prob, bool desirable, double* sums) {
  const double of_desirable = desirable ? 1.0 : 0.0;
  const bool left_out = reward != reward, no_log_prob = log_prob != log_prob;
  sums[EQP_UNPAIRED_METRIC_ROWS] += left_out ? 0.0 : 1.0;
  sums[EQP_UNPAIRED_METRIC_DESIRABLE] += of_desirable;
  sums[EQP_UNPAIRED_METRIC_UNDESIRABLE] += 1.0 - of_desirable;
  sums[EQP_UNPAIRED_METRIC_REWARD_DESIRABLE] += left_out || !desirable ? 0.0 : reward;
  sums[EQP_UNPAIRED_METRIC_REWARD_UNDESIRABLE] += left_out || desirable ? 0.0 : reward;
  sums[EQP_UNPAIRED_METRIC_LOG_PROB_DESIRABLE] += no_log_prob || !desirable ? 0.0 : log_prob;
  sums[EQP_UNPAIRED_METRIC_LOG_PROB_UNDESIRABLE] += no_log_prob || desirable ? 0.0 : log_prob;
  const bool finite = abs(reward) < kInfinity;
  sums[kUnpairedRewardSum] += finite ? reward : 0.0;
  sums[kUnpairedRewardCount] += finite ? 1.0 : 0.0;
}

// What the rows share.
struct UnpairedBatch {
  double kl;
  double reward_mean, reward_count;  // m', n'
  double reference_point;            // that rewards are compared with
  double share;                      // 1 / rows that count
};

EQP_HD bool is_reward_count(double count) { return count >= 0; }

// sums: of the whole batch, kUnpairedKlSum included. reward_mean: {m, n}, or null.
EQP_HD UnpairedBatch unpaired_batch(const eqp_unpaired_loss_options& o, const double* sums,
                                    int64_t kl_rows, const double* reward_mean) {
  UnpairedBatch batch;
  const double kl = kl_rows < 1 ? 0.0 : sums[kUnpairedKlSum] / static_cast<double>(kl_rows);
  batch.kl = kl < 0 ? 0.0 : kl;
  batch.reward_mean = reward_mean == nullptr ? 0.0 : reward_mean[0];
  batch.reward_count = reward_mean == nullptr ? 0.0 : reward_mean[1];
  if (!is_reward_count(batch.reward_count)) batch.reward_mean = batch.reward_count = kNaN;
  const double count = sums[kUnpairedRewardCount];
  if (o.update_reward_mean != 0 && count > 0) {
    const double all = batch.reward_count + count;
    batch.reward_mean += (sums[kUnpairedRewardSum] / count - batch.reward_mean) * (count / all);
    batch.reward_count = all;
  }
  batch.reference_point = o.kind == EQP_UNPAIRED_LOSS_KTO   ? o.beta * batch.kl
                          : o.kind == EQP_UNPAIRED_LOSS_BCO ? batch.reward_mean
                                                            : 0.0;
  batch.share = 1.0 / sums[EQP_UNPAIRED_METRIC_ROWS];
  return batch;
}

// f(x) and f'(x), one struct per kind.
struct UnpairedValue {
  double loss, slope;
};
EQP_HD UnpairedValue one_minus_sigmoid(double x) {
  const double loss = sigmoid(-x);
  return UnpairedValue{loss, -sigmoid(x) * loss};
}
struct UnpairedLossKTO {
  EQP_HD UnpairedValue value(double x) { return one_minus_sigmoid(x); }
};
struct UnpairedLossAPO_ZERO_UNPAIRED {
  EQP_HD UnpairedValue value(double x) { return one_minus_sigmoid(x); }
};
struct UnpairedLossBCO {
  EQP_HD UnpairedValue value(double x) { return UnpairedValue{-log_sigmoid(x), -sigmoid(-x)}; }
};

EQP_HD UnpairedValue value_of_kind(eqp_unpaired_loss_kind kind, double x) {
#define EQP_CASE(name, value_of_name) \
  if (kind == (value_of_name)) return UnpairedLoss##name::value(x);
  EQP_UNPAIRED_LOSS_KINDS(EQP_CASE)
#undef EQP_CASE
  return UnpairedValue{kNaN, kNaN};  // unreachable: the op has checked the kind
}

// A row's loss and the derivative of the batch's by each of its unmasked tokens.
struct UnpairedResult {
  double loss, d_token;
};
EQP_HD UnpairedResult unpaired_result(const eqp_unpaired_loss_options& o, double log_ratio,
                                      bool desirable, double row_weight,
                                      const UnpairedBatch& batch) {
  if (log_ratio != log_ratio) return UnpairedResult{kNaN, 0.0};
  const double weight = row_weight * (desirable ? o.desirable_weight : o.undesirable_weight);
  if (weight == 0) return UnpairedResult{0.0, 0.0};  // what it scales may be infinite
  const double sign = desirable ? 1.0 : -1.0;
  const UnpairedValue f =
      value_of_kind(o.kind, sign * (o.beta * log_ratio - batch.reference_point));
  return UnpairedResult{weight * f.loss, weight * f.slope * sign * o.beta * batch.share};
}

}  // namespace EQP_ISA
}  // namespace eqp

// What group_advantage's backends share.
#pragma once

#include "math/elementary.h"

namespace eqp {
namespace EQP_ISA {

// What rounding may leave of term = weight (reward - mean) / divisor in a sum that is rounded to a
// unit `roundoff`: the difference, taken in double, has the rounding of what it is taken from.
EQP_HD double rounding_of_term(double term, double weight, double reward, double mean,
                               double divisor, double roundoff) {
  return 4 * roundoff * abs(term) + 0x1p-50 * abs(weight) * (abs(reward) + abs(mean)) / divisor;
}

// One sample's rewards by several functions, NaN where one gave none, and their weights (null: all 1).
template <class E>
struct SampleRewards {
  const E* rewards;
  const E* weights;
  int64_t functions;
};

template <class E>
EQP_HD double weighted_reward(const SampleRewards<E>& sample, int64_t k) {
  const double reward = static_cast<double>(sample.rewards[k]);
  return sample.weights == nullptr ? reward : static_cast<double>(sample.weights[k]) * reward;
}

// The weighted sum of the rewards that are there; false when there is none.
template <class E>
EQP_HD bool sum_of_rewards(const SampleRewards<E>& sample, double* sum) {
  bool any = false;
  *sum = 0;
  for (int64_t k = 0; k < sample.functions; ++k) {
    if (sample.rewards[k] != sample.rewards[k]) continue;
    any = true;
    *sum += weighted_reward(sample, k);
  }
  return any;
}

// How far two equal sums may lie apart, where one is this sample's.
template <class E>
EQP_HD double rounding_of_sum(const SampleRewards<E>& sample) {
  if (sample.functions < 2) return 0;
  double magnitude = 0;
  for (int64_t k = 0; k < sample.functions; ++k)
    if (sample.rewards[k] == sample.rewards[k]) magnitude += abs(weighted_reward(sample, k));
  return 0x1p-52 * static_cast<double>(sample.functions) * magnitude;
}

}  // namespace EQP_ISA
}  // namespace eqp

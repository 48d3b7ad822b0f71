// The stages of one group of group_advantage, by the threads of its team: rewards into r, r into c.
#pragma once

#include "advantage_statistics.h"

namespace eqp {
namespace cuda {

EQP_HD bool is_combined(const GroupAdvantage& call) {
  return call.options.aggregation == EQP_ADVANTAGE_AGGREGATION_NORMALIZE_THEN_SUM;
}
EQP_HD bool is_over_batch(const GroupAdvantage& call) {
  return call.options.scale == EQP_ADVANTAGE_SCALE_BATCH ||
         call.options.scale == EQP_ADVANTAGE_SCALE_NONZERO;
}
EQP_HD bool is_whitened(const GroupAdvantage& call) {
  return call.options.scale == EQP_ADVANTAGE_SCALE_WHITEN;
}

// Between stages a missing sample is NaN and a sample without a finite result +Inf.
template <class T>
struct Group {
  const GroupAdvantage& call;
  int64_t begin, end;
  int lane, team;

  EQP_DEVICE_MEMBER T* out() const { return static_cast<T*>(call.advantages); }

  // NORMALIZE_THEN_SUM: r into advantages.
  EQP_DEVICE_MEMBER void combine() const {
    const T* const weights = static_cast<const T*>(call.weights.data);
    const double roundoff = sizeof(T) == 4 ? 0x1p-24 : 0x1p-53;
    T* const r = out();
    for (int64_t i = begin + lane; i < end; i += team) r[i] = static_cast<T>(kNaN);
    for (int64_t k = 0; k < call.rewards.columns; ++k) {
      const PlainRewards<T> function = function_rewards<T>(call, k);
      const Statistics s = statistics_of(function, begin, end, lane, team);
      const double divisor = deviation_of(s, call.options.ddof) + call.options.epsilon;
      const double weight = weights == nullptr ? 1.0 : static_cast<double>(weights[k]);
      double reward;
      for (int64_t i = begin + lane; i < end; i += team) {
        if (!function.at(i, &reward)) continue;
        const double before = r[i] == r[i] ? static_cast<double>(r[i]) : 0.0;
        const double term = weight * (s.equal ? 0.0 : (reward - s.mean) / divisor);
        double sum = before + term;
        // What cancels down to the rounding of its terms would be a difference between members.
        const double rounding =
            s.equal ? 0.0 : rounding_of_term(term, weight, reward, s.mean, divisor, roundoff);
        if (fabs(sum) <= rounding) sum = 0;
        r[i] = static_cast<T>(s.finite && is_finite(sum) ? sum : kInfinity);
      }
    }
  }

  EQP_DEVICE_MEMBER double divisor(const Statistics& s, const Statistics& all) const {
    const eqp_group_advantage_options& o = call.options;
    if (o.scale == EQP_ADVANTAGE_SCALE_GROUP) return deviation_of(s, o.ddof) + o.epsilon;
    if (o.scale == EQP_ADVANTAGE_SCALE_BATCH) return deviation_of(all, o.ddof) + o.epsilon;
    if (o.scale == EQP_ADVANTAGE_SCALE_NONZERO)
      return (all.nonzero > 1.0 ? all.nonzero : 1.0) / all.weight;
    return 1.0;
  }

  // What is subtracted; *none: c is 0 for every member.
  template <class Rewards>
  EQP_DEVICE_MEMBER double baseline(const Rewards& rewards, const Statistics& s, bool* none) const {
    double r;
    if (call.options.baseline == EQP_ADVANTAGE_BASELINE_LENGTHS) {
      double sums[2] = {};  // tokens, weighted distances from the mean
      for (int64_t i = begin + lane; i < end; i += team) {
        if (!rewards.at(i, &r)) continue;
        const double length = length_at(call, i);
        sums[0] += length;
        sums[1] += length * (r - s.mean);
      }
      team_sum(sums, team);
      *none = *none || sums[0] == 0.0;
      return s.mean + sums[1] / sums[0];
    }
    if (call.options.baseline == EQP_ADVANTAGE_BASELINE_SECOND) {
      double largest[1] = {0}, unused = kInfinity, second = -kInfinity;
      for (int64_t i = begin + lane; i < end; i += team) {
        if (!rewards.at(i, &r)) continue;
        if (r == s.greatest) {
          largest[0] += 1.0;
        } else {
          second = r > second ? r : second;
        }
      }
      team_sum(largest, team);
      team_range(&unused, &second, team);
      return largest[0] > 1.0 ? s.greatest : second;
    }
    return s.mean;
  }

  // r into c / divisor, with what follows from the written value in `whitening`.
  template <class Rewards>
  EQP_DEVICE_MEMBER void centre(const Rewards& rewards, const Statistics& s, const Statistics& all,
                                Moments* whitening) const {
    const eqp_group_advantage_options& o = call.options;
    const bool whitened = is_whitened(call);
    const bool given = o.baseline == EQP_ADVANTAGE_BASELINE_GIVEN;
    const bool alone = s.weight == 1.0 && !given;
    const bool raw = alone && o.singleton == EQP_ADVANTAGE_SINGLETON_RAW;
    const bool broken = !given && !(o.scale == EQP_ADVANTAGE_SCALE_BATCH ? all.finite : s.finite);
    bool none = !given && s.equal;
    double subtracted = given || raw ? 0.0 : baseline(rewards, s, &none);
    double by = divisor(s, all);
    if (raw && o.scale == EQP_ADVANTAGE_SCALE_GROUP) by = 1.0 + o.epsilon;
    if (raw) none = false;
    const bool without_others = alone && !raw && o.baseline == EQP_ADVANTAGE_BASELINE_OTHERS;
    // The mean of the others is n/(n-1) times as far away as the mean.
    if (!raw && o.baseline == EQP_ADVANTAGE_BASELINE_OTHERS) by *= (s.weight - 1.0) / s.weight;
    for (int64_t i = begin + lane; i < end; i += team) {
      double r;
      double value = whitened ? kNaN : 0.0;
      const bool counted = rewards.at(i, &r);
      if (counted) {
        if (given) subtracted = static_cast<double>(static_cast<const T*>(call.baselines)[i]);
        value = (r - subtracted) / by;
        if (!raw && o.baseline == EQP_ADVANTAGE_BASELINE_SECOND && r != s.greatest) value = 0;
        if (none) value = whitened && without_others ? kNaN : 0.0;
        if (broken || (given && !is_finite(r - subtracted))) value = whitened ? kInfinity : kNaN;
      }
      const T kept = static_cast<T>(value);
      out()[i] = kept;
      if (kept == kept && whitened && counted)
        whitening->add(static_cast<double>(kept), length_at(call, i));
    }
  }
};

}  // namespace cuda
}  // namespace eqp

// The stages of group_advantage that work on `advantages`: combining several rewards into r,
// centring and dividing r, whitening c. Between stages a missing sample is NaN and a sample without
// a finite result +Inf.
#pragma once

#include "cpu/advantage_rewards.h"

namespace eqp {
namespace EQP_ISA {
namespace {

EQP_HD int64_t length_of(const GroupAdvantage& call, int64_t sample) {
  return call.lengths.data == nullptr ? 1 : index_at(call.lengths, sample);
}

EQP_HD double unit_roundoff(float) { return 0x1p-24; }
EQP_HD double unit_roundoff(double) { return 0x1p-53; }

// NORMALIZE_THEN_SUM: r of one group.
template <class E>
void combine_group(const GroupAdvantage& call, int64_t begin, int64_t end, E* r) {
  const E* const weights = static_cast<const E*>(call.weights.data);
  for (int64_t i = begin; i < end; ++i) r[i] = static_cast<E>(kNaN);
  for (int64_t k = 0; begin < end && k < call.rewards.columns; ++k) {
    const FunctionRewards<E> function{static_cast<const E*>(call.rewards.data) + k,
                                      call.rewards.row_stride};
    const Statistics s = group_statistics(function, begin, end, call.options.ddof);
    const double weight = weights == nullptr ? 1.0 : static_cast<double>(weights[k]);
    for (int64_t i = begin; i < end; ++i) {
      double reward;
      if (!function.at(i, &reward)) continue;
      const double before = r[i] == r[i] ? static_cast<double>(r[i]) : 0.0;
      const double normalized = s.equal ? 0.0 : (reward - s.mean) / (s.std + call.options.epsilon);
      const double term = weight * normalized;
      double sum = before + term;
      // What cancels down to the rounding of its terms would be a difference between members.
      const double rounding =
          s.equal ? 0.0
                  : rounding_of_term(term, weight, reward, s.mean, s.std + call.options.epsilon,
                                     unit_roundoff(E()));
      if (abs(sum) <= rounding) sum = 0;
      r[i] = static_cast<E>(s.finite && is_finite(sum) ? sum : kInfinity);
    }
  }
}

// r -> c / divisor for one group after the other.
template <class E, class Rewards>
struct Centring {
  const GroupAdvantage& call;
  const Rewards& rewards;
  const Statistics& batch;
  E* out;
  double missing, broken;  // what samples without reward, without a finite result get

  Centring(const GroupAdvantage& of, const Rewards& from, const Statistics& over, E* to)
      : call(of), rewards(from), batch(over), out(to) {
    const bool goes_on = of.options.scale == EQP_ADVANTAGE_SCALE_WHITEN;
    missing = goes_on ? kNaN : 0.0;
    broken = goes_on ? kInfinity : kNaN;
  }

  double divisor(const Statistics& group) const {
    switch (call.options.scale) {
      case EQP_ADVANTAGE_SCALE_GROUP:
        return group.std + call.options.epsilon;
      case EQP_ADVANTAGE_SCALE_BATCH:
        return batch.std + call.options.epsilon;
      case EQP_ADVANTAGE_SCALE_NONZERO:
        return static_cast<double>(batch.nonzero > 1 ? batch.nonzero : 1) /
               static_cast<double>(batch.count);
      default:
        return 1.0;
    }
  }

  void fill(int64_t begin, int64_t end, double value) const {
    double r;
    for (int64_t i = begin; i < end; ++i)
      out[i] = static_cast<E>(rewards.at(i, &r) ? value : missing);
  }

  void subtract(int64_t begin, int64_t end, double baseline, double divisor) const {
    for (int64_t i = begin; i < end; ++i) {
      double r;
      const bool counted = rewards.at(i, &r);
      const double advantage = (r - baseline) / divisor;
      out[i] = static_cast<E>(counted ? advantage : missing);
    }
  }

  void subtract_given(int64_t begin, int64_t end, double divisor) const {
    const E* const baselines = static_cast<const E*>(call.baselines);
    for (int64_t i = begin; i < end; ++i) {
      double r;
      const bool counted = rewards.at(i, &r);
      const double c = r - static_cast<double>(baselines[i]);
      out[i] = static_cast<E>(!counted ? missing : is_finite(c) ? c / divisor : broken);
    }
  }

  void keep_largest(int64_t begin, int64_t end, double divisor) const {
    int64_t top = begin;
    double largest = -kInfinity, second = -kInfinity, r;
    for (int64_t i = begin; i < end; ++i) {
      if (!rewards.at(i, &r)) continue;
      if (r > largest) {
        second = largest;
        largest = r;
        top = i;
      } else if (r > second) {
        second = r;
      }
    }
    fill(begin, end, 0.0);
    out[top] = static_cast<E>((largest - second) / divisor);
  }

  // The mean weighted by lengths, as a shift from the plain one; false without a token.
  bool length_weighted_mean(int64_t begin, int64_t end, double mean, double* weighted) const {
    double tokens = 0, sum = 0, r;
    for (int64_t i = begin; i < end; ++i) {
      if (!rewards.at(i, &r)) continue;
      const double length = static_cast<double>(length_of(call, i));
      tokens += length;
      sum += length * (r - mean);
    }
    *weighted = mean + sum / tokens;
    return tokens > 0;
  }

  void group(int64_t begin, int64_t end, const Statistics& s) const {
    const eqp_group_advantage_options& o = call.options;
    const bool over_batch = o.scale == EQP_ADVANTAGE_SCALE_BATCH;
    if (o.baseline == EQP_ADVANTAGE_BASELINE_GIVEN) {
      subtract_given(begin, end, divisor(s));
    } else if (!(over_batch ? batch.finite : s.finite)) {
      fill(begin, end, broken);
    } else if (s.count == 1 && o.singleton == EQP_ADVANTAGE_SINGLETON_RAW) {
      Statistics alone = s;
      alone.std = 1;
      subtract(begin, end, 0.0, divisor(alone));
    } else if (s.equal) {
      const bool without_others = s.count == 1 && o.baseline == EQP_ADVANTAGE_BASELINE_OTHERS;
      fill(begin, end, without_others ? missing : 0.0);
    } else if (o.baseline == EQP_ADVANTAGE_BASELINE_SECOND) {
      keep_largest(begin, end, divisor(s));
    } else if (o.baseline == EQP_ADVANTAGE_BASELINE_LENGTHS) {
      double baseline;
      if (length_weighted_mean(begin, end, s.mean, &baseline)) {
        subtract(begin, end, baseline, divisor(s));
      } else {
        fill(begin, end, 0.0);
      }
    } else {
      // The mean of the others is n/(n-1) times as far away as the mean.
      const double n = static_cast<double>(s.count);
      const bool others = o.baseline == EQP_ADVANTAGE_BASELINE_OTHERS;
      subtract(begin, end, s.mean, others ? divisor(s) * (n - 1) / n : divisor(s));
    }
  }
};

// What the blocks of whiten add up.
struct Whitening {
  double weight[Blocks::kMax], sum[Blocks::kMax], least[Blocks::kMax], greatest[Blocks::kMax];
};

// WHITEN: c -> A over all samples, in a fixed order.
template <class E>
void whiten(const GroupAdvantage& call, const Blocks& samples, E* c) {
  const PlainRewards<E> centred{c};
  Whitening part;
  parallel_for(samples.count, samples.bytes, [&](int64_t block) {
    double weight = 0, sum = 0, low = kInfinity, high = -kInfinity, value;
    for (int64_t i = samples.first(block); i < samples.last(block); ++i) {
      if (!centred.at(i, &value)) continue;
      const double length = static_cast<double>(length_of(call, i));
      weight += length;
      sum += length * value;
      low = value < low ? value : low;
      high = value > high ? value : high;
    }
    part.weight[block] = weight;
    part.sum[block] = sum;
    part.least[block] = low;
    part.greatest[block] = high;
  });
  double weight = 0, sum = 0, low = kInfinity, high = -kInfinity;
  for (int64_t b = 0; b < samples.count; ++b) {
    weight += part.weight[b];
    sum += part.sum[b];
    low = part.least[b] < low ? part.least[b] : low;
    high = part.greatest[b] > high ? part.greatest[b] : high;
  }
  const double mean = weight > 0 ? sum / weight : 0.0;
  parallel_for(samples.count, samples.bytes, [&](int64_t block) {
    double squares = 0, value;
    for (int64_t i = samples.first(block); i < samples.last(block); ++i) {
      if (!centred.at(i, &value)) continue;
      squares += static_cast<double>(length_of(call, i)) * (value - mean) * (value - mean);
    }
    part.sum[block] = squares;
  });
  double squares = 0;
  for (int64_t b = 0; b < samples.count; ++b) squares += part.sum[b];
  const double freedom = weight - static_cast<double>(call.options.ddof);
  const double variance = freedom > 0 ? squares / freedom : 0.0;
  const double divisor = sqrt(variance + call.options.variance_epsilon) + call.options.epsilon;
  const bool zero = low == high || weight == 0 || divisor == 0;
  const bool finite = is_finite(low) && is_finite(high);
  parallel_for(samples.count, samples.bytes, [&](int64_t block) {
    for (int64_t i = samples.first(block); i < samples.last(block); ++i) {
      double value;
      const bool counted = centred.at(i, &value);
      const double advantage = zero ? 0.0 : (value - mean) / divisor;
      c[i] = static_cast<E>(!counted ? 0.0 : finite ? advantage : kNaN);
    }
  });
}

}  // namespace
}  // namespace EQP_ISA
}  // namespace eqp

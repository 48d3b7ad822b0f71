// What group_advantage knows of a set of samples: their rewards and the statistics of those.
#pragma once

#include "abi/calls/group_advantage.h"
#include "cpu/kernels.h"
#include "math/advantage.h"
#include "math/elementary.h"

namespace eqp {
namespace EQP_ISA {
namespace {

EQP_HD bool is_finite(double x) { return x - x == 0; }

// One number per sample, each beside the next; NaN: missing.
template <class E>
struct PlainRewards {
  static constexpr bool plain = true;
  static constexpr double rounding(int64_t) { return 0; }
  const E* values;

  bool at(int64_t sample, double* reward) const {
    *reward = static_cast<double>(values[sample]);
    return *reward == *reward;
  }
};

// One column of the rewards.
template <class E>
struct FunctionRewards {
  static constexpr double rounding(int64_t) { return 0; }
  const E* column;
  int64_t stride;

  bool at(int64_t sample, double* reward) const {
    *reward = static_cast<double>(column[sample * stride]);
    return *reward == *reward;
  }
};

// The weighted sum of the rewards that are there; false when there is none.
template <class E>
struct WeightedRewards {
  static constexpr bool plain = false;
  const GroupAdvantage& call;

  bool at(int64_t sample, double* reward) const { return sum_of_rewards(of(sample), reward); }
  double rounding(int64_t sample) const { return rounding_of_sum(of(sample)); }

  SampleRewards<E> of(int64_t sample) const {
    return {row<E>(call.rewards, sample), static_cast<const E*>(call.weights.data),
            call.rewards.columns};
  }
};

// Whether the rewards are PlainRewards as they stand; nearly every call.
EQP_HD bool is_plain(const GroupAdvantage& call) {
  return call.rewards.columns == 1 && call.rewards.row_stride == 1 && call.weights.data == nullptr;
}

EQP_HD int64_t group_begin(const GroupAdvantage& call, int64_t group) {
  return call.offsets.data == nullptr ? group * call.options.group_size
                                      : index_at(call.offsets, group);
}

struct Statistics {
  int64_t count = 0;  // members that have a reward
  double mean = 0;
  double std = 0;
  bool equal = true;   // all counted members are the same number
  bool finite = true;  // all counted members are finite
  // Of the batch only.
  int64_t nonzero = 0;
};

EQP_HD double standard_deviation(double squares, int64_t count, int32_t ddof) {
  return count > ddof ? sqrt(squares / static_cast<double>(count - ddof)) : 0.0;
}

template <class Rewards>
Statistics group_statistics(const Rewards& rewards, int64_t begin, int64_t end, int32_t ddof) {
  Statistics s;
  double sum = 0, least = 0, greatest = 0, rounding = 0, r;
  for (int64_t i = begin; i < end; ++i) {
    if (!rewards.at(i, &r)) continue;
    const double of_member = rewards.rounding(i);
    rounding = of_member > rounding ? of_member : rounding;
    least = s.count == 0 || r < least ? r : least;
    greatest = s.count == 0 || r > greatest ? r : greatest;
    s.finite = s.finite && is_finite(r);
    sum += r;
    ++s.count;
  }
  if (s.count == 0) return s;
  s.equal = s.finite ? greatest - least <= rounding : least == greatest;
  // Equal members: their own value, which a rounded sum divided by the count need not be.
  s.mean = s.equal ? least : sum / static_cast<double>(s.count);
  double squares = 0;
  for (int64_t i = begin; i < end; ++i) {
    if (rewards.at(i, &r)) squares += (r - s.mean) * (r - s.mean);
  }
  s.std = s.equal && s.finite ? 0.0 : standard_deviation(squares, s.count, ddof);
  return s;
}

// A long sum without the roundings that equal terms would pile up (Knuth's two-sum).
struct LongSum {
  double sum = 0, lost = 0;

  void add(double term) {
    const double next = sum + term, taken = next - sum;
    lost += (sum - (next - taken)) + (term - taken);
    sum = next;
  }
  double value() const { return is_finite(sum) ? sum + lost : sum; }
};

// How samples and groups are cut into contiguous blocks: by their number alone, so that no result
// depends on the threads. What one thread does anyway stays whole.
struct Blocks {
  static constexpr int64_t kMax = 64;
  static constexpr uint64_t kWhole = 64 * 1024;  // bytes
  int64_t things, count;
  uint64_t bytes;

  Blocks(int64_t all, uint64_t touched)
      : things(all),
        count(touched < kWhole ? 1
              : all < kMax     ? all
                               : kMax),
        bytes(touched) {}
  int64_t first(int64_t block) const {
    if (count == 1 || count == things) return block;
    return static_cast<int64_t>(static_cast<__int128>(things) * block / count);
  }
  int64_t last(int64_t block) const { return count == 1 ? things : first(block + 1); }
};

// Over all samples, in a fixed order.
template <class Rewards>
Statistics batch_statistics(const Rewards& rewards, const Blocks& samples, int32_t ddof) {
  double sums[Blocks::kMax], squares[Blocks::kMax], least[Blocks::kMax], greatest[Blocks::kMax];
  int64_t counts[Blocks::kMax], nonzero[Blocks::kMax];
  parallel_for(samples.count, samples.bytes, [&](int64_t block) {
    LongSum sum;
    double low = kInfinity, high = -kInfinity, r;
    int64_t count = 0, other = 0;
    for (int64_t i = samples.first(block); i < samples.last(block); ++i) {
      if (!rewards.at(i, &r)) continue;
      sum.add(r);
      low = r < low ? r : low;
      high = r > high ? r : high;
      other += r != 0 ? 1 : 0;
      ++count;
    }
    sums[block] = sum.value();
    least[block] = low;
    greatest[block] = high;
    counts[block] = count;
    nonzero[block] = other;
  });
  Statistics batch;
  double sum = 0, low = kInfinity, high = -kInfinity;
  for (int64_t b = 0; b < samples.count; ++b) {
    sum += sums[b];
    low = least[b] < low ? least[b] : low;
    high = greatest[b] > high ? greatest[b] : high;
    batch.count += counts[b];
    batch.nonzero += nonzero[b];
  }
  if (batch.count == 0) return batch;
  batch.equal = low == high;
  batch.mean = batch.equal ? low : sum / static_cast<double>(batch.count);
  batch.finite = is_finite(sum);
  parallel_for(samples.count, samples.bytes, [&](int64_t block) {
    double square = 0, r;
    for (int64_t i = samples.first(block); i < samples.last(block); ++i) {
      if (rewards.at(i, &r)) square += (r - batch.mean) * (r - batch.mean);
    }
    squares[block] = square;
  });
  double total = 0;
  for (int64_t b = 0; b < samples.count; ++b) total += squares[b];
  batch.std = standard_deviation(total, batch.count, ddof);
  return batch;
}

}  // namespace
}  // namespace EQP_ISA
}  // namespace eqp

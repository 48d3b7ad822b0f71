// What group_advantage knows of a set of samples, computed by the threads of a team: a warp or the
// whole block. In f64, two passes; parts of a batch are merged as in Chan, Golub, LeVeque (1983).
#pragma once

#include "abi/calls/group_advantage.h"
#include "launch.h"
#include "math/advantage.h"
#include "math/elementary.h"
#include "rows.h"

namespace eqp {
namespace cuda {

// --- What is read of a sample: at() is false for a missing one ----------------------------------

// The weighted sum of the rewards that are there; false when there is none.
template <class T>
struct WeightedRewards {
  const GroupAdvantage& call;

  EQP_DEVICE_MEMBER bool at(int64_t sample, double* reward) const {
    return sum_of_rewards(of(sample), reward);
  }
  EQP_DEVICE_MEMBER double rounding(int64_t sample) const { return rounding_of_sum(of(sample)); }

  EQP_DEVICE_MEMBER SampleRewards<T> of(int64_t sample) const {
    return {static_cast<const T*>(call.rewards.data) + sample * call.rewards.row_stride,
            static_cast<const T*>(call.weights.data), call.rewards.columns};
  }
};

// One number per sample, `stride` apart; NaN: missing.
template <class T>
struct PlainRewards {
  const T* values;
  int64_t stride;

  EQP_DEVICE_MEMBER double rounding(int64_t) const { return 0.0; }
  EQP_DEVICE_MEMBER bool at(int64_t sample, double* reward) const {
    *reward = static_cast<double>(values[sample * stride]);
    return *reward == *reward;
  }
};

template <class T>
EQP_DEVICE PlainRewards<T> function_rewards(const GroupAdvantage& call, int64_t function) {
  return {static_cast<const T*>(call.rewards.data) + function, call.rewards.row_stride};
}

EQP_DEVICE int64_t integer_at(const Vector& vector, int64_t i) {
  return vector.dtype == EQP_I64 ? static_cast<const int64_t*>(vector.data)[i]
                                 : int64_t{static_cast<const int32_t*>(vector.data)[i]};
}
EQP_DEVICE int64_t offset_at(const GroupAdvantage& call, int64_t group) {
  return call.offsets.data == nullptr ? group * call.options.group_size
                                      : integer_at(call.offsets, group);
}
EQP_DEVICE double length_at(const GroupAdvantage& call, int64_t sample) {
  return call.lengths.data == nullptr ? 1.0 : static_cast<double>(integer_at(call.lengths, sample));
}

EQP_DEVICE bool is_finite(double x) { return x - x == 0.0; }

// --- Minima and maxima over the threads that share a group, in each of them ---------------------
// Two calls need a team_sum between them: its barriers keep the next group's writers behind the
// readers at the end.
EQP_DEVICE void team_range(double* least, double* greatest, int team) {
  *least = warp_min(*least);
  *greatest = warp_max(*greatest);
  if (team != kThreads) return;
  EQP_SHARED(double, by_warp, 2 * kWarps);
  if (threadIdx.x % 32 == 0) {
    by_warp[threadIdx.x / 32] = *least;
    by_warp[kWarps + threadIdx.x / 32] = *greatest;
  }
  __syncthreads();
  for (int w = 0; w < kWarps; ++w) {
    *least = by_warp[w] < *least ? by_warp[w] : *least;
    *greatest = by_warp[kWarps + w] > *greatest ? by_warp[kWarps + w] : *greatest;
  }
}

// --- Statistics -----------------------------------------------------------------------------------

// Of one part of the samples, for a later launch.
struct PartStatistics {
  double weight, mean, squares, infinite, nonzero, least, greatest;
};

struct Statistics {
  double weight;  // counted samples, or the sum of their lengths
  double mean, squares, nonzero, infinite, least, greatest;
  bool equal, finite;
};

EQP_DEVICE Statistics no_statistics() {
  return Statistics{0, 0, 0, 0, 0, kInfinity, -kInfinity, true, true};
}

// What one thread has seen.
struct Moments {
  double sums[4] = {};  // weighted values, weights, infinite, nonzero
  double least = kInfinity, greatest = -kInfinity;

  EQP_DEVICE_MEMBER void add(double value, double weight) {
    sums[0] += weight * value;
    sums[1] += weight;
    sums[2] += is_finite(value) ? 0.0 : 1.0;
    sums[3] += value != 0.0 ? 1.0 : 0.0;
    least = value < least ? value : least;
    greatest = value > greatest ? value : greatest;
  }
};

// Everything but the squares, in every thread of the team.
EQP_DEVICE Statistics summary_of(Moments& moments, int team) {
  team_sum(moments.sums, team);
  team_range(&moments.least, &moments.greatest, team);
  Statistics s = no_statistics();
  s.weight = moments.sums[1];
  s.infinite = moments.sums[2];
  s.nonzero = moments.sums[3];
  s.least = moments.least;
  s.greatest = moments.greatest;
  s.finite = s.infinite == 0.0;
  s.equal = !(s.least < s.greatest);
  // Equal members: their own value, which a rounded sum divided by the count need not be.
  s.mean = s.least > s.greatest ? 0.0
           : s.equal            ? s.least
           : s.weight == 0.0    ? 0.0
                                : moments.sums[0] / s.weight;
  return s;
}

template <class Rewards>
EQP_DEVICE Statistics statistics_of(const Rewards& rewards, int64_t begin, int64_t end, int lane,
                                    int team) {
  Moments moments;
  double value;
  for (int64_t i = begin + lane; i < end; i += team) {
    if (rewards.at(i, &value)) moments.add(value, 1.0);
  }
  Statistics s = summary_of(moments, team);
  double squares[1] = {0}, rounding = 0, unused = 0;
  for (int64_t i = begin + lane; i < end; i += team) {
    if (!rewards.at(i, &value)) continue;
    squares[0] += (value - s.mean) * (value - s.mean);
    const double of_member = rewards.rounding(i);
    rounding = of_member > rounding ? of_member : rounding;
  }
  team_sum(squares, team);
  team_range(&unused, &rounding, team);
  if (s.finite && s.greatest - s.least <= rounding) {
    s.equal = true;
    s.mean = s.least;
    squares[0] = 0;
  }
  s.squares = squares[0];
  return s;
}

EQP_DEVICE double variance_of(const Statistics& s, int ddof) {
  const double freedom = s.weight - static_cast<double>(ddof);
  return freedom > 0.0 ? s.squares / freedom : 0.0;
}
EQP_DEVICE double deviation_of(const Statistics& s, int ddof) { return sqrt(variance_of(s, ddof)); }

EQP_DEVICE PartStatistics part_of(const Statistics& s) {
  return PartStatistics{s.weight, s.mean, s.squares, s.infinite, s.nonzero, s.least, s.greatest};
}

// Statistics over all samples, merged from the parts, in every thread of the block.
EQP_DEVICE Statistics merge_parts(const PartStatistics* part, int64_t parts) {
  Moments moments;
  for (int64_t i = threadIdx.x; i < parts; i += kThreads) {
    moments.sums[0] += part[i].weight * part[i].mean;
    moments.sums[1] += part[i].weight;
    moments.sums[2] += part[i].infinite;
    moments.sums[3] += part[i].nonzero;
    moments.least = part[i].least < moments.least ? part[i].least : moments.least;
    moments.greatest = part[i].greatest > moments.greatest ? part[i].greatest : moments.greatest;
  }
  Statistics s = summary_of(moments, kThreads);
  double squares[1] = {0};
  for (int64_t i = threadIdx.x; i < parts; i += kThreads) {
    const double distance = part[i].mean - s.mean;
    squares[0] += part[i].squares + part[i].weight * distance * distance;
  }
  block_sum(squares);
  s.squares = squares[0];
  return s;
}

}  // namespace cuda
}  // namespace eqp

// Group-relative advantages; formulas: equipoise/group_advantage.h.
//
// Parallelisation
//   A warp per group (up to 256 members on average) or a block per group. BATCH scaling also needs
//   statistics over all samples: up to kOneBlock samples one block does everything in one launch,
//   otherwise a launch before leaves count, mean and squares of each part of the samples in the
//   workspace and every block merges them. Given offsets are checked by that launch or by one of a
//   single block (by the block itself where there is only one), because a group may only be touched
//   when all offsets are sound: groups that overlap would race.
// Memory traffic
//   Rewards are read three times (mean, squares, result), all but the first from cache: a group is
//   a few hundred bytes. Advantages are written once.
// Numerics
//   f64 throughout, two passes; parts of a batch are merged as in Chan, Golub, LeVeque (1983).
// Occupancy
//   Bound by f64 registers; a batch has fewer groups than a chip has warps.
#include "launch.h"
#include "math/elementary.h"
#include "reduce.h"
#include "vector.h"

namespace eqp {
namespace cuda {
namespace {

constexpr int64_t kOneBlock = 4096;
constexpr int64_t kMaxParts = 512;

// Count, mean, sum of squared differences and finiteness of one part of the samples.
struct PartStatistics {
  double count, mean, squares, infinite;
};
// The head of the op's scratch memory; the parts follow.
struct Scratch {
  double invalid_offsets;
  double reserved;
};
static_assert(static_cast<int64_t>(sizeof(Scratch) + kMaxParts * sizeof(PartStatistics)) <=
                  kPartialBytes,
              "the statistics of the parts fit the workspace");

struct Statistics {
  double count, mean, std;
  bool equal, finite;
};

struct Batch {
  int64_t samples, parts, samples_each;  // parts 0: the one block computes the statistics itself
};

// The weighted sum of the rewards of a sample that are there; false when there is none.
template <class T>
EQP_DEVICE bool reward_of(const GroupAdvantage& call, int64_t sample, double* reward) {
  const T* const values =
      static_cast<const T*>(call.rewards.data) + sample * call.rewards.row_stride;
  const T* const weights = static_cast<const T*>(call.weights.data);
  double sum = 0;
  bool any = false;
  for (int64_t k = 0; k < call.rewards.columns; ++k) {
    const double value = static_cast<double>(values[k]);
    if (value != value) continue;
    any = true;
    sum += weights == nullptr ? value : static_cast<double>(weights[k]) * value;
  }
  *reward = sum;
  return any;
}

EQP_DEVICE int64_t offset_at(const GroupAdvantage& call, int64_t group) {
  if (call.offsets.data == nullptr) return group * call.options.group_size;
  return call.offsets.dtype == EQP_I64
             ? static_cast<const int64_t*>(call.offsets.data)[group]
             : int64_t{static_cast<const int32_t*>(call.offsets.data)[group]};
}

EQP_DEVICE double standard_deviation(double squares, double count, int ddof) {
  return count > static_cast<double>(ddof) ? sqrt(squares / (count - static_cast<double>(ddof)))
                                           : 0.0;
}

// Sums, minima and maxima over the threads that share a group, in each of them.
template <int kCount>
EQP_DEVICE void team_sum(double (&value)[kCount], int team) {
  if (team == kThreads) {
    block_sum(value);
    return;
  }
#pragma unroll
  for (int k = 0; k < kCount; ++k) value[k] = warp_sum(value[k]);
}
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

EQP_DEVICE bool is_finite(double x) { return x - x == 0.0; }

// Statistics of samples [begin, end), in every thread of the team.
template <class T>
EQP_DEVICE Statistics statistics_of(const GroupAdvantage& call, int64_t begin, int64_t end,
                                    int lane, int team, double* squares_out) {
  double sums[3] = {};  // rewards, members, infinite members
  double least = kInfinity, greatest = -kInfinity, reward;
  for (int64_t i = begin + lane; i < end; i += team) {
    if (!reward_of<T>(call, i, &reward)) continue;
    least = reward < least ? reward : least;
    greatest = reward > greatest ? reward : greatest;
    sums[0] += reward;
    sums[1] += 1.0;
    sums[2] += is_finite(reward) ? 0.0 : 1.0;
  }
  team_sum(sums, team);
  team_range(&least, &greatest, team);
  Statistics result;
  result.count = sums[1];
  result.finite = sums[2] == 0.0;
  result.equal = result.count == 0.0 || least == greatest;
  // Equal members: their own value, which a rounded sum divided by the count need not be.
  result.mean = result.count == 0.0 ? 0.0 : (result.equal ? least : sums[0] / sums[1]);
  double squares[1] = {0};
  for (int64_t i = begin + lane; i < end; i += team) {
    if (reward_of<T>(call, i, &reward))
      squares[0] += (reward - result.mean) * (reward - result.mean);
  }
  team_sum(squares, team);
  result.std = standard_deviation(squares[0], result.count, call.options.ddof);
  *squares_out = squares[0];
  return result;
}

// Statistics over all samples, merged from the parts, in every thread of the block.
EQP_DEVICE Statistics merge_parts(const PartStatistics* part, int64_t parts, int ddof) {
  double sums[3] = {};
  for (int64_t i = threadIdx.x; i < parts; i += kThreads) {
    sums[0] += part[i].count * part[i].mean;
    sums[1] += part[i].count;
    sums[2] += part[i].infinite;
  }
  block_sum(sums);
  Statistics result;
  result.count = sums[1];
  result.mean = sums[1] == 0.0 ? 0.0 : sums[0] / sums[1];
  result.finite = sums[2] == 0.0;
  result.equal = false;
  double squares[1] = {0};
  for (int64_t i = threadIdx.x; i < parts; i += kThreads) {
    const double distance = part[i].mean - result.mean;
    squares[0] += part[i].squares + part[i].count * distance * distance;
  }
  block_sum(squares);
  result.std = standard_deviation(squares[0], result.count, ddof);
  return result;
}

// Whether the given offsets start at 0, never decrease and end at the number of samples; the answer
// is in every thread of the block.
EQP_DEVICE bool offsets_invalid(const GroupAdvantage& call) {
  double wrong[1] = {0};
  for (int64_t g = threadIdx.x; g < call.groups; g += kThreads) {
    if (offset_at(call, g) > offset_at(call, g + 1)) wrong[0] += 1.0;
  }
  if (threadIdx.x == 0) {
    if (offset_at(call, 0) != 0) wrong[0] += 1.0;
    if (offset_at(call, call.groups) != call.rewards.rows) wrong[0] += 1.0;
  }
  block_sum(wrong);
  return wrong[0] != 0.0;
}

// Errors in the offsets leave no group that can be trusted: everything is NaN.
template <class T>
EQP_DEVICE void poison(const GroupAdvantage& call, DataErrors* errors) {
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
  const T nan = static_cast<T>(kNaN);
  if (first == 0) flag_data_error(errors, kOffsetsInvalid, 0);
  for (int64_t i = first; i < call.rewards.rows; i += step)
    static_cast<T*>(call.advantages)[i] = nan;
  for (int64_t g = first; g < call.groups; g += step) {
    if (call.group_mean != nullptr) static_cast<T*>(call.group_mean)[g] = nan;
    if (call.group_std != nullptr) static_cast<T*>(call.group_std)[g] = nan;
  }
}

template <class T>
EQP_DEVICE void advantages(const GroupAdvantage& call, const Batch& batch, int team,
                           const Scratch* scratch, DataErrors* errors) {
  if (call.offsets.data != nullptr) {
    const bool invalid = gridDim.x == 1 ? offsets_invalid(call) : scratch->invalid_offsets != 0.0;
    if (invalid) {
      poison<T>(call, errors);
      return;
    }
  }
  const int thread = static_cast<int>(threadIdx.x);
  const bool over_batch = call.options.scale == EQP_ADVANTAGE_SCALE_BATCH;
  double squares;
  Statistics all = {};
  if (over_batch) {
    all = batch.parts == 0 ? statistics_of<T>(call, 0, batch.samples, thread, kThreads, &squares)
                           : merge_parts(reinterpret_cast<const PartStatistics*>(scratch + 1),
                                         batch.parts, call.options.ddof);
  }
  const int lane = thread % team;
  const int64_t teams = static_cast<int64_t>(gridDim.x) * (kThreads / team);
  const int64_t first = static_cast<int64_t>(blockIdx.x) * (kThreads / team) + thread / team;
  for (int64_t g = first; g < call.groups; g += teams) {
    const int64_t begin = offset_at(call, g);
    const int64_t end = offset_at(call, g + 1);
    const Statistics group = statistics_of<T>(call, begin, end, lane, team, &squares);
    if (lane == 0 && call.group_mean != nullptr) {
      static_cast<T*>(call.group_mean)[g] = static_cast<T>(group.count == 0.0 ? kNaN : group.mean);
    }
    if (lane == 0 && call.group_std != nullptr) {
      static_cast<T*>(call.group_std)[g] = static_cast<T>(group.count == 0.0 ? kNaN : group.std);
    }
    const bool finite = over_batch ? all.finite : group.finite;
    const double std = over_batch ? all.std : group.std;
    const double inverse =
        call.options.scale == EQP_ADVANTAGE_SCALE_NONE ? 1.0 : 1.0 / (std + call.options.epsilon);
    const bool raw = group.count == 1.0 && call.options.singleton == EQP_ADVANTAGE_SINGLETON_RAW;
    for (int64_t i = begin + lane; i < end; i += team) {
      double reward;
      double advantage = 0;
      if (reward_of<T>(call, i, &reward)) {
        advantage = (reward - group.mean) * inverse;
        if (group.equal) advantage = 0;
        if (raw) advantage = reward;
        if (!finite) advantage = kNaN;
      }
      static_cast<T*>(call.advantages)[i] = static_cast<T>(advantage);
    }
  }
}

// For the next launch. All threads of one block call it.
EQP_DEVICE void check_offsets(const GroupAdvantage& call, Scratch* scratch) {
  const bool invalid = offsets_invalid(call);
  if (threadIdx.x == 0) scratch->invalid_offsets = invalid ? 1.0 : 0.0;
}

template <class T>
EQP_DEVICE void part_statistics(const GroupAdvantage& call, const Batch& batch, Scratch* scratch) {
  if (call.offsets.data != nullptr && blockIdx.x == 0) check_offsets(call, scratch);
  PartStatistics* const out = reinterpret_cast<PartStatistics*>(scratch + 1);
  for (int64_t part = blockIdx.x; part < batch.parts; part += gridDim.x) {
    const int64_t begin = part * batch.samples_each;
    const int64_t limit = begin + batch.samples_each;
    double squares;
    const Statistics s =
        statistics_of<T>(call, begin, limit < batch.samples ? limit : batch.samples,
                         static_cast<int>(threadIdx.x), kThreads, &squares);
    if (threadIdx.x == 0)
      out[part] = PartStatistics{s.count, s.mean, squares, s.finite ? 0.0 : 1.0};
  }
}

}  // namespace

// shapes: rewards [samples, functions], offsets [groups + 1], advantages [samples]
EQP_KERNEL_OF_FEW_BLOCKS
group_advantage_check_kernel(GroupAdvantage call, Scratch* scratch) {
  check_offsets(call, scratch);
}

#define EQP_KERNELS(T)                                                                          \
  EQP_KERNEL_OF_FEW_BLOCKS group_advantage_fwd_##T##_kernel(                                    \
      GroupAdvantage call, Batch batch, int team, const Scratch* scratch, DataErrors* errors) { \
    advantages<T>(call, batch, team, scratch, errors);                                          \
  }                                                                                             \
  EQP_KERNEL_OF_FEW_BLOCKS                                                                      \
  group_advantage_parts_##T##_kernel(GroupAdvantage call, Batch batch, Scratch* scratch) {      \
    part_statistics<T>(call, batch, scratch);                                                   \
  }
EQP_KERNELS(float)
EQP_KERNELS(double)

#define EQP_ADVANTAGE(T)                                                                          \
  do {                                                                                            \
    if (batch.parts > 0) {                                                                        \
      EQP_LAUNCH(group_advantage_parts_##T##_kernel, grid_for(batch.parts), kThreads,             \
                 a.stream.stream, a, batch, scratch);                                             \
    }                                                                                             \
    EQP_LAUNCH(group_advantage_fwd_##T##_kernel, grid, kThreads, a.stream.stream, a, batch, team, \
               static_cast<const Scratch*>(scratch), data_errors(a.stream));                      \
  } while (0)

eqp_status group_advantage(const GroupAdvantage& a) {
  LaunchScope scope("eqp_group_advantage", a.stream);
  if (!scope.ready() || (a.groups == 0 && a.rewards.rows == 0)) return scope.finish();
  Batch batch{a.rewards.rows, 0, 0};
  const bool one_block = a.rewards.rows <= kOneBlock;
  if (a.options.scale == EQP_ADVANTAGE_SCALE_BATCH && !one_block) {
    batch.samples_each = (a.rewards.rows + kMaxParts - 1) / kMaxParts;
    if (batch.samples_each < kThreads) batch.samples_each = kThreads;
    batch.parts = (a.rewards.rows + batch.samples_each - 1) / batch.samples_each;
  }
  const int team = a.rewards.rows / (a.groups < 1 ? 1 : a.groups) <= 256 ? 32 : kThreads;
  const int64_t blocks = (a.groups * team + kThreads - 1) / kThreads;
  // Statistics or offsets without a launch before them are for a block that is alone.
  const bool alone =
      one_block && (a.options.scale == EQP_ADVANTAGE_SCALE_BATCH || a.offsets.data != nullptr);
  const unsigned grid = alone || blocks == 0 ? 1 : grid_for(blocks);
  Scratch* const scratch = partials<Scratch>(a.stream);
  if (a.offsets.data != nullptr && grid > 1 && batch.parts == 0) {
    EQP_LAUNCH(group_advantage_check_kernel, 1, kThreads, a.stream.stream, a, scratch);
  }
  if (a.rewards.dtype == EQP_F32) {
    EQP_ADVANTAGE(float);
  } else {
    EQP_ADVANTAGE(double);
  }
  return scope.finish();
}

}  // namespace cuda
}  // namespace eqp

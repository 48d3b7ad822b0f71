// Group-relative advantages; formulas: equipoise/group_advantage.h.
//
// Parallelisation
//   A warp per group (up to 256 members on average) or a block per group; a block takes a part of
//   the groups. Up to kOneBlock samples, what needs all of them (the statistics of BATCH, NONZERO
//   and WHITEN, the checks of offsets and lengths, the metrics) is done by one block in one launch.
//   Beyond: a launch before leaves statistics of each part of the samples in the workspace and
//   checks offsets and lengths, because a group may only be touched when all offsets are sound:
//   groups that overlap would race. WHITEN leaves statistics of each part of the groups and is
//   applied by a launch behind. NORMALIZE_THEN_SUM with statistics over r needs r first: one launch
//   more. Metrics beyond one block are a launch of one block.
// Memory traffic
//   Rewards are read three times (mean, squares, result), all but the first from cache: a group is
//   a few hundred bytes. Advantages are written once; NORMALIZE_THEN_SUM and WHITEN write r and c
//   there first. Between barriers a thread reads there only what it wrote itself.
// Numerics
//   f64 throughout; r and c are rounded to the dtype when they are kept.
// Occupancy
//   Bound by f64 registers; a batch has fewer groups than a chip has warps.
#include "abi/calls/group_advantage.h"
#include "advantage_stages.h"

namespace eqp {
namespace cuda {
namespace {

constexpr int64_t kOneBlock = 4096;
constexpr int64_t kMaxParts = 512;

// The head of the op's scratch memory; the parts follow.
struct Scratch {
  unsigned invalid;  // kOffsetsInvalid, kLengthsInvalid or 0
  unsigned reserved[3];
};
static_assert(static_cast<int64_t>(sizeof(Scratch) + kMaxParts * sizeof(PartStatistics)) <=
                  kPartialBytes,
              "the statistics of the parts fit the workspace");

EQP_DEVICE PartStatistics* parts_of(Scratch* scratch) {
  return reinterpret_cast<PartStatistics*>(scratch + 1);
}

// How a launch divides the work. Nothing depends on the number of blocks.
struct Plan {
  int64_t batch_parts, samples_each;  // of the statistics over all samples; 0: one block does all
  int64_t parts, groups_each;         // of the groups
  int team;                           // threads per group
  bool combine, centre;               // stages of this launch
  bool checked;                       // offsets or lengths are given
};

// --- Errors in data -------------------------------------------------------------------------------

// Whether the given offsets start at 0, never decrease and end at the number of samples, and no
// length is negative: 0, or what is wrong, in every thread of the block.
EQP_DEVICE unsigned invalid_data(const GroupAdvantage& call) {
  double wrong[2] = {0, 0};
  if (call.offsets.data != nullptr) {
    for (int64_t g = threadIdx.x; g < call.groups; g += kThreads) {
      if (offset_at(call, g) > offset_at(call, g + 1)) wrong[0] = 1.0;
    }
    if (threadIdx.x == 0) {
      if (offset_at(call, 0) != 0) wrong[0] = 1.0;
      if (offset_at(call, call.groups) != call.rewards.rows) wrong[0] = 1.0;
    }
  }
  if (call.lengths.data != nullptr) {
    for (int64_t i = threadIdx.x; i < call.rewards.rows; i += kThreads) {
      if (integer_at(call.lengths, i) < 0) wrong[1] = 1.0;
    }
  }
  block_sum(wrong);
  return wrong[0] != 0.0 ? kOffsetsInvalid : wrong[1] != 0.0 ? kLengthsInvalid : 0u;
}

// Errors in offsets or lengths leave no group that can be trusted: everything is NaN.
template <class T>
EQP_DEVICE void poison(const GroupAdvantage& call, unsigned what, DataErrors* errors) {
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
  const T nan = static_cast<T>(kNaN);
  if (first == 0) flag_data_error(errors, what, 0);
  for (int64_t i = first; i < call.rewards.rows; i += step)
    static_cast<T*>(call.advantages)[i] = nan;
  for (int64_t g = first; g < call.groups; g += step) {
    if (call.group_mean != nullptr) static_cast<T*>(call.group_mean)[g] = nan;
    if (call.group_std != nullptr) static_cast<T*>(call.group_std)[g] = nan;
  }
  const int64_t metrics = EQP_ADVANTAGE_METRIC_COUNT + 2 * call.rewards.columns;
  for (int64_t k = first; call.metrics != nullptr && k < metrics; k += step)
    static_cast<T*>(call.metrics)[k] = nan;
}

template <class T>
EQP_DEVICE void write_figures(const GroupAdvantage& call, int64_t g, const Statistics& s) {
  const bool nothing = s.weight == 0.0;
  if (call.group_mean != nullptr)
    static_cast<T*>(call.group_mean)[g] = static_cast<T>(nothing ? kNaN : s.mean);
  if (call.group_std != nullptr)
    static_cast<T*>(call.group_std)[g] =
        static_cast<T>(nothing ? kNaN : deviation_of(s, call.options.ddof));
}

// --- Whitening --------------------------------------------------------------------------------------

template <class T>
EQP_DEVICE void whiten_one(const GroupAdvantage& call, int64_t i, const Statistics& c) {
  T* const out = static_cast<T*>(call.advantages);
  const double divisor = sqrt(variance_of(c, call.options.ddof) + call.options.variance_epsilon) +
                         call.options.epsilon;
  const double value = static_cast<double>(out[i]);
  double advantage = 0;
  if (value == value) {
    if (!(c.equal || c.weight == 0.0 || divisor == 0.0)) advantage = (value - c.mean) / divisor;
    if (!c.finite) advantage = kNaN;
  }
  out[i] = static_cast<T>(advantage);
}

// --- Launches ---------------------------------------------------------------------------------------

template <class T>
EQP_DEVICE Statistics batch_statistics(const GroupAdvantage& call, bool stored, int64_t begin,
                                       int64_t end) {
  const int thread = static_cast<int>(threadIdx.x);
  if (stored) {
    const PlainRewards<T> r{static_cast<const T*>(call.advantages), 1};
    return statistics_of(r, begin, end, thread, kThreads);
  }
  return statistics_of(WeightedRewards<T>{call}, begin, end, thread, kThreads);
}

// One part of the groups. Returns the statistics of the c it wrote when they are whitened.
template <class T>
EQP_DEVICE Statistics groups_of_part(const GroupAdvantage& call, const Plan& plan, int64_t part,
                                     const Statistics& all) {
  const int thread = static_cast<int>(threadIdx.x), team = plan.team, lane = thread % team;
  const int64_t first = part * plan.groups_each + thread / team;
  const int64_t limit = (part + 1) * plan.groups_each;
  const int64_t last = limit < call.groups ? limit : call.groups;
  const bool combined = is_combined(call);
  const WeightedRewards<T> given{call};
  const PlainRewards<T> r{static_cast<const T*>(call.advantages), 1};
  Moments written;
  for (int64_t g = first; g < last; g += kThreads / team) {
    const Group<T> group{call, offset_at(call, g), offset_at(call, g + 1), lane, team};
    if (!combined || plan.combine) {
      const Statistics s = statistics_of(given, group.begin, group.end, lane, team);
      if (lane == 0) write_figures<T>(call, g, s);
      if (!combined) group.centre(given, s, all, &written);
    }
    if (plan.combine) group.combine();
    if (combined && plan.centre) {
      const Statistics s = statistics_of(r, group.begin, group.end, lane, team);
      group.centre(r, s, all, &written);
    }
  }
  if (!is_whitened(call)) return no_statistics();
  Statistics c = summary_of(written, kThreads);
  double squares[1] = {0};
  for (int64_t g = first; g < last; g += kThreads / team) {
    const int64_t end = offset_at(call, g + 1);
    for (int64_t i = offset_at(call, g) + lane; i < end; i += team) {
      double value;
      if (r.at(i, &value)) squares[0] += length_at(call, i) * (value - c.mean) * (value - c.mean);
    }
  }
  block_sum(squares);
  c.squares = squares[0];
  return c;
}

// Means and deviations of everything, by one block.
template <class T>
EQP_DEVICE void metrics(const GroupAdvantage& call, int team) {
  T* const out = static_cast<T*>(call.metrics);
  const int thread = static_cast<int>(threadIdx.x), lane = thread % team;
  const Statistics all = batch_statistics<T>(call, false, 0, call.rewards.rows);
  const WeightedRewards<T> given{call};
  double groups[2] = {};  // counted, equal
  for (int64_t g = thread / team; g < call.groups; g += kThreads / team) {
    const Statistics s =
        statistics_of(given, offset_at(call, g), offset_at(call, g + 1), lane, team);
    if (lane != 0 || s.weight == 0.0) continue;
    groups[0] += 1.0;
    groups[1] += s.equal ? 1.0 : 0.0;
  }
  block_sum(groups);
  if (thread == 0) {
    const int ddof = call.options.ddof;
    out[EQP_ADVANTAGE_METRIC_REWARD_MEAN] = static_cast<T>(all.weight == 0.0 ? kNaN : all.mean);
    out[EQP_ADVANTAGE_METRIC_REWARD_STD] =
        static_cast<T>(all.weight == 0.0 ? kNaN : deviation_of(all, ddof));
    out[EQP_ADVANTAGE_METRIC_EQUAL_GROUPS] =
        static_cast<T>(groups[0] == 0.0 ? kNaN : groups[1] / groups[0]);
  }
  for (int64_t k = 0; k < call.rewards.columns; ++k) {
    const Statistics s =
        statistics_of(function_rewards<T>(call, k), 0, call.rewards.rows, thread, kThreads);
    if (thread != 0) continue;
    const bool nothing = s.weight == 0.0;
    T* const to = out + EQP_ADVANTAGE_METRIC_COUNT + 2 * k;
    to[0] = static_cast<T>(nothing ? kNaN : s.mean);
    to[1] = static_cast<T>(nothing ? kNaN : deviation_of(s, call.options.ddof));
  }
}

// Reads and writes the groups; `alone`: the only block also does what comes before and behind.
template <class T>
EQP_DEVICE void advantages(const GroupAdvantage& call, const Plan& plan, bool alone,
                           Scratch* scratch, DataErrors* errors) {
  if (plan.checked) {
    const unsigned invalid = alone ? invalid_data(call) : scratch->invalid;
    if (invalid != 0) {
      poison<T>(call, invalid, errors);
      return;
    }
  }
  Statistics all = no_statistics();
  Plan rest = plan;
  if (is_over_batch(call) && plan.centre) {
    if (alone) {
      if (is_combined(call)) {
        rest.centre = false;
        groups_of_part<T>(call, rest, 0, all);
        __syncthreads();
        rest.combine = false;
        rest.centre = true;
      }
      all = batch_statistics<T>(call, is_combined(call), 0, call.rewards.rows);
    } else {
      all = merge_parts(parts_of(scratch), plan.batch_parts);
    }
  }
  for (int64_t part = blockIdx.x; part < plan.parts; part += gridDim.x) {
    const Statistics c = groups_of_part<T>(call, rest, part, all);
    if (!is_whitened(call)) continue;
    if (!alone) {
      if (threadIdx.x == 0) parts_of(scratch)[part] = part_of(c);
      continue;
    }
    // The barriers of the statistics lie between what the groups wrote and this.
    for (int64_t i = threadIdx.x; i < call.rewards.rows; i += kThreads) whiten_one<T>(call, i, c);
  }
  if (alone && call.metrics != nullptr) metrics<T>(call, plan.team);
}

// For the next launch. All threads of one block call it.
EQP_DEVICE void check_data(const GroupAdvantage& call, Scratch* scratch) {
  const unsigned invalid = invalid_data(call);
  if (threadIdx.x == 0) scratch->invalid = invalid;
}

// For the next launch: statistics of each part of the samples, and by the first block what is wrong
// with the data.
template <class T>
EQP_DEVICE void batch_parts(const GroupAdvantage& call, const Plan& plan, bool stored, bool check,
                            Scratch* scratch) {
  if (check && blockIdx.x == 0) check_data(call, scratch);
  for (int64_t part = blockIdx.x; part < plan.batch_parts; part += gridDim.x) {
    const int64_t begin = part * plan.samples_each;
    const int64_t limit = begin + plan.samples_each;
    const Statistics s = batch_statistics<T>(call, stored, begin,
                                             limit < call.rewards.rows ? limit : call.rewards.rows);
    if (threadIdx.x == 0) parts_of(scratch)[part] = part_of(s);
  }
}

}  // namespace

// shapes: rewards [samples, functions], offsets [groups + 1], lengths [samples], advantages [samples]
EQP_KERNEL_OF_FEW_BLOCKS
group_advantage_check_kernel(GroupAdvantage call, Scratch* scratch) { check_data(call, scratch); }

#define EQP_KERNELS(T)                                                                           \
  EQP_KERNEL_OF_FEW_BLOCKS group_advantage_fwd_##T##_kernel(                                     \
      GroupAdvantage call, Plan plan, bool alone, Scratch* scratch, DataErrors* errors) {        \
    advantages<T>(call, plan, alone, scratch, errors);                                           \
  }                                                                                              \
  EQP_KERNEL_OF_FEW_BLOCKS                                                                       \
  group_advantage_parts_##T##_kernel(GroupAdvantage call, Plan plan, bool stored, bool check,    \
                                     Scratch* scratch) {                                         \
    batch_parts<T>(call, plan, stored, check, scratch);                                          \
  }                                                                                              \
  EQP_KERNEL_OF_FEW_BLOCKS                                                                       \
  group_advantage_whiten_##T##_kernel(GroupAdvantage call, Plan plan, Scratch* scratch) {        \
    if (plan.checked && scratch->invalid != 0) return;                                           \
    const Statistics c = merge_parts(parts_of(scratch), plan.parts);                             \
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;                  \
         i < call.rewards.rows; i += static_cast<int64_t>(gridDim.x) * kThreads)                 \
      whiten_one<T>(call, i, c);                                                                 \
  }                                                                                              \
  EQP_KERNEL_OF_FEW_BLOCKS                                                                       \
  group_advantage_metrics_##T##_kernel(GroupAdvantage call, Plan plan, const Scratch* scratch) { \
    if (plan.checked && scratch->invalid != 0) return;                                           \
    metrics<T>(call, plan.team);                                                                 \
  }
EQP_KERNELS(float)
EQP_KERNELS(double)

#define EQP_ADVANTAGE(T)                                                                          \
  do {                                                                                            \
    if (alone) {                                                                                  \
      EQP_LAUNCH(group_advantage_fwd_##T##_kernel, 1, kThreads, a.stream.stream, a, plan, true,   \
                 scratch, errors);                                                                \
      break;                                                                                      \
    }                                                                                             \
    if (checked && (combined || !over_batch))                                                     \
      EQP_LAUNCH(group_advantage_check_kernel, 1, kThreads, a.stream.stream, a, scratch);         \
    if (over_batch && combined) {                                                                 \
      Plan combine = plan;                                                                        \
      combine.centre = false;                                                                     \
      EQP_LAUNCH(group_advantage_fwd_##T##_kernel, grid_for(plan.parts), kThreads,                \
                 a.stream.stream, a, combine, false, scratch, errors);                            \
      plan.combine = false;                                                                       \
    }                                                                                             \
    if (over_batch)                                                                               \
      EQP_LAUNCH(group_advantage_parts_##T##_kernel, grid_for(plan.batch_parts), kThreads,        \
                 a.stream.stream, a, plan, combined, checked && !combined, scratch);              \
    EQP_LAUNCH(group_advantage_fwd_##T##_kernel, grid_for(plan.parts), kThreads, a.stream.stream, \
               a, plan, false, scratch, errors);                                                  \
    if (whitened)                                                                                 \
      EQP_LAUNCH(group_advantage_whiten_##T##_kernel,                                             \
                 grid_for((a.rewards.rows + 4 * kThreads - 1) / (4 * kThreads)), kThreads,        \
                 a.stream.stream, a, plan, scratch);                                              \
    if (a.metrics != nullptr)                                                                     \
      EQP_LAUNCH(group_advantage_metrics_##T##_kernel, 1, kThreads, a.stream.stream, a, plan,     \
                 static_cast<const Scratch*>(scratch));                                           \
  } while (0)

eqp_status group_advantage(const GroupAdvantage& a) {
  LaunchScope scope("eqp_group_advantage", a.stream);
  if (!scope.ready()) return scope.finish();
  const bool combined = is_combined(a), whitened = is_whitened(a), over_batch = is_over_batch(a);
  const bool checked = a.offsets.data != nullptr || a.lengths.data != nullptr;
  // What needs all samples is for a block that is alone, or for a launch of its own.
  const bool alone =
      a.rewards.rows <= kOneBlock && (over_batch || whitened || checked || a.metrics != nullptr);
  Plan plan = {};
  plan.combine = combined;
  plan.centre = true;
  plan.checked = checked;
  plan.team = a.rewards.rows / (a.groups < 1 ? 1 : a.groups) <= 256 ? 32 : kThreads;
  plan.groups_each = kThreads / plan.team;
  if (whitened && a.groups > kMaxParts * plan.groups_each)
    plan.groups_each = (a.groups + kMaxParts - 1) / kMaxParts;
  plan.parts = (a.groups + plan.groups_each - 1) / plan.groups_each;
  if (alone) plan.groups_each = a.groups;
  if (alone || plan.parts < 1) plan.parts = 1;
  plan.samples_each = (a.rewards.rows + kMaxParts - 1) / kMaxParts;
  if (plan.samples_each < kThreads) plan.samples_each = kThreads;
  plan.batch_parts = (a.rewards.rows + plan.samples_each - 1) / plan.samples_each;
  Scratch* const scratch = partials<Scratch>(a.stream);
  DataErrors* const errors = data_errors(a.stream);
  if (a.rewards.dtype == EQP_F32) {
    EQP_ADVANTAGE(float);
  } else {
    EQP_ADVANTAGE(double);
  }
  return scope.finish();
}

}  // namespace cuda
}  // namespace eqp

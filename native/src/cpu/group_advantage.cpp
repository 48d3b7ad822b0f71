// group_advantage on the CPU: in double whatever the dtype; rewards are few.
//
// NORMALIZE_THEN_SUM combines the functions' rewards into `advantages` first, then every scale but
// WHITEN is one pass over the groups, after one over the samples where the batch's statistics are
// asked for. WHITEN reads what that pass wrote.
#include "abi/calls/group_advantage.h"

#include "cpu/advantage_lanes.h"
#include "cpu/advantage_stages.h"

namespace eqp {
namespace EQP_ISA {
namespace {

template <class E>
void write_figures(const GroupAdvantage& call, int64_t group, const Statistics& s) {
  if (call.group_mean != nullptr)
    static_cast<E*>(call.group_mean)[group] = static_cast<E>(s.count == 0 ? kNaN : s.mean);
  if (call.group_std != nullptr)
    static_cast<E*>(call.group_std)[group] = static_cast<E>(s.count == 0 ? kNaN : s.std);
}

// Groups with a counted member, and those of them whose members are all equal.
struct GroupCounts {
  int64_t counted = 0, equal = 0;

  void add(const Statistics& s) {
    counted += s.count > 0 ? 1 : 0;
    equal += s.count > 0 && s.equal ? 1 : 0;
  }
};

// The groups of one block that fill whole vectors: figures and advantages of those from `group` on
// whose members are all finite, or none.
template <class E>
struct Lanes {
  static constexpr bool usable = false;
};
template <>
struct Lanes<float> {
  static constexpr bool usable = true;
  static constexpr int64_t kUsualSize = 8;

  const GroupAdvantage& call;
  LaneScale scale;
  double per_count, per_freedom;

  static bool fits(const GroupAdvantage& of, const Statistics& batch) {
    const eqp_group_advantage_options& o = of.options;
    return of.offsets.data == nullptr && o.group_size > 1 && o.group_size <= kMaxLaneGroup &&
           batch.finite &&
           (o.baseline == EQP_ADVANTAGE_BASELINE_MEAN ||
            o.baseline == EQP_ADVANTAGE_BASELINE_OTHERS);
  }

  Lanes(const GroupAdvantage& of, double divisor_without_std) : call(of) {
    const double n = static_cast<double>(call.options.group_size);
    scale.mean_factor = call.options.baseline == EQP_ADVANTAGE_BASELINE_OTHERS ? n / (n - 1) : 1.0;
    scale.std_factor = call.options.scale == EQP_ADVANTAGE_SCALE_GROUP ? 1.0 : 0.0;
    scale.divisor = divisor_without_std;
    per_count = 1 / n;
    per_freedom = 1 / (n - static_cast<double>(call.options.ddof));
  }

  bool groups(const float* rewards, float* out, int64_t group, bool describe,
              GroupCounts* counts) const {
    const int64_t size = call.options.group_size;
    LaneGroups found;
    // The usual size as a constant: its loops are unrolled.
    const float* const from = rewards + group * size;
    float* const to = out + group * size;
    if (!(size == kUsualSize
              ? advantages_in_lanes(from, to, kUsualSize, per_count, per_freedom, scale, &found)
              : advantages_in_lanes(from, to, size, per_count, per_freedom, scale, &found)))
      return false;
    if (!describe) return true;
    if (call.group_mean != nullptr)
      store_narrow(static_cast<float*>(call.group_mean) + group, found.mean);
    if (call.group_std != nullptr)
      store_narrow(static_cast<float*>(call.group_std) + group, found.std);
    counts->counted += kLanes;
    for (int j = 0; j < kLanes; ++j) counts->equal += found.equal[j] != 0 ? 1 : 0;
    return true;
  }
};

template <class E>
struct Advantages {
  const GroupAdvantage& call;
  E* const out;
  const Blocks groups, samples;
  GroupCounts counts;  // of the rewards as given

  explicit Advantages(const GroupAdvantage& of)
      : call(of),
        out(static_cast<E*>(of.advantages)),
        groups(of.groups, bytes(of)),
        samples(of.rewards.rows, bytes(of)) {}

  static uint64_t bytes(const GroupAdvantage& of) {
    return static_cast<uint64_t>(of.rewards.rows) * static_cast<uint64_t>(of.rewards.columns + 1) *
           sizeof(E);
  }

  // body(group, begin, end, counts) for every group; the counts are added up.
  template <class Body>
  void for_groups(const Body& body) {
    int64_t counted[Blocks::kMax], equal[Blocks::kMax];
    parallel_for(groups.count, groups.bytes, [&](int64_t block) {
      GroupCounts found;
      const int64_t last = groups.last(block);
      for (int64_t g = groups.first(block); g < last;) g += body(g, last, &found);
      counted[block] = found.counted;
      equal[block] = found.equal;
    });
    for (int64_t b = 0; b < groups.count; ++b) {
      counts.counted += counted[b];
      counts.equal += equal[b];
    }
  }

  // Figures of the rewards as given, and r into `advantages`.
  template <class Rewards>
  void combine(const Rewards& rewards) {
    for_groups([&](int64_t g, int64_t, GroupCounts* found) {
      const int64_t begin = group_begin(call, g), end = group_begin(call, g + 1);
      const Statistics s = group_statistics(rewards, begin, end, call.options.ddof);
      write_figures<E>(call, g, s);
      found->add(s);
      combine_group<E>(call, begin, end, out);
      return 1;
    });
  }

  template <class Rewards>
  void centre(const Rewards& rewards, const Statistics& batch, bool describe) {
    const Centring<E, Rewards> centring(call, rewards, batch, out);
    const auto one = [&](int64_t g, GroupCounts* found) {
      const int64_t begin = group_begin(call, g), end = group_begin(call, g + 1);
      const Statistics s = group_statistics(rewards, begin, end, call.options.ddof);
      if (describe) {
        write_figures<E>(call, g, s);
        found->add(s);
      }
      centring.group(begin, end, s);
      return 1;
    };
    if constexpr (Lanes<E>::usable && Rewards::plain) {
      if (Lanes<E>::fits(call, batch)) {
        const Lanes<E> lanes(call, centring.divisor(Statistics()));
        for_groups([&](int64_t g, int64_t last, GroupCounts* found) {
          if (last - g >= kLanes && lanes.groups(rewards.values, out, g, describe, found))
            return kLanes;
          return one(g, found);
        });
        return;
      }
    }
    for_groups([&](int64_t g, int64_t, GroupCounts* found) { return one(g, found); });
  }

  void metrics(const Statistics& batch) const {
    E* const to = static_cast<E*>(call.metrics);
    const auto mean = [](const Statistics& s) {
      return static_cast<E>(s.count == 0 ? kNaN : s.mean);
    };
    const auto deviation = [](const Statistics& s) {
      return static_cast<E>(s.count == 0 ? kNaN : s.std);
    };
    to[EQP_ADVANTAGE_METRIC_REWARD_MEAN] = mean(batch);
    to[EQP_ADVANTAGE_METRIC_REWARD_STD] = deviation(batch);
    to[EQP_ADVANTAGE_METRIC_EQUAL_GROUPS] =
        static_cast<E>(counts.counted == 0 ? kNaN
                                           : static_cast<double>(counts.equal) /
                                                 static_cast<double>(counts.counted));
    for (int64_t k = 0; k < call.rewards.columns; ++k) {
      const FunctionRewards<E> function{static_cast<const E*>(call.rewards.data) + k,
                                        call.rewards.row_stride};
      const Statistics s = batch_statistics(function, samples, call.options.ddof);
      to[EQP_ADVANTAGE_METRIC_COUNT + 2 * k] = mean(s);
      to[EQP_ADVANTAGE_METRIC_COUNT + 2 * k + 1] = deviation(s);
    }
  }

  // `rewards`: as given.
  template <class Rewards>
  void run(const Rewards& rewards) {
    const int32_t scale = call.options.scale;
    const bool over_batch =
        scale == EQP_ADVANTAGE_SCALE_BATCH || scale == EQP_ADVANTAGE_SCALE_NONZERO;
    const bool combined = call.options.aggregation == EQP_ADVANTAGE_AGGREGATION_NORMALIZE_THEN_SUM;
    const int32_t ddof = call.options.ddof;
    Statistics given;
    if (call.metrics != nullptr || (over_batch && !combined))
      given = batch_statistics(rewards, samples, ddof);
    if (combined) {
      combine(rewards);
      const PlainRewards<E> r{out};
      centre(r, over_batch ? batch_statistics(r, samples, ddof) : Statistics(), false);
    } else {
      centre(rewards, over_batch ? given : Statistics(), true);
    }
    if (scale == EQP_ADVANTAGE_SCALE_WHITEN) whiten<E>(call, samples, out);
    if (call.metrics != nullptr) metrics(given);
  }
};

template <class E>
void advantages_of(const GroupAdvantage& call) {
  Advantages<E> advantages(call);
  if (is_plain(call)) {
    advantages.run(PlainRewards<E>{static_cast<const E*>(call.rewards.data)});
  } else {
    advantages.run(WeightedRewards<E>{call});
  }
}

eqp_status check_offsets(const GroupAdvantage& call) {
  const Vector& offsets = call.offsets;
  if (offsets.data == nullptr) return EQP_OK;
  constexpr const char* op = "eqp_group_advantage";
  if (index_at(offsets, 0) != 0) {
    return fail(EQP_INVALID_DATA, op, "offsets: expected 0 in the first entry, found %lld",
                static_cast<long long>(index_at(offsets, 0)));
  }
  for (int64_t i = 1; i < offsets.size; ++i) {
    if (index_at(offsets, i) >= index_at(offsets, i - 1)) continue;
    return fail(EQP_INVALID_DATA, op,
                "offsets: expected non-decreasing entries, found %lld after %lld at entry %lld",
                static_cast<long long>(index_at(offsets, i)),
                static_cast<long long>(index_at(offsets, i - 1)), static_cast<long long>(i));
  }
  const int64_t last = index_at(offsets, offsets.size - 1);
  if (last != call.rewards.rows) {
    return fail(EQP_INVALID_DATA, op,
                "offsets: expected the number of samples %lld in the last entry, found %lld",
                static_cast<long long>(call.rewards.rows), static_cast<long long>(last));
  }
  return EQP_OK;
}

eqp_status check_lengths(const GroupAdvantage& call) {
  for (int64_t i = 0; call.lengths.data != nullptr && i < call.lengths.size; ++i) {
    if (index_at(call.lengths, i) >= 0) continue;
    return fail(EQP_INVALID_DATA, "eqp_group_advantage",
                "lengths: expected numbers >= 0, found %lld at entry %lld",
                static_cast<long long>(index_at(call.lengths, i)), static_cast<long long>(i));
  }
  return EQP_OK;
}

}  // namespace

eqp_status group_advantage(const GroupAdvantage& call) {
  EQP_TRY(check_offsets(call));
  EQP_TRY(check_lengths(call));
  if (call.rewards.dtype == EQP_F32) {
    advantages_of<float>(call);
  } else {
    advantages_of<double>(call);
  }
  return EQP_OK;
}

}  // namespace EQP_ISA
}  // namespace eqp

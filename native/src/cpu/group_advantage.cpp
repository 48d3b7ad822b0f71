// group_advantage on the CPU: in double whatever the dtype; rewards are few.
//
// Groups are cut into at most kBlocks contiguous blocks whose bounds depend on the number of groups
// alone. BATCH needs the mean and the squares over all groups first: one pass each, merged in
// order.
#include "cpu/kernels.h"
#include "math/elementary.h"

namespace eqp {
namespace EQP_ISA {
namespace {

constexpr int64_t kBlocks = 64;

struct Statistics {
  int64_t count = 0;  // members that have a reward
  double mean = 0;
  double std = 0;
  bool equal = true;   // all counted members are the same number
  bool finite = true;  // all counted members are finite
};

// `single`: one reward function without a weight, one reward after the other; nearly every call.
template <class E, bool single>
struct Rewards {
  const GroupAdvantage& call;

  // The weighted sum of the rewards that are there; false when there is none.
  bool at(int64_t sample, double* reward) const {
    if (single) {
      *reward = static_cast<double>(static_cast<const E*>(call.rewards.data)[sample]);
      return *reward == *reward;
    }
    const E* const values = row<E>(call.rewards, sample);
    const E* const weights = static_cast<const E*>(call.weights.data);
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

  int64_t begin(int64_t group) const {
    return call.offsets.data == nullptr ? group * call.options.group_size
                                        : index_at(call.offsets, group);
  }
};

bool is_finite(double x) { return x - x == 0; }

double standard_deviation(double squares, int64_t count, int32_t ddof) {
  return count > ddof ? sqrt(squares / static_cast<double>(count - ddof)) : 0.0;
}

template <class Rewards>
Statistics group_statistics(const Rewards& rewards, int64_t begin, int64_t end, int32_t ddof) {
  Statistics s;
  double sum = 0, least = 0, greatest = 0, r;
  for (int64_t i = begin; i < end; ++i) {
    if (!rewards.at(i, &r)) continue;
    least = s.count == 0 || r < least ? r : least;
    greatest = s.count == 0 || r > greatest ? r : greatest;
    s.finite = s.finite && is_finite(r);
    sum += r;
    ++s.count;
  }
  if (s.count == 0) return s;
  s.equal = least == greatest;
  // Equal members: their own value, which a rounded sum divided by the count need not be.
  s.mean = s.equal ? least : sum / static_cast<double>(s.count);
  double squares = 0;
  for (int64_t i = begin; i < end; ++i) {
    if (rewards.at(i, &r)) squares += (r - s.mean) * (r - s.mean);
  }
  s.std = standard_deviation(squares, s.count, ddof);
  return s;
}

// Mean, standard deviation and finiteness over all counted members, in a fixed order.
template <class Rewards>
Statistics batch_statistics(const Rewards& rewards, int64_t blocks, uint64_t bytes) {
  const GroupAdvantage& call = rewards.call;
  const auto first_sample = [&](int64_t block) {
    return rewards.begin(call.groups * block / blocks);
  };
  double sums[kBlocks], squares[kBlocks];
  int64_t counts[kBlocks];
  parallel_for(blocks, bytes, [&](int64_t block) {
    double sum = 0, r;
    int64_t count = 0;
    for (int64_t i = first_sample(block); i < first_sample(block + 1); ++i) {
      if (!rewards.at(i, &r)) continue;
      sum += r;
      ++count;
    }
    sums[block] = sum;
    counts[block] = count;
  });
  Statistics batch;
  double sum = 0;
  for (int64_t b = 0; b < blocks; ++b) {
    sum += sums[b];
    batch.count += counts[b];
  }
  if (batch.count == 0) return batch;
  batch.mean = sum / static_cast<double>(batch.count);
  batch.finite = is_finite(sum);
  parallel_for(blocks, bytes, [&](int64_t block) {
    double square = 0, r;
    for (int64_t i = first_sample(block); i < first_sample(block + 1); ++i) {
      if (rewards.at(i, &r)) square += (r - batch.mean) * (r - batch.mean);
    }
    squares[block] = square;
  });
  double total = 0;
  for (int64_t b = 0; b < blocks; ++b) total += squares[b];
  batch.std = standard_deviation(total, batch.count, call.options.ddof);
  return batch;
}

template <class E, bool single>
void advantages_of(const GroupAdvantage& call) {
  const Rewards<E, single> rewards{call};
  const eqp_group_advantage_options& options = call.options;
  const int64_t blocks = call.groups < kBlocks ? call.groups : kBlocks;
  if (blocks == 0) return;
  const uint64_t bytes = static_cast<uint64_t>(call.rewards.rows) *
                         static_cast<uint64_t>(call.rewards.columns + 1) * sizeof(E);
  const bool over_batch = options.scale == EQP_ADVANTAGE_SCALE_BATCH;
  Statistics batch;
  if (over_batch) batch = batch_statistics(rewards, blocks, bytes);
  E* const out = static_cast<E*>(call.advantages);
  parallel_for(blocks, bytes, [&](int64_t block) {
    // Few groups are a block each; divisions would cost more than their arithmetic.
    const bool each = blocks == call.groups;
    const int64_t first = each ? block : call.groups * block / blocks;
    const int64_t last = each ? block + 1 : call.groups * (block + 1) / blocks;
    for (int64_t g = first; g < last; ++g) {
      const int64_t begin = rewards.begin(g), end = rewards.begin(g + 1);
      const Statistics group = group_statistics(rewards, begin, end, options.ddof);
      if (call.group_mean != nullptr) {
        static_cast<E*>(call.group_mean)[g] = static_cast<E>(group.count == 0 ? kNaN : group.mean);
      }
      if (call.group_std != nullptr) {
        static_cast<E*>(call.group_std)[g] = static_cast<E>(group.count == 0 ? kNaN : group.std);
      }
      const bool finite = over_batch ? batch.finite : group.finite;
      const double scale = options.scale == EQP_ADVANTAGE_SCALE_GROUP ? group.std + options.epsilon
                           : options.scale == EQP_ADVANTAGE_SCALE_BATCH
                               ? batch.std + options.epsilon
                               : 1.0;
      const bool raw = group.count == 1 && options.singleton == EQP_ADVANTAGE_SINGLETON_RAW;
      if (finite && !raw && !group.equal) {  // the usual case, for vectors
        for (int64_t i = begin; i < end; ++i) {
          double r;
          const bool counted = rewards.at(i, &r);
          const double advantage = (r - group.mean) / scale;
          out[i] = static_cast<E>(counted ? advantage : 0.0);
        }
        continue;
      }
      for (int64_t i = begin; i < end; ++i) {
        double r;
        double advantage;
        if (!rewards.at(i, &r)) {
          advantage = 0;
        } else if (!finite) {
          advantage = kNaN;
        } else {
          advantage = raw ? r : 0;
        }
        out[i] = static_cast<E>(advantage);
      }
    }
  });
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

}  // namespace

eqp_status group_advantage(const GroupAdvantage& call) {
  EQP_TRY(check_offsets(call));
  const bool single =
      call.rewards.columns == 1 && call.rewards.row_stride == 1 && call.weights.data == nullptr;
  if (call.rewards.dtype == EQP_F32) {
    single ? advantages_of<float, true>(call) : advantages_of<float, false>(call);
  } else {
    single ? advantages_of<double, true>(call) : advantages_of<double, false>(call);
  }
  return EQP_OK;
}

}  // namespace EQP_ISA
}  // namespace eqp

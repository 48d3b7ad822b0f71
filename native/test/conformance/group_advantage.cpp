// eqp_group_advantage against the formulas of group_advantage.h, oracle in long double.
#include <algorithm>
#include <cmath>
#include <limits>

#include "conformance/conformance.h"
#include "harness/check.h"

namespace eqp::test {
namespace {

using Real = long double;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Setup {
  eqp_dtype dtype = EQP_F32;
  eqp_advantage_scale scale = EQP_ADVANTAGE_SCALE_GROUP;
  eqp_advantage_singleton singleton = EQP_ADVANTAGE_SINGLETON_ZERO;
  int32_t ddof = 1;
  double epsilon = 1e-4;
  std::vector<int64_t> group_sizes;
  int64_t functions = 1;
  bool as_matrix = true, ragged = true, weights = false, all_outputs = true;
  double missing = 0;
  double infinite = 0;
  double spread = 1;      // of rewards around their group's centre
  double centre = 0;      // of all groups; 0: each its own
  bool discrete = false;  // rewards 0, 1, 2: many groups have exactly equal members
  eqp_dtype offsets_dtype = EQP_I64;
  Layout layout;
};

std::string text_of(const Setup& s) {
  return format(
      "groups %zu functions %lld scale %d singleton %d ddof %d epsilon %g ragged %d missing %g "
      "infinite %g spread %g discrete %d",
      s.group_sizes.size(), static_cast<long long>(s.functions), s.scale, s.singleton, s.ddof,
      s.epsilon, s.ragged, s.missing, s.infinite, s.spread, s.discrete);
}

struct Member {
  bool counted = false;
  Real reward = 0;
  Real error = 0;  // of the weighted sum
};

struct Statistics {
  int64_t counted = 0;
  bool infinite = false;
  Real mean = 0, mean_error = 0, deviation = 0, deviation_error = 0;
  bool equal = true;
};

// Mean and standard deviation of the counted members, and what roundoff u does to them.
Statistics statistics_of(const std::vector<Member>& members, int ddof, Real u) {
  Statistics s;
  Real sum = 0, magnitude = 0, largest_error = 0, low = kInf, high = -kInf;
  for (const Member& m : members) {
    if (!m.counted) continue;
    ++s.counted;
    s.infinite = s.infinite || std::isinf(m.reward);
    sum += m.reward;
    magnitude += fabsl(m.reward);
    largest_error = std::max(largest_error, m.error);
    low = std::min(low, m.reward);
    high = std::max(high, m.reward);
  }
  if (s.counted == 0) return s;
  const Real n = static_cast<Real>(s.counted);
  const Real roundings =
      static_cast<Real>(sum_error(static_cast<double>(n), static_cast<double>(u)));
  s.equal = low == high;
  s.mean = s.equal ? low : sum / n;
  s.mean_error = largest_error + roundings * magnitude / n;
  Real squares = 0, error_squares = 0;
  for (const Member& m : members) {
    if (!m.counted) continue;
    const Real d = m.reward - s.mean;
    const Real e = m.error + s.mean_error + u * fabsl(d);
    squares += d * d;
    error_squares += e * e;
  }
  const Real freedom = n - ddof > 0 ? n - ddof : 1;
  s.deviation = s.equal ? 0 : sqrtl(squares / freedom);
  // The deviation is a norm: it moves by at most the norm of the errors.
  s.deviation_error = sqrtl(error_squares / freedom) + (roundings + 4 * u) * s.deviation;
  return s;
}

struct Group {
  std::vector<Member> members;
  Statistics statistics;
};

Expected advantage_of(const Setup& s, const Group& group, const Statistics& batch, const Member& m,
                      Real u) {
  if (!m.counted) return {0, 0};
  const Statistics& g = group.statistics;
  if (g.infinite || (s.scale == EQP_ADVANTAGE_SCALE_BATCH && batch.infinite)) return {kNaN, 0};
  if (g.counted == 1) {
    if (s.singleton == EQP_ADVANTAGE_SINGLETON_ZERO) return {0, 0};
    return {static_cast<double>(m.reward), static_cast<double>(m.error)};
  }
  if (g.equal) return {0, 0};
  const Real d = m.reward - g.mean;
  const Real d_error = m.error + g.mean_error + u * fabsl(d);
  Real divisor = 1, divisor_error = 0;
  if (s.scale == EQP_ADVANTAGE_SCALE_GROUP || s.scale == EQP_ADVANTAGE_SCALE_BATCH) {
    const Statistics& from = s.scale == EQP_ADVANTAGE_SCALE_GROUP ? g : batch;
    divisor = from.deviation + static_cast<Real>(s.epsilon);
    divisor_error = from.deviation_error + u * divisor;
  }
  const Real value = d / divisor;
  const Real relative = divisor_error / divisor;
  return {static_cast<double>(value),
          static_cast<double>((d_error / divisor + fabsl(value) * (relative + 2 * u)) *
                              (1 + 2 * relative))};
}

void run_case(Suite& suite, const Setup& s, uint64_t seed) {
  Random random(seed);
  const Real u = unit_roundoff(s.dtype);
  std::vector<double> offsets = {0};
  for (int64_t size : s.group_sizes) offsets.push_back(offsets.back() + static_cast<double>(size));
  const int64_t samples = static_cast<int64_t>(offsets.back());
  std::vector<double> rewards, weights;
  for (int64_t k = 0; k < s.functions; ++k)
    weights.push_back(round_to(s.dtype, k % 3 == 2 ? -0.7 : 0.3 + random.uniform()));
  std::vector<Group> groups;
  std::vector<Member> all;
  for (int64_t size : s.group_sizes) {
    Group group;
    const double centre = s.centre != 0 ? s.centre : random.normal() * 3;
    const bool group_missing = random.chance(s.missing / 4);
    for (int64_t i = 0; i < size; ++i) {
      Member m;
      for (int64_t k = 0; k < s.functions; ++k) {
        double r =
            s.discrete ? static_cast<double>(random.below(3)) : centre + s.spread * random.normal();
        if (random.chance(s.infinite)) r = random.chance(0.5) ? kInf : -kInf;
        if (group_missing || random.chance(s.missing)) r = kNaN;
        r = round_to(s.dtype, r);
        rewards.push_back(r);
        if (std::isnan(r)) continue;
        const Real term = static_cast<Real>(s.weights ? weights[static_cast<size_t>(k)] : 1) *
                          static_cast<Real>(r);
        m.counted = true;
        m.reward += term;
        if (s.functions > 1 || s.weights)
          m.error += static_cast<Real>(s.functions + 1) * u * fabsl(term);
      }
      group.members.push_back(m);
      all.push_back(m);
    }
    group.statistics = statistics_of(group.members, s.ddof, u);
    groups.push_back(group);
  }
  const Statistics batch = statistics_of(all, s.ddof, u);

  Case call(suite.backend, suite.report, "group_advantage", text_of(s), s.layout);
  auto& options = call.options<eqp_group_advantage_options>();
  options.scale = s.scale;
  options.singleton = s.singleton;
  options.ddof = s.ddof;
  options.epsilon = s.epsilon;
  const std::vector<int64_t> one = {samples}, matrix = {samples, s.functions};
  call.add("rewards", s.dtype, s.as_matrix ? matrix : one, rewards);
  if (s.weights) call.add("weights", s.dtype, {s.functions}, weights);
  const int64_t group_count = static_cast<int64_t>(s.group_sizes.size());
  if (s.ragged) {
    call.add("offsets", s.offsets_dtype, {group_count + 1}, offsets);
  } else {
    options.group_size = s.group_sizes.empty() ? 4 : s.group_sizes[0];
  }
  call.add("advantages", s.dtype, {samples});
  if (s.all_outputs) {
    call.add("group_mean", s.dtype, {group_count});
    call.add("group_std", s.dtype, {group_count});
  }
  if (!call.run()) return;

  std::vector<Expected> advantages;
  for (const Group& group : groups) {
    for (const Member& m : group.members) advantages.push_back(advantage_of(s, group, batch, m, u));
  }
  call.expect("advantages", [&](int64_t i) { return advantages[static_cast<size_t>(i)]; });
  if (!s.all_outputs) return;
  // An infinite reward leaves no finite mean; which non-number it becomes is not promised.
  bool any_infinite = false;
  for (const Group& group : groups) any_infinite = any_infinite || group.statistics.infinite;
  if (any_infinite) return;
  call.expect("group_mean", [&](int64_t g) -> Expected {
    const Statistics& at = groups[static_cast<size_t>(g)].statistics;
    if (at.counted == 0) return {kNaN, 0};
    return {static_cast<double>(at.mean), static_cast<double>(at.mean_error)};
  });
  call.expect("group_std", [&](int64_t g) -> Expected {
    const Statistics& at = groups[static_cast<size_t>(g)].statistics;
    if (at.counted == 0) return {kNaN, 0};
    if (at.equal) return {0, 0};
    return {static_cast<double>(at.deviation), static_cast<double>(at.deviation_error)};
  });
}

// A device cannot refuse before it writes: all outputs are NaN.
void expect_poisoned(Suite& suite, Case& call, int64_t samples, int64_t groups) {
  if (suite.backend.validates_before_writing()) return;
  int64_t numbers = 0;
  for (int64_t i = 0; i < samples; ++i) numbers += !std::isnan(call.at("advantages").get(i));
  for (int64_t g = 0; g < groups; ++g) {
    numbers += !std::isnan(call.at("group_mean").get(g));
    numbers += !std::isnan(call.at("group_std").get(g));
  }
  EQP_CHECK(numbers == 0, "expected NaN everywhere, found %lld numbers",
            static_cast<long long>(numbers));
}

void check_data_errors(Suite& suite) {
  struct Bad {
    const char* what;
    std::vector<double> offsets;
  };
  const Bad bad[] = {{"does not start at 0", {1, 3, 6}},
                     {"decreases", {0, 4, 3, 6}},
                     {"ends before the samples", {0, 3, 5}},
                     {"ends behind the samples", {0, 3, 7}},
                     {"is negative", {0, -1, 6}},
                     {"has no group for the samples", {0}},
                     // Two errors must not make up for each other.
                     {"does not start at 0 and decreases", {1, 4, 3, 6}},
                     {"decreases and ends before the samples", {0, 4, 3, 5}},
                     {"starts and ends wrong", {1, 3, 5}}};
  for (const Bad& b : bad) {
    for (const eqp_dtype dtype : {EQP_I32, EQP_I64}) {
      Case call(suite.backend, suite.report, "group_advantage", std::string("offsets ") + b.what);
      call.add("rewards", EQP_F32, {6}, {1, 2, 3, 4, 5, 6});
      call.add("offsets", dtype, {static_cast<int64_t>(b.offsets.size())}, b.offsets);
      call.add("advantages", EQP_F32, {6});
      const int64_t groups = static_cast<int64_t>(b.offsets.size()) - 1;
      call.add("group_mean", EQP_F32, {groups});
      call.add("group_std", EQP_F32, {groups});
      expect_data_error(suite, call, "offsets");
      expect_poisoned(suite, call, 6, groups);
    }
  }
}

// The same among more groups than one block of a device looks at, and without any group.
void check_data_errors_in_many_groups(Suite& suite) {
  Case none(suite.backend, suite.report, "group_advantage", "no group for many samples");
  const std::vector<double> nothing = {0};
  none.add("rewards", EQP_F32, {5000}, std::vector<double>(5000, 1));
  none.add("offsets", EQP_I64, {1}, nothing);
  none.add("advantages", EQP_F32, {5000});
  expect_data_error(suite, none, "offsets");
  expect_poisoned(suite, none, 5000, 0);
  const int64_t groups = 1250, samples = 4 * groups;
  std::vector<double> good;
  for (int64_t g = 0; g <= groups; ++g) good.push_back(static_cast<double>(4 * g));
  struct Bad {
    const char* what;
    size_t entry;
    double value;
  };
  for (const Bad& b :
       {Bad{"does not start at 0", 0, 1}, Bad{"decreases", 601, 2399},
        Bad{"decreases at the end", 1249, 5001}, Bad{"ends before the samples", 1250, 4999}}) {
    std::vector<double> offsets = good;
    offsets[b.entry] = b.value;
    Case call(suite.backend, suite.report, "group_advantage",
              std::string("many offsets: ") + b.what);
    call.add("rewards", EQP_F32, {samples}, std::vector<double>(static_cast<size_t>(samples), 1));
    call.add("offsets", EQP_I64, {groups + 1}, offsets);
    call.add("advantages", EQP_F32, {samples});
    call.add("group_mean", EQP_F32, {groups});
    call.add("group_std", EQP_F32, {groups});
    expect_data_error(suite, call, "offsets");
    expect_poisoned(suite, call, samples, groups);
  }
}

// Numbers from the definitions themselves, worked by hand.
void check_by_hand(Suite& suite) {
  for (const int ddof : {0, 1}) {
    Case call(suite.backend, suite.report, "group_advantage", format("pair {2, 0}, ddof %d", ddof));
    auto& options = call.options<eqp_group_advantage_options>();
    options.group_size = 2;
    options.ddof = ddof;
    options.epsilon = 0;
    call.add("rewards", EQP_F64, {2}, {2, 0});
    call.add("advantages", EQP_F64, {2});
    if (!call.run()) return;
    const double expected = ddof == 0 ? 1 : 0.70710678118654752;
    call.expect("advantages", [&](int64_t i) {
      return Expected{i == 0 ? expected : -expected, 0x1p-52};
    });
  }
}

std::vector<int64_t> many_groups() {
  std::vector<int64_t> sizes(900, 5);
  sizes[7] = 701;
  return sizes;
}

}  // namespace

void conform_group_advantage(Suite& suite) {
  check_by_hand(suite);
  check_data_errors(suite);
  check_data_errors_in_many_groups(suite);
  uint64_t seed = 3000;
  const Layout layouts[] = {{0, 0}, {3, 1}, {16, 0}, {0, 3}, {61, 2}};
#define EQP_TEST_SCALE(name, value) value,
  const eqp_advantage_scale scales[] = {EQP_ADVANTAGE_SCALES(EQP_TEST_SCALE)};
#undef EQP_TEST_SCALE
  for (const eqp_advantage_scale scale : scales) {
    for (const eqp_dtype dtype : {EQP_F32, EQP_F64}) {
      // Groups that several warps share, and batches that several blocks share.
      Setup empty;
      empty.dtype = dtype;
      empty.scale = scale;
      empty.group_sizes = {0, 0, 0};
      run_case(suite, empty, ++seed);
      for (const std::vector<int64_t>& sizes :
           {std::vector<int64_t>{301, 299, 0, 512, 257, 1, 600}, many_groups()}) {
        for (const double infinite : {0.0, 0.002}) {
          Setup s;
          s.dtype = dtype;
          s.scale = scale;
          s.offsets_dtype = ++seed % 2 == 0 ? EQP_I32 : EQP_I64;
          s.missing = seed % 3 == 0 ? 0.3 : 0;
          s.group_sizes = sizes;
          s.infinite = infinite;
          run_case(suite, s, seed);
        }
        Setup equal;
        equal.dtype = dtype;
        equal.scale = scale;
        equal.group_sizes = sizes;
        equal.spread = 0;
        run_case(suite, equal, ++seed);
      }
      for (const int ddof : {0, 1}) {
        for (const eqp_advantage_singleton singleton :
             {EQP_ADVANTAGE_SINGLETON_ZERO, EQP_ADVANTAGE_SINGLETON_RAW}) {
          const auto usual = [&] {
            Setup s;
            s.dtype = dtype;
            s.scale = scale;
            s.ddof = ddof;
            s.singleton = singleton;
            s.layout = layouts[++seed % 5];
            s.offsets_dtype = seed % 2 == 0 ? EQP_I32 : EQP_I64;
            s.group_sizes = {3, 1, 8, 2, 0, 5, 1, 16, 7};  // ragged, with empty and single groups
            return s;
          };
          run_case(suite, usual(), seed);
          for (const int64_t size : {1, 2, 3, 8, 17}) {
            for (const int64_t count : {0, 1, 5}) {
              Setup s = usual();
              s.ragged = false;
              s.as_matrix = seed % 2 == 0;
              s.group_sizes.assign(static_cast<size_t>(count), size);
              run_case(suite, s, seed);
            }
          }
          for (const int64_t functions : {2, 3, 5}) {
            for (const double missing : {0.0, 0.3, 0.8}) {
              Setup s = usual();
              s.functions = functions;
              s.missing = missing;
              s.weights = seed % 2 == 0;
              run_case(suite, s, seed);
            }
          }
          for (const double missing : {0.5, 1.0}) {
            Setup s = usual();
            s.missing = missing;
            run_case(suite, s, seed);
          }
          for (int repeat = 0; repeat < 4; ++repeat) {
            Setup s = usual();
            s.discrete = true;
            s.missing = repeat % 2 == 0 ? 0 : 0.3;
            s.group_sizes = {2, 3, 2, 4, 2, 1, 3, 2};
            run_case(suite, s, seed);
          }
          for (const double spread : {1e-3, 1e3}) {
            for (const double epsilon : {0.0, 1e-6, 10.0}) {
              Setup s = usual();
              s.spread = spread;
              s.epsilon = epsilon;
              run_case(suite, s, seed);
            }
          }
          // Far from zero: a variance from sums of squares would lose everything.
          Setup far = usual();
          far.centre = 1000;
          far.spread = 1e-3;
          run_case(suite, far, seed);
          Setup infinite = usual();
          infinite.infinite = 0.1;
          infinite.group_sizes = {4, 4, 4, 4, 4, 4};
          run_case(suite, infinite, seed);
          Setup few = usual();
          few.all_outputs = false;
          run_case(suite, few, seed);
          Setup large = usual();
          large.functions = 3;
          large.group_sizes.assign(4001, 8);
          large.group_sizes[7] = 30011;
          run_case(suite, large, seed);
          if (!suite.large_cases) continue;
          Setup many = usual();
          many.group_sizes.assign(70001, 3);
          run_case(suite, many, seed);
          Setup one = usual();
          one.group_sizes.assign(1, 1 << 20);
          run_case(suite, one, seed);
        }
      }
    }
  }
}

}  // namespace eqp::test

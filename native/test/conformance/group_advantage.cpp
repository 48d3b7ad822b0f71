// eqp_group_advantage against group_advantage_oracle.h.
#include "equipoise/group_advantage.h"

#include <cmath>
#include <limits>

#include "conformance/conformance.h"
#include "conformance/group_advantage_oracle.h"
#include "harness/check.h"

namespace eqp::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Setup {
  eqp_dtype dtype = EQP_F32;
  eqp_advantage_scale scale = EQP_ADVANTAGE_SCALE_GROUP;
  eqp_advantage_baseline baseline = EQP_ADVANTAGE_BASELINE_MEAN;
  eqp_advantage_aggregation aggregation = EQP_ADVANTAGE_AGGREGATION_SUM_THEN_NORMALIZE;
  eqp_advantage_singleton singleton = EQP_ADVANTAGE_SINGLETON_ZERO;
  int32_t ddof = 1;
  double epsilon = 1e-4, variance_epsilon = 0;
  std::vector<int64_t> group_sizes;
  int64_t functions = 1;
  bool as_matrix = true, ragged = true, weights = false, all_outputs = true;
  bool lengths = false;  // under WHITEN; baseline LENGTHS always has them
  double missing = 0;
  double infinite = 0;
  double outliers = 0;    // rewards 1e8 times as large
  double spread = 1;      // of rewards around their group's centre
  double centre = 0;      // of all groups; 0: each its own
  bool discrete = false;  // rewards 0, 1, 2: many groups have exactly equal members
  eqp_dtype offsets_dtype = EQP_I64;
  Layout layout;
};

std::string text_of(const Setup& s) {
  return format(
      "groups %zu of %lld functions %lld scale %d baseline %d aggregation %d singleton %d ddof %d "
      "epsilon %g ragged %d lengths %d missing %g infinite %g spread %g discrete %d",
      s.group_sizes.size(), static_cast<long long>(s.group_sizes.empty() ? 0 : s.group_sizes[0]),
      static_cast<long long>(s.functions), s.scale, s.baseline, s.aggregation, s.singleton, s.ddof,
      s.epsilon, s.ragged, s.lengths, s.missing, s.infinite, s.spread, s.discrete);
}

AdvantageProblem problem_of(const Setup& s, uint64_t seed) {
  Random random(seed);
  AdvantageProblem p;
  p.dtype = s.dtype;
  p.group_sizes = s.group_sizes;
  p.functions = s.functions;
  for (int64_t k = 0; s.weights && k < s.functions; ++k)
    p.weights.push_back(round_to(s.dtype, k % 3 == 2 ? -0.7 : 0.3 + random.uniform()));
  for (const int64_t size : s.group_sizes) {
    const double centre = s.centre != 0 ? s.centre : random.normal() * 3;
    const bool group_missing = random.chance(s.missing / 4);
    for (int64_t i = 0; i < size * s.functions; ++i) {
      double r =
          s.discrete ? static_cast<double>(random.below(3)) : centre + s.spread * random.normal();
      if (random.chance(s.outliers)) r *= 1e8;
      if (random.chance(s.infinite)) r = random.chance(0.5) ? kInf : -kInf;
      if (group_missing || random.chance(s.missing)) r = kNaN;
      p.rewards.push_back(round_to(s.dtype, r));
    }
  }
  const bool by_length = s.baseline == EQP_ADVANTAGE_BASELINE_LENGTHS;
  for (int64_t i = 0; (s.lengths || by_length) && i < p.samples(); ++i)
    p.lengths.push_back(static_cast<double>(random.below(5) * random.below(200)));
  for (int64_t i = 0; s.baseline == EQP_ADVANTAGE_BASELINE_GIVEN && i < p.samples(); ++i) {
    const double b =
        random.chance(s.infinite) ? (random.chance(0.5) ? kInf : kNaN) : 3 * random.normal();
    p.baselines.push_back(round_to(s.dtype, b));
  }
  return p;
}

void run_case(Suite& suite, const Setup& s, uint64_t seed) {
  AdvantageProblem p = problem_of(s, seed);
  Case call(suite.backend, suite.report, "group_advantage", text_of(s), s.layout);
  auto& options = call.options<eqp_group_advantage_options>();
  options.scale = s.scale;
  options.baseline = s.baseline;
  options.aggregation = s.aggregation;
  options.singleton = s.singleton;
  options.ddof = s.ddof;
  options.epsilon = s.epsilon;
  options.variance_epsilon = s.variance_epsilon;
  const int64_t samples = p.samples();
  const std::vector<int64_t> one = {samples}, matrix = {samples, s.functions};
  call.add("rewards", s.dtype, s.as_matrix ? matrix : one, p.rewards);
  if (s.weights) call.add("weights", s.dtype, {s.functions}, p.weights);
  const int64_t groups = static_cast<int64_t>(s.group_sizes.size());
  if (s.ragged) {
    std::vector<double> offsets = {0};
    for (const int64_t size : s.group_sizes)
      offsets.push_back(offsets.back() + static_cast<double>(size));
    call.add("offsets", s.offsets_dtype, {groups + 1}, offsets);
  } else {
    options.group_size = s.group_sizes.empty() ? 4 : s.group_sizes[0];
  }
  if (!p.lengths.empty() || s.lengths || s.baseline == EQP_ADVANTAGE_BASELINE_LENGTHS)
    call.add("lengths", s.offsets_dtype == EQP_I32 ? EQP_I64 : EQP_I32, {samples}, p.lengths);
  if (s.baseline == EQP_ADVANTAGE_BASELINE_GIVEN)
    call.add("baselines", s.dtype, {samples}, p.baselines);
  call.add("advantages", s.dtype, {samples});
  if (s.all_outputs) {
    call.add("group_mean", s.dtype, {groups});
    call.add("group_std", s.dtype, {groups});
    call.add("metrics", s.dtype, {EQP_ADVANTAGE_METRIC_COUNT + 2 * s.functions});
  }
  if (!call.run()) return;

  p.options = options;
  const AdvantageSolution solution = solve(p);
  const auto expect = [&](const char* output, const std::vector<Expected>& values) {
    call.expect(output, [&](int64_t i) { return values[static_cast<size_t>(i)]; });
  };
  expect("advantages", solution.advantages);
  if (!s.all_outputs || solution.infinite) return;
  expect("group_mean", solution.group_mean);
  expect("group_std", solution.group_std);
  expect("metrics", solution.metrics);
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
  for (int64_t k = 0; call.has("metrics") && k < call.at("metrics").size(); ++k)
    numbers += !std::isnan(call.at("metrics").get(k));
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
      if (dtype == EQP_I64) call.add("metrics", EQP_F32, {EQP_ADVANTAGE_METRIC_COUNT + 2});
      expect_data_error(suite, call, "offsets");
      expect_poisoned(suite, call, 6, groups);
    }
  }
}

void check_negative_lengths(Suite& suite) {
  for (const eqp_dtype dtype : {EQP_I32, EQP_I64}) {
    Case call(suite.backend, suite.report, "group_advantage", "a negative length");
    auto& options = call.options<eqp_group_advantage_options>();
    options.group_size = 3;
    options.baseline = EQP_ADVANTAGE_BASELINE_LENGTHS;
    call.add("rewards", EQP_F32, {6}, {1, 2, 3, 4, 5, 6});
    call.add("lengths", dtype, {6}, {3, 0, 2, 1, -1, 7});
    call.add("advantages", EQP_F32, {6});
    call.add("group_mean", EQP_F32, {2});
    call.add("group_std", EQP_F32, {2});
    expect_data_error(suite, call, "lengths");
    expect_poisoned(suite, call, 6, 2);
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
    for (const eqp_advantage_scale scale :
         {EQP_ADVANTAGE_SCALE_GROUP, EQP_ADVANTAGE_SCALE_BATCH, EQP_ADVANTAGE_SCALE_WHITEN}) {
      std::vector<double> offsets = good;
      offsets[b.entry] = b.value;
      Case call(suite.backend, suite.report, "group_advantage",
                format("many offsets, scale %d: %s", scale, b.what));
      call.options<eqp_group_advantage_options>().scale = scale;
      call.add("rewards", EQP_F32, {samples}, std::vector<double>(static_cast<size_t>(samples), 1));
      call.add("offsets", EQP_I64, {groups + 1}, offsets);
      call.add("advantages", EQP_F32, {samples});
      call.add("group_mean", EQP_F32, {groups});
      call.add("group_std", EQP_F32, {groups});
      call.add("metrics", EQP_F32, {EQP_ADVANTAGE_METRIC_COUNT + 2});
      expect_data_error(suite, call, "offsets");
      expect_poisoned(suite, call, samples, groups);
    }
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

// Sums of the same rewards in another order, and of others that add up to the same, are no difference
// between members: not even without an epsilon.
void check_equal_sums(Suite& suite) {
  for (const bool weighted : {false, true}) {
    for (const eqp_advantage_scale scale : {EQP_ADVANTAGE_SCALE_GROUP, EQP_ADVANTAGE_SCALE_NONE}) {
      Case call(suite.backend, suite.report, "group_advantage",
                format("equal sums, weighted %d, scale %d", weighted, scale));
      auto& options = call.options<eqp_group_advantage_options>();
      options.group_size = 3;
      options.scale = scale;
      options.epsilon = 0;
      call.add("rewards", EQP_F64, {6, 3},
               {0.1, 0.2, 0.3, 0.3, 0.2, 0.1, 0.6, 0, 0,           // 0.6, but for the last bit
                1e9, -1e9, 0.1, 0.1, -1e9, 1e9, 1e9, -1e9, 0.2});  // the last one is another
      if (weighted) call.add("weights", EQP_F64, {3}, {0.7, 0.7, 0.7});
      call.add("advantages", EQP_F64, {6});
      if (!call.run()) return;
      const double apart = call.at("advantages").get(5) - call.at("advantages").get(4);
      for (int64_t i = 0; i < 3; ++i)
        EQP_CHECK(call.at("advantages").get(i) == 0, "expected 0 for equal sums, found %g",
                  call.at("advantages").get(i));
      EQP_CHECK(apart > 0.05, "expected another advantage for another sum, found %g more", apart);
    }
  }
}

// Two functions are enough for sums that are equal but for rounding; one function's rewards are what they
// are, to the last bit, weighted or not.
void check_sums_of_one_and_two(Suite& suite) {
  for (const int64_t functions : {1, 2}) {
    Case call(suite.backend, suite.report, "group_advantage",
              format("sums of %d", static_cast<int>(functions)));
    auto& options = call.options<eqp_group_advantage_options>();
    options.group_size = 2;
    options.epsilon = 0;
    if (functions == 1) {
      call.add("rewards", EQP_F64, {2, 1}, {1, 1 + 0x1p-52});
      call.add("weights", EQP_F64, {1}, std::vector<double>{1});
    } else {
      call.add("rewards", EQP_F64, {2, 2}, {0.1, 0.2, 0.3, 0});
    }
    call.add("advantages", EQP_F64, {2});
    if (!call.run()) return;
    const double low = call.at("advantages").get(0), high = call.at("advantages").get(1);
    if (functions == 1) {
      EQP_CHECK(low < high, "expected two advantages, found %g and %g", low, high);
    } else {
      EQP_CHECK(low == 0 && high == 0, "expected 0 for equal sums, found %g and %g", low, high);
    }
  }
}

bool legal(eqp_advantage_baseline baseline, eqp_advantage_scale scale) {
  return baseline != EQP_ADVANTAGE_BASELINE_GIVEN ||
         (scale != EQP_ADVANTAGE_SCALE_GROUP && scale != EQP_ADVANTAGE_SCALE_BATCH);
}

#define EQP_TEST_CODE(name, value) value,
const eqp_advantage_scale kScales[] = {EQP_ADVANTAGE_SCALES(EQP_TEST_CODE)};
const eqp_advantage_baseline kBaselines[] = {EQP_ADVANTAGE_BASELINES(EQP_TEST_CODE)};
const eqp_advantage_aggregation kAggregations[] = {EQP_ADVANTAGE_AGGREGATIONS(EQP_TEST_CODE)};
#undef EQP_TEST_CODE

// Every baseline with every scale and aggregation.
void check_estimators(Suite& suite) {
  uint64_t seed = 5000;
  for (const eqp_advantage_baseline baseline : kBaselines) {
    for (const eqp_advantage_scale scale : kScales) {
      if (!legal(baseline, scale)) continue;
      for (const eqp_advantage_aggregation aggregation : kAggregations) {
        for (int variant = 0; variant < 6; ++variant) {
          Setup s;
          s.dtype = ++seed % 2 == 0 ? EQP_F32 : EQP_F64;
          s.baseline = baseline;
          s.scale = scale;
          s.aggregation = aggregation;
          s.singleton =
              variant % 2 == 0 ? EQP_ADVANTAGE_SINGLETON_ZERO : EQP_ADVANTAGE_SINGLETON_RAW;
          s.ddof = seed % 3 == 0 ? 0 : 1;
          s.epsilon = variant == 1 ? 0 : 1e-4;
          s.variance_epsilon = variant == 1 ? 1e-8 : 0;
          s.lengths = scale == EQP_ADVANTAGE_SCALE_WHITEN && variant < 3;
          s.functions = 1 + variant % 3;
          s.weights = variant == 2;
          s.missing = variant == 3 || variant == 4 ? 0.3 : 0;
          s.discrete = variant == 4;
          s.infinite = variant == 5 ? 0.02 : 0;
          s.offsets_dtype = seed % 4 < 2 ? EQP_I32 : EQP_I64;
          s.group_sizes = {3, 1, 8, 2, 0, 5, 1, 16, 7, 2};
          run_case(suite, s, seed);
        }
      }
    }
  }
  // Of several blocks of a device: what differs between them is the scale and the aggregation.
  for (const eqp_advantage_scale scale : kScales) {
    for (const eqp_advantage_aggregation aggregation : kAggregations) {
      Setup many;
      many.scale = scale;
      many.baseline = kBaselines[++seed % 4];
      many.aggregation = aggregation;
      many.lengths = scale == EQP_ADVANTAGE_SCALE_WHITEN && seed % 2 == 0;
      many.functions = 2;
      many.group_sizes.assign(700, 6);
      many.group_sizes[3] = 300;
      run_case(suite, many, seed);
      Setup empty = many;
      empty.group_sizes = {0, 0};
      run_case(suite, empty, ++seed);
    }
  }
}

// Whitening of what has no finite member, and of more groups than a device's workspace holds parts for.
void check_whitening(Suite& suite) {
  Setup s;
  s.scale = EQP_ADVANTAGE_SCALE_WHITEN;
  s.group_sizes = {3};
  s.infinite = 1;
  run_case(suite, s, 6000);
  s.infinite = 0;
  s.ragged = s.all_outputs = false;
  s.group_sizes.assign(9600, 1);
  s.singleton = EQP_ADVANTAGE_SINGLETON_RAW;
  run_case(suite, s, 6001);
}

// Equal advantages have no deviation, whatever rounding makes of their mean: they whiten to 0.
void check_whitening_of_equal_advantages(Suite& suite) {
  for (int64_t count = 2; count < 40; ++count) {
    Case call(suite.backend, suite.report, "group_advantage",
              format("%d equal advantages", static_cast<int>(count)));
    auto& options = call.options<eqp_group_advantage_options>();
    options.group_size = 1;
    options.singleton = EQP_ADVANTAGE_SINGLETON_RAW;
    options.scale = EQP_ADVANTAGE_SCALE_WHITEN;
    options.epsilon = options.variance_epsilon = 0;
    call.add("rewards", EQP_F64, {count}, std::vector<double>(static_cast<size_t>(count), 0.1));
    call.add("advantages", EQP_F64, {count});
    if (!call.run()) return;
    for (int64_t i = 0; i < count; ++i)
      EQP_CHECK(call.at("advantages").get(i) == 0, "%d equal ones: expected 0, found %g",
                static_cast<int>(count), call.at("advantages").get(i));
  }
}

// Groups of one size, which the CPU computes several at a time.
void check_equal_groups(Suite& suite) {
  uint64_t seed = 7000;
  for (const int64_t size : {2, 3, 5, 8, 9, 16, 17, 64}) {
    for (const eqp_advantage_scale scale : kScales) {
      Setup s;
      s.scale = scale;
      s.baseline = ++seed % 2 == 0 ? EQP_ADVANTAGE_BASELINE_MEAN : EQP_ADVANTAGE_BASELINE_OTHERS;
      s.ragged = s.as_matrix = false;
      s.ddof = seed % 3 == 0 ? 0 : 1;
      s.epsilon = seed % 4 == 0 ? 0 : 1e-6;
      s.discrete = seed % 5 == 0;
      s.missing = seed % 7 == 0 ? 0.01 : 0;
      s.infinite = seed % 11 == 0 ? 0.005 : 0;
      s.outliers = seed % 3 == 0 ? 0.1 : 0;
      s.layout = Layout{0, static_cast<int64_t>(seed % 3)};
      s.group_sizes.assign(size < 64 ? 19 : 9, size);
      run_case(suite, s, seed);
      // Far from zero, where only differences are small.
      s.centre = 1000;
      s.spread = 1e-3;
      s.outliers = 0;
      s.all_outputs = seed % 2 == 0;
      run_case(suite, s, ++seed);
    }
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
  check_equal_sums(suite);
  check_sums_of_one_and_two(suite);
  check_data_errors(suite);
  check_negative_lengths(suite);
  check_data_errors_in_many_groups(suite);
  check_estimators(suite);
  check_whitening(suite);
  check_whitening_of_equal_advantages(suite);
  check_equal_groups(suite);
  uint64_t seed = 3000;
  const Layout layouts[] = {{0, 0}, {3, 1}, {16, 0}, {0, 3}, {61, 2}};
  for (const eqp_advantage_scale scale :
       {EQP_ADVANTAGE_SCALE_GROUP, EQP_ADVANTAGE_SCALE_BATCH, EQP_ADVANTAGE_SCALE_NONE}) {
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
      for (const Layout& layout : each_shifted_alone("group_advantage")) {
        Setup s;
        s.dtype = dtype;
        s.scale = scale == EQP_ADVANTAGE_SCALE_BATCH ? EQP_ADVANTAGE_SCALE_WHITEN : scale;
        if (s.scale == EQP_ADVANTAGE_SCALE_WHITEN) s.baseline = EQP_ADVANTAGE_BASELINE_LENGTHS;
        if (s.scale == EQP_ADVANTAGE_SCALE_NONE) s.baseline = EQP_ADVANTAGE_BASELINE_GIVEN;
        s.weights = true;
        s.functions = 2;
        s.layout = layout;
        s.group_sizes = {16, 32, 16};
        run_case(suite, s, ++seed);
      }
      for (const int ddof : {0, 1}) {
        // With ddof in one dtype, against it in the other.
        const eqp_advantage_singleton singleton = (ddof == 1) == (dtype == EQP_F32)
                                                      ? EQP_ADVANTAGE_SINGLETON_RAW
                                                      : EQP_ADVANTAGE_SINGLETON_ZERO;
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

}  // namespace eqp::test

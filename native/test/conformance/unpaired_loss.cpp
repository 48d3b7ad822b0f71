// eqp_unpaired_loss against the formulas of unpaired_loss.h: the cases.
#include "equipoise/unpaired_loss.h"

#include <cmath>
#include <limits>

#include "conformance/conformance.h"
#include "conformance/unpaired_loss_oracle.h"
#include "harness/check.h"

namespace eqp::test {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Real kLargest = 1e100L;  // beyond, a value of the oracle stands for infinity

enum class Data {
  kUsual,
  kEqualToReference,
  kExtreme,
  kCertain,
  kNotANumber,
  kInfinite,
  kNearReference
};

struct Setup {
  eqp_dtype dtype = EQP_F32;
  eqp_unpaired_loss_options options;
  int64_t rows = 5, tokens = 7, kl_rows = 4, kl_tokens = 6;
  Layout layout;
  Data data = Data::kUsual;
  double kl_drift = 0.3;  // of the mismatched answers' log-ratios per token
  bool kl_is_nan = false;
  bool reference = true, kl_reference = true, kl_mask = true;
  bool weights = false, given_mean = false, all_outputs = true;
  double unmasked = 0.8, desirable = 0.5;
  eqp_dtype mask_dtype = EQP_BOOL;

  Setup() { eqp_unpaired_loss_options_init(&options); }
};

eqp_dtype out_dtype(const Setup& s) { return s.dtype == EQP_F64 ? EQP_F64 : EQP_F32; }

double truth(const Setup& s, bool is_true, Random& random) {
  if (!is_true) return 0;
  return s.mask_dtype == EQP_U8 ? 1 + static_cast<double>(random.below(255)) : 1;
}

double log_prob_of(Data data, Random& random) {
  if (data == Data::kNearReference) return -0.1;
  if (data == Data::kCertain) return random.chance(0.7) ? 0 : -0x1p-20 * random.uniform();
  return data == Data::kExtreme ? -400 * random.uniform() : -2 * std::fabs(random.normal());
}

UnpairedProblem::Answers make_answers(const Setup& s, Random& random) {
  UnpairedProblem::Answers answers;
  answers.rows = s.rows;
  answers.tokens = s.tokens;
  for (int64_t i = 0; i < s.rows; ++i) {
    for (int64_t t = 0; t < s.tokens; ++t) {
      const bool unmasked = random.chance(s.unmasked);
      double policy = log_prob_of(s.data, random);
      double reference = policy + 0.5 * random.normal();
      if (s.data == Data::kEqualToReference) reference = round_to(s.dtype, policy);
      if (s.data == Data::kNearReference) reference = policy - 1e-3 * random.normal();
      if (s.data == Data::kNotANumber && unmasked && i % 3 == 1) policy = kNaN;
      if (s.data == Data::kInfinite && unmasked && i % 3 == 1 && t == 0) policy = -HUGE_VAL;
      // Masked tokens may hold anything.
      if (!unmasked) policy = t % 2 == 0 ? kNaN : HUGE_VAL;
      if (!unmasked) reference = kNaN;
      answers.policy.push_back(round_to(s.dtype, policy));
      if (s.reference) answers.reference.push_back(round_to(s.dtype, reference));
      answers.mask.push_back(truth(s, unmasked, random));
    }
  }
  return answers;
}

UnpairedProblem::Answers make_mismatched(const Setup& s, Random& random) {
  UnpairedProblem::Answers answers;
  answers.rows = s.kl_rows;
  answers.tokens = s.kl_tokens;
  for (int64_t e = 0; e < s.kl_rows * s.kl_tokens; ++e) {
    const bool unmasked = !s.kl_mask || random.chance(s.unmasked);
    const double reference = log_prob_of(s.data, random);
    const double ratio = s.kl_drift + 0.1 * random.normal();
    double policy = (s.kl_reference ? reference : 0) + ratio;
    if (!unmasked || (s.kl_is_nan && e == 0)) policy = kNaN;
    answers.policy.push_back(round_to(s.dtype, policy));
    if (s.kl_reference) answers.reference.push_back(round_to(s.dtype, unmasked ? reference : kNaN));
    if (s.kl_mask) answers.mask.push_back(truth(s, unmasked, random));
  }
  if (s.kl_is_nan && s.kl_mask) answers.mask[0] = 1;
  return answers;
}

UnpairedProblem make_problem(const Setup& s, Random& random) {
  UnpairedProblem problem;
  problem.answers = make_answers(s, random);
  problem.mismatched = make_mismatched(s, random);
  for (int64_t i = 0; i < s.rows; ++i) {
    problem.labels.push_back(truth(s, random.chance(s.desirable), random));
    if (s.weights)
      problem.weights.push_back(round_to(out_dtype(s), i % 4 == 3 ? 0 : 2 * random.uniform()));
  }
  if (s.given_mean) {
    problem.reward_mean = 0.75;
    problem.reward_count = 12;
  }
  return problem;
}

std::string text_of(const Setup& s) {
  return format(
      "kind %d [%lld, %lld] kl [%lld, %lld] %g gap %lld data %d beta %g weights %g %g %d update %d "
      "mean %d references %d %d masks %d %s %g desirable %g",
      s.options.kind, static_cast<long long>(s.rows), static_cast<long long>(s.tokens),
      static_cast<long long>(s.kl_rows), static_cast<long long>(s.kl_tokens), s.kl_drift,
      static_cast<long long>(s.layout.gap), static_cast<int>(s.data), s.options.beta,
      s.options.desirable_weight, s.options.undesirable_weight, s.weights,
      s.options.update_reward_mean, s.given_mean, s.reference, s.kl_reference, s.kl_mask,
      dtype_text(s.mask_dtype), s.unmasked, s.desirable);
}

// A value that stands for infinity is one. u: roundings of the output itself.
Expected expected_of(const Bounded& b, Real u, Real tiny) {
  if (fabsl(b.value) > kLargest) return {b.value > 0 ? HUGE_VAL : -HUGE_VAL, 0};
  return {static_cast<double>(b.value),
          static_cast<double>(b.error + 2 * u * fabsl(b.value) + tiny)};
}

void add_tensors(Case& call, const Setup& s, const UnpairedProblem& problem) {
  const std::vector<int64_t> shape = {s.rows, s.tokens}, kl_shape = {s.kl_rows, s.kl_tokens};
  const eqp_dtype out = out_dtype(s);
  call.add("log_probs", s.dtype, shape, problem.answers.policy);
  if (s.reference) call.add("reference_log_probs", s.dtype, shape, problem.answers.reference);
  call.add("mask", s.mask_dtype, shape, problem.answers.mask);
  call.add("labels", s.mask_dtype, {s.rows}, problem.labels);
  if (s.weights) call.add("row_weights", out, {s.rows}, problem.weights);
  if (s.kl_rows > 0 || s.options.kind == EQP_UNPAIRED_LOSS_KTO) {
    call.add("kl_log_probs", s.dtype, kl_shape, problem.mismatched.policy);
    if (s.kl_reference)
      call.add("kl_reference_log_probs", s.dtype, kl_shape, problem.mismatched.reference);
    if (s.kl_mask) call.add("kl_mask", s.mask_dtype, kl_shape, problem.mismatched.mask);
  }
  if (s.given_mean)
    call.add("reward_mean", EQP_F64, {2}, {problem.reward_mean, problem.reward_count});
  call.add("loss", out, s.rows % 2 == 0 ? std::vector<int64_t>{} : std::vector<int64_t>{1});
  if (!s.all_outputs) return;
  call.add("row_losses", out, {s.rows});
  call.add("rewards", out, {s.rows});
  call.add("metrics", out, {EQP_UNPAIRED_METRIC_COUNT});
  call.add("new_reward_mean", EQP_F64, {2});
  call.add("d_log_probs", s.dtype, shape);
}

void expect_metrics(Case& call, const UnpairedProblem& problem, const UnpairedOracle& oracle,
                    Real u, Real tiny) {
  Bounded sums[EQP_UNPAIRED_METRIC_COUNT] = {};
  Real magnitude[EQP_UNPAIRED_METRIC_COUNT] = {};
  const auto add = [&](int metric, const Bounded& x) {
    if (std::isnan(x.value)) return;
    sums[metric].value += x.value;
    sums[metric].error += x.error;
    magnitude[metric] += fabsl(x.value);
  };
  sums[EQP_UNPAIRED_METRIC_KL] = oracle.kl;
  sums[EQP_UNPAIRED_METRIC_REWARD_MEAN] = oracle.reward_mean;
  for (size_t i = 0; i < oracle.rows.size(); ++i) {
    const UnpairedOracle::Row& row = oracle.rows[i];
    const bool desirable = problem.labels[i] != 0;
    add(EQP_UNPAIRED_METRIC_ROWS, Bounded(row.left_out ? 0 : 1));
    add(desirable ? EQP_UNPAIRED_METRIC_DESIRABLE : EQP_UNPAIRED_METRIC_UNDESIRABLE, Bounded(1));
    add(desirable ? EQP_UNPAIRED_METRIC_REWARD_DESIRABLE : EQP_UNPAIRED_METRIC_REWARD_UNDESIRABLE,
        row.reward);
    add(desirable ? EQP_UNPAIRED_METRIC_LOG_PROB_DESIRABLE
                  : EQP_UNPAIRED_METRIC_LOG_PROB_UNDESIRABLE,
        row.log_prob);
  }
  const Real roundings =
      static_cast<Real>(sum_error(static_cast<double>(oracle.rows.size()), 0x1p-53));
  call.expect("metrics", [&](int64_t m) {
    const Bounded& sum = sums[m];
    return expected_of(Bounded(sum.value, sum.error + roundings * magnitude[m]), u, tiny);
  });
}

void run_case(Suite& suite, const Setup& s, uint64_t seed) {
  Random random(seed);
  const UnpairedProblem problem = make_problem(s, random);
  const Real u = arithmetic_roundoff(s.dtype), tiny = smallest_normal(out_dtype(s));
  Case call(suite.backend, suite.report, "unpaired_loss", text_of(s), s.layout);
  call.options<eqp_unpaired_loss_options>() = s.options;
  add_tensors(call, s, problem);
  if (!call.run()) return;
  const UnpairedOracle oracle = unpaired_oracle(problem, s.options, u);
  const auto at = [&](int64_t i) -> const UnpairedOracle::Row& {
    return oracle.rows[static_cast<size_t>(i)];
  };
  call.expect("loss", [&](int64_t) { return expected_of(oracle.loss, u, tiny); });
  if (!s.all_outputs) return;
  call.expect("row_losses", [&](int64_t i) { return expected_of(at(i).loss, u, tiny); });
  call.expect("rewards", [&](int64_t i) { return expected_of(at(i).reward, u, tiny); });
  expect_metrics(call, problem, oracle, u, tiny);
  call.expect("new_reward_mean", [&](int64_t i) -> Expected {
    if (i == 1) return {oracle.reward_count, 0};
    return expected_of(oracle.reward_mean, 0x1p-53L, 0);
  });
  call.expect("d_log_probs", [&](int64_t e) -> Expected {
    if (problem.answers.mask[static_cast<size_t>(e)] == 0) return {0, 0};
    return expected_of(at(e / s.tokens).slope, 2 * u, tiny);
  });
}

// The oracle's slopes are those of its loss with the reference point held fixed.
void check_oracle_by_differences(const Setup& s) {
  Random random(9);
  const UnpairedProblem problem = make_problem(s, random);
  const UnpairedOracle oracle = unpaired_oracle(problem, s.options, 0x1p-53L);
  const Real point = s.options.kind == EQP_UNPAIRED_LOSS_KTO   ? s.options.beta * oracle.kl.value
                     : s.options.kind == EQP_UNPAIRED_LOSS_BCO ? oracle.reward_mean.value
                                                               : 0;
  const Real n = static_cast<Real>(s.rows);
  Real loss = 0;
  for (size_t i = 0; i < oracle.rows.size(); ++i) {
    const UnpairedOracle::Row& row = oracle.rows[i];
    const Real ratio = row.reward.value / s.options.beta;
    const auto loss_at = [&](Real step) {
      return unpaired_loss_of(s.options, ratio + step, problem.labels[i] != 0, problem.weights[i],
                              point);
    };
    const Real difference = derivative_at_zero(loss_at, 0x1p-10L) / n;
    loss += loss_at(0) / n;
    EQP_CHECK(fabsl(difference - row.slope.value) < 1e-10L, "oracle, %s: %Lg is not %Lg",
              text_of(s).c_str(), row.slope.value, difference);
  }
  EQP_CHECK(fabsl(loss - oracle.loss.value) < 1e-15L, "oracle, %s: %Lg is not %Lg",
            text_of(s).c_str(), oracle.loss.value, loss);
}

// Setups of changing layout and mask, each with a seed of its own.
class Setups {
 public:
  Setup of(eqp_dtype dtype, eqp_unpaired_loss_kind kind) {
    const Layout layouts[] = {{0, 0}, {3, 1}, {16, 0}, {0, 3}, {61, 2}};
    Setup s;
    s.dtype = dtype;
    s.layout = layouts[++seed_ % 5];
    s.mask_dtype = seed_ % 2 == 0 ? EQP_BOOL : EQP_U8;
    s.options.kind = kind;
    return s;
  }
  uint64_t seed() const { return seed_; }

 private:
  uint64_t seed_ = 2000;
};

void conform_kind(Suite& suite, Setups& setups, eqp_unpaired_loss_kind kind, eqp_dtype dtype) {
  const auto run = [&](const std::function<void(Setup&)>& edit) {
    Setup s = setups.of(dtype, kind);
    edit(s);
    run_case(suite, s, setups.seed());
  };
  const int64_t shapes[][4] = {{0, 7, 0, 5},    {0, 7, 3, 5},    {1, 0, 1, 0},    {1, 1, 1, 1},
                               {2, 16, 5, 12},  {5, 33, 17, 20}, {17, 7, 3, 130}, {64, 130, 64, 79},
                               {3, 1031, 2, 7}, {2, 7, 3, 1031}};
  for (const auto& shape : shapes) {
    run([&](Setup& s) {
      s.rows = shape[0];
      s.tokens = shape[1];
      s.kl_rows = shape[2];
      s.kl_tokens = shape[3];
    });
  }
  for (const Data data : {Data::kEqualToReference, Data::kExtreme, Data::kCertain,
                          Data::kNotANumber, Data::kInfinite}) {
    for (const bool given : {false, true}) {
      run([&](Setup& s) {
        s.data = data;
        s.rows = 11;
        s.given_mean = given;
        s.weights = given;
        s.unmasked = given ? 0.8 : 1.0;
      });
    }
  }
  run([](Setup& s) {  // every row is left out
    s.data = Data::kNotANumber;
    s.rows = 2;
    s.unmasked = 1;
    s.layout = {};
  });
}

// A running mean of less than no rewards.
void check_bad_count(Suite& suite) {
  for (const double count : {-1.0, kNaN}) {
    Case call(suite.backend, suite.report, "unpaired_loss", format("a count of %g", count));
    call.options<eqp_unpaired_loss_options>().kind = EQP_UNPAIRED_LOSS_BCO;
    call.add("log_probs", EQP_F32, {2, 2}, {-1, -2, -1, -1});
    call.add("mask", EQP_BOOL, {2, 2}, {1, 1, 1, 0});
    call.add("labels", EQP_BOOL, {2}, {1, 0});
    call.add("reward_mean", EQP_F64, {2}, {0.5, count});
    call.add("loss", EQP_F32, {1});
    call.add("new_reward_mean", EQP_F64, {2});
    expect_data_error(suite, call, "reward_mean");
    if (suite.backend.validates_before_writing()) continue;
    EQP_CHECK(std::isnan(call.at("loss").get(0)) && std::isnan(call.at("new_reward_mean").get(0)),
              "expected NaN from a running mean that is none, found %g", call.at("loss").get(0));
  }
}

// Every option and optional tensor; their formulas are evaluated in double, whatever the dtype.
void conform_options(Suite& suite, Setups& setups, eqp_unpaired_loss_kind kind, eqp_dtype dtype) {
  const auto run = [&](const std::function<void(Setup&)>& edit) {
    Setup s = setups.of(dtype, kind);
    edit(s);
    run_case(suite, s, setups.seed());
  };
  for (const double unmasked : {0.0, 0.3, 1.0}) run([&](Setup& s) { s.unmasked = unmasked; });
  for (const double desirable : {0.0, 1.0}) run([&](Setup& s) { s.desirable = desirable; });
  for (const double beta : {1e-3, 1.0, 50.0}) {
    run([&](Setup& s) {
      s.options.beta = beta;
      s.rows = 13;
    });
  }
  for (const double drift : {-0.5, 0.02, 5.0}) run([&](Setup& s) { s.kl_drift = drift; });
  run([](Setup& s) { s.kl_is_nan = true; });
  run([](Setup& s) { s.reference = false; });
  run([](Setup& s) { s.all_outputs = false; });
  run([](Setup& s) { s.weights = true; });
  for (const bool mask : {false, true}) {
    run([&](Setup& s) {
      s.kl_mask = mask;
      s.kl_reference = false;
    });
  }
  for (const int update : {0, 1}) {
    run([&](Setup& s) {
      s.options.update_reward_mean = update;
      s.given_mean = true;
    });
  }
  run([](Setup& s) { s.options.update_reward_mean = 0; });
  run([](Setup& s) {
    s.options.desirable_weight = 1.5;
    s.options.undesirable_weight = -0.25;
    s.weights = true;
    s.rows = 19;
  });
  run([](Setup& s) { s.options.desirable_weight = 0; });
  run([](Setup& s) {
    s.options.undesirable_weight = 0;
    s.data = Data::kInfinite;
  });
}

// Rows that several warps share, many rows, long rows.
void conform_sizes(Suite& suite, Setups& setups, eqp_unpaired_loss_kind kind, eqp_dtype dtype) {
  const auto run = [&](int64_t rows, int64_t tokens, int64_t kl_rows, int64_t kl_tokens,
                       bool all_outputs = true) {
    Setup s = setups.of(dtype, kind);
    s.rows = rows;
    s.tokens = tokens;
    s.kl_rows = kl_rows;
    s.kl_tokens = kl_tokens;
    s.all_outputs = all_outputs;
    run_case(suite, s, setups.seed());
  };
  run(151, 41, 2, 5);
  run(3, 5, 151, 41);
  run(1100, 3, 5, 2);
  // Long answers whose log-probs add up to much more than what they differ by.
  for (const int64_t tokens : {8193, 131072}) {
    if (tokens > 10'000 && dtype != EQP_F32) continue;
    Setup s = setups.of(dtype, kind);
    s.data = Data::kNearReference;
    s.rows = 2;
    s.tokens = tokens;
    run_case(suite, s, setups.seed());
  }
  if (dtype == EQP_F32) run(2, 65537, 3, 613);
  if (dtype == EQP_F32) run(5201, 1, 3, 1, false);
  if (!suite.large_cases) return;
  run(70001, 3, 3, 3);
  run(3, 3, 70001, 3);
  run(1, 1 << 20, 2, 613);
}

const eqp_unpaired_loss_kind kKinds[] = {
#define EQP_TEST_KIND(name, value) value,
    EQP_UNPAIRED_LOSS_KINDS(EQP_TEST_KIND)
#undef EQP_TEST_KIND
};

}  // namespace

void conform_unpaired_loss(Suite& suite) {
  check_bad_count(suite);
  Setups setups;
  for (const eqp_unpaired_loss_kind kind : kKinds) {
    Setup s = setups.of(EQP_F64, kind);
    s.weights = s.given_mean = true;
    s.rows = 9;
    s.options.beta = 0.4;
    s.options.desirable_weight = 1.3;
    s.options.undesirable_weight = 0.7;
    check_oracle_by_differences(s);
  }
  for (const eqp_dtype dtype : {EQP_F32, EQP_F64, EQP_BF16, EQP_F16}) {
    for (const eqp_unpaired_loss_kind kind : kKinds) {
      conform_kind(suite, setups, kind, dtype);
      if (dtype == EQP_F32 || dtype == EQP_F64) conform_options(suite, setups, kind, dtype);
    }
    for (const Layout& layout : each_shifted_alone("unpaired_loss")) {
      Setup s = setups.of(dtype, EQP_UNPAIRED_LOSS_KTO);
      s.layout = layout;
      s.tokens = 32;
      s.kl_tokens = 16;
      s.weights = true;
      run_case(suite, s, setups.seed());
    }
    conform_sizes(suite, setups, dtype == EQP_F64 ? EQP_UNPAIRED_LOSS_BCO : EQP_UNPAIRED_LOSS_KTO,
                  dtype);
  }
}

}  // namespace eqp::test

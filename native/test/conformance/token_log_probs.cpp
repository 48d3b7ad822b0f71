// eqp_token_log_probs_forward and _backward against the formulas of token_log_probs.h.
#include "equipoise/token_log_probs.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "conformance/conformance.h"
#include "conformance/token_log_probs_oracle.h"
#include "harness/check.h"

namespace eqp::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

enum class Data { kNormal, kWide, kHuge, kEqual, kPeaked, kSpecial, kClimbing, kShared, kCold };

struct Shape {
  int64_t rows, vocab;
};

struct Setup {
  eqp_dtype dtype;
  Shape shape;
  Layout layout;
  Data data = Data::kNormal;
  float temperature = 1;
  eqp_dtype target_dtype = EQP_I64;
  int64_t ignore_index = -100;
  double ignored_share = 0.15;
  bool wide = false;  // log_sum_exp and log_sum_exp_2x in f64
  bool log_sum_exp = true, log_sum_exp_2x = true, entropy = true;
  int64_t target = -1;  // of every row; random if negative
  float logit_scale = 1, soft_cap = 0;
  eqp_dtype bias_dtype = 0;  // 0: no bias
};

std::string text_of(const Setup& s) {
  return format("[%lld, %lld] gap %lld offset %lld data %d temperature %g %s ignore %lld%s",
                static_cast<long long>(s.shape.rows), static_cast<long long>(s.shape.vocab),
                static_cast<long long>(s.layout.gap), static_cast<long long>(s.layout.offset),
                static_cast<int>(s.data), static_cast<double>(s.temperature),
                dtype_text(s.target_dtype), static_cast<long long>(s.ignore_index),
                s.wide ? " wide" : "") +
         format(" scale %g cap %g bias %s", static_cast<double>(s.logit_scale),
                static_cast<double>(s.soft_cap),
                s.bias_dtype == 0 ? "none" : dtype_text(s.bias_dtype));
}

struct Problem {
  std::vector<double> logits, targets;
  LogitMap map;
  std::vector<Row> rows;
};

double draw(Random& random, Data data, int64_t row, int64_t j, int64_t vocab) {
  switch (data) {
    case Data::kWide:
      return random.normal() * 30;
    case Data::kHuge:
      return random.normal() * 8000;
    case Data::kEqual:
      return 3.25;
    case Data::kPeaked:
      return j == vocab - 1 ? 60 : random.normal();
    case Data::kClimbing:
      // Ever larger maxima, each far beyond what an exponential against the one before can hold;
      // some rows begin with nothing, or with NaN.
      if (row % 3 == 1 && j < 3000) return -kInf;
      if (row % 3 == 2 && j == 5) return kNaN;
      return static_cast<double>(j / 512 * 60) + random.normal();
    case Data::kCold:
      return random.normal() * 1e-34;
    case Data::kShared: {
      const double offsets[] = {200, -1000, 10000, 1e6};
      return offsets[row % 4] + random.normal() * 3;
    }
    case Data::kSpecial:
      switch (row % 7) {
        case 0:
          return random.chance(0.5) && j != vocab / 2 ? -kInf : random.normal();
        case 1:
          return j == vocab / 3 ? kNaN : random.normal();
        case 2:
          return j == vocab - 1 ? kInf : random.normal();
        case 3:
          return -kInf;
        case 4:
          return j == vocab - 1 ? 2.0 : -kInf;
        case 5:
          return -60000 + random.normal();
        default:
          return random.normal();
      }
    default:
      return random.normal() * 3;
  }
}

Problem make_problem(const Setup& s, uint64_t seed) {
  Problem problem;
  Random random(seed);
  const int64_t n = s.shape.vocab;
  problem.map.scale = static_cast<double>(s.logit_scale);
  problem.map.soft_cap = static_cast<double>(s.soft_cap);
  for (int64_t j = 0; s.bias_dtype != 0 && j < n; ++j)
    problem.map.bias.push_back(round_to(s.bias_dtype, random.normal() * 2));
  for (int64_t i = 0; i < s.shape.rows; ++i) {
    for (int64_t j = 0; j < n; ++j)
      problem.logits.push_back(round_to(s.dtype, draw(random, s.data, i, j, n)));
    const bool ignored = random.chance(s.ignored_share);
    const int64_t random_target = random.below(n);
    const int64_t target = ignored ? s.ignore_index : s.target >= 0 ? s.target : random_target;
    problem.targets.push_back(static_cast<double>(target));
    // An ignored row may hold anything: its logits are not read.
    if (ignored) problem.logits[static_cast<size_t>(i * n)] = kNaN;
    problem.rows.push_back(make_row(&problem.logits[static_cast<size_t>(i * n)], n, target,
                                    static_cast<double>(s.temperature), problem.map,
                                    target == s.ignore_index));
  }
  return problem;
}

bool is_low_precision(eqp_dtype dtype) { return dtype == EQP_BF16 || dtype == EQP_F16; }

void run_forward(Suite& suite, const Setup& s, const Problem& problem) {
  Case call(suite.backend, suite.report, "token_log_probs_forward", text_of(s), s.layout);
  call.options<eqp_token_log_probs_options>().temperature = s.temperature;
  call.options<eqp_token_log_probs_options>().ignore_index = s.ignore_index;
  call.options<eqp_token_log_probs_options>().logit_scale = s.logit_scale;
  call.options<eqp_token_log_probs_options>().soft_cap = s.soft_cap;
  if (s.bias_dtype != 0) call.add("bias", s.bias_dtype, {s.shape.vocab}, problem.map.bias);
  const std::vector<int64_t> per_row = {s.shape.rows};
  call.add("logits", s.dtype, {s.shape.rows, s.shape.vocab}, problem.logits);
  call.add("targets", s.target_dtype, per_row, problem.targets);
  call.add("log_probs", EQP_F32, per_row);
  const eqp_dtype sums = s.wide ? EQP_F64 : EQP_F32;
  if (s.log_sum_exp) call.add("log_sum_exp", sums, per_row);
  if (s.log_sum_exp_2x) call.add("log_sum_exp_2x", sums, per_row);
  if (s.entropy) call.add("entropy", EQP_F32, per_row);
  if (!call.run()) return;
  const auto& rows = problem.rows;
  const auto at = [&rows](int64_t i) -> const Row& { return rows[static_cast<size_t>(i)]; };
  call.expect("log_probs", [&](int64_t i) {
    return Expected{at(i).log_prob, at(i).log_prob_tolerance};
  });
  const auto of_output = [&s](double value) {
    return s.wide ? 0 : kLogProbRoundoff * std::fabs(value);
  };
  if (s.log_sum_exp) {
    call.expect("log_sum_exp", [&](int64_t i) {
      return Expected{at(i).log_sum_exp,
                      at(i).log_sum_exp_tolerance + of_output(at(i).log_sum_exp)};
    });
  }
  if (s.log_sum_exp_2x) {
    call.expect("log_sum_exp_2x", [&](int64_t i) {
      return Expected{at(i).log_sum_exp_2x,
                      at(i).log_sum_exp_2x_tolerance + of_output(at(i).log_sum_exp_2x)};
    });
  }
  if (s.entropy) {
    call.expect("entropy", [&](int64_t i) {
      return Expected{at(i).entropy, at(i).entropy_tolerance};
    });
  }
  if (is_low_precision(s.dtype) && s.data == Data::kNormal && s.shape.rows > 0) {
    double naive_error = 0, tolerance = 0;
    for (int64_t i = 0; i < s.shape.rows; ++i) {
      if (at(i).ignored) continue;
      const int64_t target = static_cast<int64_t>(problem.targets[static_cast<size_t>(i)]);
      const double error =
          std::fabs(naive_row(at(i), s.dtype, target, 1, 0).log_prob - at(i).log_prob);
      naive_error = std::max(naive_error, error);
      tolerance = std::max(tolerance, at(i).log_prob_tolerance);
    }
    const double error = call.largest_error("log_probs", [&](int64_t i) { return at(i).log_prob; });
    EQP_CHECK(error <= 2 * naive_error + tolerance,
              "%s: expected at most 2x the naive error %g, found %g", text_of(s).c_str(),
              naive_error, error);
  }
}

void run_backward(Suite& suite, const Setup& s, const Problem& problem, bool with_log_probs,
                  bool with_entropy) {
  Case call(suite.backend, suite.report, "token_log_probs_backward",
            text_of(s) + format(" gradients of %s%s", with_log_probs ? "log_probs " : "",
                                with_entropy ? "entropy" : ""),
            s.layout);
  call.options<eqp_token_log_probs_options>().temperature = s.temperature;
  call.options<eqp_token_log_probs_options>().ignore_index = s.ignore_index;
  call.options<eqp_token_log_probs_options>().logit_scale = s.logit_scale;
  call.options<eqp_token_log_probs_options>().soft_cap = s.soft_cap;
  if (s.bias_dtype != 0) call.add("bias", s.bias_dtype, {s.shape.vocab}, problem.map.bias);
  const int64_t rows = s.shape.rows, vocab = s.shape.vocab;
  Random random(77);
  std::vector<double> d_log_probs, d_entropy, log_sum_exp, entropy;
  for (int64_t i = 0; i < rows; ++i) {
    // Some rows, of every kind, without any.
    const bool none = i % 5 == 3 || (s.data == Data::kSpecial && i >= 7 && i % 7 == 1);
    d_log_probs.push_back(with_log_probs && !none ? round_to(EQP_F32, random.normal()) : 0);
    d_entropy.push_back(with_entropy && !none ? round_to(EQP_F32, random.normal()) : 0);
    const Row& row = problem.rows[static_cast<size_t>(i)];
    log_sum_exp.push_back(s.wide && !row.ignored && !row.nan ? row.log_sum_exp_of_factor
                                                             : row.log_sum_exp);
    entropy.push_back(problem.rows[static_cast<size_t>(i)].entropy);
  }
  call.add("logits", s.dtype, {rows, vocab}, problem.logits);
  call.add("targets", s.target_dtype, {rows}, problem.targets);
  call.add("log_sum_exp", s.wide ? EQP_F64 : EQP_F32, {rows}, log_sum_exp);
  if (with_entropy) call.add("entropy", EQP_F32, {rows}, entropy);
  if (with_log_probs) call.add("d_log_probs", EQP_F32, {rows}, d_log_probs);
  if (with_entropy) call.add("d_entropy", EQP_F32, {rows}, d_entropy);
  call.add("d_logits", s.dtype, {rows, vocab});
  call.also_in_place("d_logits", "logits");
  if (!call.run()) return;
  const auto oracle = [&](int64_t e) {
    const size_t i = static_cast<size_t>(e / vocab);
    return gradient(problem.rows[i], e % vocab, static_cast<int64_t>(problem.targets[i]),
                    d_log_probs[i], d_entropy[i], s.wide);
  };
  call.expect("d_logits", oracle);
  if (is_low_precision(s.dtype) && s.data == Data::kNormal && rows > 0) {
    double naive_error = 0, largest = 0;
    for (int64_t i = 0; i < rows; ++i) {
      const Row& row = problem.rows[static_cast<size_t>(i)];
      if (row.ignored) continue;
      const size_t index = static_cast<size_t>(i);
      const Naive naive = naive_row(row, s.dtype, static_cast<int64_t>(problem.targets[index]),
                                    d_log_probs[index], d_entropy[index]);
      for (int64_t j = 0; j < vocab; ++j) {
        const double exact = oracle(i * vocab + j).value;
        naive_error =
            std::max(naive_error, std::fabs(naive.gradient[static_cast<size_t>(j)] - exact));
        largest = std::max(largest, std::fabs(exact));
      }
    }
    const double error = call.largest_error("d_logits", [&](int64_t e) { return oracle(e).value; });
    const double yardstick = std::max(naive_error, unit_roundoff(s.dtype) * largest);
    EQP_CHECK(error <= 2 * yardstick, "%s: expected at most 2x the naive error %g, found %g",
              text_of(s).c_str(), naive_error, error);
  }
}

void run_all(Suite& suite, const Setup& s, uint64_t seed) {
  const Problem problem = make_problem(s, seed);
  run_forward(suite, s, problem);
  run_backward(suite, s, problem, true, seed % 3 == 0);
  if (seed % 4 == 0) run_backward(suite, s, problem, false, true);
}

void check_oracle_by_differences(bool with_map) {
  Random random(5);
  const int64_t vocab = 9, target = 4;
  const double temperature = 0.7, d_log_prob = 0.8, d_entropy = -1.3;
  std::vector<double> logits(vocab);
  for (double& x : logits) x = random.normal() * 2;
  LogitMap map;
  if (with_map) {
    map.scale = 1.7;
    map.soft_cap = 3;
    for (int64_t j = 0; j < vocab; ++j) map.bias.push_back(random.normal());
  }
  const Row row = make_row(logits.data(), vocab, target, temperature, map, false);
  for (int64_t j = 0; j < vocab; ++j) {
    const long double difference = derivative_at_zero(
        [&](long double step) -> long double {
          std::vector<double> moved = logits;
          moved[static_cast<size_t>(j)] += static_cast<double>(step);
          const Row at = make_row(moved.data(), vocab, target, temperature, map, false);
          return d_log_prob * at.log_prob + d_entropy * at.entropy;
        },
        1e-3L);
    const double analytic = gradient(row, j, target, d_log_prob, d_entropy, false).value;
    EQP_CHECK(std::fabs(static_cast<double>(difference) - analytic) < 1e-10, "oracle: %g is not %g",
              analytic, static_cast<double>(difference));
  }
}

// A target that is wrong in one row, in rows of every way in which a backend cuts them.
void check_data_errors(Suite& suite, int64_t vocab) {
  constexpr int64_t kRows = 2;
  const std::vector<double> ones = {1, 1};
  for (const double bad : {-1.0, static_cast<double>(vocab), 1e9, -101.0}) {
    for (const eqp_dtype target_dtype : {EQP_I32, EQP_I64}) {
      Setup s{EQP_F32, {kRows, vocab}, {3, 1}};
      s.target_dtype = target_dtype;
      s.ignored_share = 0;
      Problem problem = make_problem(s, 3);
      problem.targets[1] = bad;
      const std::vector<int64_t> shape = {kRows, vocab};
      const std::string what = format("target %g of %lld", bad, static_cast<long long>(vocab));
      Case forward(suite.backend, suite.report, "token_log_probs_forward", what, s.layout);
      forward.add("logits", s.dtype, shape, problem.logits);
      forward.add("targets", target_dtype, {kRows}, problem.targets);
      forward.add("log_probs", EQP_F32, {kRows});
      expect_data_error(suite, forward, "targets");
      Case backward(suite.backend, suite.report, "token_log_probs_backward", what, s.layout);
      backward.add("logits", s.dtype, shape, problem.logits);
      backward.add("targets", target_dtype, {kRows}, problem.targets);
      backward.add("log_sum_exp", EQP_F32, {kRows}, ones);
      backward.add("d_log_probs", EQP_F32, {kRows}, ones);
      backward.add("d_logits", s.dtype, shape);
      expect_data_error(suite, backward, "targets");
      EQP_CHECK(strstr(eqp_last_error(), "in row 1") != nullptr,
                "expected a text that names row 1, found '%s'", eqp_last_error());
      if (suite.backend.validates_before_writing()) continue;
      for (int64_t i = 0; i < kRows; ++i) {
        EQP_CHECK(std::isnan(forward.at("log_probs").get(i)) == (i == 1),
                  "expected NaN in the row with the bad target alone, found %g in row %d",
                  forward.at("log_probs").get(i), static_cast<int>(i));
        for (const int64_t j : {int64_t{0}, vocab / 2, vocab - 1}) {
          EQP_CHECK(std::isnan(backward.at("d_logits").get(i * vocab + j)) == (i == 1),
                    "expected NaN in the row with the bad target alone, found %g in row %d",
                    backward.at("d_logits").get(i * vocab + j), static_cast<int>(i));
        }
      }
    }
  }
}

void run_shifted(Suite& suite, eqp_dtype dtype, uint64_t seed) {
  Setup s{dtype, {3, 64}, {}};
  s.bias_dtype = dtype;
  for (const int64_t vocab : {64, 1040, 8256}) {  // a warp, a block and several blocks a row
    s.shape.vocab = vocab;
    s.shape.rows = vocab == 64 ? 3 : 2;
    const Problem problem = make_problem(s, seed);
    for (const Layout& layout : each_shifted_alone("token_log_probs_forward")) {
      s.layout = layout;
      run_forward(suite, s, problem);
    }
    for (const Layout& layout : each_shifted_alone("token_log_probs_backward")) {
      s.layout = layout;
      run_backward(suite, s, problem, true, true);
    }
  }
}

void run_large(Suite& suite, uint64_t seed) {
  constexpr int64_t kColumns = 1 << 20;
  for (const eqp_dtype dtype : {EQP_F32, EQP_BF16, EQP_F16}) {
    run_all(suite, Setup{dtype, {3, kColumns}, {0, 0}}, seed++);
    run_all(suite, Setup{dtype, {2, kColumns - 1}, {3, 1}}, seed++);
    run_all(suite, Setup{dtype, {70001, 3}, {1, 0}}, seed++);
    run_all(suite, Setup{dtype, {65537, 33}, {0, 0}}, seed++);
  }
}

}  // namespace

void conform_token_log_probs(Suite& suite) {
  check_oracle_by_differences(false);
  check_oracle_by_differences(true);
  uint64_t seed = 100;
  const Layout layouts[] = {{0, 0}, {3, 1}, {16, 0}, {0, 3}, {61, 2}};
  for (const eqp_dtype dtype : {EQP_F32, EQP_BF16, EQP_F16}) {
    // Vector widths and their neighbours, primes, empty and single.
    for (const int64_t vocab :
         {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 127, 128, 257, 1009}) {
      Setup s{dtype, {1 + static_cast<int64_t>(seed % 7), vocab}, layouts[seed % 5]};
      s.target_dtype = seed % 2 == 0 ? EQP_I32 : EQP_I64;
      s.wide = seed % 4 < 2;
      run_all(suite, s, seed++);
    }
    for (const int64_t rows : {0, 1, 2, 67})
      run_all(suite, Setup{dtype, {rows, 131}, layouts[seed % 5]}, seed++);
    for (const Data data :
         {Data::kWide, Data::kHuge, Data::kEqual, Data::kPeaked, Data::kSpecial}) {
      for (const int64_t vocab : {3, 40, 517}) {
        Setup s{dtype, {14, vocab}, layouts[seed % 5], data};
        run_all(suite, s, seed++);
      }
    }
    for (const float temperature : {0.01f, 0.7f, 2.0f, 100.0f}) {
      Setup s{dtype, {5, 211}, layouts[seed % 5], Data::kNormal, temperature};
      run_all(suite, s, seed++);
      s.data = Data::kSpecial;
      run_all(suite, s, seed++);
    }
    // The coldest softmax: its inverse temperature times an entropy's gradient leaves the range of f32.
    // (Logits and gradients leave that of f16.)
    if (dtype != EQP_F16) {
      Setup cold{dtype, {5, 211}, layouts[seed % 5], Data::kCold, 1e-37f};
      cold.wide = true;
      const Problem of_cold = make_problem(cold, seed++);
      run_forward(suite, cold, of_cold);
      run_backward(suite, cold, of_cold, true, true);
    }
    // Logits that share an offset. In f32 it leaves them few digits, but it must not cost any.
    for (const float temperature : {1.0f, 0.7f}) {
      Setup s{dtype, {4, 517}, layouts[seed % 5], Data::kShared, temperature};
      s.wide = true;
      run_all(suite, s, seed++);
    }
    // Logit scale, soft cap and bias, alone and together, in rows of every way of being cut.
    struct Mapped {
      Shape shape;
      Data data;
      float temperature, scale, cap;
      eqp_dtype bias;
    };
    for (const Mapped& m : {Mapped{{5, 211}, Data::kNormal, 1, 0.0625f, 0, 0},
                            Mapped{{14, 40}, Data::kSpecial, 0.7f, 3, 0, 0},
                            Mapped{{14, 131}, Data::kSpecial, 1, 1, 30, 0},
                            Mapped{{5, 517}, Data::kWide, 1, 1, 30, 0},
                            Mapped{{5, 63}, Data::kHuge, 0.7f, 0.01f, 50, 0},
                            Mapped{{14, 1501}, Data::kSpecial, 1, 1, 0, EQP_F32},
                            Mapped{{7, 1025}, Data::kNormal, 2, 1.5f, 5, dtype},
                            Mapped{{4, 8209}, Data::kClimbing, 1, 1, 0, dtype},
                            Mapped{{9, 16411}, Data::kNormal, 0.7f, 2, 10, EQP_F32},
                            Mapped{{3, 40961}, Data::kNormal, 1, 1, 5, 0}}) {
      Setup s{dtype, m.shape, layouts[seed % 5], m.data, m.temperature};
      s.logit_scale = m.scale;
      s.soft_cap = m.cap;
      s.bias_dtype = m.bias;
      run_all(suite, s, seed++);
    }
    // Extremes of ignore_index: inside the vocabulary, and far outside.
    for (const int64_t ignore : {int64_t{0}, int64_t{4}, int64_t{-1}, int64_t{1} << 40}) {
      Setup s{dtype, {11, 13}, {0, 0}};
      s.ignore_index = ignore;
      run_all(suite, s, seed++);
    }
    run_shifted(suite, dtype, seed++);
    Setup all_ignored{dtype, {9, 33}, {1, 1}};
    all_ignored.ignored_share = 1;
    run_all(suite, all_ignored, seed++);
    for (const int chosen : {0, 1, 2, 4}) {  // each optional output alone, and none
      Setup some{dtype, {9, 33}, {1, 1}};
      some.log_sum_exp = chosen == 1;
      some.log_sum_exp_2x = chosen == 2;
      some.entropy = chosen == 4;
      run_all(suite, some, seed++);
    }
    // A warp's row and one column more; rows of one block; rows of several blocks. With many rows
    // that are left out, and with all that is special.
    for (const Shape shape : {Shape{3, 1024}, Shape{3, 1025}, Shape{14, 1501}, Shape{4, 8192},
                              Shape{4, 8209}, Shape{2, 16389}}) {
      Setup s{dtype, shape, layouts[seed % 5]};
      s.ignored_share = 0.4;
      run_all(suite, s, seed++);
      s.ignored_share = 0;
      for (const Data data : {Data::kSpecial, Data::kClimbing}) {
        s.data = data;
        run_all(suite, s, seed++);
      }
    }
    // Large enough for several threads: many rows, and few rows with a large vocabulary.
    for (const Shape shape :
         {Shape{521, 401}, Shape{3, 65537}, Shape{1, 151937}, Shape{9, 16411}}) {
      run_all(suite, Setup{dtype, shape, layouts[seed % 5]}, seed++);
    }
    // Rows of several parts, with maxima that come late and targets where a part begins and ends.
    for (const int64_t target : {int64_t{16383}, int64_t{16384}}) {
      Setup climbing{dtype, {4, 20011}, layouts[seed % 5], Data::kClimbing};
      climbing.target = target;
      run_all(suite, climbing, seed++);
      Setup level = climbing;
      level.data = Data::kNormal;
      run_all(suite, level, seed++);
    }
  }
  // More parts of rows than three threads share at a time, in too few rows for one each.
  run_all(suite, Setup{EQP_F32, {23, 98305}, {1, 0}}, seed++);
  // More rows than a 16-bit grid dimension holds.
  run_all(suite, Setup{EQP_F32, {70001, 3}, {1, 0}}, seed++);
  run_all(suite, Setup{EQP_F32, {1, int64_t{1} << 20}, {0, 1}}, seed++);
  if (suite.large_cases) run_large(suite, seed);
  for (const int64_t vocab : {5, 1501, 8209}) check_data_errors(suite, vocab);
}

}  // namespace eqp::test

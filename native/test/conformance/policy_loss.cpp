// eqp_policy_loss against the formulas of policy_loss.h, oracle in long double.
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

struct Problem {
  int64_t sequences = 0, tokens = 0;
  bool has_old = true, has_reference = true, advantages_per_token = false;
  std::vector<double> log_probs, old_log_probs, reference, advantages, mask, weights;

  double advantage(int64_t i, int64_t t) const {
    return advantages[static_cast<size_t>(advantages_per_token ? i * tokens + t : i)];
  }
};

// One unmasked token: value, gradient, metrics, and what arithmetic with roundoff u may do to them.
struct Token {
  Real loss = 0, loss_error = 0;
  Real slope = 0, slope_error = 0, slope_alternative = 0;
  Real ratio = 1, ratio_error = 0;
  Real k3 = 0, k3_error = 0;
  bool clip_low = false, clip_high = false, near_low = false, near_high = false, floored = false;
};

Token make_token(const Problem& p, int64_t i, int64_t t, const eqp_policy_loss_options& o, Real u) {
  const size_t at = static_cast<size_t>(i * p.tokens + t);
  const Real log_prob = p.log_probs[at], a = p.advantage(i, t);
  Token token;
  // exp costs 4 roundings; its argument is one subtraction of exact inputs.
  if (p.has_old) {
    const Real w = log_prob - p.old_log_probs[at];
    token.ratio = expl(w);
    token.ratio_error = w == 0 ? 0 : token.ratio * expm1l(u * fabsl(w) + 4 * u);
  } else if (std::isnan(log_prob)) {
    token.ratio = log_prob;
  }
  const Real low = 1 - static_cast<Real>(o.epsilon_low),
             high = 1 + static_cast<Real>(o.epsilon_high);
  // Distance from a bound within which rounding decides on which side the ratio lies.
  const auto near = [&](Real bound) {
    return p.has_old && std::isfinite(bound) && token.ratio != 1 &&
           fabsl(token.ratio - bound) <= 2 * token.ratio_error + 2 * u * fabsl(bound);
  };
  token.clip_low = p.has_old && token.ratio < low && a < 0;
  token.clip_high = p.has_old && token.ratio > high && a > 0;
  token.near_low = near(low) && a < 0;
  token.near_high = near(high) && a > 0;
  token.floored = a < 0 && log_prob < static_cast<Real>(o.negative_log_prob_floor);
  if (!token.floored) {
    const Real clipped = !p.has_old ? token.ratio : std::min(std::max(token.ratio, low), high);
    // With A = 0 both branches are 0, however large the ratio.
    const Real plain_term = a == 0 && !std::isnan(token.ratio) ? 0 : token.ratio * a;
    const Real clipped_term = a == 0 ? 0 : clipped * a;
    const bool uses_plain = plain_term <= clipped_term;
    token.loss = std::isnan(plain_term) ? plain_term : -std::min(plain_term, clipped_term);
    token.slope = std::isnan(plain_term) ? plain_term : uses_plain ? -plain_term : 0;
    token.slope_alternative = token.slope;
    const Real plain_error = fabsl(a) * token.ratio_error + 3 * u * fabsl(plain_term);
    token.loss_error = uses_plain ? plain_error : 3 * u * fabsl(clipped_term);
    token.slope_error = plain_error + 3 * u * fabsl(a);
    if (token.near_low || token.near_high) {
      token.loss_error += 2 * plain_error;
      token.slope_alternative = uses_plain ? 0 : -plain_term;
    }
  }
  if (p.has_reference) {
    const Real d = static_cast<Real>(p.reference[at]) - log_prob;
    const Real e = expl(d);
    token.k3 = expm1l(d) - d;
    token.k3_error = u * (fabsl(d) * fabsl(e - 1) + 4 * e + 2 * fabsl(d) + 2);
    if (o.kl_beta > 0) {
      const Real beta = o.kl_beta;
      token.loss += beta * token.k3;
      token.loss_error += beta * (token.k3_error + 2 * u * token.k3);
      token.slope += beta * (1 - e);
      token.slope_alternative += beta * (1 - e);
      token.slope_error += beta * (e * expm1l(u * fabsl(d) + 4 * u) + 4 * u * (1 + e));
    }
  }
  return token;
}

struct Oracle {
  std::vector<Token> tokens;  // per element, unmasked ones filled
  std::vector<Real> weight;   // of each sequence's tokens in the loss
  std::vector<Real> sequence, sequence_error;
  Real loss = 0, loss_error = 0;
  Real unmasked = 0;
};

Oracle make_oracle(const Problem& p, const eqp_policy_loss_options& o, Real u) {
  Oracle oracle;
  oracle.tokens.resize(static_cast<size_t>(p.sequences * p.tokens));
  for (double m : p.mask) oracle.unmasked += m != 0;
  const Real s = static_cast<Real>(p.sequences);
  Real magnitude_all = 0;
  for (int64_t i = 0; i < p.sequences; ++i) {
    Real length = 0, sum = 0, error = 0, magnitude = 0;
    for (int64_t t = 0; t < p.tokens; ++t) {
      const size_t at = static_cast<size_t>(i * p.tokens + t);
      if (p.mask[at] == 0) continue;
      oracle.tokens[at] = make_token(p, i, t, o, u);
      ++length;
      sum += oracle.tokens[at].loss;
      error += oracle.tokens[at].loss_error;
      magnitude += fabsl(oracle.tokens[at].loss);
    }
    const Real total = o.total_tokens > 0 ? static_cast<Real>(o.total_tokens) : oracle.unmasked;
    Real weight = p.weights.empty() ? 1 : p.weights[static_cast<size_t>(i)];
    if (o.normalizer == EQP_POLICY_NORMALIZER_GRPO) weight /= s * std::max<Real>(1, length);
    if (o.normalizer == EQP_POLICY_NORMALIZER_DR_GRPO)
      weight /= s * static_cast<Real>(o.max_completion_length);
    if (o.normalizer == EQP_POLICY_NORMALIZER_DAPO) weight /= std::max<Real>(1, total);
    const Real roundings =
        static_cast<Real>(sum_error(static_cast<double>(p.tokens), static_cast<double>(u)));
    oracle.weight.push_back(weight);
    oracle.sequence.push_back(weight * sum);
    oracle.sequence_error.push_back(fabsl(weight) * (error + roundings * magnitude) +
                                    4 * u * fabsl(weight * sum));
    oracle.loss += weight * sum;
    oracle.loss_error += oracle.sequence_error.back();
    magnitude_all += fabsl(weight * sum);
  }
  oracle.loss_error +=
      static_cast<Real>(sum_error(static_cast<double>(p.sequences), static_cast<double>(u))) *
      magnitude_all;
  return oracle;
}

enum class Data { kUsual, kExtreme, kOnPolicy, kNotANumber };

struct Setup {
  eqp_dtype dtype = EQP_F32;
  int64_t sequences = 5, tokens = 11;
  Layout layout;
  Data data = Data::kUsual;
  double unmasked = 0.8;
  bool old = true, reference = true, per_token = false, weights = false, all_outputs = true;
  eqp_dtype mask_dtype = EQP_BOOL;
  eqp_policy_loss_options options;
};

std::string text_of(const Setup& s) {
  return format(
      "[%lld, %lld] gap %lld data %d normalizer %d epsilon %g %g beta %g floor %g total %g old %d "
      "ref %d per token %d weights %d",
      static_cast<long long>(s.sequences), static_cast<long long>(s.tokens),
      static_cast<long long>(s.layout.gap), static_cast<int>(s.data), s.options.normalizer,
      s.options.epsilon_low, s.options.epsilon_high, s.options.kl_beta,
      s.options.negative_log_prob_floor, s.options.total_tokens, s.old, s.reference, s.per_token,
      s.weights);
}

Problem make_problem(const Setup& s, uint64_t seed) {
  Random random(seed);
  Problem p;
  p.sequences = s.sequences;
  p.tokens = s.tokens;
  p.has_old = s.old;
  p.has_reference = s.reference;
  p.advantages_per_token = s.per_token;
  const eqp_dtype real = s.dtype == EQP_F64 ? EQP_F64 : EQP_F32;
  for (int64_t i = 0; i < s.sequences; ++i) {
    for (int64_t t = 0; t < s.tokens; ++t) {
      const bool unmasked = random.chance(s.unmasked);
      double lp = -2 * std::fabs(random.normal()) - 0.01;
      double old = lp + 0.25 * random.normal();
      double reference = lp + 0.4 * random.normal();
      if (s.data == Data::kOnPolicy) old = reference = round_to(s.dtype, lp);
      if (s.data == Data::kExtreme) {
        // Log-ratios whose exp is beyond f32 (A <= 0 makes the loss follow it), and tiny ones.
        old = lp + (t % 3 == 0 ? -60.0 : t % 3 == 1 ? 80.0 : -200.0);
        reference = lp + (t % 2 == 0 ? -70.0 : 20.0);
      }
      if (s.data == Data::kNotANumber && unmasked && i % 3 == 1 && t == s.tokens / 2) lp = kNaN;
      if (!unmasked) lp = old = reference = t % 2 == 0 ? kNaN : kInf;
      p.log_probs.push_back(round_to(s.dtype, lp));
      p.old_log_probs.push_back(round_to(s.dtype, old));
      p.reference.push_back(round_to(s.dtype, reference));
      p.mask.push_back(!unmasked                ? 0
                       : s.mask_dtype == EQP_U8 ? 1 + static_cast<double>(random.below(255))
                                                : 1);
      if (s.per_token) p.advantages.push_back(unmasked ? round_to(real, random.normal()) : kNaN);
    }
    if (!s.per_token) {
      double a = i % 4 == 3 ? 0 : random.normal();
      // exp(200) is no f32: it must not leak through a clipped or a zero advantage.
      if (s.data == Data::kExtreme) a = i % 2 == 0 ? std::fabs(a) : 0;
      p.advantages.push_back(round_to(real, a));
    }
    if (s.weights) p.weights.push_back(round_to(real, i % 5 == 4 ? 0 : random.uniform(0.1, 3)));
  }
  return p;
}

void expect_metrics(Case& call, const Problem& p, const Oracle& oracle, Real u) {
  Real k3 = 0, k3_error = 0, ratio = 0, ratio_error = 0, floored = 0;
  Real low = 0, low_possible = 0, high = 0, high_possible = 0;
  for (size_t at = 0; at < oracle.tokens.size(); ++at) {
    if (p.mask[at] == 0) continue;
    const Token& token = oracle.tokens[at];
    k3 += token.k3;
    k3_error += token.k3_error;
    ratio += token.ratio;
    ratio_error += token.ratio_error;
    floored += token.floored;
    low += token.clip_low && !token.near_low;
    low_possible += token.clip_low || token.near_low;
    high += token.clip_high && !token.near_high;
    high_possible += token.clip_high || token.near_high;
  }
  const Real n = std::max<Real>(1, oracle.unmasked);
  const Real roundings =
      static_cast<Real>(sum_error(static_cast<double>(n), static_cast<double>(u)));
  const auto expected = [](Real value, Real tolerance) {
    return Expected{static_cast<double>(value), static_cast<double>(tolerance)};
  };
  const Expected metrics[EQP_POLICY_METRIC_COUNT] = {
      expected((low + low_possible) / (2 * n), (low_possible - low) / (2 * n) + 2 * u),
      expected((high + high_possible) / (2 * n), (high_possible - high) / (2 * n) + 2 * u),
      expected(k3 / n, (k3_error + roundings * fabsl(k3)) / n),
      expected(ratio * (oracle.unmasked > 0) / n, (ratio_error + roundings * ratio) / n),
      expected(floored / n, 2 * u),
      expected(oracle.unmasked, 0)};
  call.expect("metrics", [&](int64_t i) { return metrics[i]; });
}

void run_case(Suite& suite, const Setup& s, uint64_t seed) {
  const Problem p = make_problem(s, seed);
  const Real u = arithmetic_roundoff(s.dtype);
  const eqp_dtype real = s.dtype == EQP_F64 ? EQP_F64 : EQP_F32;
  const Real tiny = smallest_normal(real);
  const std::vector<int64_t> shape = {s.sequences, s.tokens};

  Case call(suite.backend, suite.report, "policy_loss", text_of(s), s.layout);
  call.options<eqp_policy_loss_options>() = s.options;
  call.add("log_probs", s.dtype, shape, p.log_probs);
  if (s.old) call.add("old_log_probs", s.dtype, shape, p.old_log_probs);
  if (s.reference) call.add("reference_log_probs", s.dtype, shape, p.reference);
  call.add("advantages", real, s.per_token ? shape : std::vector<int64_t>{s.sequences},
           p.advantages);
  call.add("mask", s.mask_dtype, shape, p.mask);
  if (s.weights) call.add("sequence_weights", real, {s.sequences}, p.weights);
  call.add("loss", real, seed % 2 == 0 ? std::vector<int64_t>{} : std::vector<int64_t>{1});
  if (s.all_outputs) {
    call.add("sequence_losses", real, {s.sequences});
    call.add("metrics", real, {EQP_POLICY_METRIC_COUNT});
    call.add("d_log_probs", s.dtype, shape);
  }
  if (!call.run()) return;

  const Oracle oracle = make_oracle(p, s.options, u);
  call.expect("loss", [&](int64_t) {
    return Expected{static_cast<double>(oracle.loss),
                    static_cast<double>(oracle.loss_error + tiny)};
  });
  if (!s.all_outputs) return;
  call.expect("sequence_losses", [&](int64_t i) {
    const size_t at = static_cast<size_t>(i);
    return Expected{static_cast<double>(oracle.sequence[at]),
                    static_cast<double>(oracle.sequence_error[at] + tiny)};
  });
  call.expect("d_log_probs", [&](int64_t e) -> Expected {
    const size_t at = static_cast<size_t>(e);
    if (p.mask[at] == 0) return {0, 0};
    const Token& token = oracle.tokens[at];
    const Real weight = oracle.weight[static_cast<size_t>(e / s.tokens)];
    const Real value = weight * token.slope;
    return {static_cast<double>(value),
            static_cast<double>(fabsl(weight) * token.slope_error + 5 * u * fabsl(value) + tiny),
            static_cast<double>(weight * token.slope_alternative)};
  });
  if (s.data != Data::kNotANumber) expect_metrics(call, p, oracle, u);
}

void check_oracle_by_differences(const eqp_policy_loss_options& options) {
  Setup s;
  s.dtype = EQP_F64;
  s.options = options;
  s.weights = true;
  Problem p = make_problem(s, 21);
  const Oracle oracle = make_oracle(p, options, 0x1p-53L);
  for (size_t at = 0; at < p.log_probs.size(); ++at) {
    if (p.mask[at] == 0) continue;
    const double kept = p.log_probs[at];
    const Real difference = derivative_at_zero(
        [&](Real step) {
          p.log_probs[at] = static_cast<double>(kept + step);
          return make_oracle(p, options, 0x1p-53L).loss;
        },
        0x1p-12L);
    p.log_probs[at] = kept;
    const Real slope = oracle.weight[at / static_cast<size_t>(p.tokens)] * oracle.tokens[at].slope;
    EQP_CHECK(fabsl(difference - slope) < 1e-9L, "oracle: %Lg is not %Lg", slope, difference);
  }
}

}  // namespace

void conform_policy_loss(Suite& suite) {
  uint64_t seed = 2000;
  const Layout layouts[] = {{0, 0}, {3, 1}, {16, 0}, {0, 3}, {61, 2}};
#define EQP_TEST_NORMALIZER(name, value) value,
  const eqp_policy_normalizer normalizers[] = {EQP_POLICY_NORMALIZERS(EQP_TEST_NORMALIZER)};
#undef EQP_TEST_NORMALIZER
  for (const eqp_policy_normalizer normalizer : normalizers) {
    const auto options = [&] {
      eqp_policy_loss_options o;
      eqp_policy_loss_options_init(&o);
      o.normalizer = normalizer;
      o.kl_beta = 0.04;
      o.max_completion_length = normalizer == EQP_POLICY_NORMALIZER_DR_GRPO ? 17 : 0;
      return o;
    };
    check_oracle_by_differences(options());
    for (const eqp_dtype dtype : {EQP_F32, EQP_F64, EQP_BF16, EQP_F16}) {
      const auto usual = [&] {
        Setup s;
        s.dtype = dtype;
        s.options = options();
        s.layout = layouts[++seed % 5];
        s.mask_dtype = seed % 2 == 0 ? EQP_BOOL : EQP_U8;
        s.per_token = seed % 3 == 0;
        s.weights = seed % 4 < 2;
        return s;
      };
      for (const int64_t sequences : {0, 1, 2, 5, 17, 64}) {
        for (const int64_t tokens : {0, 1, 7, 16, 33, 130}) {
          Setup s = usual();
          s.sequences = sequences;
          s.tokens = tokens;
          run_case(suite, s, seed);
        }
      }
      for (const bool old : {false, true}) {
        for (const bool reference : {false, true}) {
          for (const Data data : {Data::kUsual, Data::kOnPolicy, Data::kNotANumber}) {
            Setup s = usual();
            s.old = old;
            s.reference = reference;
            s.data = data;
            s.options.kl_beta = reference ? 0.5 : 0;
            run_case(suite, s, seed);
          }
        }
      }
      for (int repeat = 0; repeat < 3; ++repeat) {
        Setup s = usual();
        s.data = Data::kExtreme;
        s.per_token = false;
        s.options.kl_beta = 0;
        s.sequences = 9;
        run_case(suite, s, seed);
      }
      const double epsilons[][2] = {{0, 0}, {0.2, 0.28}, {1, kInf}, {0.1, 5}, {1, 0}};
      for (const auto& epsilon : epsilons) {
        for (const double floor : {-kInf, -0.7, 0.0}) {
          Setup s = usual();
          s.options.epsilon_low = epsilon[0];
          s.options.epsilon_high = epsilon[1];
          s.options.negative_log_prob_floor = floor;
          run_case(suite, s, seed);
          s.data = Data::kOnPolicy;
          run_case(suite, s, seed);
        }
      }
      for (const double unmasked : {0.0, 1.0}) {
        Setup s = usual();
        s.unmasked = unmasked;
        run_case(suite, s, seed);
      }
      if (normalizer == EQP_POLICY_NORMALIZER_DAPO) {
        for (const double total : {1.0, 4096.0, 1e9}) {
          Setup s = usual();
          s.options.total_tokens = total;
          run_case(suite, s, seed);
        }
      }
      Setup few = usual();
      few.all_outputs = false;
      run_case(suite, few, seed);
      // Sequences that several warps share, and more of them than a device has partial sums for.
      for (const int64_t sequences : {2, 7}) {
        Setup shared = usual();
        shared.sequences = sequences;
        shared.tokens = 1031;
        run_case(suite, shared, seed);
      }
      if (dtype == EQP_F32 && normalizer == EQP_POLICY_NORMALIZER_GRPO) {
        Setup many = usual();
        many.sequences = 18749;
        many.tokens = 1;
        many.old = many.reference = many.all_outputs = many.per_token = many.weights = false;
        many.options.kl_beta = 0;
        run_case(suite, many, seed);
      }
      Setup large = usual();
      large.sequences = 151;
      large.tokens = 701;
      run_case(suite, large, seed);
      large.sequences = 2;
      large.tokens = 65537;
      run_case(suite, large, seed);
      if (!suite.large_cases) continue;
      Setup many = usual();
      many.sequences = 70001;
      many.tokens = 3;
      run_case(suite, many, seed);
      Setup wide = usual();
      wide.sequences = 1;
      wide.tokens = 1 << 20;
      run_case(suite, wide, seed);
    }
  }
}

}  // namespace eqp::test

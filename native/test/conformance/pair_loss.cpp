// eqp_pair_loss against the formulas of pair_loss.h. The oracle works in long double, so that f64
// results are checked by something better than f64.
#include <algorithm>
#include <cmath>
#include <limits>

#include "conformance/conformance.h"
#include "harness/check.h"

namespace eqp::test {
namespace {

using Real = long double;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Side {
  int64_t tokens = 0;
  std::vector<double> policy, reference, mask;
};

struct Problem {
  int64_t pairs = 0;
  bool has_reference = true;
  Side chosen, rejected;
};

Real log_sigmoid(Real x) { return x > 0 ? -log1pl(expl(-x)) : x - log1pl(expl(x)); }
Real sigmoid(Real x) { return x > 0 ? 1 / (1 + expl(-x)) : expl(x) / (1 + expl(x)); }
// A term with weight 0 is absent, even where the other factor is infinite.
Real weighted(Real weight, Real value) { return weight == 0 ? 0 : weight * value; }

// A value with the bound of the error that arithmetic with roundoff u may have made.
struct Bounded {
  Real value = 0;
  Real error = 0;
  operator Expected() const { return {static_cast<double>(value), static_cast<double>(error)}; }
};

struct Sum {
  Bounded log_prob;  // sum of the policy's
  Bounded delta;     // policy - reference
  Real length = 1;   // at least 1
};

Sum sum_side(const Problem& problem, const Side& side, int64_t pair, Real u) {
  Sum sum;
  Real magnitude_policy = 0, magnitude_reference = 0, count = 0;
  for (int64_t t = 0; t < side.tokens; ++t) {
    const size_t at = static_cast<size_t>(pair * side.tokens + t);
    if (side.mask[at] == 0) continue;
    ++count;
    sum.log_prob.value += side.policy[at];
    magnitude_policy += fabsl(side.policy[at]);
    sum.delta.value += side.policy[at];
    if (problem.has_reference) {
      sum.delta.value -= side.reference[at];
      magnitude_reference += fabsl(side.reference[at]);
    }
  }
  const Real roundings =
      static_cast<Real>(sum_error(static_cast<double>(side.tokens), static_cast<double>(u)));
  sum.log_prob.error = roundings * magnitude_policy;
  sum.delta.error = roundings * (magnitude_policy + magnitude_reference);
  sum.length = std::max<Real>(1, count);
  return sum;
}

struct Pair {
  Sum chosen, rejected;
  Bounded reward_chosen, reward_rejected, margin, loss;
  Bounded slope_chosen, slope_rejected;  // d loss / d token log-prob, before dividing by the pairs
  Real slope_alternative = kNaN;         // of the chosen side, where the formula has a kink
};

Pair make_pair(const Problem& problem, int64_t i, const eqp_pair_loss_options& o, Real u,
               Real tiny) {
  Pair p;
  p.chosen = sum_side(problem, problem.chosen, i, u);
  p.rejected = sum_side(problem, problem.rejected, i, u);
  const Real beta = o.beta, e = o.label_smoothing;
  const auto reward = [&](const Sum& s) {
    return Bounded{beta * s.delta.value,
                   beta * s.delta.error + 2 * u * fabsl(beta * s.delta.value)};
  };
  p.reward_chosen = reward(p.chosen);
  p.reward_rejected = reward(p.rejected);
  const Real x = beta * (p.chosen.delta.value - p.rejected.delta.value);
  // An infinite sum stays infinite however its finite terms are rounded.
  const Real x_error =
      std::isinf(x) ? 0 : p.reward_chosen.error + p.reward_rejected.error + 2 * u * fabsl(x);
  p.margin = {x, x_error};
  const Real c = sigmoid(-x), s = sigmoid(x);
  if (o.kind == EQP_PAIR_LOSS_SIGMOID) {
    p.loss.value = -weighted(1 - e, log_sigmoid(x)) - weighted(e, log_sigmoid(-x));
    p.loss.error = ((1 - e) * c + e * s) * expm1l(x_error) + 6 * u * fabsl(p.loss.value) + tiny;
    const Real slope = beta * (-(1 - e) * c + e * s);
    const Real error = beta * (c * s * expm1l(x_error) + 6 * u * ((1 - e) * c + e * s)) + tiny;
    p.slope_chosen = {slope, error};
    p.slope_rejected = {-slope, error};
  } else if (o.kind == EQP_PAIR_LOSS_HINGE) {
    p.loss.value = std::isnan(x) ? x : std::max<Real>(0, 1 - x);
    const bool sure_zero = x > 1 + x_error + 4 * u;
    p.loss.error = sure_zero ? 0 : x_error + 2 * u * (1 + fabsl(x));
    const Real slope = std::isnan(x) ? x : x < 1 ? -beta : 0;
    p.slope_chosen = {slope, 4 * u * beta};
    p.slope_rejected = {-slope, 4 * u * beta};
    if (fabsl(x - 1) <= x_error + 4 * u) p.slope_alternative = x < 1 ? 0 : -beta;
  } else {
    const Real mean_chosen = p.chosen.delta.value / p.chosen.length;
    const Real mean_rejected = p.rejected.delta.value / p.rejected.length;
    const Real d = mean_chosen - mean_rejected - 1 / (2 * beta);
    const Real error = p.chosen.delta.error / p.chosen.length +
                       p.rejected.delta.error / p.rejected.length +
                       3 * u * (fabsl(mean_chosen) + fabsl(mean_rejected) + 1 / (2 * beta));
    p.loss = {d * d, 2 * fabsl(d) * error + error * error + 3 * u * d * d};
    p.slope_chosen = {2 * d / p.chosen.length, (2 * error + 8 * u * fabsl(d)) / p.chosen.length};
    p.slope_rejected = {-2 * d / p.rejected.length,
                        (2 * error + 8 * u * fabsl(d)) / p.rejected.length};
  }
  return p;
}

Bounded mean_of(const std::vector<Pair>& pairs, const std::function<Bounded(const Pair&)>& of,
                Real u) {
  Bounded mean;
  Real magnitude = 0;
  const Real n = static_cast<Real>(pairs.size());
  if (pairs.empty()) return mean;
  for (const Pair& pair : pairs) {
    const Bounded one = of(pair);
    mean.value += one.value;
    mean.error += one.error;
    magnitude += fabsl(one.value);
  }
  const Real roundings =
      static_cast<Real>(sum_error(static_cast<double>(n), static_cast<double>(u)));
  return {mean.value / n, (mean.error + roundings * magnitude) / n};
}

enum class Data { kUsual, kEqualToReference, kExtreme, kNotANumber, kInfinite };

struct Setup {
  eqp_dtype dtype = EQP_F32;
  eqp_pair_loss_kind kind = EQP_PAIR_LOSS_SIGMOID;
  int64_t pairs = 3, tokens_chosen = 7, tokens_rejected = 5;
  Layout layout;
  Data data = Data::kUsual;
  double beta = 0.1, label_smoothing = 0;
  bool reference = true, all_outputs = true;
  double unmasked = 0.8;
  eqp_dtype mask_dtype = EQP_BOOL;
};

Side make_side(const Setup& s, int64_t tokens, Random& random) {
  Side side;
  side.tokens = tokens;
  for (int64_t i = 0; i < s.pairs; ++i) {
    for (int64_t t = 0; t < tokens; ++t) {
      const bool unmasked = random.chance(s.unmasked);
      double policy = -2 * std::fabs(random.normal());
      double reference = policy + 0.5 * random.normal();
      if (s.data == Data::kExtreme) policy = -400 * random.uniform();
      if (s.data == Data::kEqualToReference) reference = round_to(s.dtype, policy);
      if (s.data == Data::kNotANumber && unmasked && i % 3 == 1 && t == tokens / 2) policy = kNaN;
      if (s.data == Data::kInfinite && unmasked && i % 3 == 1 && t == 0) policy = -HUGE_VAL;
      // Masked tokens may hold anything.
      if (!unmasked) policy = t % 2 == 0 ? kNaN : HUGE_VAL;
      if (!unmasked) reference = kNaN;
      side.policy.push_back(round_to(s.dtype, policy));
      side.reference.push_back(round_to(s.dtype, reference));
      side.mask.push_back(!unmasked                ? 0
                          : s.mask_dtype == EQP_U8 ? 1 + static_cast<double>(random.below(255))
                                                   : 1);
    }
  }
  return side;
}

std::string text_of(const Setup& s) {
  return format(
      "kind %d [%lld, %lld | %lld] gap %lld data %d beta %g smoothing %g reference %d mask %s %g",
      s.kind, static_cast<long long>(s.pairs), static_cast<long long>(s.tokens_chosen),
      static_cast<long long>(s.tokens_rejected), static_cast<long long>(s.layout.gap),
      static_cast<int>(s.data), s.beta, s.label_smoothing, s.reference, dtype_text(s.mask_dtype),
      s.unmasked);
}

eqp_pair_loss_options options_of(const Setup& s) {
  eqp_pair_loss_options options;
  eqp_pair_loss_options_init(&options);
  options.kind = s.kind;
  options.beta = s.beta;
  options.label_smoothing = s.label_smoothing;
  return options;
}

void expect_metrics(Case& call, const std::vector<Pair>& pairs, Real u) {
  const auto mean = [&](const std::function<Bounded(const Pair&)>& of) {
    return mean_of(pairs, of, u);
  };
  double sure = 0, possible = 0;
  for (const Pair& pair : pairs) {
    const bool near = fabsl(pair.margin.value) <= pair.margin.error && pair.margin.value != 0;
    sure += pair.margin.value > 0 && !near;
    possible += pair.margin.value > 0 || near;
  }
  const double n = pairs.empty() ? 1 : static_cast<double>(pairs.size());
  const Expected expected[EQP_PAIR_METRIC_COUNT] = {
      {(sure + possible) / (2 * n), (possible - sure) / (2 * n) + 2 * static_cast<double>(u)},
      mean([](const Pair& p) { return p.margin; }),
      mean([](const Pair& p) { return p.reward_chosen; }),
      mean([](const Pair& p) { return p.reward_rejected; }),
      mean([](const Pair& p) { return p.chosen.log_prob; }),
      mean([](const Pair& p) { return p.rejected.log_prob; })};
  call.expect("metrics", [&](int64_t i) { return expected[i]; });
}

void run_case(Suite& suite, const Setup& s, uint64_t seed) {
  Random random(seed);
  Problem problem;
  problem.pairs = s.pairs;
  problem.has_reference = s.reference;
  problem.chosen = make_side(s, s.tokens_chosen, random);
  problem.rejected = make_side(s, s.tokens_rejected, random);
  const Real u = arithmetic_roundoff(s.dtype);
  const Real tiny = smallest_normal(s.dtype == EQP_F64 ? EQP_F64 : EQP_F32);

  Case call(suite.backend, suite.report, "pair_loss", text_of(s), s.layout);
  call.options<eqp_pair_loss_options>() = options_of(s);
  const std::vector<int64_t> chosen = {s.pairs, s.tokens_chosen},
                             rejected = {s.pairs, s.tokens_rejected};
  const eqp_dtype out = s.dtype == EQP_F64 ? EQP_F64 : EQP_F32;
  call.add("policy_chosen", s.dtype, chosen, problem.chosen.policy);
  call.add("policy_rejected", s.dtype, rejected, problem.rejected.policy);
  if (s.reference) {
    call.add("reference_chosen", s.dtype, chosen, problem.chosen.reference);
    call.add("reference_rejected", s.dtype, rejected, problem.rejected.reference);
  }
  call.add("mask_chosen", s.mask_dtype, chosen, problem.chosen.mask);
  call.add("mask_rejected", s.mask_dtype, rejected, problem.rejected.mask);
  call.add("loss", out, seed % 2 == 0 ? std::vector<int64_t>{} : std::vector<int64_t>{1});
  if (s.all_outputs) {
    for (const char* name : {"pair_losses", "rewards_chosen", "rewards_rejected"})
      call.add(name, out, {s.pairs});
    call.add("metrics", out, {EQP_PAIR_METRIC_COUNT});
    call.add("d_policy_chosen", s.dtype, chosen);
    call.add("d_policy_rejected", s.dtype, rejected);
  }
  if (!call.run()) return;

  std::vector<Pair> pairs;
  for (int64_t i = 0; i < s.pairs; ++i)
    pairs.push_back(make_pair(problem, i, options_of(s), u, tiny));
  const auto at = [&](int64_t i) -> const Pair& { return pairs[static_cast<size_t>(i)]; };
  const Expected loss = mean_of(
      pairs, [](const Pair& p) { return p.loss; }, u);
  call.expect("loss", [&](int64_t) { return loss; });
  if (!s.all_outputs) return;
  call.expect("pair_losses", [&](int64_t i) -> Expected { return at(i).loss; });
  call.expect("rewards_chosen", [&](int64_t i) -> Expected { return at(i).reward_chosen; });
  call.expect("rewards_rejected", [&](int64_t i) -> Expected { return at(i).reward_rejected; });
  expect_metrics(call, pairs, u);
  const Real n = static_cast<Real>(s.pairs);
  const auto gradient = [&](const Side& side, int64_t e, bool of_chosen) -> Expected {
    if (side.mask[static_cast<size_t>(e)] == 0) return {0, 0};
    const Pair& pair = at(e / side.tokens);
    const Bounded slope = of_chosen ? pair.slope_chosen : pair.slope_rejected;
    const Real value = slope.value / n;
    const Real tolerance = slope.error / n + 4 * u * fabsl(value) + tiny;
    const Real other = std::isnan(pair.slope_alternative) ? slope.value
                       : of_chosen                        ? pair.slope_alternative
                                                          : -pair.slope_alternative;
    return {static_cast<double>(value), static_cast<double>(tolerance),
            static_cast<double>(other / n)};
  };
  call.expect("d_policy_chosen", [&](int64_t e) { return gradient(problem.chosen, e, true); });
  call.expect("d_policy_rejected", [&](int64_t e) { return gradient(problem.rejected, e, false); });
}

void check_oracle_by_differences(eqp_pair_loss_kind kind, double label_smoothing) {
  Setup s;
  s.dtype = EQP_F64;
  s.kind = kind;
  s.label_smoothing = label_smoothing;
  s.beta = 0.4;
  Random random(9);
  Problem problem;
  problem.pairs = s.pairs;
  problem.chosen = make_side(s, s.tokens_chosen, random);
  problem.rejected = make_side(s, s.tokens_rejected, random);
  for (int64_t i = 0; i < s.pairs; ++i) {
    for (Side* side : {&problem.chosen, &problem.rejected}) {
      for (int64_t t = 0; t < side->tokens; ++t) {
        const size_t at = static_cast<size_t>(i * side->tokens + t);
        if (side->mask[at] == 0) continue;
        const Pair pair = make_pair(problem, i, options_of(s), 0x1p-53L, 0);
        const double kept = side->policy[at];
        const Real difference = derivative_at_zero(
            [&](Real step) {
              side->policy[at] = static_cast<double>(kept + step);
              return make_pair(problem, i, options_of(s), 0x1p-53L, 0).loss.value;
            },
            0x1p-10L);
        side->policy[at] = kept;
        const Real slope =
            (side == &problem.chosen ? pair.slope_chosen : pair.slope_rejected).value;
        EQP_CHECK(fabsl(difference - slope) < 1e-9L * (1 + fabsl(slope)),
                  "oracle, kind %d: %Lg is not %Lg", kind, slope, difference);
      }
    }
  }
}

// 1 - beta (u - v) is exactly 0: the gradient is 0 there, not that of the other side.
void check_hinge_at_its_kink(Suite& suite, eqp_dtype dtype) {
  Case call(suite.backend, suite.report, "pair_loss", "hinge at its kink");
  call.options<eqp_pair_loss_options>().kind = EQP_PAIR_LOSS_HINGE;
  call.options<eqp_pair_loss_options>().beta = 0.5;
  const std::vector<double> chosen = {-1}, rejected = {-3}, mask = {1};
  call.add("policy_chosen", dtype, {1, 1}, chosen);
  call.add("policy_rejected", dtype, {1, 1}, rejected);
  call.add("mask_chosen", EQP_U8, {1, 1}, mask);
  call.add("mask_rejected", EQP_U8, {1, 1}, mask);
  call.add("loss", dtype == EQP_F64 ? EQP_F64 : EQP_F32, {1});
  call.add("d_policy_chosen", dtype, {1, 1});
  call.add("d_policy_rejected", dtype, {1, 1});
  if (!call.run()) return;
  for (const char* output : {"loss", "d_policy_chosen", "d_policy_rejected"})
    call.expect(output, [](int64_t) { return Expected{0, 0}; });
}

}  // namespace

void conform_pair_loss(Suite& suite) {
  uint64_t seed = 1000;
  const Layout layouts[] = {{0, 0}, {3, 1}, {16, 0}, {0, 3}, {61, 2}};
  struct Kind {
    eqp_pair_loss_kind value;
    int uses_label_smoothing;
  };
#define EQP_TEST_KIND(name, value, smoothing) Kind{value, smoothing},
  const Kind kinds[] = {EQP_PAIR_LOSS_KINDS(EQP_TEST_KIND)};
#undef EQP_TEST_KIND
  for (const eqp_dtype dtype : {EQP_F32, EQP_F64, EQP_BF16, EQP_F16})
    check_hinge_at_its_kink(suite, dtype);
  for (const Kind& kind : kinds) {
    check_oracle_by_differences(kind.value, 0);
    if (kind.uses_label_smoothing) check_oracle_by_differences(kind.value, 0.3);
    for (const eqp_dtype dtype : {EQP_F32, EQP_F64, EQP_BF16, EQP_F16}) {
      const auto usual = [&] {
        Setup s;
        s.dtype = dtype;
        s.kind = kind.value;
        s.layout = layouts[++seed % 5];
        s.mask_dtype = seed % 2 == 0 ? EQP_BOOL : EQP_U8;
        return s;
      };
      for (const int64_t pairs : {0, 1, 2, 5, 17, 64}) {
        for (const int64_t tokens : {0, 1, 7, 16, 33, 130}) {
          Setup s = usual();
          s.pairs = pairs;
          s.tokens_chosen = tokens;
          s.tokens_rejected =
              tokens == 0 ? 0 : (tokens * 3 + 4) / 5 + static_cast<int64_t>(seed % 3);
          run_case(suite, s, seed);
        }
      }
      for (const Data data :
           {Data::kEqualToReference, Data::kExtreme, Data::kNotANumber, Data::kInfinite}) {
        Setup s = usual();
        s.data = data;
        s.pairs = 11;
        run_case(suite, s, seed);
      }
      for (const double unmasked : {0.0, 1.0}) {
        Setup s = usual();
        s.unmasked = unmasked;
        run_case(suite, s, seed);
      }
      for (const double beta : {1e-6, 0.01, 1.0, 50.0, 1e4}) {
        Setup s = usual();
        s.beta = beta;
        s.pairs = 13;
        run_case(suite, s, seed);
      }
      if (kind.uses_label_smoothing) {
        for (const double smoothing : {1e-3, 0.1, 0.49999}) {
          Setup s = usual();
          s.label_smoothing = smoothing;
          run_case(suite, s, seed);
          s.data = Data::kExtreme;
          run_case(suite, s, seed);
        }
      }
      Setup free = usual();
      free.reference = false;
      run_case(suite, free, seed);
      Setup few = usual();
      few.all_outputs = false;
      run_case(suite, few, seed);
      // Sides that several warps share, and more pairs than a device has partial sums for.
      for (const int64_t pairs : {2, 7}) {
        Setup shared = usual();
        shared.pairs = pairs;
        shared.tokens_chosen = 1031;
        shared.tokens_rejected = 1009;
        run_case(suite, shared, seed);
      }
      if (dtype == EQP_F32 && kind.value == EQP_PAIR_LOSS_SIGMOID) {
        Setup many = usual();
        many.pairs = 18749;
        many.tokens_chosen = many.tokens_rejected = 1;
        many.reference = many.all_outputs = false;
        run_case(suite, many, seed);
      }
      Setup large = usual();
      large.pairs = 151;
      large.tokens_chosen = 701;
      large.tokens_rejected = 613;
      run_case(suite, large, seed);
      large.pairs = 2;
      large.tokens_chosen = 65537;
      run_case(suite, large, seed);
      if (!suite.large_cases) continue;
      Setup many = usual();
      many.pairs = 70001;
      many.tokens_chosen = 3;
      many.tokens_rejected = 2;
      run_case(suite, many, seed);
      Setup wide = usual();
      wide.pairs = 1;
      wide.tokens_chosen = 1 << 20;
      run_case(suite, wide, seed);
    }
  }
}

}  // namespace eqp::test

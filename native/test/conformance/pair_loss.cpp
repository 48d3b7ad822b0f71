// eqp_pair_loss against the formulas of pair_loss.h: the cases. Every kind alone, then the options
// and sums in which kinds meet.
#include "equipoise/pair_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "conformance/conformance.h"
#include "conformance/pair_loss_oracle.h"
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

struct Kind {
  eqp_pair_loss_kind value;
  int label_smoothing, divergence, reference, sorts;
};
#define EQP_TEST_KIND(name, value, smoothing, divergence, reference, sorts) \
  Kind{value, smoothing, divergence, reference, sorts},
const Kind kKinds[] = {EQP_PAIR_LOSS_KINDS(EQP_TEST_KIND)};
#undef EQP_TEST_KIND

struct Setup {
  eqp_dtype dtype = EQP_F32;
  eqp_pair_loss_options options;
  int64_t pairs = 3, tokens_chosen = 7, tokens_rejected = 5;
  Layout layout;
  Data data = Data::kUsual;
  bool reference = true, all_outputs = true, weights = false;
  double unmasked = 0.8;
  eqp_dtype mask_dtype = EQP_BOOL;
  // Values whose sums are exact in every dtype, so that rounding cannot exchange ranks.
  bool exact = false;

  Setup() { eqp_pair_loss_options_init(&options); }
};

double log_prob_of(const Setup& s, Random& random) {
  if (s.data == Data::kNearReference) return -0.1;
  if (s.data == Data::kCertain) return random.chance(0.7) ? 0 : -0x1p-20 * random.uniform();
  double value =
      s.data == Data::kExtreme ? -400 * random.uniform() : -2 * std::fabs(random.normal());
  if (s.exact) value = std::max(-8.0, std::round(8 * value) / 8);
  return value;
}

// Among weighted pairs.
bool is_left_out(int64_t pair) { return pair % 4 == 3; }

PairProblem::Side make_side(const Setup& s, bool is_chosen, Random& random) {
  PairProblem::Side side;
  side.tokens = is_chosen ? s.tokens_chosen : s.tokens_rejected;
  for (int64_t i = 0; i < s.pairs; ++i) {
    for (int64_t t = 0; t < side.tokens; ++t) {
      const bool unmasked = random.chance(s.unmasked);
      double policy = log_prob_of(s, random);
      double reference = s.exact ? log_prob_of(s, random) : policy + 0.5 * random.normal();
      if (s.data == Data::kEqualToReference) reference = round_to(s.dtype, policy);
      if (s.data == Data::kNearReference) reference = policy - 1e-3 * random.normal();
      if (s.data == Data::kNotANumber && unmasked && i % 3 == 1 && t == side.tokens / 2)
        policy = kNaN;
      // What weighs nothing may hold anything.
      if (s.weights && is_left_out(i)) policy = kNaN;
      // One side alone: the difference of two infinite sums is NaN.
      if (s.data == Data::kInfinite && unmasked && i % 3 == (is_chosen ? 1 : 2) && t == 0)
        policy = -HUGE_VAL;
      // Masked tokens may hold anything.
      if (!unmasked) policy = kNaN;
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
  std::string kinds;
  for (int k = 0; k < s.options.terms; ++k) kinds += format(" %d", s.options.kinds[k]);
  return format(
      "kinds%s [%lld, %lld | %lld] gap %lld data %d beta %g smoothing %g divergence %d ld %g "
      "reference %d weights %d mask %s %g",
      kinds.c_str(), static_cast<long long>(s.pairs), static_cast<long long>(s.tokens_chosen),
      static_cast<long long>(s.tokens_rejected), static_cast<long long>(s.layout.gap),
      static_cast<int>(s.data), s.options.beta, s.options.label_smoothing, s.options.divergence,
      s.options.ld_alpha, s.reference, s.weights, dtype_text(s.mask_dtype), s.unmasked);
}

// A sum that stands for infinity is one; what is finite stays.
Expected expected_of(const Bounded& b, Real scale = 1, Real tolerance = 0) {
  const Real value = b.value * scale;
  if (fabsl(value) > kLargest) return {value > 0 ? HUGE_VAL : -HUGE_VAL, 0};
  return {static_cast<double>(value), static_cast<double>(b.error * scale + tolerance)};
}

Expected mean_of(const std::vector<PairOracle>& pairs,
                 const std::function<Bounded(const PairOracle&)>& of, Real u, Real tiny) {
  if (pairs.empty()) return {0, 0};
  Bounded mean;
  Real magnitude = 0, greatest = 0, least = 0;
  const Real n = static_cast<Real>(pairs.size());
  for (const PairOracle& pair : pairs) {
    const Bounded one = of(pair);
    mean.value += one.value;
    mean.error += one.error;
    magnitude += fabsl(one.value);
    greatest = std::max(greatest, one.value);
    least = std::min(least, one.value);
  }
  if (greatest > kLargest && least < -kLargest) return {kNaN, 0};
  // Partial sums in double; the outputs have one rounding more.
  const Real roundings = static_cast<Real>(sum_error(static_cast<double>(n), 0x1p-53)) + 2 * u;
  return expected_of(Bounded(mean.value, mean.error + roundings * magnitude), 1 / n, tiny);
}

void expect_metrics(Case& call, const std::vector<PairOracle>& all, Real u, Real tiny) {
  std::vector<PairOracle> pairs;
  std::copy_if(all.begin(), all.end(), std::back_inserter(pairs),
               [](const PairOracle& pair) { return pair.counts; });
  const auto mean = [&](const std::function<Bounded(const PairOracle&)>& of) {
    return mean_of(pairs, of, u, tiny);
  };
  double sure = 0, possible = 0;
  for (const PairOracle& pair : pairs) {
    const bool near = fabsl(pair.margin.value) <= pair.margin.error && pair.margin.value != 0;
    sure += pair.margin.value > 0 && !near;
    possible += pair.margin.value > 0 || near;
  }
  const double n = pairs.empty() ? 1 : static_cast<double>(pairs.size());
  const Expected expected[EQP_PAIR_METRIC_COUNT] = {
      {(sure + possible) / (2 * n), (possible - sure) / (2 * n) + 2 * static_cast<double>(u)},
      mean([](const PairOracle& p) { return p.margin; }),
      mean([](const PairOracle& p) { return p.chosen.reward; }),
      mean([](const PairOracle& p) { return p.rejected.reward; }),
      mean([](const PairOracle& p) { return p.chosen.log_prob; }),
      mean([](const PairOracle& p) { return p.rejected.log_prob; })};
  call.expect("metrics", [&](int64_t i) { return expected[i]; });
}

PairProblem make_problem(const Setup& s, Random& random) {
  PairProblem problem;
  problem.pairs = s.pairs;
  problem.has_reference = s.reference;
  problem.chosen = make_side(s, true, random);
  problem.rejected = make_side(s, false, random);
  if (s.weights) {
    const eqp_dtype out = s.dtype == EQP_F64 ? EQP_F64 : EQP_F32;
    for (int64_t i = 0; i < s.pairs; ++i)
      problem.weights.push_back(round_to(out, is_left_out(i) ? 0 : 2 * random.uniform()));
  }
  return problem;
}

void run_case(Suite& suite, const Setup& s, uint64_t seed) {
  Random random(seed);
  const PairProblem problem = make_problem(s, random);
  const Real u = arithmetic_roundoff(s.dtype);
  const eqp_dtype out = s.dtype == EQP_F64 ? EQP_F64 : EQP_F32;
  const Real tiny = smallest_normal(out);

  Case call(suite.backend, suite.report, "pair_loss", text_of(s), s.layout);
  call.options<eqp_pair_loss_options>() = s.options;
  const std::vector<int64_t> chosen = {s.pairs, s.tokens_chosen},
                             rejected = {s.pairs, s.tokens_rejected};
  call.add("policy_chosen", s.dtype, chosen, problem.chosen.policy);
  call.add("policy_rejected", s.dtype, rejected, problem.rejected.policy);
  if (s.reference) {
    call.add("reference_chosen", s.dtype, chosen, problem.chosen.reference);
    call.add("reference_rejected", s.dtype, rejected, problem.rejected.reference);
  }
  call.add("mask_chosen", s.mask_dtype, chosen, problem.chosen.mask);
  call.add("mask_rejected", s.mask_dtype, rejected, problem.rejected.mask);
  if (s.weights) call.add("pair_weights", out, {s.pairs}, problem.weights);
  call.add("loss", out, seed % 2 == 0 ? std::vector<int64_t>{} : std::vector<int64_t>{1});
  if (s.all_outputs) {
    for (const char* name : {"pair_losses", "rewards_chosen", "rewards_rejected"})
      call.add(name, out, {s.pairs});
    call.add("metrics", out, {EQP_PAIR_METRIC_COUNT});
    call.add("d_policy_chosen", s.dtype, chosen);
    call.add("d_policy_rejected", s.dtype, rejected);
  }
  if (!call.run()) return;

  const std::vector<PairOracle> pairs = pair_oracle(problem, s.options, u);
  const auto at = [&](int64_t i) -> const PairOracle& { return pairs[static_cast<size_t>(i)]; };
  const auto value = [&](const Bounded& b) {
    return expected_of(b, 1, 2 * u * fabsl(b.value) + tiny);
  };
  const Expected loss = mean_of(
      pairs, [](const PairOracle& p) { return p.loss; }, u, tiny);
  call.expect("loss", [&](int64_t) { return loss; });
  if (!s.all_outputs) return;
  call.expect("pair_losses", [&](int64_t i) { return value(at(i).loss); });
  call.expect("rewards_chosen", [&](int64_t i) { return value(at(i).chosen.reward); });
  call.expect("rewards_rejected", [&](int64_t i) { return value(at(i).rejected.reward); });
  expect_metrics(call, pairs, u, tiny);
  const Real n = static_cast<Real>(s.pairs);
  const auto gradient = [&](const PairProblem::Side& side, int64_t e, bool of_chosen) -> Expected {
    if (side.mask[static_cast<size_t>(e)] == 0) return {0, 0};
    const PairOracle& pair = at(e / side.tokens);
    const PairOracle::Side& oracle = of_chosen ? pair.chosen : pair.rejected;
    const Bounded slope = oracle.slope[e % side.tokens < oracle.shared ? 0 : 1];
    Expected expected = expected_of(slope, 1 / n, 4 * u * fabsl(slope.value) / n + tiny);
    // The other side of a hinge.
    const double beta = s.options.beta / static_cast<double>(s.pairs);
    if (pair.at_kink) expected.alternative = slope.value != 0 ? 0 : of_chosen ? -beta : beta;
    return expected;
  };
  call.expect("d_policy_chosen", [&](int64_t e) { return gradient(problem.chosen, e, true); });
  call.expect("d_policy_rejected", [&](int64_t e) { return gradient(problem.rejected, e, false); });
}

// The oracle's gradient is that of its loss.
void check_oracle_by_differences(const Setup& s) {
  Random random(9);
  PairProblem problem = make_problem(s, random);
  const auto loss = [&] {
    Real sum = 0;
    for (const PairOracle& pair : pair_oracle(problem, s.options, 0x1p-53L)) sum += pair.loss.value;
    return sum;
  };
  const std::vector<PairOracle> oracle = pair_oracle(problem, s.options, 0x1p-53L);
  for (PairProblem::Side* side : {&problem.chosen, &problem.rejected}) {
    for (int64_t e = 0; e < s.pairs * side->tokens; ++e) {
      double& policy = side->policy[static_cast<size_t>(e)];
      if (side->mask[static_cast<size_t>(e)] == 0) continue;
      const double kept = policy;
      const Real difference = derivative_at_zero(
          [&](Real step) {
            policy = static_cast<double>(kept + step);
            return loss();
          },
          0x1p-10L);
      policy = kept;
      const PairOracle& pair = oracle[static_cast<size_t>(e / side->tokens)];
      const PairOracle::Side& of = side == &problem.chosen ? pair.chosen : pair.rejected;
      const Real slope = of.slope[e % side->tokens < of.shared ? 0 : 1].value;
      EQP_CHECK(fabsl(difference - slope) < 1e-8L * (1 + fabsl(slope)),
                "oracle, %s: %Lg is not %Lg", text_of(s).c_str(), slope, difference);
    }
  }
}

// 1 - beta (u - v) is exactly 0: the gradient is 0 there, not that of the other side.
void check_hinge_at_its_kink(Suite& suite, eqp_dtype dtype) {
  Case call(suite.backend, suite.report, "pair_loss", "hinge at its kink");
  call.options<eqp_pair_loss_options>().kinds[0] = EQP_PAIR_LOSS_HINGE;
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

// Where an exponent of a divergence is beyond 80, its score does not move: gradient exactly 0, that of
// the other side beta.
void check_divergence_beyond_its_bound(Suite& suite, eqp_dtype dtype,
                                       eqp_pair_divergence divergence) {
  const bool forward = divergence == EQP_PAIR_DIVERGENCE_FORWARD_KL;
  Case call(suite.backend, suite.report, "pair_loss",
            format("divergence %d beyond its bound", divergence));
  eqp_pair_loss_options& options = call.options<eqp_pair_loss_options>();
  options.beta = 0.125;
  options.divergence = divergence;
  options.divergence_alpha = 1.5;
  const double delta_chosen = forward ? -100 : 0, delta_rejected = forward ? 0 : 200;
  const std::vector<double> mask = {1};
  call.add("policy_chosen", dtype, {1, 1}, std::vector<double>{-1 + delta_chosen});
  call.add("policy_rejected", dtype, {1, 1}, std::vector<double>{-1});
  call.add("reference_chosen", dtype, {1, 1}, std::vector<double>{-1});
  call.add("reference_rejected", dtype, {1, 1}, std::vector<double>{-1 - delta_rejected});
  call.add("mask_chosen", EQP_U8, {1, 1}, mask);
  call.add("mask_rejected", EQP_U8, {1, 1}, mask);
  call.add("loss", dtype == EQP_F64 ? EQP_F64 : EQP_F32, {1});
  call.add("d_policy_chosen", dtype, {1, 1});
  call.add("d_policy_rejected", dtype, {1, 1});
  if (!call.run()) return;
  call.expect("d_policy_chosen", [&](int64_t) { return Expected{forward ? 0 : -0.125, 0}; });
  call.expect("d_policy_rejected", [&](int64_t) { return Expected{forward ? 0.125 : 0, 0}; });
}

const eqp_dtype kDtypes[] = {EQP_F32, EQP_F64, EQP_BF16, EQP_F16};

// Setups of changing layout and mask, each with a seed of its own.
class Setups {
 public:
  Setup of(eqp_dtype dtype, std::initializer_list<eqp_pair_loss_kind> kinds) {
    const Layout layouts[] = {{0, 0}, {3, 1}, {16, 0}, {0, 3}, {61, 2}};
    Setup s;
    s.dtype = dtype;
    s.layout = layouts[++seed_ % 5];
    s.mask_dtype = seed_ % 2 == 0 ? EQP_BOOL : EQP_U8;
    s.options.terms = 0;
    for (const eqp_pair_loss_kind value : kinds) {
      const Kind& kind = *std::find_if(std::begin(kKinds), std::end(kKinds),
                                       [&](const Kind& k) { return k.value == value; });
      s.options.kinds[s.options.terms++] = value;
      s.reference = s.reference && kind.reference != 0;
      s.exact = s.exact || kind.sorts != 0;
      if (kind.label_smoothing == 2) s.options.label_smoothing = 1e-3;
    }
    return s;
  }
  uint64_t seed() const { return seed_; }

 private:
  uint64_t seed_ = 1000;
};

void conform_kind(Suite& suite, Setups& setups, const Kind& kind, eqp_dtype dtype) {
  const auto run = [&](const std::function<void(Setup&)>& edit) {
    Setup s = setups.of(dtype, {kind.value});
    edit(s);
    run_case(suite, s, setups.seed());
  };
  const int64_t shapes[][3] = {{0, 7, 5},   {1, 0, 0},    {1, 1, 1},   {2, 16, 12},
                               {5, 33, 20}, {17, 7, 130}, {33, 70, 41}};
  for (const auto& shape : shapes) {
    run([&](Setup& s) {
      s.pairs = shape[0];
      s.tokens_chosen = shape[1];
      s.tokens_rejected = shape[2];
    });
  }
  for (const Data data : {Data::kEqualToReference, Data::kExtreme, Data::kCertain,
                          Data::kNotANumber, Data::kInfinite}) {
    if (kind.sorts && (data == Data::kInfinite || data == Data::kCertain)) continue;
    run([&](Setup& s) {
      s.data = data;
      s.pairs = 11;
    });
  }
  if (!kind.sorts) run([](Setup& s) { s.weights = true; });
  // Formulas are computed in double whatever the dtype: the options need the sharpest one alone.
  if (dtype != EQP_F64) return;
  for (const double unmasked : {0.0, 0.3, 1.0}) run([&](Setup& s) { s.unmasked = unmasked; });
  for (const double beta : {1e-3, 1.0, 50.0}) {
    run([&](Setup& s) {
      s.options.beta = beta;
      s.pairs = 13;
    });
  }
  for (const double ld_alpha : {0.0, 0.4}) {
    run([&](Setup& s) {
      s.options.ld_alpha = ld_alpha;
      s.exact = false;
      if (kind.sorts) s.pairs = 1;  // of one pair the rank is certain
    });
  }
  run([](Setup& s) { s.reference = false; });
  run([](Setup& s) { s.all_outputs = false; });
  if (kind.label_smoothing) {
    for (const double smoothing : {0.1, 0.49999}) {
      run([&](Setup& s) { s.options.label_smoothing = smoothing; });
    }
  }
  for (int divergence = EQP_PAIR_DIVERGENCE_FORWARD_KL;
       kind.divergence && divergence <= EQP_PAIR_DIVERGENCE_ALPHA; ++divergence) {
    for (const Data data : {Data::kUsual, Data::kExtreme}) {
      run([&](Setup& s) {
        s.options.divergence = divergence;
        s.options.divergence_alpha = data == Data::kUsual ? 0.5 : 1.5;
        s.data = data;
      });
    }
  }
}

// Sums of kinds, as trainers take them.
void conform_sums(Suite& suite, Setups& setups, eqp_dtype dtype) {
  const std::initializer_list<eqp_pair_loss_kind> sums[] = {
      {EQP_PAIR_LOSS_CPO, EQP_PAIR_LOSS_SFT},
      {EQP_PAIR_LOSS_SFT, EQP_PAIR_LOSS_ORPO},
      {EQP_PAIR_LOSS_SIGMOID, EQP_PAIR_LOSS_BCO_PAIR, EQP_PAIR_LOSS_SFT},
      {EQP_PAIR_LOSS_AOT, EQP_PAIR_LOSS_AOT_UNPAIRED, EQP_PAIR_LOSS_SFT},
      {EQP_PAIR_LOSS_SIGMOID, EQP_PAIR_LOSS_ANCHOR, EQP_PAIR_LOSS_IPO, EQP_PAIR_LOSS_HINGE,
       EQP_PAIR_LOSS_NCA_PAIR, EQP_PAIR_LOSS_APO_ZERO, EQP_PAIR_LOSS_APO_DOWN,
       EQP_PAIR_LOSS_DISCOPOP}};
  for (const auto& kinds : sums) {
    for (const int64_t pairs : {1, 19}) {
      Setup s = setups.of(dtype, kinds);
      s.pairs = pairs;
      for (int k = 0; k < s.options.terms; ++k) s.options.weights[k] = k == 1 ? -0.5 : 0.25 + k;
      s.weights = !s.exact && pairs > 1;
      run_case(suite, s, setups.seed());
    }
  }
  Setup simpo_alpha = setups.of(dtype, {EQP_PAIR_LOSS_SIMPO});
  simpo_alpha.options.simpo_alpha = 0.25;
  simpo_alpha.options.simpo_gamma = 0.1;
  run_case(suite, simpo_alpha, setups.seed());
}

// Sides that several warps share, many pairs, long sides.
void conform_sizes(Suite& suite, Setups& setups, eqp_pair_loss_kind kind, eqp_dtype dtype) {
  const auto run = [&](int64_t pairs, int64_t chosen, int64_t rejected, double ld_alpha) {
    Setup s = setups.of(dtype, {kind});
    s.pairs = pairs;
    s.tokens_chosen = chosen;
    s.tokens_rejected = rejected;
    s.options.ld_alpha = ld_alpha;
    run_case(suite, s, setups.seed());
  };
  run(2, 1031, 1009, 1);
  if (kind == EQP_PAIR_LOSS_SIGMOID) run(7, 1031, 1009, 0.5);
  run(151, 71, 63, 1);
  // Long answers whose log-probs add up to much more than what they differ by.
  for (const int64_t tokens : {8193, 131072}) {
    if (kind != EQP_PAIR_LOSS_SIGMOID || (tokens > 10'000 && dtype != EQP_F32)) continue;
    for (const double ld_alpha : {1.0, 0.5}) {
      Setup s = setups.of(dtype, {kind});
      s.data = Data::kNearReference;
      s.pairs = 1;
      s.tokens_chosen = tokens;
      s.tokens_rejected = 613;
      s.options.ld_alpha = ld_alpha;
      run_case(suite, s, setups.seed());
    }
  }
  if (dtype == EQP_F32 && kind == EQP_PAIR_LOSS_SIGMOID) {
    run(2, 65537, 613, 1);
    Setup many = setups.of(dtype, {kind});
    many.pairs = 18749;
    many.tokens_chosen = many.tokens_rejected = 1;
    many.reference = many.all_outputs = false;
    run_case(suite, many, setups.seed());
  }
  if (!suite.large_cases) return;
  run(70001, 3, 2, 1);
  run(1, 1 << 20, 613, 1);
}

void check_oracle(Setups& setups) {
  for (const Kind& kind : kKinds) {
    Setup s = setups.of(EQP_F64, {kind.value});
    s.options.beta = 0.4;
    s.options.ld_alpha = 0.5;
    s.weights = !kind.sorts;
    check_oracle_by_differences(s);
    s.options.label_smoothing = kind.label_smoothing ? 0.3 : 0;
    s.options.simpo_alpha = kind.value == EQP_PAIR_LOSS_SIMPO ? 0.25 : 0;
    s.options.divergence =
        kind.divergence ? EQP_PAIR_DIVERGENCE_JS : EQP_PAIR_DIVERGENCE_REVERSE_KL;
    check_oracle_by_differences(s);
  }
  for (const int divergence : {EQP_PAIR_DIVERGENCE_FORWARD_KL, EQP_PAIR_DIVERGENCE_ALPHA}) {
    Setup s = setups.of(EQP_F64, {EQP_PAIR_LOSS_SIGMOID, EQP_PAIR_LOSS_SFT});
    s.options.divergence = divergence;
    check_oracle_by_differences(s);
  }
}

}  // namespace

void conform_pair_loss(Suite& suite) {
  Setups setups;
  check_oracle(setups);
  for (const eqp_dtype dtype : kDtypes) {
    check_hinge_at_its_kink(suite, dtype);
    check_divergence_beyond_its_bound(suite, dtype, EQP_PAIR_DIVERGENCE_FORWARD_KL);
    check_divergence_beyond_its_bound(suite, dtype, EQP_PAIR_DIVERGENCE_ALPHA);
    for (const Kind& kind : kKinds) conform_kind(suite, setups, kind, dtype);
    conform_sums(suite, setups, dtype);
    for (const Layout& layout : each_shifted_alone("pair_loss")) {
      Setup s = setups.of(dtype, {EQP_PAIR_LOSS_SIGMOID});
      s.layout = layout;
      s.tokens_chosen = 32;
      s.tokens_rejected = 16;
      s.weights = true;
      run_case(suite, s, setups.seed());
    }
    for (const eqp_pair_loss_kind kind :
         {EQP_PAIR_LOSS_SIGMOID, EQP_PAIR_LOSS_SFT, EQP_PAIR_LOSS_AOT}) {
      conform_sizes(suite, setups, kind, dtype);
    }
  }
}

}  // namespace eqp::test

#include "conformance/policy_loss_case.h"

#include <cmath>
#include <limits>

#include "harness/check.h"

namespace eqp::test {
namespace {

using Real = long double;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

eqp_dtype real_of(eqp_dtype dtype) { return dtype == EQP_F64 ? EQP_F64 : EQP_F32; }

}  // namespace

std::string text_of(const PolicySetup& s) {
  const eqp_policy_loss_options& o = s.options;
  return format(
      "[%lld, %lld] gap %lld data %d normalizer %d surrogate %d importance %d kl %d unbiased %d "
      "epsilon %g %g dual %g beta %g floor %g entropy %g off-policy %g sampler %d %d total %g old "
      "%d ref %d sampler %d truncated %d entropy %d threshold %d per token %d weights %d",
      static_cast<long long>(s.sequences), static_cast<long long>(s.tokens),
      static_cast<long long>(s.layout.gap), static_cast<int>(s.data), o.normalizer, o.surrogate,
      o.importance, o.kl, o.kl_unbiased, o.epsilon_low, o.epsilon_high, o.dual_clip, o.kl_beta,
      o.negative_log_prob_floor, o.entropy_coefficient, o.off_policy_threshold,
      o.sampler_correction, o.sampler_level, o.total_tokens, s.old, s.reference, s.sampler,
      s.truncated, s.entropy, s.threshold, s.per_token, s.weights);
}

PolicyProblem make_problem(const PolicySetup& s, uint64_t seed) {
  Random random(seed);
  PolicyProblem p;
  p.sequences = s.sequences;
  p.tokens = s.tokens;
  p.advantages_per_token = s.per_token;
  const eqp_dtype real = s.dtype == EQP_F64 ? EQP_F64 : EQP_F32;
  for (int64_t i = 0; i < s.sequences; ++i) {
    const bool truncated = s.truncated && i % 4 == 2;
    if (s.truncated) p.truncated.push_back(truncated ? 1 : 0);
    const bool left_out = truncated || (s.weights && i % 5 == 4);
    // Sequences drift from the old policy and its sampler by amounts of their own.
    const double drift = s.sampler ? 0.3 * random.normal() : 0;
    for (int64_t t = 0; t < s.tokens; ++t) {
      const bool unmasked = random.chance(s.unmasked);
      const bool counts = unmasked && !left_out;
      double lp = -2 * std::fabs(random.normal()) - 0.01;
      double old = lp + 0.25 * random.normal();
      double reference = lp + 0.4 * random.normal();
      double sampler =
          old + drift / std::sqrt(static_cast<double>(s.tokens)) + 0.1 * random.normal();
      // Some exactly at the threshold.
      double entropy = random.chance(0.1) ? kPolicyThreshold : std::fabs(random.normal());
      if (s.data == PolicyData::kOnPolicy) old = reference = sampler = round_to(s.dtype, lp);
      // Divergences of 1e-3 to 1e-9, which are the difference of numbers near 1.
      if (s.data == PolicyData::kNearReference)
        reference = lp + 0.1 * std::pow(10, -static_cast<double>(t % 4)) * random.normal();
      if (s.data == PolicyData::kFarReference) {
        // Exponentials beyond f32 whose product is not.
        const double log_probs[] = {-100, -89, -88, -87.5, -60, -20, -1, -0.01};
        const double olds[] = {0, -10, -40};
        const double references[] = {0, -0.5, -5, -87, -100};
        lp = log_probs[random.below(8)];
        old = olds[random.below(3)];
        reference = references[random.below(5)];
      }
      if (s.data == PolicyData::kGrid) {
        const double log_probs[] = {-1e-3, -1, -30, -87.5, -89, -120};
        const double olds[] = {0, -20, -60};
        const double references[] = {0, -1, -60, -87.5, -120};
        lp = log_probs[i % 6];
        old = olds[i / 6 % 3];
        reference = references[i / 18 % 5];
      }
      if (s.data == PolicyData::kExtreme) {
        // Log-ratios whose exp is beyond f32 (A <= 0 makes the loss follow it), and tiny ones.
        old = lp + (t % 3 == 0 ? -60.0 : t % 3 == 1 ? 80.0 : -200.0);
        reference = lp + (t % 2 == 0 ? -70.0 : 20.0);
        sampler = old;
      }
      if (s.data == PolicyData::kNotANumber && counts && i % 3 == 1 && t == s.tokens / 2) lp = kNaN;
      // Tokens that the sampler did not score.
      if (s.sampler && random.chance(0.1)) sampler = kNaN;
      if (!counts) lp = old = reference = sampler = entropy = t % 2 == 0 ? kNaN : kInf;
      p.log_probs.push_back(round_to(s.dtype, lp));
      if (s.old) p.old_log_probs.push_back(round_to(s.dtype, old));
      if (s.reference) p.reference.push_back(round_to(s.dtype, reference));
      if (s.sampler) p.sampler.push_back(round_to(s.dtype, sampler));
      if (s.entropy) p.entropy.push_back(round_to(real, entropy));
      p.mask.push_back(!unmasked                ? 0
                       : s.mask_dtype == EQP_U8 ? 1 + static_cast<double>(random.below(255))
                                                : 1);
      if (s.per_token) p.advantages.push_back(counts ? round_to(real, random.normal()) : kNaN);
    }
    if (!s.per_token) {
      double a = i % 4 == 3 ? 0 : random.normal();
      // exp(200) is no f32: it must not leak through a clipped or a zero advantage.
      if (s.data == PolicyData::kExtreme) a = i % 2 == 0 ? std::fabs(a) : 0;
      if (s.data == PolicyData::kFarReference) a = 0;
      if (s.data == PolicyData::kGrid) a = static_cast<double>(i / 90) - 1;
      p.advantages.push_back(left_out ? kNaN : round_to(real, a));
    }
    if (s.weights) p.weights.push_back(round_to(real, i % 5 == 4 ? 0 : random.uniform(0.1, 3)));
  }
  if (s.threshold) p.threshold.push_back(kPolicyThreshold);
  p.held = p.log_probs;
  return p;
}

void add_tensors(Case& call, const PolicySetup& s, const PolicyProblem& p,
                 const std::vector<int64_t>& scalar) {
  const eqp_dtype real = real_of(s.dtype);
  const std::vector<int64_t> shape = {s.sequences, s.tokens};
  call.options<eqp_policy_loss_options>() = s.options;
  call.add("log_probs", s.dtype, shape, p.log_probs);
  if (s.old) call.add("old_log_probs", s.dtype, shape, p.old_log_probs);
  if (s.reference) call.add("reference_log_probs", s.dtype, shape, p.reference);
  if (s.sampler) call.add("sampler_log_probs", s.dtype, shape, p.sampler);
  call.add("advantages", real, s.per_token ? shape : std::vector<int64_t>{s.sequences},
           p.advantages);
  call.add("mask", s.mask_dtype, shape, p.mask);
  if (s.truncated) call.add("truncated", s.mask_dtype, {s.sequences}, p.truncated);
  if (s.weights) call.add("sequence_weights", real, {s.sequences}, p.weights);
  if (s.entropy) call.add("entropy", real, shape, p.entropy);
  if (s.threshold) call.add("entropy_threshold", real, scalar, p.threshold);
  call.add("loss", real, scalar);
  if (s.all_outputs) {
    call.add("sequence_losses", real, {s.sequences});
    call.add("metrics", real, {EQP_POLICY_METRIC_COUNT});
    call.add("d_log_probs", s.dtype, shape);
    if (s.entropy) call.add("d_entropy", real, shape);
  }
}

void run_case(Suite& suite, const PolicySetup& s, uint64_t seed) {
  const PolicyProblem p = make_problem(s, seed);
  const Real u = arithmetic_roundoff(s.dtype);
  const Real tiny = smallest_normal(real_of(s.dtype));
  Case call(suite.backend, suite.report, "policy_loss", text_of(s), s.layout);
  add_tensors(call, s, p, seed % 2 == 0 ? std::vector<int64_t>{} : std::vector<int64_t>{1});
  if (!call.run()) return;

  const PolicyOracle oracle = policy_oracle(p, s.options, u, tiny);
  const auto all_of = [&](const char* output, const std::vector<Tracked>& values) {
    call.expect(output, [&](int64_t e) { return expected(values[static_cast<size_t>(e)]); });
  };
  call.expect("loss", [&](int64_t) { return expected(oracle.loss); });
  if (!s.all_outputs) return;
  all_of("sequence_losses", oracle.sequence_losses);
  all_of("d_log_probs", oracle.d_log_probs);
  if (s.entropy) all_of("d_entropy", oracle.d_entropy);
  if (s.data != PolicyData::kNotANumber)
    call.expect("metrics", [&](int64_t k) { return expected(oracle.metrics[k]); });
}

}  // namespace eqp::test

// eqp_policy_loss against the formulas of policy_loss.h.
#include "equipoise/policy_loss.h"

#include <cmath>
#include <limits>

#include "conformance/policy_loss_case.h"
#include "harness/check.h"

namespace eqp::test {
namespace {

using Real = long double;
constexpr double kInf = std::numeric_limits<double>::infinity();

using Setup = PolicySetup;
using Data = PolicyData;

// The oracle's gradients are the derivatives of its own value.
void check_oracle_by_differences(Setup s, uint64_t seed) {
  s.dtype = EQP_F64;
  PolicyProblem p = make_problem(s, seed);
  // The step must not carry an entropy over the threshold, nor a log-prob over the floor or over its
  // reference, where |d| bends.
  if (s.threshold) p.threshold[0] -= 0.01;
  double& floor = s.options.negative_log_prob_floor;
  for (size_t at = 0; at < p.log_probs.size(); ++at) {
    if (!(std::fabs(p.log_probs[at] - floor) <= 0x1p-11)) continue;
    floor -= 0x1p-9;
    at = 0;
  }
  for (size_t at = 0; at < p.reference.size(); ++at) {
    if (std::fabs(p.log_probs[at] - p.reference[at]) <= 0x1p-11) p.reference[at] -= 0x1p-9;
  }
  const PolicyOracle oracle = policy_oracle(p, s.options, 0, 0);
  const auto check = [&](std::vector<double>& x, const std::vector<Tracked>& slopes,
                         const char* name) {
    for (size_t at = 0; at < x.size(); ++at) {
      if (!p.counts(static_cast<int64_t>(at) / p.tokens, static_cast<int64_t>(at) % p.tokens))
        continue;
      const double kept = x[at];
      const Real difference = derivative_at_zero(
          [&](Real step) {
            x[at] = static_cast<double>(kept + step);
            return policy_oracle(p, s.options, 0, 0).loss.value;
          },
          0x1p-12L);
      x[at] = kept;
      EQP_CHECK(fabsl(difference - slopes[at].value) < 1e-9L, "oracle of %s: %s: %Lg is not %Lg",
                text_of(s).c_str(), name, slopes[at].value, difference);
    }
  };
  check(p.log_probs, oracle.d_log_probs, "d_log_probs");
  if (s.entropy) check(p.entropy, oracle.d_entropy, "d_entropy");
}

const Layout kLayouts[] = {{0, 0}, {3, 1}, {16, 0}, {0, 3}, {61, 2}};

eqp_policy_loss_options options_of(eqp_policy_normalizer normalizer) {
  eqp_policy_loss_options o;
  eqp_policy_loss_options_init(&o);
  o.normalizer = normalizer;
  o.kl_beta = 0.04;
  o.max_completion_length = normalizer == EQP_POLICY_NORMALIZER_DR_GRPO ? 17 : 0;
  return o;
}

#define EQP_TEST_VALUE(name, value) value,
const eqp_policy_normalizer kNormalizers[] = {EQP_POLICY_NORMALIZERS(EQP_TEST_VALUE)};
const eqp_policy_surrogate kSurrogates[] = {EQP_POLICY_SURROGATES(EQP_TEST_VALUE)};
const eqp_policy_importance kImportances[] = {EQP_POLICY_IMPORTANCES(EQP_TEST_VALUE)};
const eqp_policy_kl kKls[] = {EQP_POLICY_KLS(EQP_TEST_VALUE)};
const eqp_sampler_correction kCorrections[] = {EQP_SAMPLER_CORRECTIONS(EQP_TEST_VALUE)};
#undef EQP_TEST_VALUE

template <class T, size_t kCount>
T any_of(const T (&values)[kCount], Random& random) {
  return values[random.below(kCount)];
}

// A legal combination of everything beyond the plain loss.
Setup random_setup(eqp_policy_surrogate surrogate, eqp_dtype dtype, uint64_t seed) {
  Random random(seed);
  Setup s;
  s.dtype = dtype;
  s.options = options_of(any_of(kNormalizers, random));
  eqp_policy_loss_options& o = s.options;
  const bool vespo = surrogate == EQP_POLICY_SURROGATE_VESPO,
             gmpo = surrogate == EQP_POLICY_SURROGATE_GMPO;
  o.surrogate = surrogate;
  if (!vespo && !gmpo) o.importance = any_of(kImportances, random);
  o.kl = any_of(kKls, random);
  o.kl_unbiased = random.chance(0.4) ? 1 : 0;
  s.reference = random.chance(0.7);
  o.kl_beta = s.reference ? 0.3 : 0;
  s.old = random.chance(0.85);
  s.sampler = random.chance(0.6);
  if (s.sampler) {
    o.sampler_correction = any_of(kCorrections, random);
    if (!vespo && random.chance(0.5)) o.sampler_level = EQP_POLICY_IMPORTANCE_SEQUENCE;
    o.sampler_min = random.chance(0.5) ? 0.9 : 0;
    o.sampler_max = random.chance(0.5) ? 1.1 : 3;
  }
  if (random.chance(0.5)) o.off_policy_threshold = 0.02;
  s.entropy = random.chance(0.6);
  s.threshold = s.entropy && random.chance(0.6);
  if (s.entropy && random.chance(0.7)) o.entropy_coefficient = random.chance(0.5) ? 0.01 : -0.3;
  s.truncated = random.chance(0.4);
  s.weights = random.chance(0.4);
  s.per_token = !gmpo && random.chance(0.3);
  if (random.chance(0.3)) o.negative_log_prob_floor = -1.5;
  o.epsilon_low = any_of<double>({0.05, 0.2}, random);
  o.epsilon_high = any_of<double>({0.05, 0.28}, random);
  if (surrogate == EQP_POLICY_SURROGATE_CLIP && random.chance(0.6)) o.dual_clip = 1.3;
  if (surrogate == EQP_POLICY_SURROGATE_CISPO_ABSOLUTE) o.epsilon_high += 1;
  if (surrogate == EQP_POLICY_SURROGATE_SAPO) o.sapo_tau_positive = 2.5;
  s.layout = any_of(kLayouts, random);
  s.mask_dtype = random.chance(0.5) ? EQP_BOOL : EQP_U8;
  return s;
}

void conform_options(Suite& suite) {
  uint64_t seed = 7000;
  for (const eqp_policy_surrogate surrogate : kSurrogates) {
    for (int repeat = 0; repeat < 12; ++repeat) {
      ++seed;
      check_oracle_by_differences(random_setup(surrogate, EQP_F64, seed), seed);
    }
    for (const eqp_dtype dtype : {EQP_F32, EQP_F64, EQP_BF16, EQP_F16}) {
      for (const Data data : {Data::kOnPolicy, Data::kExtreme, Data::kNotANumber}) {
        for (int repeat = 0; repeat < 4; ++repeat) {
          Setup s = random_setup(surrogate, dtype, ++seed);
          s.data = data;
          if (data == Data::kExtreme) {
            s.per_token = false;
            s.options.kl_beta = 0;
            s.options.kl_unbiased = 0;
            s.options.importance = EQP_POLICY_IMPORTANCE_TOKEN;
          }
          run_case(suite, s, seed);
        }
      }
      for (const Data data : {Data::kNearReference, Data::kFarReference}) {
        for (int repeat = 0; repeat < 6; ++repeat) {
          Setup s = random_setup(surrogate, dtype, ++seed);
          s.data = data;
          s.old = s.reference = true;
          s.sampler = s.per_token = false;
          s.options.sampler_correction = EQP_SAMPLER_CORRECTION_NONE;
          s.options.sampler_level = EQP_POLICY_IMPORTANCE_TOKEN;
          s.options.off_policy_threshold = kInf;
          s.options.kl = EQP_POLICY_KL_K3;
          s.options.kl_beta = 0.3;
          if (data == Data::kFarReference) {
            s.options.kl_unbiased = 1;
            s.options.importance = EQP_POLICY_IMPORTANCE_TOKEN;
          }
          run_case(suite, s, seed);
        }
      }
      for (const double unmasked : {0.0, 1.0}) {
        Setup s = random_setup(surrogate, dtype, ++seed);
        s.unmasked = unmasked;
        run_case(suite, s, seed);
      }
      // Sequences that several warps share, and several blocks of sequences.
      Setup shared = random_setup(surrogate, dtype, ++seed);
      shared.sequences = 2;
      shared.tokens = 1031;
      run_case(suite, shared, seed);
      Setup many = random_setup(surrogate, dtype, ++seed);
      many.sequences = 40;
      many.tokens = 67;
      run_case(suite, many, seed);
    }
  }
}

// Every combination of exponents whose products are in the range of f32 though they need not be, under
// every surrogate and divergence.
void conform_exponents(Suite& suite) {
  uint64_t seed = 6000;
  for (const eqp_policy_surrogate surrogate : kSurrogates) {
    for (const eqp_policy_kl kl : kKls) {
      for (const eqp_dtype dtype : {EQP_F32, EQP_F64, EQP_BF16, EQP_F16}) {
        // The exponents are those of the arithmetic, whatever the surrogate.
        if (dtype != EQP_F32 && surrogate != EQP_POLICY_SURROGATE_CLIP) continue;
        Setup s;
        s.dtype = dtype;
        s.data = Data::kGrid;
        s.sequences = 3 * 90;
        s.tokens = 1;
        s.unmasked = 1;
        s.old = s.reference = true;
        s.options = options_of(EQP_POLICY_NORMALIZER_DAPO);
        s.options.surrogate = surrogate;
        s.options.kl = kl;
        s.options.kl_unbiased = 1;
        s.options.kl_beta = 0.3;
        const bool by_sequence = ++seed % 2 == 0 && surrogate != EQP_POLICY_SURROGATE_VESPO &&
                                 surrogate != EQP_POLICY_SURROGATE_GMPO;
        if (by_sequence) s.options.importance = EQP_POLICY_IMPORTANCE_SEQUENCE;
        run_case(suite, s, seed);
      }
    }
  }
}

void conform_shifted(Suite& suite) {
  uint64_t seed = 9000;
  for (const eqp_dtype dtype : {EQP_F32, EQP_F64, EQP_BF16, EQP_F16}) {
    for (const Layout& layout : each_shifted_alone("policy_loss")) {
      Setup s;
      s.dtype = dtype;
      s.layout = layout;
      s.tokens = 32;
      s.per_token = s.weights = s.sampler = s.truncated = s.entropy = s.threshold = true;
      s.options = options_of(EQP_POLICY_NORMALIZER_GRPO);
      s.options.entropy_coefficient = 0.01;
      s.options.sampler_correction = kCorrections[seed % 2];
      run_case(suite, s, ++seed);
    }
  }
}

void conform_normalizer(Suite& suite, eqp_policy_normalizer normalizer, uint64_t seed) {
  for (const eqp_dtype dtype : {EQP_F32, EQP_F64, EQP_BF16, EQP_F16}) {
    const auto usual = [&] {
      Setup s;
      s.dtype = dtype;
      s.options = options_of(normalizer);
      s.layout = kLayouts[++seed % 5];
      s.mask_dtype = seed % 2 == 0 ? EQP_BOOL : EQP_U8;
      s.per_token = seed % 3 == 0;
      s.weights = seed % 4 < 2;
      s.truncated = seed % 7 == 0;
      return s;
    };
    // The others divide by what is known before; these count.
    const bool counts =
        normalizer == EQP_POLICY_NORMALIZER_GRPO || normalizer == EQP_POLICY_NORMALIZER_DAPO;
    for (const int64_t sequences : {0, 1, 2, 5, 17, 64}) {
      if (!counts && sequences != 5) continue;
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
    if (counts) run_case(suite, large, seed);
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

// An entropy that is only measured does not touch the loss, even when it is no number: a ratio of 1 and
// advantages of 1 give -1 per token.
void check_entropy_without_a_bonus(Suite& suite) {
  for (const int64_t sequences : {2, 40}) {
    const std::vector<int64_t> shape = {sequences, 5};
    std::vector<double> entropy(static_cast<size_t>(5 * sequences), 1);
    entropy[3] = kInf;
    const std::vector<double> log_probs(entropy.size(), -1), ones(entropy.size(), 1);
    Case call(
        suite.backend, suite.report, "policy_loss",
        format("infinite entropy without a bonus, %d sequences", static_cast<int>(sequences)));
    call.options<eqp_policy_loss_options>().normalizer = EQP_POLICY_NORMALIZER_DAPO;
    call.add("log_probs", EQP_F32, shape, log_probs);
    call.add("old_log_probs", EQP_F32, shape, log_probs);
    call.add("advantages", EQP_F32, {sequences},
             std::vector<double>(static_cast<size_t>(sequences), 1));
    call.add("mask", EQP_BOOL, shape, ones);
    call.add("entropy", EQP_F32, shape, entropy);
    call.add("loss", EQP_F32, {1});
    call.add("sequence_losses", EQP_F32, {sequences});
    if (!call.run()) return;
    // Sums of whole numbers; the divisor's reciprocal and its product round.
    call.expect("loss", [](int64_t) { return Expected{-1, 0x1p-22}; });
    call.expect("sequence_losses", [&](int64_t) {
      return Expected{-1 / static_cast<double>(sequences), 0x1p-22};
    });
  }
}

// Sequences [begin, end) of a problem.
PolicyProblem part_of(const PolicyProblem& p, int64_t begin, int64_t end) {
  PolicyProblem part = p;
  part.sequences = end - begin;
  const auto cut = [&](std::vector<double>* values) {
    if (values->empty()) return;
    const int64_t each = static_cast<int64_t>(values->size()) / p.sequences;
    *values = std::vector<double>(values->begin() + begin * each, values->begin() + end * each);
  };
  for (std::vector<double>* values :
       {&part.log_probs, &part.held, &part.old_log_probs, &part.reference, &part.sampler,
        &part.advantages, &part.mask, &part.entropy, &part.truncated, &part.weights})
    cut(values);
  return part;
}

// Micro-batches that are given the totals of the batch add up to it, by loss and by gradient.
void check_parts_add_up(Suite& suite, Setup s, uint64_t seed) {
  s.sequences = 11;
  s.tokens = 9;
  const PolicyProblem p = make_problem(s, seed);
  double tokens = 0, kept = 0;
  for (int64_t i = 0; i < s.sequences; ++i) {
    for (int64_t t = 0; t < s.tokens; ++t) {
      if (!p.counts(i, t)) continue;
      tokens += 1;
      kept += !s.threshold || p.entropy[p.at(i, t)] >= p.threshold[0] ? 1 : 0;
    }
  }
  Case whole(suite.backend, suite.report, "policy_loss", text_of(s) + " whole", s.layout);
  add_tensors(whole, s, p, {1});
  if (!whole.run()) return;
  Setup of_part = s;
  const bool dapo = s.options.normalizer == EQP_POLICY_NORMALIZER_DAPO;
  if (dapo) {
    of_part.options.total_tokens = tokens;
  } else {
    of_part.options.total_sequences = static_cast<double>(s.sequences);
  }
  // Without a threshold DAPO's total is that of the bonus, too.
  const bool given = s.options.entropy_coefficient != 0 && (!dapo || s.threshold);
  if (given) of_part.options.total_kept_tokens = kept;
  double loss = 0, magnitude = 0;
  const int64_t bounds[] = {0, 4, 5, 11};
  for (int part = 0; part < 3; ++part) {
    of_part.sequences = bounds[part + 1] - bounds[part];
    Case call(suite.backend, suite.report, "policy_loss", text_of(of_part) + " part", s.layout);
    add_tensors(call, of_part, part_of(p, bounds[part], bounds[part + 1]), {1});
    if (!call.run()) return;
    loss += call.at("loss").get(0);
    for (int64_t i = 0; i < of_part.sequences; ++i)
      magnitude += std::fabs(call.at("sequence_losses").get(i));
    for (const char* gradient : {"d_log_probs", "d_entropy"}) {
      if (gradient[2] == 'e' && !s.entropy) continue;
      for (int64_t e = 0; e < of_part.sequences * s.tokens; ++e) {
        const double of_whole = whole.at(gradient).get(bounds[part] * s.tokens + e);
        const double found = call.at(gradient).get(e);
        // Computed alike, but for the rounding of a scale.
        EQP_CHECK(std::fabs(found - of_whole) <= 0x1p-22 * std::fabs(of_whole),
                  "%s: %s: expected %g as in the whole, found %g", text_of(of_part).c_str(),
                  gradient, of_whole, found);
      }
    }
  }
  // Four losses, each rounded to f32 by what its terms allow: 16 units of the sum of magnitudes.
  EQP_CHECK(std::fabs(loss - whole.at("loss").get(0)) <= 0x1p-20 * magnitude,
            "%s: expected parts that add up to %g, found %g", text_of(s).c_str(),
            whole.at("loss").get(0), loss);
}

void conform_parts(Suite& suite) {
  uint64_t seed = 5000;
  for (const eqp_policy_normalizer normalizer : kNormalizers) {
    for (const int bonus : {0, 1, 2}) {  // none, of all tokens, of those that pass a threshold
      for (const int kl : {0, 1, 2}) {   // none, K3, unbiased K1
        Setup s;
        s.options = options_of(normalizer);
        s.old = s.truncated = s.weights = true;
        s.reference = kl != 0;
        s.options.kl_beta = kl == 0 ? 0 : 0.3;
        s.options.kl = kl == 2 ? EQP_POLICY_KL_K1 : EQP_POLICY_KL_K3;
        s.options.kl_unbiased = kl == 2;
        s.entropy = bonus != 0;
        s.threshold = bonus == 2;
        s.options.entropy_coefficient = bonus == 0 ? 0 : 0.25;
        check_parts_add_up(suite, s, ++seed);
      }
    }
  }
}

}  // namespace

void conform_policy_loss(Suite& suite) {
  check_entropy_without_a_bonus(suite);
  conform_parts(suite);
  conform_exponents(suite);
  uint64_t seed = 2000;
  for (const eqp_policy_normalizer normalizer : kNormalizers) {
    Setup s;
    s.options = options_of(normalizer);
    s.weights = true;
    check_oracle_by_differences(s, 21);
    conform_normalizer(suite, normalizer, seed);
    seed += 500;
  }
  conform_policy_pairs(suite);
  conform_options(suite);
  conform_shifted(suite);
}

}  // namespace eqp::test

// Every field of eqp_policy_loss_options with its default and values for tests: others that are legal and bite on the
// usual numbers of conformance, and such that a legal call's other options do not allow. A field without a row fails
// both tests that read this.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "equipoise/policy_loss.h"

namespace eqp::test {

struct OptionValues {
  const char* field;
  double preset;
  std::vector<double> others;  // empty: follow from other fields in conformance
  std::vector<double> refused;
};

inline std::vector<double> values_but(const std::vector<int>& list, int preset) {
  std::vector<double> values;
  for (const int value : list) {
    if (value != preset) values.push_back(value);
  }
  return values;
}

// The values that a field of a list must not have: those beside the known ones.
inline std::vector<double> unknown(const std::vector<int>& known) {
  std::vector<double> values;
  for (const int value : known) {
    for (const int beside : {value - 1, value + 1, 0, -7}) {
      if (std::find(known.begin(), known.end(), beside) == known.end()) values.push_back(beside);
    }
  }
  return values;
}

#define EQP_VALUE(name, value, ...) value,
#define EQP_VALUES_BUT(LIST, preset) values_but({LIST(EQP_VALUE)}, preset)
#define EQP_NONE_OF(LIST) unknown({LIST(EQP_VALUE)})

inline std::vector<OptionValues> policy_options() {
  constexpr double kInf = HUGE_VAL;
  const double nan = std::nan("");
  const std::vector<double> not_positive = {0, -1, nan, kInf}, negative = {-1e-3, nan, kInf};
  return {
      {"normalizer", EQP_POLICY_NORMALIZER_GRPO,
       EQP_VALUES_BUT(EQP_POLICY_NORMALIZERS, EQP_POLICY_NORMALIZER_GRPO),
       EQP_NONE_OF(EQP_POLICY_NORMALIZERS)},
      {"surrogate", EQP_POLICY_SURROGATE_CLIP, {}, EQP_NONE_OF(EQP_POLICY_SURROGATES)},
      {"importance", EQP_POLICY_IMPORTANCE_TOKEN, {}, EQP_NONE_OF(EQP_POLICY_IMPORTANCES)},
      {"kl", EQP_POLICY_KL_K3, EQP_VALUES_BUT(EQP_POLICY_KLS, EQP_POLICY_KL_K3),
       EQP_NONE_OF(EQP_POLICY_KLS)},
      {"kl_unbiased", 0, {1}, {-1, 2}},
      {"sampler_correction", EQP_SAMPLER_CORRECTION_NONE,
       EQP_VALUES_BUT(EQP_SAMPLER_CORRECTIONS, EQP_SAMPLER_CORRECTION_NONE),
       EQP_NONE_OF(EQP_SAMPLER_CORRECTIONS)},
      {"sampler_level",
       EQP_POLICY_IMPORTANCE_TOKEN,
       {EQP_POLICY_IMPORTANCE_SEQUENCE},
       {0, EQP_POLICY_IMPORTANCE_SEQUENCE_TOKEN}},
      {"epsilon_low", 0.2, {0.05, 1}, {-0.1, 1.1, nan, kInf}},
      {"epsilon_high", 0.2, {0.05, 1.28, kInf}, {-0.1, nan}},
      {"dual_clip", kInf, {1.3}, {0.9, nan}},
      {"sapo_tau_positive", 1, {2.5}, not_positive},
      {"sapo_tau_negative", 1.05, {0.5}, not_positive},
      {"vespo_k_positive", 2, {0, 0.5}, negative},
      {"vespo_lambda_positive", 3, {1}, not_positive},
      {"vespo_k_negative", 3, {0, 1}, negative},
      {"vespo_lambda_negative", 2, {0.5}, not_positive},
      {"kl_beta", 0, {0.3}, negative},
      {"negative_log_prob_floor", -kInf, {-1.5}, {0.1, nan}},
      {"entropy_coefficient", 0, {0.01, -0.3}, {nan, kInf, -kInf}},
      {"off_policy_threshold", kInf, {0.02}, {nan}},
      {"sampler_min", 0, {0.9}, {-0.1, 3, nan}},
      {"sampler_max", 3, {1.1}, {0, -1, nan}},
      {"max_completion_length", 0, {}, {-1, nan, kInf, 7}},
      {"total_tokens", 0, {300}, {-1, nan, kInf, 7}},
      {"total_sequences", 0, {70}, negative},
      {"total_kept_tokens", 0, {40}, {-1, nan, kInf, 7}},
  };
}

}  // namespace eqp::test

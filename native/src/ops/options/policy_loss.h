// Fields of eqp_policy_loss_options; which of them go together is checked by the op.
#pragma once

#include "equipoise/policy_loss.h"
#include "ops/fields.h"

namespace eqp {

#define EQP_OPTIONS eqp_policy_loss_options
inline constexpr Field<EQP_OPTIONS> kPolicyLossFields[] = {
    EQP_CHOICE(normalizer, EQP_POLICY_NORMALIZER_GRPO, EQP_POLICY_NORMALIZERS),
    EQP_CHOICE(surrogate, EQP_POLICY_SURROGATE_CLIP, EQP_POLICY_SURROGATES),
    EQP_CHOICE(importance, EQP_POLICY_IMPORTANCE_TOKEN, EQP_POLICY_IMPORTANCES),
    EQP_CHOICE(kl, EQP_POLICY_KL_K3, EQP_POLICY_KLS),
    EQP_FIELD(kl_unbiased, 0, "0 or 1", o.kl_unbiased == 0 || o.kl_unbiased == 1),
    EQP_CHOICE(sampler_correction, EQP_SAMPLER_CORRECTION_NONE, EQP_SAMPLER_CORRECTIONS),
    EQP_FIELD(sampler_level, EQP_POLICY_IMPORTANCE_TOKEN, "TOKEN (1) or SEQUENCE (2)",
              o.sampler_level == EQP_POLICY_IMPORTANCE_TOKEN ||
                  o.sampler_level == EQP_POLICY_IMPORTANCE_SEQUENCE),
    EQP_FIELD(epsilon_low, 0.2, "a finite number >= 0, except for GMPO at most 1",
              is_not_negative(o.epsilon_low) &&
                  (o.epsilon_low <= 1 || o.surrogate == EQP_POLICY_SURROGATE_GMPO)),
    EQP_FIELD(epsilon_high, 0.2, "a number >= 0", o.epsilon_high >= 0),
    EQP_FIELD(dual_clip, HUGE_VAL, "a number >= 1", o.dual_clip >= 1),
    EQP_FIELD(sapo_tau_positive, 1, kPositive, is_positive(o.sapo_tau_positive)),
    EQP_FIELD(sapo_tau_negative, 1.05, kPositive, is_positive(o.sapo_tau_negative)),
    EQP_FIELD(vespo_k_positive, 2, kNotNegative, is_not_negative(o.vespo_k_positive)),
    EQP_FIELD(vespo_lambda_positive, 3, kPositive, is_positive(o.vespo_lambda_positive)),
    EQP_FIELD(vespo_k_negative, 3, kNotNegative, is_not_negative(o.vespo_k_negative)),
    EQP_FIELD(vespo_lambda_negative, 2, kPositive, is_positive(o.vespo_lambda_negative)),
    EQP_FIELD(kl_beta, 0, kNotNegative, is_not_negative(o.kl_beta)),
    EQP_FIELD(negative_log_prob_floor, -HUGE_VAL, "a number <= 0", o.negative_log_prob_floor <= 0),
    EQP_FIELD(entropy_coefficient, 0, kFinite, is_finite(o.entropy_coefficient)),
    EQP_FIELD(off_policy_threshold, HUGE_VAL, "a number",
              o.off_policy_threshold == o.off_policy_threshold),
    EQP_FIELD(sampler_max, 3, "a number > 0", o.sampler_max > 0),
    EQP_FIELD(sampler_min, 0, "0 <= value < sampler_max",
              o.sampler_min >= 0 && o.sampler_min < o.sampler_max),
    EQP_FIELD(max_completion_length, 0, "a finite number >= 1 for DR_GRPO, otherwise 0",
              o.normalizer == EQP_POLICY_NORMALIZER_DR_GRPO
                  ? o.max_completion_length >= 1 && is_finite(o.max_completion_length)
                  : o.max_completion_length == 0),
    EQP_FIELD(total_tokens, 0, "a finite number >= 0 for DAPO, otherwise 0",
              o.normalizer == EQP_POLICY_NORMALIZER_DAPO ? is_not_negative(o.total_tokens)
                                                         : o.total_tokens == 0),
    EQP_FIELD(total_sequences, 0, "0 for DAPO, otherwise a finite number >= 0",
              o.normalizer == EQP_POLICY_NORMALIZER_DAPO ? o.total_sequences == 0
                                                         : is_not_negative(o.total_sequences)),
    EQP_FIELD(total_kept_tokens, 0, "a finite number >= 0, and 0 where entropy_coefficient is 0",
              o.entropy_coefficient == 0 ? o.total_kept_tokens == 0
                                         : is_not_negative(o.total_kept_tokens)),
};
#undef EQP_OPTIONS

inline eqp_policy_loss_options policy_loss_defaults() { return defaults_of(kPolicyLossFields); }

}  // namespace eqp

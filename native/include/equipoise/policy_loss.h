/* Policy-gradient losses over token log-probs, with gradients (PPO/GRPO family).
 *
 * Per unmasked token, lp = log_prob, A = advantage, len = max(1, sum_t m), sg = stop-gradient:
 *   w = lp - old_log_prob                           importance TOKEN
 *     = (1/len) sum_t m (lp - old)                  SEQUENCE: one per sequence (GSPO)   2507.18071
 *     = sg(the same) + lp - sg(lp)                  SEQUENCE_TOKEN (GSPO-token)
 *   q = exp(w)
 * Surrogates f:
 *   CLIP            -min(q A, clip(q, 1 - epsilon_low, 1 + epsilon_high) A);
 *                   A < 0: at most -dual_clip A     1707.06347; dual clip 1912.09729, 2505.07291
 *   CISPO_ABSOLUTE  -sg(min(q, epsilon_high)) A lp                               2506.13585 (TRL)
 *   CISPO_RELATIVE  -sg(clip(q, 1 - epsilon_low, 1 + epsilon_high)) A lp                   (verl)
 *   SAPO            -A sigmoid(tau (q - 1)) 4 / tau, tau = tau_positive if A > 0, else
 *                   tau_negative                                                     2511.20347
 *   VESPO           -sg(phi) A lp, phi = exp(lambda + k ln W - lambda W), (k, lambda) by A >= 0,
 *                   ln W = sum_t m clip(lp - old, -20, 20) [+ sum_t m ln(sampler ratio), each in
 *                   [ln 1e-8, 20]], then in [ln 1e-8, 20]; an infinite phi counts as 0
 *                                                                                    2602.10693
 *   GMPO            -A exp((1/n) sum_t m h u), u = min(w, epsilon_high) if A > 0, else
 *                   max(w, -epsilon_low); h = entropy mask, n = max(1, sum_t m h); epsilons bound
 *                   the log-ratio                                                    2507.20673
 *   token_loss = c f + kl_beta KL
 *   c = product of what is asked for; c = 0 drops the token's surrogate, whatever it holds:
 *     1{entropy >= entropy_threshold}               with a threshold; GMPO: inside its mean
 *     1{A >= 0 or mean_t m (sampler - lp) <= off_policy_threshold}; old without sampler 2512.02556
 *     the sampler's ratio r (not VESPO), limited: r = exp(old - sampler), at sampler_level SEQUENCE
 *       exp(sum_t m (old - sampler)); TRUNCATE: clip(r, sampler_min, sampler_max); MASK: r, or 0
 *       outside of these bounds. No gradient. A NaN difference (a token that the sampler did not
 *       score) counts as 0 here and in the off-policy mask.
 *     0 where A < 0 and lp < negative_log_prob_floor               (ours, not in the literature)
 *   KL, d = lp - reference: K1 d; ABS |d|; K2 d^2 / 2; K3 exp(-d) + d - 1 (joschu.net/blog/kl-approx)
 *     kl_unbiased: times q, with q's gradient       2512.02556
 *
 * S sequences, w_i = sequence weight (1 if not given):
 *   GRPO     (1/S) sum_i w_i (sum_t m token_loss) / len_i                            2402.03300
 *   DR_GRPO  sum_i w_i sum_t m token_loss / (S max_completion_length)                2503.20783
 *   DAPO     sum_i w_i sum_t m token_loss / max(1, total_tokens)                     2503.14476
 *            (BNPO is this with the tokens of the call)
 *   LUSPO    (1/S) sum_i w_i sum_t m token_loss                                      2602.05261
 * loss = that - entropy_coefficient (sum m h entropy) / max(1, K), h the entropy mask, K = sum m h or
 * total_kept_tokens. Numbers are those of arXiv papers.
 *
 * The losses (and gradients) of parts of a batch add up to those of the whole when every call is given
 * the totals of the whole: total_sequences (DAPO: total_tokens) and, with an entropy bonus,
 * total_kept_tokens.
 *
 * Tokens with mask 0 and those of a sequence that is truncated or has the weight 0 may hold anything,
 * count nowhere and get gradient exactly 0. Without old_log_probs w is lp - sg(lp): ratio 1, gradient intact. A = 0 gives
 * surrogate 0 even where the ratio is beyond the type's range; NaN in an unmasked, undropped token
 * gives NaN. */
#ifndef EQUIPOISE_POLICY_LOSS_H
#define EQUIPOISE_POLICY_LOSS_H

#include "equipoise/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, value) */
#define EQP_POLICY_SURROGATES(X) \
  X(CLIP, 1)                     \
  X(CISPO_ABSOLUTE, 2)           \
  X(CISPO_RELATIVE, 3)           \
  X(SAPO, 4)                     \
  X(VESPO, 5)                    \
  X(GMPO, 6)

typedef int32_t eqp_policy_surrogate;
#define EQP_POLICY_SURROGATE_CONSTANT(name, value, ...) EQP_POLICY_SURROGATE_##name = value,
enum { EQP_POLICY_SURROGATES(EQP_POLICY_SURROGATE_CONSTANT) };
#undef EQP_POLICY_SURROGATE_CONSTANT

#define EQP_POLICY_IMPORTANCES(X) \
  X(TOKEN, 1)                     \
  X(SEQUENCE, 2)                  \
  X(SEQUENCE_TOKEN, 3)

typedef int32_t eqp_policy_importance;
#define EQP_POLICY_IMPORTANCE_CONSTANT(name, value, ...) EQP_POLICY_IMPORTANCE_##name = value,
enum { EQP_POLICY_IMPORTANCES(EQP_POLICY_IMPORTANCE_CONSTANT) };
#undef EQP_POLICY_IMPORTANCE_CONSTANT

#define EQP_POLICY_NORMALIZERS(X) \
  X(GRPO, 1)                      \
  X(DR_GRPO, 2)                   \
  X(DAPO, 3)                      \
  X(LUSPO, 4)

typedef int32_t eqp_policy_normalizer;
#define EQP_POLICY_NORMALIZER_CONSTANT(name, value, ...) EQP_POLICY_NORMALIZER_##name = value,
enum { EQP_POLICY_NORMALIZERS(EQP_POLICY_NORMALIZER_CONSTANT) };
#undef EQP_POLICY_NORMALIZER_CONSTANT

#define EQP_POLICY_KLS(X) \
  X(K1, 1)                \
  X(ABS, 2)               \
  X(K2, 3)                \
  X(K3, 4)

typedef int32_t eqp_policy_kl;
#define EQP_POLICY_KL_CONSTANT(name, value, ...) EQP_POLICY_KL_##name = value,
enum { EQP_POLICY_KLS(EQP_POLICY_KL_CONSTANT) };
#undef EQP_POLICY_KL_CONSTANT

#define EQP_SAMPLER_CORRECTIONS(X) \
  X(NONE, 1)                       \
  X(TRUNCATE, 2)                   \
  X(MASK, 3)

typedef int32_t eqp_sampler_correction;
#define EQP_SAMPLER_CORRECTION_CONSTANT(name, value, ...) EQP_SAMPLER_CORRECTION_##name = value,
enum { EQP_SAMPLER_CORRECTIONS(EQP_SAMPLER_CORRECTION_CONSTANT) };
#undef EQP_SAMPLER_CORRECTION_CONSTANT

typedef struct eqp_policy_loss_options {
  uint32_t size;                             /* sizeof(eqp_policy_loss_options) */
  eqp_policy_normalizer normalizer;          /* default GRPO */
  eqp_policy_surrogate surrogate;            /* default CLIP */
  eqp_policy_importance importance;          /* default TOKEN, required by VESPO and GMPO */
  eqp_policy_kl kl;                          /* default K3 */
  int32_t kl_unbiased;                       /* 0 or 1; default 0 */
  eqp_sampler_correction sampler_correction; /* default NONE; others require sampler_log_probs */
  eqp_policy_importance sampler_level;       /* TOKEN (default) or SEQUENCE; VESPO: TOKEN */
  double epsilon_low;                        /* >= 0, except for GMPO at most 1; default 0.2 */
  double epsilon_high;                       /* >= 0, +Inf allowed; default 0.2 */
  double dual_clip;               /* CLIP: >= 1; default +Inf: off. TRL's delta, where that is at
                                     least 1 + epsilon_high, is the same number */
  double sapo_tau_positive;       /* finite > 0; default 1 */
  double sapo_tau_negative;       /* finite > 0; default 1.05 */
  double vespo_k_positive;        /* finite >= 0; default 2 */
  double vespo_lambda_positive;   /* finite > 0; default 3 */
  double vespo_k_negative;        /* finite >= 0; default 3 */
  double vespo_lambda_negative;   /* finite > 0; default 2 */
  double kl_beta;                 /* finite >= 0; default 0; > 0 requires reference_log_probs */
  double negative_log_prob_floor; /* <= 0; default -Inf: off */
  double entropy_coefficient;     /* finite; default 0; others require entropy */
  double off_policy_threshold;    /* not NaN; default +Inf: off */
  double sampler_min;             /* >= 0, < sampler_max; default 0 */
  double sampler_max;             /* > 0, +Inf allowed; default 3 */
  double max_completion_length;   /* DR_GRPO: >= 1, required; otherwise 0 (default) */
  double total_tokens;            /* DAPO: tokens of the global batch, finite; 0 (default): of this
                                     call; otherwise 0 */
  double total_sequences;   /* the others: S, sequences of the global batch, truncated ones and
                                     all, finite; 0 (default): of this call; DAPO: 0 */
  double total_kept_tokens; /* K: tokens of the global batch that pass the entropy mask, finite;
                                     0 (default): total_tokens where that is given and there is no
                                     threshold, otherwise of this call. Required beside the other
                                     totals, so that the bonus adds up as the rest does; 0 without an
                                     entropy_coefficient */
} eqp_policy_loss_options;

/* Each a mean over the unmasked tokens of the call, 0 where its tensor was not given. */
#define EQP_POLICY_METRIC_CLIP_LOW 0  /* share of A < 0 and ratio below the surrogate's bound */
#define EQP_POLICY_METRIC_CLIP_HIGH 1 /* share of A > 0 and ratio above it */
#define EQP_POLICY_METRIC_DUAL_CLIP 2 /* share of A < 0 and ratio above dual_clip */
#define EQP_POLICY_METRIC_RATIO 3     /* q */
#define EQP_POLICY_METRIC_WEIGHT 4    /* CISPO: the clipped ratio; VESPO: phi; otherwise 0 */
#define EQP_POLICY_METRIC_KL 5        /* the KL estimate as in the loss, without kl_beta */
#define EQP_POLICY_METRIC_ENTROPY 6
#define EQP_POLICY_METRIC_ENTROPY_KEPT 7        /* share with entropy >= threshold */
#define EQP_POLICY_METRIC_OFF_POLICY 8          /* share dropped by the off-policy mask */
#define EQP_POLICY_METRIC_SAMPLER_RATIO 9       /* r, after the limits of a correction */
#define EQP_POLICY_METRIC_SAMPLER_LIMITED 10    /* share of r outside of its limits */
#define EQP_POLICY_METRIC_SAMPLER_DIFFERENCE 11 /* |old - sampler| */
#define EQP_POLICY_METRIC_FLOORED 12            /* share silenced by the floor */
#define EQP_POLICY_METRIC_TOKENS 13             /* number of unmasked tokens, not a mean */
#define EQP_POLICY_METRIC_COUNT 14

EQP_API void eqp_policy_loss_options_init(eqp_policy_loss_options* options);
EQP_API eqp_status eqp_policy_loss_workspace_size(const eqp_tensor* log_probs, uint64_t* bytes);

/* [sequences, tokens]: log_probs f32|f64|bf16 (CUDA: f16, too); old_log_probs,
 * reference_log_probs, sampler_log_probs (each may be NULL) of the same dtype; mask bool|u8; entropy
 * (may be NULL).
 * [sequences]: truncated bool|u8 (may be NULL): sequences that do not count; sequence_weights (may
 * be NULL; 0: does not count). advantages [sequences] or [sequences, tokens] (GMPO: [sequences]). entropy_threshold []
 * or [1] (may be NULL). Real numbers beside the log-probs are f32 (f64 with f64 log-probs).
 *
 * Outputs: loss [] or [1]; sequence_losses [sequences] (each sequence's share; they sum to loss)
 * and metrics [EQP_POLICY_METRIC_COUNT], dtype of the advantages, both may be NULL; d_log_probs,
 * shape and dtype of log_probs, and d_entropy, of entropy, may be NULL. No unmasked token: loss and
 * metrics 0. A sequence of which all tokens are masked adds 0, also for GMPO (TRL adds -A). */
EQP_API eqp_status eqp_policy_loss(const eqp_policy_loss_options* options,
                                   const eqp_tensor* log_probs, const eqp_tensor* old_log_probs,
                                   const eqp_tensor* reference_log_probs,
                                   const eqp_tensor* sampler_log_probs,
                                   const eqp_tensor* advantages, const eqp_tensor* mask,
                                   const eqp_tensor* truncated, const eqp_tensor* sequence_weights,
                                   const eqp_tensor* entropy, const eqp_tensor* entropy_threshold,
                                   const eqp_tensor* loss, const eqp_tensor* sequence_losses,
                                   const eqp_tensor* metrics, const eqp_tensor* d_log_probs,
                                   const eqp_tensor* d_entropy, const eqp_launch* launch);

#ifdef __cplusplus
}
#endif
#endif

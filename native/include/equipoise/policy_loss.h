/* Clipped policy-gradient surrogate with KL to a reference, with gradient (PPO/GRPO family).
 *
 *   ratio = exp(log_prob - old_log_prob), A = advantage
 *   surrogate = -min(ratio A, clip(ratio, 1 - epsilon_low, 1 + epsilon_high) A)
 *   k3 = exp(ref - log_prob) - (ref - log_prob) - 1                     (0 without a reference)
 *   token_loss = surrogate + kl_beta k3
 *   negative_log_prob_floor (ours, not in the literature): the surrogate of a token with A < 0 and
 *   log_prob < floor is 0 (value and gradient); its KL stays.
 *
 *   S sequences, m = mask, len_i = max(1, sum_t m), w_i = sequence weight (1 if not given):
 *     GRPO     (1/S) sum_i w_i (sum_t m token_loss) / len_i                arXiv 2402.03300
 *     DR_GRPO  sum_i w_i sum_t m token_loss / (S max_completion_length)    arXiv 2503.20783
 *     DAPO     sum_i w_i sum_t m token_loss / max(1, total_tokens)         arXiv 2503.14476
 *
 * Tokens with mask 0 may hold anything and get gradient exactly 0. Without old_log_probs the ratio
 * is exp(log_prob - stop_gradient(log_prob)): value 1, gradient intact, clip inert. */
#ifndef EQUIPOISE_POLICY_LOSS_H
#define EQUIPOISE_POLICY_LOSS_H

#include "equipoise/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, value) */
#define EQP_POLICY_NORMALIZERS(X) \
  X(GRPO, 1)                      \
  X(DR_GRPO, 2)                   \
  X(DAPO, 3)

typedef int32_t eqp_policy_normalizer;
#define EQP_POLICY_NORMALIZER_GRPO 1
#define EQP_POLICY_NORMALIZER_DR_GRPO 2
#define EQP_POLICY_NORMALIZER_DAPO 3

typedef struct eqp_policy_loss_options {
  uint32_t size;                    /* sizeof(eqp_policy_loss_options) */
  eqp_policy_normalizer normalizer; /* default GRPO */
  double epsilon_low;               /* [0, 1]; default 0.2 */
  double epsilon_high;              /* >= 0, +Inf allowed; default 0.2 */
  double kl_beta;                   /* >= 0; default 0; > 0 requires reference_log_probs */
  double negative_log_prob_floor;   /* <= 0; default -Inf: off */
  double max_completion_length;     /* DR_GRPO: >= 1, required; otherwise 0 */
  double total_tokens; /* DAPO: tokens of the global batch; 0 (default): of this call */
} eqp_policy_loss_options;

#define EQP_POLICY_METRIC_CLIP_LOW \
  0 /* fraction of unmasked tokens with ratio < 1 - epsilon_low, A < 0 */
#define EQP_POLICY_METRIC_CLIP_HIGH 1 /* ratio > 1 + epsilon_high, A > 0 */
#define EQP_POLICY_METRIC_KL 2        /* mean k3 over unmasked tokens */
#define EQP_POLICY_METRIC_RATIO 3     /* mean ratio */
#define EQP_POLICY_METRIC_FLOORED 4   /* fraction of unmasked tokens silenced by the floor */
#define EQP_POLICY_METRIC_TOKENS 5    /* number of unmasked tokens */
#define EQP_POLICY_METRIC_COUNT 6

EQP_API void eqp_policy_loss_options_init(eqp_policy_loss_options* options);
EQP_API eqp_status eqp_policy_loss_workspace_size(const eqp_tensor* log_probs, uint64_t* bytes);

/* log_probs, old_log_probs (may be NULL), reference_log_probs (may be NULL) [sequences, tokens]
 * f32|f64|bf16, one dtype; advantages [sequences] or [sequences, tokens] f32 (f64 with f64
 * log-probs); mask [sequences, tokens] bool|u8; sequence_weights [sequences], dtype of advantages,
 * may be NULL. Outputs: loss [] or [1]; sequence_losses [sequences] (the weighted share of each
 * sequence: they sum to loss), metrics [EQP_POLICY_METRIC_COUNT]: f32 (f64 with f64), both may be
 * NULL; d_log_probs: shape and dtype of log_probs, may be NULL. No unmasked token: loss and metrics
 * 0. */
EQP_API eqp_status eqp_policy_loss(const eqp_policy_loss_options* options,
                                   const eqp_tensor* log_probs, const eqp_tensor* old_log_probs,
                                   const eqp_tensor* reference_log_probs,
                                   const eqp_tensor* advantages, const eqp_tensor* mask,
                                   const eqp_tensor* sequence_weights, const eqp_tensor* loss,
                                   const eqp_tensor* sequence_losses, const eqp_tensor* metrics,
                                   const eqp_tensor* d_log_probs, const eqp_launch* launch);

#ifdef __cplusplus
}
#endif
#endif

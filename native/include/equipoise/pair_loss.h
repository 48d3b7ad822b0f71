/* Losses over (chosen, rejected) pairs from token log-probs, with gradient.
 *
 *   c = sum_t mask_chosen policy_chosen,   r likewise;   c_ref, r_ref from the reference
 *   delta_c = c - c_ref,  delta_r = r - r_ref,  delta = delta_c - delta_r
 *   rewards_chosen = beta delta_c, rewards_rejected = beta delta_r, margin = their difference
 *   loss = mean over pairs of the kind's formula (ls = logsigmoid, e = label_smoothing):
 *     SIGMOID  -(1-e) ls(beta delta) - e ls(-beta delta)      DPO arXiv 2305.18290; smoothing: cDPO
 *     IPO      (delta_c/len_c - delta_r/len_r - 1/(2 beta))^2  arXiv 2310.12036, averaged as in TRL
 *     HINGE    max(0, 1 - beta delta)                              SLiC arXiv 2305.10425
 *
 * len = number of unmasked tokens, at least 1. Tokens with mask 0 are never read into a sum: they
 * may hold anything, NaN included, and get gradient exactly 0. The gradient is that of the mean. */
#ifndef EQUIPOISE_PAIR_LOSS_H
#define EQUIPOISE_PAIR_LOSS_H

#include "equipoise/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The one list of kinds: enum, dispatch, tests and the Java check are made from it.
 * X(NAME, value, uses_label_smoothing) */
#define EQP_PAIR_LOSS_KINDS(X) \
  X(SIGMOID, 1, 1)             \
  X(IPO, 2, 0)                 \
  X(HINGE, 3, 0)

typedef int32_t eqp_pair_loss_kind;
#define EQP_PAIR_LOSS_SIGMOID 1
#define EQP_PAIR_LOSS_IPO 2
#define EQP_PAIR_LOSS_HINGE 3

typedef struct eqp_pair_loss_options {
  uint32_t size;           /* sizeof(eqp_pair_loss_options) */
  eqp_pair_loss_kind kind; /* default SIGMOID */
  double beta;             /* > 0, finite; default 0.1 */
  double label_smoothing;  /* [0, 0.5); default 0; refused by kinds that do not use it */
} eqp_pair_loss_options;

/* Indices into metrics. */
#define EQP_PAIR_METRIC_ACCURACY 0          /* fraction of pairs with margin > 0 */
#define EQP_PAIR_METRIC_MARGIN 1            /* mean margin */
#define EQP_PAIR_METRIC_REWARD_CHOSEN 2     /* mean */
#define EQP_PAIR_METRIC_REWARD_REJECTED 3   /* mean */
#define EQP_PAIR_METRIC_LOG_PROB_CHOSEN 4   /* mean of c */
#define EQP_PAIR_METRIC_LOG_PROB_REJECTED 5 /* mean of r */
#define EQP_PAIR_METRIC_COUNT 6

EQP_API void eqp_pair_loss_options_init(eqp_pair_loss_options* options);
EQP_API eqp_status eqp_pair_loss_workspace_size(const eqp_tensor* policy_chosen, uint64_t* bytes);

/* policy_chosen, reference_chosen, mask_chosen [pairs, tokens_chosen]; the rejected ones [pairs,
 * tokens_rejected]. Log-probs f32|f64|bf16, all of one dtype; masks bool|u8. Both references may be
 * NULL together (reference-free: zeros). Outputs, each but loss may be NULL: loss [] or [1];
 * pair_losses, rewards_chosen, rewards_rejected [pairs]; metrics [EQP_PAIR_METRIC_COUNT]: f32 (f64
 * for f64 inputs); d_policy_chosen, d_policy_rejected: shape and dtype of their policy tensors.
 * Zero pairs: loss and metrics 0. NaN in an unmasked token gives a NaN loss. */
EQP_API eqp_status eqp_pair_loss(const eqp_pair_loss_options* options,
                                 const eqp_tensor* policy_chosen, const eqp_tensor* policy_rejected,
                                 const eqp_tensor* reference_chosen,
                                 const eqp_tensor* reference_rejected,
                                 const eqp_tensor* mask_chosen, const eqp_tensor* mask_rejected,
                                 const eqp_tensor* loss, const eqp_tensor* pair_losses,
                                 const eqp_tensor* rewards_chosen,
                                 const eqp_tensor* rewards_rejected, const eqp_tensor* metrics,
                                 const eqp_tensor* d_policy_chosen,
                                 const eqp_tensor* d_policy_rejected, const eqp_launch* launch);

#ifdef __cplusplus
}
#endif
#endif

/* Losses over (chosen, rejected) pairs from token log-probs, with gradient.
 *
 *   c = sum_t mask_chosen policy_chosen,   r likewise;   c_ref, r_ref from the reference
 *   ld_alpha < 1: c = sum of the first min(n_c, n_r) unmasked tokens + ld_alpha sum of the others,
 *     n the unmasked tokens of a side; r and the references likewise      LD-DPO arXiv 2409.06411
 *   delta_c = c - c_ref,  delta_r = r - r_ref
 *   s_c = f(delta_c), s_r = f(delta_r): scores of the divergence       f-DPO arXiv 2309.16240
 *     REVERSE_KL x    FORWARD_KL 1 - e^-x    JS ln 2 + ls(x)    ALPHA (e^((a-1)x) - 1)/(a-1)
 *     with exponents of e at most 80, the gradient 0 beyond; |a - 1| < 1e-6 is REVERSE_KL
 *   len = n, at least 1;  m_c = c/len_c, m_r = r/len_r
 *   loss = mean over pairs of pair_weight sum_k weights[k] l_k, l_k the formula of kinds[k]
 *   (ls = logsigmoid, sg = sigmoid, x = beta (s_c - s_r), x_c = beta s_c, x_r = beta s_r,
 *    e = label_smoothing):
 *     SIGMOID      -(1-e) ls(x) - e ls(-x)                      DPO arXiv 2305.18290, smoothed: cDPO
 *     IPO          (s_c/len_c - s_r/len_r - 1/(2 beta))^2       arXiv 2310.12036, averaged as in TRL
 *     HINGE        max(0, 1 - x)                                SLiC arXiv 2305.10425
 *     EXO_PAIR     sg(x) (ls(x) - ln(1-e)) + sg(-x) (ls(-x) - ln e)           arXiv 2402.00856
 *     NCA_PAIR     -ls(x_c) - ls(-x_c)/2 - ls(-x_r)/2                         arXiv 2402.05369
 *     ROBUST       (-(1-e) ls(x) + e ls(-x)) / (1 - 2e)                       arXiv 2403.00409
 *     BCO_PAIR     -ls(x_c) - ls(-x_r)                          BCO arXiv 2404.04656, without shift
 *     SPPO_HARD    (s_c - 1/(2 beta))^2 + (s_r + 1/(2 beta))^2                arXiv 2405.00675
 *     AOT          -(1-e) ls(y) - e ls(-y), y = beta (d - d_ref): d is c - r, d_ref the value of the
 *                  same rank among the batch's c_ref - r_ref                  arXiv 2406.05882
 *     AOT_UNPAIRED the same of delta_c and the delta_r of the same rank       arXiv 2406.05882
 *     APO_ZERO     sg(-x_c) + sg(x_r)                                         arXiv 2408.06266
 *     APO_DOWN     sg(x_c) + sg(-x)                                           arXiv 2408.06266
 *     DISCOPOP     -(1-w) ls(x) + w e^-x, w = sg(x / discopop_tau)            arXiv 2406.08414
 *     SFT          mean over all unmasked chosen tokens of the batch of -policy_chosen, whatever
 *                  ld_alpha; 0 without any. Pair weights scale it by their mean; the tokens of a
 *                  pair of weight 0 do not count
 *     SIGMOID_NORM -ls(beta (s_c/len_c - s_r/len_r))            length-normalised DPO, as in TRL
 *     CPO          -(1-e) ls(beta (c-r)) - e ls(-beta (c-r))                  arXiv 2401.08417
 *     SIMPO        -(1-e) ls(z) - e ls(-z), z = beta (q_c - q_r) - simpo_gamma, q = m; with
 *                  simpo_alpha = a != 0: q = (1 - e^(-a m))/a
 *                  SimPO arXiv 2405.14734, AlphaPO arXiv 2501.03884
 *     ORPO         -beta ls(ln odds(m_c) - ln odds(m_r)), ln odds(m) = m - ln(1 - e^m), m taken as at
 *                  most -2^-24 (its gradient 0 beyond): finite for certain answers; 0 where a side
 *                  has no unmasked token, whose odds are none
 *                  arXiv 2403.07691, the odds-ratio term; its NLL is the kind SFT
 *     ANCHOR       -ls(x_c)                                     mDPO arXiv 2406.11839
 *   rewards_chosen = beta delta_c, rewards_rejected = beta delta_r, margin = their difference; with
 *   a SIMPO term beta q, else with an ORPO term beta m, whatever the terms weigh
 *
 * Tokens with mask 0 are never read into a sum: they may hold anything, NaN included, and get
 * gradient exactly 0. Sums over tokens are taken in doubles (each of at most 16 terms in the
 * arithmetic of the dtype), those of delta of policy - reference. The gradient is that of the
 * mean. Where AOT sorts, equal values keep their order, and a value and the one it meets get the
 * gradient of the formula with ranks held fixed. */
#ifndef EQUIPOISE_PAIR_LOSS_H
#define EQUIPOISE_PAIR_LOSS_H

#include "equipoise/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The one list of kinds: enum, dispatch, tests and the Java check are made from it.
 * X(NAME, value, label_smoothing, divergence, reference, sorts)
 *   label_smoothing  0 not used, 1 may be used, 2 must be > 0
 *   divergence       1 also with another one than REVERSE_KL
 *   reference        0 must not be given
 *   sorts            1 sorts over the batch: no pair weights, needs a workspace */
#define EQP_PAIR_LOSS_KINDS(X)    \
  X(SIGMOID, 1, 1, 1, 1, 0)       \
  X(IPO, 2, 0, 1, 1, 0)           \
  X(HINGE, 3, 0, 1, 1, 0)         \
  X(EXO_PAIR, 4, 2, 1, 1, 0)      \
  X(NCA_PAIR, 5, 0, 0, 1, 0)      \
  X(ROBUST, 6, 1, 1, 1, 0)        \
  X(BCO_PAIR, 7, 0, 0, 1, 0)      \
  X(SPPO_HARD, 8, 0, 0, 1, 0)     \
  X(AOT, 9, 1, 0, 1, 1)           \
  X(AOT_UNPAIRED, 10, 1, 0, 1, 1) \
  X(APO_ZERO, 11, 0, 0, 1, 0)     \
  X(APO_DOWN, 12, 0, 0, 1, 0)     \
  X(DISCOPOP, 13, 0, 1, 1, 0)     \
  X(SFT, 14, 0, 1, 1, 0)          \
  X(SIGMOID_NORM, 15, 0, 1, 1, 0) \
  X(CPO, 16, 1, 0, 0, 0)          \
  X(SIMPO, 17, 1, 0, 0, 0)        \
  X(ORPO, 18, 0, 0, 0, 0)         \
  X(ANCHOR, 19, 0, 0, 1, 0)

typedef int32_t eqp_pair_loss_kind;
#define EQP_PAIR_LOSS_CONSTANT(name, value, ...) EQP_PAIR_LOSS_##name = value,
enum { EQP_PAIR_LOSS_KINDS(EQP_PAIR_LOSS_CONSTANT) };
#undef EQP_PAIR_LOSS_CONSTANT
#define EQP_PAIR_LOSS_MAX_TERMS 8

/* X(NAME, value) */
#define EQP_PAIR_DIVERGENCES(X) \
  X(REVERSE_KL, 1)              \
  X(FORWARD_KL, 2)              \
  X(JS, 3)                      \
  X(ALPHA, 4)

typedef int32_t eqp_pair_divergence;
#define EQP_PAIR_DIVERGENCE_CONSTANT(name, value, ...) EQP_PAIR_DIVERGENCE_##name = value,
enum { EQP_PAIR_DIVERGENCES(EQP_PAIR_DIVERGENCE_CONSTANT) };
#undef EQP_PAIR_DIVERGENCE_CONSTANT

typedef struct eqp_pair_loss_options {
  uint32_t size;                                     /* sizeof(eqp_pair_loss_options) */
  int32_t terms;                                     /* 1 to 8; default 1 */
  eqp_pair_loss_kind kinds[EQP_PAIR_LOSS_MAX_TERMS]; /* default SIGMOID; 0 from `terms` on */
  double weights[EQP_PAIR_LOSS_MAX_TERMS];           /* of the terms: finite; default 1 */
  double beta;                                       /* > 0, finite; default 0.1 */
  double label_smoothing;         /* [0, 0.5); default 0; refused when no term uses it */
  eqp_pair_divergence divergence; /* default REVERSE_KL; another one: of every term */
  int32_t reserved;               /* 0 */
  double divergence_alpha;        /* of ALPHA: finite; default 0.5 */
  double ld_alpha;                /* [0, 1]; default 1 */
  double simpo_gamma;             /* finite; default 0.5 */
  double simpo_alpha;             /* finite; default 0; another one is refused without SIMPO */
  double discopop_tau;            /* > 0, finite; default 0.05 */
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

/* Options as for the call. Terms that sort need 96 bytes per pair on every device. */
EQP_API eqp_status eqp_pair_loss_workspace_size(const eqp_pair_loss_options* options,
                                                const eqp_tensor* policy_chosen, uint64_t* bytes);

/* policy_chosen, reference_chosen, mask_chosen [pairs, tokens_chosen]; the rejected ones [pairs,
 * tokens_rejected]. Log-probs f32|f64|bf16 (CUDA: f16, too), all of one dtype; masks bool|u8. Both
 * references may be NULL together (reference-free: zeros). pair_weights [pairs], NULL: ones; no
 * gradient; a pair of weight 0 is left out: it may hold anything, NaN included, its loss and
 * gradient are 0, the metrics are means over the other pairs (its rewards are its own). Outputs, each but loss may be NULL: loss [] or [1];
 * pair_losses, rewards_chosen, rewards_rejected [pairs]; metrics [EQP_PAIR_METRIC_COUNT]; all of
 * these and pair_weights f32 (f64 for f64 inputs); d_policy_chosen, d_policy_rejected: shape and
 * dtype of their policy tensors. loss is the mean of pair_losses: an SFT term counts a pair's own
 * share there. Zero pairs: loss and metrics 0. NaN in an unmasked token gives a NaN loss. */
EQP_API eqp_status eqp_pair_loss(const eqp_pair_loss_options* options,
                                 const eqp_tensor* policy_chosen, const eqp_tensor* policy_rejected,
                                 const eqp_tensor* reference_chosen,
                                 const eqp_tensor* reference_rejected,
                                 const eqp_tensor* mask_chosen, const eqp_tensor* mask_rejected,
                                 const eqp_tensor* pair_weights, const eqp_tensor* loss,
                                 const eqp_tensor* pair_losses, const eqp_tensor* rewards_chosen,
                                 const eqp_tensor* rewards_rejected, const eqp_tensor* metrics,
                                 const eqp_tensor* d_policy_chosen,
                                 const eqp_tensor* d_policy_rejected, const eqp_launch* launch);

#ifdef __cplusplus
}
#endif
#endif

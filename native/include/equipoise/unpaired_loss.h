/* Losses over single answers labelled desirable or undesirable from token log-probs, with gradient.
 *
 *   c = sum_t mask log_prob,  c_ref likewise from the reference,  delta = c - c_ref
 *   reward = beta delta
 *   kl = max(0, mean over the mismatched answers of their delta): answers of the batch behind other
 *     prompts, an estimate of the divergence of policy and reference; no gradient
 *   m = running mean of the rewards: from {m, n} and the k finite rewards of the batch
 *     m' = m + (their mean - m) k / (n + k),  n' = n + k;  no gradient
 *   s = 1 for a desirable answer, -1 for an undesirable one
 *   w = row_weight desirable_weight or row_weight undesirable_weight
 *   l = w f(x), x and f those of the kind (ls = logsigmoid, sg = sigmoid):
 *     KTO                 x = s (reward - beta kl)   f = sg(-x)                    arXiv 2402.01306
 *     APO_ZERO_UNPAIRED   x = s reward               f = sg(-x)           arXiv 2408.06266, as in TRL
 *     BCO                 x = s (reward - m')        f = -ls(x)                    arXiv 2404.04656
 *   loss = mean of l over the rows whose delta is a number
 *
 * With BCO, row_weights of the undesirable answers are its density ratios p/(1 - p), p the
 * probability that the prompt is one of the desirable data. (AOT of unpaired answers, which needs
 * as many desirable as undesirable ones, is a kind of pair_loss.h.)
 *
 * Tokens with mask 0 are never read into a sum: they may hold anything, NaN included, and get
 * gradient exactly 0. A row without unmasked tokens has delta 0 and counts. A row whose delta is NaN
 * is left out, as by TRL's nanmean: its loss is NaN, its gradient 0. A row of weight w = 0 has loss
 * and gradient 0, but counts. A NaN in a mismatched answer makes kl NaN and with it KTO's loss and
 * gradient. Batches of one label alone, and certain answers, are nothing special. */
#ifndef EQUIPOISE_UNPAIRED_LOSS_H
#define EQUIPOISE_UNPAIRED_LOSS_H

#include "equipoise/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The one list of kinds: enum, dispatch, tests and the Java check are made from it. X(NAME, value) */
#define EQP_UNPAIRED_LOSS_KINDS(X) \
  X(KTO, 1)                        \
  X(APO_ZERO_UNPAIRED, 2)          \
  X(BCO, 3)

typedef int32_t eqp_unpaired_loss_kind;
#define EQP_UNPAIRED_LOSS_CONSTANT(name, value, ...) EQP_UNPAIRED_LOSS_##name = value,
enum { EQP_UNPAIRED_LOSS_KINDS(EQP_UNPAIRED_LOSS_CONSTANT) };
#undef EQP_UNPAIRED_LOSS_CONSTANT

typedef struct eqp_unpaired_loss_options {
  uint32_t size;               /* sizeof(eqp_unpaired_loss_options) */
  eqp_unpaired_loss_kind kind; /* default KTO, which requires kl_log_probs */
  int32_t update_reward_mean;  /* 0 (evaluation): m' = m, n' = n; 1: as above; default 1 */
  int32_t reserved;            /* 0 */
  double beta;                 /* > 0, finite; default 0.1 */
  double desirable_weight;     /* finite; default 1 */
  double undesirable_weight;   /* finite; default 1 */
} eqp_unpaired_loss_options;

/* Indices into metrics. Sums leave NaN out; divided by the counts they are means, over the rows of
 * several processes, too. */
#define EQP_UNPAIRED_METRIC_KL 0                   /* 0 without kl_log_probs */
#define EQP_UNPAIRED_METRIC_REWARD_MEAN 1          /* m' */
#define EQP_UNPAIRED_METRIC_ROWS 2                 /* rows whose delta is a number */
#define EQP_UNPAIRED_METRIC_DESIRABLE 3            /* rows with that label */
#define EQP_UNPAIRED_METRIC_UNDESIRABLE 4          /* rows with that label */
#define EQP_UNPAIRED_METRIC_REWARD_DESIRABLE 5     /* sum */
#define EQP_UNPAIRED_METRIC_REWARD_UNDESIRABLE 6   /* sum */
#define EQP_UNPAIRED_METRIC_LOG_PROB_DESIRABLE 7   /* sum of c */
#define EQP_UNPAIRED_METRIC_LOG_PROB_UNDESIRABLE 8 /* sum of c */
#define EQP_UNPAIRED_METRIC_COUNT 9

EQP_API void eqp_unpaired_loss_options_init(eqp_unpaired_loss_options* options);

/* 0 for a CPU tensor; for a CUDA tensor what every op needs, with more than 5120 rows 24 KiB and 8 bytes
 * a row. */
EQP_API eqp_status eqp_unpaired_loss_workspace_size(const eqp_tensor* log_probs, uint64_t* bytes);

/* log_probs, reference_log_probs, mask [rows, tokens]; kl_log_probs, kl_reference_log_probs, kl_mask
 * [kl_rows, kl_tokens] of the mismatched answers. Log-probs f32|f64|bf16 (CUDA: f16, too), all of
 * one dtype; masks and labels bool|u8. Either reference may be NULL: zeros; kl_mask NULL: every
 * token. So a kl known already is kl_log_probs [1, 1] alone, log-ratios [n, 1].
 * labels [rows]: not 0 is desirable. row_weights [rows], NULL: ones; no gradient. reward_mean [2]
 * f64: {m, n}, n >= 0, NULL: {0, 0}. Outputs, each but loss may be NULL: loss [] or [1]; row_losses, rewards
 * [rows]; metrics [EQP_UNPAIRED_METRIC_COUNT]; all of these and row_weights f32 (f64 for f64 inputs);
 * new_reward_mean [2] f64: {m', n'}; d_log_probs: shape and dtype of log_probs.
 * Zero rows: loss and the sums 0, {m', n'} = {m, n}. Rows, but none whose delta is a number: loss
 * NaN. Zero mismatched rows: kl 0. EQP_INVALID_DATA (CPU, nothing written): n < 0 or NaN. */
EQP_API eqp_status eqp_unpaired_loss(
    const eqp_unpaired_loss_options* options, const eqp_tensor* log_probs,
    const eqp_tensor* reference_log_probs, const eqp_tensor* mask, const eqp_tensor* labels,
    const eqp_tensor* row_weights, const eqp_tensor* kl_log_probs,
    const eqp_tensor* kl_reference_log_probs, const eqp_tensor* kl_mask,
    const eqp_tensor* reward_mean, const eqp_tensor* loss, const eqp_tensor* row_losses,
    const eqp_tensor* rewards, const eqp_tensor* metrics, const eqp_tensor* new_reward_mean,
    const eqp_tensor* d_log_probs, const eqp_launch* launch);

#ifdef __cplusplus
}
#endif
#endif

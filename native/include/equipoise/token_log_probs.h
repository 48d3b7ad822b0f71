/* Token log-probabilities of given targets under a row-wise softmax, with gradient.
 *
 *   y = logit_scale (logits + bias)     [rows, vocab]; bias [vocab] is 0 where it is NULL
 *   y <- soft_cap tanh(y / soft_cap)    only if soft_cap > 0
 *   z = y / temperature
 *   log_sum_exp[i]      = ln sum_j exp(z[i,j])
 *   log_probs[i]        = z[i, targets[i]] - log_sum_exp[i]
 *   log_sum_exp_2x[i]   = ln sum_j exp(2 z[i,j])    (WPO: ln sum p^2 = this - 2 log_sum_exp)
 *   entropy[i]          = -sum_j p[i,j] ln p[i,j],  p = exp(z - log_sum_exp)
 *
 *   d_logits[i,j] = ( d_log_probs[i] (1[j = targets[i]] - p[i,j])
 *                     - d_entropy[i] p[i,j] (ln p[i,j] + entropy[i]) ) dz[i,j]/dlogits[i,j]
 *   dz/dlogits = (logit_scale / temperature) (1 - tanh^2(y / soft_cap), y before the cap; 1 without)
 *
 * The gradient of the bias is the sum of d_logits over the rows. Soft cap: Gemma 2, arXiv 2408.00118.
 * A row whose target equals ignore_index gives 0 in every output and a zero row of d_logits; its
 * logits are not read. -Inf logits are legal (p = 0, contributing 0 to the entropy); NaN, +Inf and
 * rows of only -Inf give NaN. A soft cap takes +-Inf to +-soft_cap with slope 0. All sums are taken in f32 with the maximum subtracted, in a
 * fixed order: results are bitwise equal for any number of threads.
 *
 * Logits may share any offset: log_probs and entropy do not feel it. The gradient's p is off by half a
 * unit in the last place of log_sum_exp: nothing that shows with one of f64 (1e-12 of p at 10 000), 5e-4
 * of p with one of f32. */
#ifndef EQUIPOISE_TOKEN_LOG_PROBS_H
#define EQUIPOISE_TOKEN_LOG_PROBS_H

#include "equipoise/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eqp_token_log_probs_options {
  uint32_t size;        /* sizeof(eqp_token_log_probs_options) */
  float temperature;    /* > 0, finite, its inverse too; default 1 */
  int64_t ignore_index; /* default -100 */
  float logit_scale;    /* > 0, finite; default 1 */
  float soft_cap;       /* > 0, finite, its inverse too; 0 (default): no cap */
} eqp_token_log_probs_options;

EQP_API void eqp_token_log_probs_options_init(eqp_token_log_probs_options* options);

/* Bytes of workspace needed for logits of this shape and device. */
EQP_API eqp_status eqp_token_log_probs_workspace_size(const eqp_tensor* logits, uint64_t* bytes);

/* logits [rows, vocab] f32|bf16 (f16 where the backend has it), any row stride; vocab >= 1.
 * bias [vocab] f32 or the dtype of the logits, contiguous; may be NULL.
 * targets [rows] i32|i64. Outputs [rows] f32 (log_sum_exp and log_sum_exp_2x: f32|f64), contiguous;
 * log_sum_exp, log_sum_exp_2x and entropy may be NULL. Outputs must not overlap inputs or each other. One pass over the logits.
 * EQP_INVALID_DATA (CPU, nothing written): a target outside [0, vocab) that is not ignore_index. */
EQP_API eqp_status eqp_token_log_probs_forward(
    const eqp_token_log_probs_options* options, const eqp_tensor* logits, const eqp_tensor* bias,
    const eqp_tensor* targets, const eqp_tensor* log_probs, const eqp_tensor* log_sum_exp,
    const eqp_tensor* log_sum_exp_2x, const eqp_tensor* entropy, const eqp_launch* launch);

/* log_sum_exp f32|f64 (and entropy, required with d_entropy) as written by the forward; d_log_probs
 * and d_entropy [rows] f32, either may be NULL (zero), not both. d_logits: shape and dtype of logits,
 * may be the same memory with the same strides (in place), otherwise disjoint. A row whose d_log_probs
 * and d_entropy are 0 gets 0 whatever its logits hold, NaN included. One read of logits,
 * one write of d_logits. */
EQP_API eqp_status eqp_token_log_probs_backward(
    const eqp_token_log_probs_options* options, const eqp_tensor* logits, const eqp_tensor* bias,
    const eqp_tensor* targets, const eqp_tensor* log_sum_exp, const eqp_tensor* entropy,
    const eqp_tensor* d_log_probs, const eqp_tensor* d_entropy, const eqp_tensor* d_logits,
    const eqp_launch* launch);

#ifdef __cplusplus
}
#endif
#endif

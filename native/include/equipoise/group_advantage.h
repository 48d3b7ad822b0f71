/* Group-relative advantages.
 *
 *   r_i = sum_k weights[k] rewards[i,k] over the k whose reward is not NaN (NaN = missing)
 *   mean_g, std_g over the members of group g that have at least one reward, std with ddof
 *     GROUP  A = (r - mean_g) / (std_g + epsilon)          TRL scale_rewards="group", verl grpo
 *     BATCH  A = (r - mean_g) / (std_batch + epsilon)      TRL scale_rewards="batch"
 *     NONE   A = r - mean_g                                Dr. GRPO
 *
 * A member with all rewards missing gets 0 and does not count. A group whose counted members are
 * all equal (max == min) gets exact zeros, whatever rounding would say. A group with one counted
 * member: singleton ZERO gives 0; RAW gives r (verl: mean 0, std 1). +-Inf rewards give NaN for
 * their group (for the batch under BATCH). */
#ifndef EQUIPOISE_GROUP_ADVANTAGE_H
#define EQUIPOISE_GROUP_ADVANTAGE_H

#include "equipoise/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, value) */
#define EQP_ADVANTAGE_SCALES(X) \
  X(GROUP, 1)                   \
  X(BATCH, 2)                   \
  X(NONE, 3)

typedef int32_t eqp_advantage_scale;
#define EQP_ADVANTAGE_SCALE_GROUP 1
#define EQP_ADVANTAGE_SCALE_BATCH 2
#define EQP_ADVANTAGE_SCALE_NONE 3

typedef int32_t eqp_advantage_singleton;
#define EQP_ADVANTAGE_SINGLETON_ZERO 1
#define EQP_ADVANTAGE_SINGLETON_RAW 2

typedef struct eqp_group_advantage_options {
  uint32_t size;                     /* sizeof(eqp_group_advantage_options) */
  eqp_advantage_scale scale;         /* default GROUP */
  eqp_advantage_singleton singleton; /* default ZERO */
  int32_t ddof;                      /* 0 or 1; default 1 */
  double epsilon;                    /* >= 0, finite; default 1e-4 */
  int64_t group_size; /* equal groups: >= 1, must divide samples; 0 with offsets; default 0 */
} eqp_group_advantage_options;

EQP_API void eqp_group_advantage_options_init(eqp_group_advantage_options* options);
EQP_API eqp_status eqp_group_advantage_workspace_size(const eqp_tensor* rewards, uint64_t* bytes);

/* rewards [samples] or [samples, functions] f32|f64; weights [functions] of the same dtype or NULL
 * (ones); offsets [groups + 1] i32|i64, starting at 0, non-decreasing, ending at samples, or NULL
 * with group_size set. Outputs of the rewards' dtype: advantages [samples]; group_mean, group_std
 * [groups], may be NULL (NaN for a group without counted members). EQP_INVALID_DATA (CPU, nothing
 * written): offsets that break these rules. */
EQP_API eqp_status eqp_group_advantage(const eqp_group_advantage_options* options,
                                       const eqp_tensor* rewards, const eqp_tensor* weights,
                                       const eqp_tensor* offsets, const eqp_tensor* advantages,
                                       const eqp_tensor* group_mean, const eqp_tensor* group_std,
                                       const eqp_launch* launch);

#ifdef __cplusplus
}
#endif
#endif

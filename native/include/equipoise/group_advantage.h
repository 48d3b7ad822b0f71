/* Group-relative advantages: r -> centred c -> scaled A.
 *
 * Rewards. r_i from functions k whose reward is not NaN (NaN = missing):
 *   SUM_THEN_NORMALIZE  r_i = sum_k weights[k] rewards[i,k]
 *   NORMALIZE_THEN_SUM  r_i = sum_k weights[k] (rewards[i,k] - mean_gk) / (std_gk + epsilon)
 *   mean_gk, std_gk over the members of group g that have reward k. (GDPO, arXiv 2601.05242)
 * A member with all rewards missing gets A = 0 and does not count.
 *
 * Baselines. n, mean_g, std_g of r over the counted members of group g:
 *   MEAN     c = r - mean_g                              GRPO, arXiv 2402.03300
 *   OTHERS   c = r - mean of the others                  RLOO, arXiv 2402.14740; = n/(n-1) (r - mean_g)
 *   LENGTHS  c = r - sum_j l_j r_j / sum_j l_j           OPO, arXiv 2505.23585; l = lengths
 *   SECOND   c = r - second largest of the group for its largest member, 0 for the others
 *                                                        pass@k, arXiv 2503.19595
 *   GIVEN    c = r - baselines[i]                        ReMax, arXiv 2310.10505
 *
 * Scales.
 *   GROUP    A = c / (std_g + epsilon)
 *   BATCH    A = c / (std of all r + epsilon)
 *   NONE     A = c                                       Dr. GRPO, arXiv 2503.20783
 *   WHITEN   A = (c - mean_c) / (sqrt(var_c + variance_epsilon) + epsilon) with weights l:
 *            mean_c = sum l c / sum l, var_c = sum l (c - mean_c)^2 / (sum l - ddof);
 *            l = 1, or lengths where given: whitening over tokens, as each token of a sequence
 *            carries its c                               REINFORCE++, arXiv 2501.03262
 *   NONZERO  A = c (counted samples) / max(1, those with r != 0)   GPG, arXiv 2504.02546
 *            so without any reward A = 0, but with baseline GIVEN -baselines[i] (counted samples)
 *
 * std: divisor (count - ddof), 0 where that is not positive.
 *
 * The peers' estimators, with what differs from the defaults:
 *   TRL grpo                        scale GROUP, BATCH or NONE
 *   TRL normalize_then_sum (GDPO)   aggregation NORMALIZE_THEN_SUM, scale WHITEN
 *   TRL rloo                        baseline OTHERS, scale NONE; normalize_advantages: WHITEN. Its KL
 *                                   in the reward is one more function: -sum_t k1 with weight beta
 *                                   (NaN where all others are)
 *   verl grpo, grpo_passk           epsilon 1e-6, singleton RAW; passk: baseline SECOND
 *   verl rloo, opo, gpg             singleton RAW; OTHERS + NONE, LENGTHS + NONE, MEAN + NONZERO
 *   verl reinforce_plus_plus_baseline   singleton RAW, scale WHITEN with lengths, epsilon 0,
 *                                   variance_epsilon 1e-8
 *   verl remax                      baseline GIVEN, scale NONE
 *
 * Exactness. A group whose counted members are all equal has c = 0 exactly, whatever rounding would
 * say: max == min, or, for sums over K > 1 functions, max - min <= 2^-52 K max_i sum_k |weights[k]
 * rewards[i,k]|, which the order of the terms may make of equal sums; WHITEN gives exact zeros when all c are equal; a sum of NORMALIZE_THEN_SUM that cancels down
 * to the rounding of its terms is 0. So no epsilon is ever the whole
 * divisor of a rounding error. Baseline GIVEN knows no such groups: it takes NONE, WHITEN, NONZERO.
 * A group with one counted member: singleton ZERO gives c = 0, which with OTHERS counts as missing
 * under WHITEN (as in TRL); RAW gives c = r, with std_g taken for 1 (verl). With GIVEN it is a
 * member like others.
 * LENGTHS with no tokens in a group: c = 0; WHITEN with no tokens at all: A = 0. +-Inf rewards give
 * NaN for their group, with GIVEN for themselves as infinite and NaN baselines do, and for the batch
 * under BATCH and WHITEN.
 *
 * One call is one pool: BATCH, WHITEN, NONZERO and the metrics never see another call's samples.
 * Offline pairs and online groups are two calls, each with its own options, on parts of one tensor
 * where one tensor is wanted.
 *
 * Arithmetic: f64 for either dtype and one rounding to it at the end; NORMALIZE_THEN_SUM rounds r
 * to it after every function, in their order, and WHITEN c in between. Equal from run to run and for
 * any number of threads. */
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
  X(NONE, 3)                    \
  X(WHITEN, 4)                  \
  X(NONZERO, 5)

typedef int32_t eqp_advantage_scale;
#define EQP_ADVANTAGE_SCALE_CONSTANT(name, value, ...) EQP_ADVANTAGE_SCALE_##name = value,
enum { EQP_ADVANTAGE_SCALES(EQP_ADVANTAGE_SCALE_CONSTANT) };
#undef EQP_ADVANTAGE_SCALE_CONSTANT

/* X(NAME, value) */
#define EQP_ADVANTAGE_BASELINES(X) \
  X(MEAN, 1)                       \
  X(OTHERS, 2)                     \
  X(LENGTHS, 3)                    \
  X(SECOND, 4)                     \
  X(GIVEN, 5)

typedef int32_t eqp_advantage_baseline;
#define EQP_ADVANTAGE_BASELINE_CONSTANT(name, value, ...) EQP_ADVANTAGE_BASELINE_##name = value,
enum { EQP_ADVANTAGE_BASELINES(EQP_ADVANTAGE_BASELINE_CONSTANT) };
#undef EQP_ADVANTAGE_BASELINE_CONSTANT

/* X(NAME, value) */
#define EQP_ADVANTAGE_AGGREGATIONS(X) \
  X(SUM_THEN_NORMALIZE, 1)            \
  X(NORMALIZE_THEN_SUM, 2)

typedef int32_t eqp_advantage_aggregation;
#define EQP_ADVANTAGE_AGGREGATION_CONSTANT(name, value, ...) \
  EQP_ADVANTAGE_AGGREGATION_##name = value,
enum { EQP_ADVANTAGE_AGGREGATIONS(EQP_ADVANTAGE_AGGREGATION_CONSTANT) };
#undef EQP_ADVANTAGE_AGGREGATION_CONSTANT

/* X(NAME, value) */
#define EQP_ADVANTAGE_SINGLETONS(X) \
  X(ZERO, 1)                        \
  X(RAW, 2)

typedef int32_t eqp_advantage_singleton;
#define EQP_ADVANTAGE_SINGLETON_CONSTANT(name, value, ...) EQP_ADVANTAGE_SINGLETON_##name = value,
enum { EQP_ADVANTAGE_SINGLETONS(EQP_ADVANTAGE_SINGLETON_CONSTANT) };
#undef EQP_ADVANTAGE_SINGLETON_CONSTANT

typedef struct eqp_group_advantage_options {
  uint32_t size;                         /* sizeof(eqp_group_advantage_options) */
  eqp_advantage_scale scale;             /* default GROUP */
  eqp_advantage_baseline baseline;       /* default MEAN */
  eqp_advantage_aggregation aggregation; /* default SUM_THEN_NORMALIZE */
  eqp_advantage_singleton singleton;     /* default ZERO */
  int32_t ddof;                          /* 0 or 1; default 1 */
  double epsilon;                        /* >= 0, finite; default 1e-4 */
  double variance_epsilon;               /* >= 0, finite; default 0; WHITEN only */
  int64_t group_size; /* equal groups: >= 1, must divide samples; 0 with offsets; default 0 */
} eqp_group_advantage_options;

/* metrics [EQP_ADVANTAGE_METRIC_COUNT + 2 functions], of the rewards as given, over all samples:
 * mean and std of the weighted sums of counted members; the fraction of the groups with a counted
 * member whose counted members are all equal (no signal); then mean and std of every function's
 * rewards that are there. A mean of nothing is NaN, its std too. */
#define EQP_ADVANTAGE_METRIC_REWARD_MEAN 0
#define EQP_ADVANTAGE_METRIC_REWARD_STD 1
#define EQP_ADVANTAGE_METRIC_EQUAL_GROUPS 2
#define EQP_ADVANTAGE_METRIC_COUNT 3

EQP_API void eqp_group_advantage_options_init(eqp_group_advantage_options* options);
EQP_API eqp_status eqp_group_advantage_workspace_size(const eqp_tensor* rewards, uint64_t* bytes);

/* rewards [samples] or [samples, functions] f32|f64; weights [functions] of the same dtype or NULL
 * (ones); offsets [groups + 1] i32|i64, starting at 0, non-decreasing, ending at samples, or NULL
 * with group_size set; lengths [samples] i32|i64, >= 0, tokens of each sample: required by baseline
 * LENGTHS, optional under WHITEN, otherwise NULL; baselines [samples] of the rewards' dtype: with
 * GIVEN and only then. Outputs of the rewards' dtype: advantages [samples]; group_mean, group_std
 * [groups], may be NULL, of the weighted sums of the rewards as given (NaN for a group without
 * counted members); metrics, may be NULL. EQP_INVALID_DATA (CPU, nothing written): offsets that break
 * these rules, a negative length. */
EQP_API eqp_status eqp_group_advantage(const eqp_group_advantage_options* options,
                                       const eqp_tensor* rewards, const eqp_tensor* weights,
                                       const eqp_tensor* offsets, const eqp_tensor* lengths,
                                       const eqp_tensor* baselines, const eqp_tensor* advantages,
                                       const eqp_tensor* group_mean, const eqp_tensor* group_std,
                                       const eqp_tensor* metrics, const eqp_launch* launch);

#ifdef __cplusplus
}
#endif
#endif

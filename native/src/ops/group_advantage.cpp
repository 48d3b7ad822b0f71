// eqp_group_advantage: see equipoise/group_advantage.h.
#include "abi/calls/group_advantage.h"

#include <math.h>

#include "ops/dispatch.h"
#include "ops/options/group_advantage.h"

using namespace eqp;

namespace {

constexpr int64_t kMaxFunctions = int64_t{1} << 60;

eqp_status check_options(const Call& call, const eqp_group_advantage_options& options) {
  EQP_TRY(check_fields(call, options, kGroupAdvantageFields));
  if (options.baseline == EQP_ADVANTAGE_BASELINE_GIVEN &&
      (options.scale == EQP_ADVANTAGE_SCALE_GROUP || options.scale == EQP_ADVANTAGE_SCALE_BATCH)) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "scale: expected NONE (3), WHITEN (4) or NONZERO (5) because baseline is "
                     "GIVEN, found %d",
                     options.scale);
  }
  return EQP_OK;
}

// The inputs beside the rewards that the chosen baseline and scale read, and no others.
eqp_status check_inputs(Call& call, const eqp_group_advantage_options& options,
                        const eqp_tensor* lengths, const eqp_tensor* baselines, int64_t samples,
                        unsigned dtype) {
  const bool by_length = options.baseline == EQP_ADVANTAGE_BASELINE_LENGTHS;
  if (by_length && lengths == nullptr) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "lengths: expected a tensor because baseline is LENGTHS, found NULL");
  }
  if (!by_length && options.scale != EQP_ADVANTAGE_SCALE_WHITEN && lengths != nullptr) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "lengths: expected NULL because neither baseline LENGTHS nor scale WHITEN is "
                     "chosen, found a tensor");
  }
  const bool given = options.baseline == EQP_ADVANTAGE_BASELINE_GIVEN;
  if (given != (baselines != nullptr)) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     given ? "baselines: expected a tensor because baseline is GIVEN, found NULL"
                           : "baselines: expected NULL because baseline is not GIVEN, found a "
                             "tensor");
  }
  EQP_TRY(call.optional_input("lengths", lengths, kIndex, 1, 1));
  EQP_TRY(call.vector_shape("lengths", lengths, samples, "the samples of rewards"));
  EQP_TRY(call.optional_input("baselines", baselines, dtype, 1, 1));
  return call.vector_shape("baselines", baselines, samples, "the samples of rewards");
}

// How many groups offsets or group_size make of the samples.
eqp_status count_groups(const Call& call, int64_t group_size, const eqp_tensor* offsets,
                        int64_t samples, int64_t* groups) {
  if (offsets != nullptr) {
    if (group_size != 0) {
      return call.fail(EQP_INVALID_ARGUMENT,
                       "group_size: expected 0 because offsets is given, found %lld",
                       static_cast<long long>(group_size));
    }
    if (offsets->shape[0] < 1) {
      return call.fail(EQP_INVALID_ARGUMENT, "offsets: expected groups + 1 entries, found none");
    }
    *groups = offsets->shape[0] - 1;
    return EQP_OK;
  }
  if (group_size < 1) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "group_size: expected a number >= 1 because offsets is NULL, found %lld",
                     static_cast<long long>(group_size));
  }
  if (samples % group_size != 0) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "group_size: expected a divisor of the %lld samples, found %lld",
                     static_cast<long long>(samples), static_cast<long long>(group_size));
  }
  *groups = samples / group_size;
  return EQP_OK;
}

}  // namespace

void eqp_group_advantage_options_init(eqp_group_advantage_options* options) {
  if (options != nullptr) *options = group_advantage_defaults();
}

eqp_status eqp_group_advantage_workspace_size(const eqp_tensor* rewards, uint64_t* bytes) {
  Call call("eqp_group_advantage_workspace_size");
  EQP_TRY(call.input("rewards", rewards, kF32 | kF64, 1, 2));
  return call.workspace_size(bytes);
}

eqp_status eqp_group_advantage(const eqp_group_advantage_options* options,
                               const eqp_tensor* rewards, const eqp_tensor* weights,
                               const eqp_tensor* offsets, const eqp_tensor* lengths,
                               const eqp_tensor* baselines, const eqp_tensor* advantages,
                               const eqp_tensor* group_mean, const eqp_tensor* group_std,
                               const eqp_tensor* metrics, const eqp_launch* launch) {
  Call call("eqp_group_advantage");
  GroupAdvantage arguments;
  EQP_TRY(call.options(options, group_advantage_defaults, &arguments.options));
  EQP_TRY(check_options(call, arguments.options));
  EQP_TRY(call.input("rewards", rewards, kF32 | kF64, 1, 2));
  const int64_t samples = rewards->shape[0];
  const int64_t functions = rewards->ndim == 2 ? rewards->shape[1] : 1;
  const unsigned dtype = dtype_bit(rewards->dtype);
  EQP_TRY(call.optional_input("weights", weights, dtype, 1, 1));
  EQP_TRY(call.vector_shape("weights", weights, functions, "the reward functions of rewards"));
  EQP_TRY(call.optional_input("offsets", offsets, kIndex, 1, 1));
  EQP_TRY(count_groups(call, arguments.options.group_size, offsets, samples, &arguments.groups));
  EQP_TRY(check_inputs(call, arguments.options, lengths, baselines, samples, dtype));
  EQP_TRY(call.output("advantages", advantages, dtype, 1, 1));
  EQP_TRY(call.vector_shape("advantages", advantages, samples, "the samples of rewards"));
  EQP_TRY(call.optional_output("group_mean", group_mean, dtype, 1, 1));
  EQP_TRY(call.vector_shape("group_mean", group_mean, arguments.groups, "the number of groups"));
  EQP_TRY(call.optional_output("group_std", group_std, dtype, 1, 1));
  EQP_TRY(call.vector_shape("group_std", group_std, arguments.groups, "the number of groups"));
  EQP_TRY(call.optional_output("metrics", metrics, dtype, 1, 1));
  // More functions than a tensor can have make no sum that wraps around.
  const int64_t figures = functions > kMaxFunctions ? -1 : 2 * functions;
  EQP_TRY(call.vector_shape("metrics", metrics, EQP_ADVANTAGE_METRIC_COUNT + figures,
                            "3 and two for each reward function"));
  EQP_TRY(call.disjoint());
  EQP_TRY(call.launch(launch, &arguments.stream));
  arguments.rewards.data = rewards->data;
  arguments.rewards.dtype = rewards->dtype;
  arguments.rewards.rows = samples;
  arguments.rewards.columns = functions;
  arguments.rewards.row_stride = rewards->ndim == 2 ? rewards->stride[0] : 1;
  arguments.weights = vector_view(weights);
  arguments.offsets = vector_view(offsets);
  arguments.lengths = vector_view(lengths);
  arguments.baselines = data_of<const void>(baselines);
  arguments.advantages = data_of<void>(advantages);
  arguments.group_mean = data_of<void>(group_mean);
  arguments.group_std = data_of<void>(group_std);
  arguments.metrics = data_of<void>(metrics);
  EQP_DISPATCH(call, group_advantage, arguments);
}

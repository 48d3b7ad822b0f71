// eqp_group_advantage: see equipoise/group_advantage.h.
#include "equipoise/group_advantage.h"

#include <math.h>

#include "ops/dispatch.h"

using namespace eqp;

namespace {

eqp_group_advantage_options defaults() {
  eqp_group_advantage_options options = {};
  options.size = sizeof(options);
  options.scale = EQP_ADVANTAGE_SCALE_GROUP;
  options.singleton = EQP_ADVANTAGE_SINGLETON_ZERO;
  options.ddof = 1;
  options.epsilon = 1e-4;
  options.group_size = 0;
  return options;
}

eqp_status check_options(const Call& call, const eqp_group_advantage_options& options) {
  bool known = false;
#define EQP_KNOWN(name, value) known = known || options.scale == (value);
  EQP_ADVANTAGE_SCALES(EQP_KNOWN)
#undef EQP_KNOWN
  if (!known) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "scale: expected a value of EQP_ADVANTAGE_SCALES, found %d", options.scale);
  }
  if (options.singleton != EQP_ADVANTAGE_SINGLETON_ZERO &&
      options.singleton != EQP_ADVANTAGE_SINGLETON_RAW) {
    return call.fail(EQP_INVALID_ARGUMENT, "singleton: expected ZERO (1) or RAW (2), found %d",
                     options.singleton);
  }
  if (options.ddof != 0 && options.ddof != 1) {
    return call.fail(EQP_INVALID_ARGUMENT, "ddof: expected 0 or 1, found %d", options.ddof);
  }
  if (!(options.epsilon >= 0) || !isfinite(options.epsilon)) {
    return call.fail(EQP_INVALID_ARGUMENT, "epsilon: expected a finite number >= 0, found %g",
                     options.epsilon);
  }
  return EQP_OK;
}

}  // namespace

void eqp_group_advantage_options_init(eqp_group_advantage_options* options) {
  if (options != nullptr) *options = defaults();
}

eqp_status eqp_group_advantage_workspace_size(const eqp_tensor* rewards, uint64_t* bytes) {
  Call call("eqp_group_advantage_workspace_size");
  EQP_TRY(call.input("rewards", rewards, kF32 | kF64, 1, 2));
  return call.workspace_size(bytes);
}

eqp_status eqp_group_advantage(const eqp_group_advantage_options* options,
                               const eqp_tensor* rewards, const eqp_tensor* weights,
                               const eqp_tensor* offsets, const eqp_tensor* advantages,
                               const eqp_tensor* group_mean, const eqp_tensor* group_std,
                               const eqp_launch* launch) {
  Call call("eqp_group_advantage");
  GroupAdvantage arguments;
  EQP_TRY(call.options(options, defaults, &arguments.options));
  EQP_TRY(check_options(call, arguments.options));
  EQP_TRY(call.input("rewards", rewards, kF32 | kF64, 1, 2));
  const int64_t samples = rewards->shape[0];
  const int64_t functions = rewards->ndim == 2 ? rewards->shape[1] : 1;
  const unsigned dtype = dtype_bit(rewards->dtype);
  EQP_TRY(call.optional_input("weights", weights, dtype, 1, 1));
  EQP_TRY(call.vector_shape("weights", weights, functions, "the reward functions of rewards"));
  EQP_TRY(call.optional_input("offsets", offsets, kIndex, 1, 1));
  const int64_t group_size = arguments.options.group_size;
  if (offsets != nullptr) {
    if (group_size != 0) {
      return call.fail(EQP_INVALID_ARGUMENT,
                       "group_size: expected 0 because offsets is given, found %lld",
                       static_cast<long long>(group_size));
    }
    if (offsets->shape[0] < 1) {
      return call.fail(EQP_INVALID_ARGUMENT, "offsets: expected groups + 1 entries, found none");
    }
    arguments.groups = offsets->shape[0] - 1;
  } else {
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
    arguments.groups = samples / group_size;
  }
  EQP_TRY(call.output("advantages", advantages, dtype, 1, 1));
  EQP_TRY(call.vector_shape("advantages", advantages, samples, "the samples of rewards"));
  EQP_TRY(call.optional_output("group_mean", group_mean, dtype, 1, 1));
  EQP_TRY(call.vector_shape("group_mean", group_mean, arguments.groups, "the number of groups"));
  EQP_TRY(call.optional_output("group_std", group_std, dtype, 1, 1));
  EQP_TRY(call.vector_shape("group_std", group_std, arguments.groups, "the number of groups"));
  EQP_TRY(call.disjoint());
  EQP_TRY(call.launch(launch, &arguments.stream));
  arguments.rewards.data = rewards->data;
  arguments.rewards.dtype = rewards->dtype;
  arguments.rewards.rows = samples;
  arguments.rewards.columns = functions;
  arguments.rewards.row_stride = rewards->ndim == 2 ? rewards->stride[0] : 1;
  arguments.weights = vector_view(weights);
  arguments.offsets = vector_view(offsets);
  arguments.advantages = data_of<void>(advantages);
  arguments.group_mean = data_of<void>(group_mean);
  arguments.group_std = data_of<void>(group_std);
  EQP_DISPATCH(call, group_advantage, arguments);
}

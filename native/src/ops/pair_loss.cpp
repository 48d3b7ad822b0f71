// eqp_pair_loss: see equipoise/pair_loss.h.
#include "equipoise/pair_loss.h"

#include <math.h>

#include "ops/dispatch.h"

using namespace eqp;

namespace {

eqp_pair_loss_options defaults() {
  eqp_pair_loss_options options = {};
  options.size = sizeof(options);
  options.kind = EQP_PAIR_LOSS_SIGMOID;
  options.beta = 0.1;
  options.label_smoothing = 0.0;
  return options;
}

eqp_status check_options(const Call& call, const eqp_pair_loss_options& options) {
  bool known = false;
  bool uses_label_smoothing = false;
#define EQP_KNOWN(name, value, smoothing)    \
  if (options.kind == (value)) {             \
    known = true;                            \
    uses_label_smoothing = (smoothing) != 0; \
  }
  EQP_PAIR_LOSS_KINDS(EQP_KNOWN)
#undef EQP_KNOWN
  if (!known) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "kind: expected a value of EQP_PAIR_LOSS_KINDS, found %d", options.kind);
  }
  if (!(options.beta > 0) || !isfinite(options.beta)) {
    return call.fail(EQP_INVALID_ARGUMENT, "beta: expected a finite number > 0, found %g",
                     options.beta);
  }
  if (!(options.label_smoothing >= 0 && options.label_smoothing < 0.5)) {
    return call.fail(EQP_INVALID_ARGUMENT, "label_smoothing: expected 0 <= value < 0.5, found %g",
                     options.label_smoothing);
  }
  if (options.label_smoothing != 0 && !uses_label_smoothing) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "label_smoothing: expected 0 for this kind (%d), found %g", options.kind,
                     options.label_smoothing);
  }
  return EQP_OK;
}

struct SideTensors {
  const char *policy_name, *reference_name, *mask_name, *d_policy_name, *rewards_name;
  const eqp_tensor *policy, *reference, *mask, *d_policy, *rewards;
};

eqp_status check_side_inputs(Call* call, const SideTensors& side, eqp_dtype dtype, int64_t pairs) {
  if (side.policy->shape[0] != pairs) {
    return call->fail(EQP_INVALID_ARGUMENT,
                      "%s: expected %lld pairs (from policy_chosen), found %lld", side.policy_name,
                      static_cast<long long>(pairs), static_cast<long long>(side.policy->shape[0]));
  }
  EQP_TRY(call->optional_input(side.reference_name, side.reference, dtype_bit(dtype), 2, 2));
  EQP_TRY(call->same_shape(side.reference_name, side.reference, side.policy_name, side.policy));
  EQP_TRY(call->input(side.mask_name, side.mask, kMask, 2, 2));
  return call->same_shape(side.mask_name, side.mask, side.policy_name, side.policy);
}

eqp_status check_side_outputs(Call* call, const SideTensors& side, unsigned scalar, int64_t pairs) {
  EQP_TRY(call->optional_output(side.rewards_name, side.rewards, scalar, 1, 1));
  EQP_TRY(call->vector_shape(side.rewards_name, side.rewards, pairs, "the number of pairs"));
  EQP_TRY(call->optional_output(side.d_policy_name, side.d_policy, dtype_bit(side.policy->dtype), 2,
                                2));
  return call->same_shape(side.d_policy_name, side.d_policy, side.policy_name, side.policy);
}

PairLoss::Side side_view(const SideTensors& side) {
  PairLoss::Side view;
  view.policy = matrix_view(side.policy);
  view.reference = matrix_view(side.reference);
  view.mask = matrix_view(side.mask);
  view.d_policy = matrix_view(side.d_policy);
  view.rewards = data_of<void>(side.rewards);
  return view;
}

}  // namespace

void eqp_pair_loss_options_init(eqp_pair_loss_options* options) {
  if (options != nullptr) *options = defaults();
}

eqp_status eqp_pair_loss_workspace_size(const eqp_tensor* policy_chosen, uint64_t* bytes) {
  Call call("eqp_pair_loss_workspace_size");
  EQP_TRY(call.input("policy_chosen", policy_chosen, kF32 | kF64 | kBF16 | kF16, 2, 2));
  return call.workspace_size(bytes);
}

eqp_status eqp_pair_loss(const eqp_pair_loss_options* options, const eqp_tensor* policy_chosen,
                         const eqp_tensor* policy_rejected, const eqp_tensor* reference_chosen,
                         const eqp_tensor* reference_rejected, const eqp_tensor* mask_chosen,
                         const eqp_tensor* mask_rejected, const eqp_tensor* loss,
                         const eqp_tensor* pair_losses, const eqp_tensor* rewards_chosen,
                         const eqp_tensor* rewards_rejected, const eqp_tensor* metrics,
                         const eqp_tensor* d_policy_chosen, const eqp_tensor* d_policy_rejected,
                         const eqp_launch* launch) {
  Call call("eqp_pair_loss");
  PairLoss arguments;
  EQP_TRY(call.options(options, defaults, &arguments.options));
  EQP_TRY(check_options(call, arguments.options));
  EQP_TRY(call.input("policy_chosen", policy_chosen, kF32 | kF64 | kBF16 | kF16, 2, 2));
  const eqp_dtype dtype = policy_chosen->dtype;
  const int64_t pairs = policy_chosen->shape[0];
  EQP_TRY(call.input("policy_rejected", policy_rejected, dtype_bit(dtype), 2, 2));
  if ((reference_chosen == nullptr) != (reference_rejected == nullptr)) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "%s: expected both references or none, found NULL for this one",
                     reference_chosen == nullptr ? "reference_chosen" : "reference_rejected");
  }
  const SideTensors chosen = {
      "policy_chosen", "reference_chosen", "mask_chosen", "d_policy_chosen", "rewards_chosen",
      policy_chosen,   reference_chosen,   mask_chosen,   d_policy_chosen,   rewards_chosen};
  const SideTensors rejected = {"policy_rejected",   "reference_rejected", "mask_rejected",
                                "d_policy_rejected", "rewards_rejected",   policy_rejected,
                                reference_rejected,  mask_rejected,        d_policy_rejected,
                                rewards_rejected};
  EQP_TRY(check_side_inputs(&call, chosen, dtype, pairs));
  EQP_TRY(check_side_inputs(&call, rejected, dtype, pairs));
  const unsigned scalar = dtype == EQP_F64 ? kF64 : kF32;
  EQP_TRY(call.scalar_output("loss", loss, scalar));
  EQP_TRY(call.optional_output("pair_losses", pair_losses, scalar, 1, 1));
  EQP_TRY(call.vector_shape("pair_losses", pair_losses, pairs, "the number of pairs"));
  EQP_TRY(call.optional_output("metrics", metrics, scalar, 1, 1));
  EQP_TRY(call.vector_shape("metrics", metrics, EQP_PAIR_METRIC_COUNT, "EQP_PAIR_METRIC_COUNT"));
  EQP_TRY(check_side_outputs(&call, chosen, scalar, pairs));
  EQP_TRY(check_side_outputs(&call, rejected, scalar, pairs));
  EQP_TRY(call.disjoint());
  EQP_TRY(call.launch(launch, &arguments.stream));
  arguments.chosen = side_view(chosen);
  arguments.rejected = side_view(rejected);
  arguments.loss = loss->data;
  arguments.pair_losses = data_of<void>(pair_losses);
  arguments.metrics = data_of<void>(metrics);
  EQP_DISPATCH(call, pair_loss, arguments);
}

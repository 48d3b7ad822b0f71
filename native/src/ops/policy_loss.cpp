// eqp_policy_loss: see equipoise/policy_loss.h.
#include "equipoise/policy_loss.h"

#include <math.h>

#include "ops/dispatch.h"

using namespace eqp;

namespace {

eqp_policy_loss_options defaults() {
  eqp_policy_loss_options options = {};
  options.size = sizeof(options);
  options.normalizer = EQP_POLICY_NORMALIZER_GRPO;
  options.epsilon_low = 0.2;
  options.epsilon_high = 0.2;
  options.kl_beta = 0.0;
  options.negative_log_prob_floor = -HUGE_VAL;
  options.max_completion_length = 0.0;
  options.total_tokens = 0.0;
  return options;
}

eqp_status check_options(const Call& call, const eqp_policy_loss_options& options) {
  bool known = false;
#define EQP_KNOWN(name, value) known = known || options.normalizer == (value);
  EQP_POLICY_NORMALIZERS(EQP_KNOWN)
#undef EQP_KNOWN
  if (!known) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "normalizer: expected a value of EQP_POLICY_NORMALIZERS, found %d",
                     options.normalizer);
  }
  if (!(options.epsilon_low >= 0 && options.epsilon_low <= 1)) {
    return call.fail(EQP_INVALID_ARGUMENT, "epsilon_low: expected 0 <= value <= 1, found %g",
                     options.epsilon_low);
  }
  if (!(options.epsilon_high >= 0)) {
    return call.fail(EQP_INVALID_ARGUMENT, "epsilon_high: expected a number >= 0, found %g",
                     options.epsilon_high);
  }
  if (!(options.kl_beta >= 0) || !isfinite(options.kl_beta)) {
    return call.fail(EQP_INVALID_ARGUMENT, "kl_beta: expected a finite number >= 0, found %g",
                     options.kl_beta);
  }
  if (!(options.negative_log_prob_floor <= 0)) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "negative_log_prob_floor: expected a number <= 0, found %g",
                     options.negative_log_prob_floor);
  }
  if (options.normalizer == EQP_POLICY_NORMALIZER_DR_GRPO) {
    if (!(options.max_completion_length >= 1) || !isfinite(options.max_completion_length)) {
      return call.fail(EQP_INVALID_ARGUMENT,
                       "max_completion_length: expected a finite number >= 1 for DR_GRPO, found %g",
                       options.max_completion_length);
    }
  } else if (options.max_completion_length != 0) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "max_completion_length: expected 0 because only DR_GRPO uses it, found %g",
                     options.max_completion_length);
  }
  if (options.normalizer == EQP_POLICY_NORMALIZER_DAPO) {
    if (!(options.total_tokens >= 0) || !isfinite(options.total_tokens)) {
      return call.fail(EQP_INVALID_ARGUMENT,
                       "total_tokens: expected a finite number >= 0, found %g",
                       options.total_tokens);
    }
  } else if (options.total_tokens != 0) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "total_tokens: expected 0 because only DAPO uses it, found %g",
                     options.total_tokens);
  }
  return EQP_OK;
}

}  // namespace

void eqp_policy_loss_options_init(eqp_policy_loss_options* options) {
  if (options != nullptr) *options = defaults();
}

eqp_status eqp_policy_loss_workspace_size(const eqp_tensor* log_probs, uint64_t* bytes) {
  Call call("eqp_policy_loss_workspace_size");
  EQP_TRY(call.input("log_probs", log_probs, kF32 | kF64 | kBF16 | kF16, 2, 2));
  return call.workspace_size(bytes);
}

eqp_status eqp_policy_loss(const eqp_policy_loss_options* options, const eqp_tensor* log_probs,
                           const eqp_tensor* old_log_probs, const eqp_tensor* reference_log_probs,
                           const eqp_tensor* advantages, const eqp_tensor* mask,
                           const eqp_tensor* sequence_weights, const eqp_tensor* loss,
                           const eqp_tensor* sequence_losses, const eqp_tensor* metrics,
                           const eqp_tensor* d_log_probs, const eqp_launch* launch) {
  Call call("eqp_policy_loss");
  PolicyLoss arguments;
  EQP_TRY(call.options(options, defaults, &arguments.options));
  EQP_TRY(check_options(call, arguments.options));
  EQP_TRY(call.input("log_probs", log_probs, kF32 | kF64 | kBF16 | kF16, 2, 2));
  const unsigned dtype = dtype_bit(log_probs->dtype);
  const unsigned scalar = log_probs->dtype == EQP_F64 ? kF64 : kF32;
  const int64_t sequences = log_probs->shape[0];
  EQP_TRY(call.optional_input("old_log_probs", old_log_probs, dtype, 2, 2));
  EQP_TRY(call.same_shape("old_log_probs", old_log_probs, "log_probs", log_probs));
  EQP_TRY(call.optional_input("reference_log_probs", reference_log_probs, dtype, 2, 2));
  EQP_TRY(call.same_shape("reference_log_probs", reference_log_probs, "log_probs", log_probs));
  if (arguments.options.kl_beta > 0 && reference_log_probs == nullptr) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "reference_log_probs: expected a tensor because kl_beta is %g, found NULL",
                     arguments.options.kl_beta);
  }
  EQP_TRY(call.input("advantages", advantages, scalar, 1, 2));
  if (advantages->ndim == 2) {
    EQP_TRY(call.same_shape("advantages", advantages, "log_probs", log_probs));
  } else {
    EQP_TRY(call.vector_shape("advantages", advantages, sequences, "the sequences of log_probs"));
  }
  EQP_TRY(call.input("mask", mask, kMask, 2, 2));
  EQP_TRY(call.same_shape("mask", mask, "log_probs", log_probs));
  EQP_TRY(call.optional_input("sequence_weights", sequence_weights, scalar, 1, 1));
  EQP_TRY(call.vector_shape("sequence_weights", sequence_weights, sequences,
                            "the sequences of log_probs"));
  EQP_TRY(call.scalar_output("loss", loss, scalar));
  EQP_TRY(call.optional_output("sequence_losses", sequence_losses, scalar, 1, 1));
  EQP_TRY(call.vector_shape("sequence_losses", sequence_losses, sequences,
                            "the sequences of log_probs"));
  EQP_TRY(call.optional_output("metrics", metrics, scalar, 1, 1));
  EQP_TRY(
      call.vector_shape("metrics", metrics, EQP_POLICY_METRIC_COUNT, "EQP_POLICY_METRIC_COUNT"));
  EQP_TRY(call.optional_output("d_log_probs", d_log_probs, dtype, 2, 2));
  EQP_TRY(call.same_shape("d_log_probs", d_log_probs, "log_probs", log_probs));
  EQP_TRY(call.disjoint());
  EQP_TRY(call.launch(launch, &arguments.stream));
  arguments.log_probs = matrix_view(log_probs);
  arguments.old_log_probs = matrix_view(old_log_probs);
  arguments.reference_log_probs = matrix_view(reference_log_probs);
  arguments.advantages_per_token = advantages->ndim == 2;
  if (arguments.advantages_per_token) {
    arguments.advantages = matrix_view(advantages);
  } else {
    arguments.advantages.data = advantages->data;
    arguments.advantages.dtype = advantages->dtype;
    arguments.advantages.rows = sequences;
    arguments.advantages.columns = 1;
    arguments.advantages.row_stride = 1;
  }
  arguments.mask = matrix_view(mask);
  arguments.sequence_weights = vector_view(sequence_weights);
  arguments.loss = loss->data;
  arguments.sequence_losses = data_of<void>(sequence_losses);
  arguments.metrics = data_of<void>(metrics);
  arguments.d_log_probs = matrix_view(d_log_probs);
  EQP_DISPATCH(call, policy_loss, arguments);
}

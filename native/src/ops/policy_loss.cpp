// eqp_policy_loss: see equipoise/policy_loss.h.
#include "abi/calls/policy_loss.h"

#include <math.h>

#include "ops/dispatch.h"
#include "ops/options/policy_loss.h"

using namespace eqp;

namespace {

// Options that mean nothing beside the surrogate.
eqp_status check_surrogate(const Call& call, const eqp_policy_loss_options& options) {
  if (options.surrogate != EQP_POLICY_SURROGATE_CLIP && options.dual_clip < HUGE_VAL) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "dual_clip: expected +Inf because only CLIP uses it, found %g",
                     options.dual_clip);
  }
  const bool vespo = options.surrogate == EQP_POLICY_SURROGATE_VESPO;
  if ((vespo || options.surrogate == EQP_POLICY_SURROGATE_GMPO) &&
      options.importance != EQP_POLICY_IMPORTANCE_TOKEN) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "importance: expected TOKEN because %s forms its own weight of the sequence, "
                     "found %d",
                     vespo ? "VESPO" : "GMPO", options.importance);
  }
  if (vespo && options.sampler_correction != EQP_SAMPLER_CORRECTION_NONE &&
      options.sampler_level != EQP_POLICY_IMPORTANCE_TOKEN) {
    return call.fail(
        EQP_INVALID_ARGUMENT,
        "sampler_level: expected TOKEN because VESPO sums the tokens' ratios, found %d",
        options.sampler_level);
  }
  return EQP_OK;
}

eqp_status check_options(const Call& call, const eqp_policy_loss_options& options) {
  EQP_TRY(check_fields(call, options, kPolicyLossFields));
  return check_surrogate(call, options);
}

// Tensors that the options, or other tensors, ask for.
eqp_status check_presence(const Call& call, const eqp_policy_loss_options& options,
                          const eqp_tensor* reference, const eqp_tensor* sampler,
                          const eqp_tensor* entropy, const eqp_tensor* entropy_threshold,
                          const eqp_tensor* d_entropy) {
  if (options.kl_beta > 0 && reference == nullptr) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "reference_log_probs: expected a tensor because kl_beta is %g, found NULL",
                     options.kl_beta);
  }
  if (options.sampler_correction != EQP_SAMPLER_CORRECTION_NONE && sampler == nullptr) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "sampler_log_probs: expected a tensor because sampler_correction is %d, found "
                     "NULL",
                     options.sampler_correction);
  }
  // A bonus that forgot the whole batch would not add up where the rest does.
  const bool of_part =
      options.total_sequences > 0 || (options.total_tokens > 0 && entropy_threshold != nullptr);
  if (options.entropy_coefficient != 0 && of_part && options.total_kept_tokens == 0) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "total_kept_tokens: expected the tokens of the global batch that pass the "
                     "entropy mask, because %s is given, found 0",
                     options.total_sequences > 0 ? "total_sequences" : "total_tokens");
  }
  if (entropy != nullptr) return EQP_OK;
  const char* const why = options.entropy_coefficient != 0 ? "entropy_coefficient is not 0"
                          : entropy_threshold != nullptr   ? "there is an entropy_threshold"
                          : d_entropy != nullptr           ? "there is a d_entropy"
                                                           : nullptr;
  if (why == nullptr) return EQP_OK;
  return call.fail(EQP_INVALID_ARGUMENT, "entropy: expected a tensor because %s, found NULL", why);
}

}  // namespace

void eqp_policy_loss_options_init(eqp_policy_loss_options* options) {
  if (options != nullptr) *options = policy_loss_defaults();
}

eqp_status eqp_policy_loss_workspace_size(const eqp_tensor* log_probs, uint64_t* bytes) {
  Call call("eqp_policy_loss_workspace_size");
  EQP_TRY(call.input("log_probs", log_probs, kF32 | kF64 | kBF16 | kF16, 2, 2));
  return call.workspace_size(bytes);
}

eqp_status eqp_policy_loss(const eqp_policy_loss_options* options, const eqp_tensor* log_probs,
                           const eqp_tensor* old_log_probs, const eqp_tensor* reference_log_probs,
                           const eqp_tensor* sampler_log_probs, const eqp_tensor* advantages,
                           const eqp_tensor* mask, const eqp_tensor* truncated,
                           const eqp_tensor* sequence_weights, const eqp_tensor* entropy,
                           const eqp_tensor* entropy_threshold, const eqp_tensor* loss,
                           const eqp_tensor* sequence_losses, const eqp_tensor* metrics,
                           const eqp_tensor* d_log_probs, const eqp_tensor* d_entropy,
                           const eqp_launch* launch) {
  Call call("eqp_policy_loss");
  PolicyLoss arguments;
  EQP_TRY(call.options(options, policy_loss_defaults, &arguments.options));
  EQP_TRY(check_options(call, arguments.options));
  EQP_TRY(call.input("log_probs", log_probs, kF32 | kF64 | kBF16 | kF16, 2, 2));
  const unsigned dtype = dtype_bit(log_probs->dtype);
  const unsigned scalar = log_probs->dtype == EQP_F64 ? kF64 : kF32;
  const int64_t sequences = log_probs->shape[0];
  const auto like_log_probs = [&](const char* name, const eqp_tensor* tensor, unsigned dtypes) {
    EQP_TRY(call.optional_input(name, tensor, dtypes, 2, 2));
    return call.same_shape(name, tensor, "log_probs", log_probs);
  };
  const auto per_sequence = [&](const char* name, const eqp_tensor* tensor) {
    return call.vector_shape(name, tensor, sequences, "the sequences of log_probs");
  };
  EQP_TRY(like_log_probs("old_log_probs", old_log_probs, dtype));
  EQP_TRY(like_log_probs("reference_log_probs", reference_log_probs, dtype));
  EQP_TRY(like_log_probs("sampler_log_probs", sampler_log_probs, dtype));
  EQP_TRY(check_presence(call, arguments.options, reference_log_probs, sampler_log_probs, entropy,
                         entropy_threshold, d_entropy));
  const bool gmpo = arguments.options.surrogate == EQP_POLICY_SURROGATE_GMPO;
  EQP_TRY(call.input("advantages", advantages, scalar, 1, gmpo ? 1 : 2));
  if (advantages->ndim == 2) {
    EQP_TRY(call.same_shape("advantages", advantages, "log_probs", log_probs));
  } else {
    EQP_TRY(per_sequence("advantages", advantages));
  }
  EQP_TRY(call.input("mask", mask, kMask, 2, 2));
  EQP_TRY(call.same_shape("mask", mask, "log_probs", log_probs));
  EQP_TRY(call.optional_input("truncated", truncated, kMask, 1, 1));
  EQP_TRY(per_sequence("truncated", truncated));
  EQP_TRY(call.optional_input("sequence_weights", sequence_weights, scalar, 1, 1));
  EQP_TRY(per_sequence("sequence_weights", sequence_weights));
  EQP_TRY(like_log_probs("entropy", entropy, scalar));
  EQP_TRY(call.optional_input("entropy_threshold", entropy_threshold, scalar, 0, 1));
  if (entropy_threshold != nullptr && entropy_threshold->ndim == 1)
    EQP_TRY(call.vector_shape("entropy_threshold", entropy_threshold, 1, "one number"));
  EQP_TRY(call.scalar_output("loss", loss, scalar));
  EQP_TRY(call.optional_output("sequence_losses", sequence_losses, scalar, 1, 1));
  EQP_TRY(per_sequence("sequence_losses", sequence_losses));
  EQP_TRY(call.optional_output("metrics", metrics, scalar, 1, 1));
  EQP_TRY(
      call.vector_shape("metrics", metrics, EQP_POLICY_METRIC_COUNT, "EQP_POLICY_METRIC_COUNT"));
  EQP_TRY(call.optional_output("d_log_probs", d_log_probs, dtype, 2, 2));
  EQP_TRY(call.same_shape("d_log_probs", d_log_probs, "log_probs", log_probs));
  EQP_TRY(call.optional_output("d_entropy", d_entropy, scalar, 2, 2));
  EQP_TRY(call.same_shape("d_entropy", d_entropy, "log_probs", log_probs));
  EQP_TRY(call.disjoint());
  EQP_TRY(call.launch(launch, &arguments.stream));
  arguments.log_probs = matrix_view(log_probs);
  arguments.old_log_probs = matrix_view(old_log_probs);
  arguments.reference_log_probs = matrix_view(reference_log_probs);
  arguments.sampler_log_probs = matrix_view(sampler_log_probs);
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
  arguments.truncated = data_of<const uint8_t>(truncated);
  arguments.sequence_weights = vector_view(sequence_weights);
  arguments.entropy = matrix_view(entropy);
  arguments.entropy_threshold = data_of<const void>(entropy_threshold);
  arguments.loss = loss->data;
  arguments.sequence_losses = data_of<void>(sequence_losses);
  arguments.metrics = data_of<void>(metrics);
  arguments.d_log_probs = matrix_view(d_log_probs);
  arguments.d_entropy = matrix_view(d_entropy);
  EQP_DISPATCH(call, policy_loss, arguments);
}

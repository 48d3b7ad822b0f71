// eqp_unpaired_loss: see equipoise/unpaired_loss.h.
#include "abi/calls/unpaired_loss.h"

#include <math.h>

#include "ops/dispatch.h"
#include "ops/options/unpaired_loss.h"

using namespace eqp;

namespace {

constexpr unsigned kLogProbs = kF32 | kF64 | kBF16 | kF16;

// Beyond what every CUDA op needs.
uint64_t more_cuda_bytes(int64_t rows) {
  const uint64_t bytes = kUnpairedPartialBytes + static_cast<uint64_t>(rows) * sizeof(double);
  return bytes > kCudaWorkspaceBytes ? bytes - kCudaWorkspaceBytes : 0;
}

// Log-probs with what belongs to them.
struct Answers {
  const char *log_probs_name, *reference_name, *mask_name;
  const eqp_tensor *log_probs, *reference, *mask;
  bool mask_required;
};

eqp_status check_answers(Call* call, const Answers& answers, unsigned dtypes) {
  EQP_TRY(call->input(answers.log_probs_name, answers.log_probs, dtypes, 2, 2));
  const unsigned dtype = dtype_bit(answers.log_probs->dtype);
  EQP_TRY(call->optional_input(answers.reference_name, answers.reference, dtype, 2, 2));
  EQP_TRY(call->same_shape(answers.reference_name, answers.reference, answers.log_probs_name,
                           answers.log_probs));
  if (answers.mask_required || answers.mask != nullptr) {
    EQP_TRY(call->input(answers.mask_name, answers.mask, kMask, 2, 2));
  }
  return call->same_shape(answers.mask_name, answers.mask, answers.log_probs_name,
                          answers.log_probs);
}

eqp_status check_mismatched(Call* call, const eqp_unpaired_loss_options& options,
                            const Answers& answers, unsigned dtype) {
  if (answers.log_probs != nullptr) return check_answers(call, answers, dtype);
  if (options.kind == EQP_UNPAIRED_LOSS_KTO) {
    return call->fail(EQP_INVALID_ARGUMENT,
                      "kl_log_probs: expected a tensor because kind is KTO, found NULL");
  }
  if (answers.reference != nullptr || answers.mask != nullptr) {
    return call->fail(EQP_INVALID_ARGUMENT,
                      "%s: expected NULL without kl_log_probs, found a tensor",
                      answers.reference != nullptr ? answers.reference_name : answers.mask_name);
  }
  return EQP_OK;
}

// A vector with an element for each row.
eqp_status row_shape(const Call& call, const char* name, const eqp_tensor* tensor, int64_t rows) {
  return call.vector_shape(name, tensor, rows, "the rows of log_probs");
}

eqp_status mean_shape(const Call& call, const char* name, const eqp_tensor* tensor) {
  return call.vector_shape(name, tensor, 2, "a mean and a count");
}

UnpairedLoss::Answers view_of(const Answers& answers) {
  UnpairedLoss::Answers view;
  view.log_probs = matrix_view(answers.log_probs);
  view.reference = matrix_view(answers.reference);
  view.mask = matrix_view(answers.mask);
  return view;
}

}  // namespace

void eqp_unpaired_loss_options_init(eqp_unpaired_loss_options* options) {
  if (options != nullptr) *options = unpaired_loss_defaults();
}

eqp_status eqp_unpaired_loss_workspace_size(const eqp_tensor* log_probs, uint64_t* bytes) {
  Call call("eqp_unpaired_loss_workspace_size");
  EQP_TRY(call.input("log_probs", log_probs, kLogProbs, 2, 2));
  const bool cuda = log_probs->device_type == EQP_CUDA;
  return call.workspace_size(bytes, cuda ? more_cuda_bytes(log_probs->shape[0]) : 0);
}

eqp_status eqp_unpaired_loss(const eqp_unpaired_loss_options* options, const eqp_tensor* log_probs,
                             const eqp_tensor* reference_log_probs, const eqp_tensor* mask,
                             const eqp_tensor* labels, const eqp_tensor* row_weights,
                             const eqp_tensor* kl_log_probs,
                             const eqp_tensor* kl_reference_log_probs, const eqp_tensor* kl_mask,
                             const eqp_tensor* reward_mean, const eqp_tensor* loss,
                             const eqp_tensor* row_losses, const eqp_tensor* rewards,
                             const eqp_tensor* metrics, const eqp_tensor* new_reward_mean,
                             const eqp_tensor* d_log_probs, const eqp_launch* launch) {
  Call call("eqp_unpaired_loss");
  UnpairedLoss arguments;
  EQP_TRY(call.options(options, unpaired_loss_defaults, &arguments.options));
  EQP_TRY(check_fields(call, arguments.options, kUnpairedLossFields));
  const Answers answers = {
      "log_probs", "reference_log_probs", "mask", log_probs, reference_log_probs, mask, true};
  const Answers mismatched = {"kl_log_probs", "kl_reference_log_probs", "kl_mask",
                              kl_log_probs,   kl_reference_log_probs,   kl_mask,
                              false};
  EQP_TRY(check_answers(&call, answers, kLogProbs));
  const unsigned dtype = dtype_bit(log_probs->dtype);
  const unsigned scalar = log_probs->dtype == EQP_F64 ? kF64 : kF32;
  const int64_t rows = log_probs->shape[0];
  EQP_TRY(call.input("labels", labels, kMask, 1, 1));
  EQP_TRY(row_shape(call, "labels", labels, rows));
  EQP_TRY(call.optional_input("row_weights", row_weights, scalar, 1, 1));
  EQP_TRY(row_shape(call, "row_weights", row_weights, rows));
  EQP_TRY(check_mismatched(&call, arguments.options, mismatched, dtype));
  EQP_TRY(call.optional_input("reward_mean", reward_mean, kF64, 1, 1));
  EQP_TRY(mean_shape(call, "reward_mean", reward_mean));
  EQP_TRY(call.scalar_output("loss", loss, scalar));
  EQP_TRY(call.optional_output("row_losses", row_losses, scalar, 1, 1));
  EQP_TRY(row_shape(call, "row_losses", row_losses, rows));
  EQP_TRY(call.optional_output("rewards", rewards, scalar, 1, 1));
  EQP_TRY(row_shape(call, "rewards", rewards, rows));
  EQP_TRY(call.optional_output("metrics", metrics, scalar, 1, 1));
  EQP_TRY(call.vector_shape("metrics", metrics, EQP_UNPAIRED_METRIC_COUNT,
                            "EQP_UNPAIRED_METRIC_COUNT"));
  EQP_TRY(call.optional_output("new_reward_mean", new_reward_mean, kF64, 1, 1));
  EQP_TRY(mean_shape(call, "new_reward_mean", new_reward_mean));
  EQP_TRY(call.optional_output("d_log_probs", d_log_probs, dtype, 2, 2));
  EQP_TRY(call.same_shape("d_log_probs", d_log_probs, "log_probs", log_probs));
  EQP_TRY(call.disjoint());
  EQP_TRY(call.launch(launch, &arguments.stream, kCudaWorkspaceBytes + more_cuda_bytes(rows)));
  arguments.answers = view_of(answers);
  arguments.mismatched = view_of(mismatched);
  arguments.labels = data_of<uint8_t>(labels);
  arguments.row_weights = data_of<void>(row_weights);
  arguments.reward_mean = data_of<double>(reward_mean);
  arguments.loss = loss->data;
  arguments.row_losses = data_of<void>(row_losses);
  arguments.rewards = data_of<void>(rewards);
  arguments.metrics = data_of<void>(metrics);
  arguments.new_reward_mean = data_of<double>(new_reward_mean);
  arguments.d_log_probs = matrix_view(d_log_probs);
  EQP_DISPATCH(call, unpaired_loss, arguments);
}

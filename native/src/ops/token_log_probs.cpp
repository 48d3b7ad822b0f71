// eqp_token_log_probs_forward, eqp_token_log_probs_backward: see equipoise/token_log_probs.h.
#include "abi/calls/token_log_probs.h"

#include <math.h>

#include "ops/dispatch.h"
#include "ops/options/token_log_probs.h"

using namespace eqp;

namespace {

eqp_status read_options(const Call& call, const eqp_token_log_probs_options* from,
                        eqp_token_log_probs_options* to) {
  EQP_TRY(call.options(from, token_log_probs_defaults, to));
  return check_fields(call, *to, kTokenLogProbsFields);
}

eqp_status check_logits(Call* call, const eqp_tensor* logits) {
  EQP_TRY(call->input("logits", logits, kF32 | kBF16 | kF16, 2, 2));
  if (logits->shape[1] < 1) {
    return call->fail(EQP_INVALID_ARGUMENT,
                      "logits: expected a vocabulary of at least 1, found shape [%lld, 0]",
                      static_cast<long long>(logits->shape[0]));
  }
  return EQP_OK;
}

eqp_status check_bias(Call* call, const eqp_tensor* bias, const eqp_tensor* logits) {
  EQP_TRY(call->optional_input("bias", bias, kF32 | dtype_bit(logits->dtype), 1, 1));
  return call->vector_shape("bias", bias, logits->shape[1], "the vocabulary of logits");
}

eqp_status row_output(Call* call, const char* name, const eqp_tensor* tensor, unsigned dtypes,
                      int64_t rows) {
  EQP_TRY(call->optional_output(name, tensor, dtypes, 1, 1));
  return call->vector_shape(name, tensor, rows, "the rows of logits");
}

eqp_status row_input(Call* call, const char* name, const eqp_tensor* tensor, unsigned dtypes,
                     int64_t rows) {
  EQP_TRY(call->optional_input(name, tensor, dtypes, 1, 1));
  return call->vector_shape(name, tensor, rows, "the rows of logits");
}

}  // namespace

void eqp_token_log_probs_options_init(eqp_token_log_probs_options* options) {
  if (options != nullptr) *options = token_log_probs_defaults();
}

eqp_status eqp_token_log_probs_workspace_size(const eqp_tensor* logits, uint64_t* bytes) {
  Call call("eqp_token_log_probs_workspace_size");
  EQP_TRY(check_logits(&call, logits));
  return call.workspace_size(bytes);
}

eqp_status eqp_token_log_probs_forward(const eqp_token_log_probs_options* options,
                                       const eqp_tensor* logits, const eqp_tensor* bias,
                                       const eqp_tensor* targets, const eqp_tensor* log_probs,
                                       const eqp_tensor* log_sum_exp,
                                       const eqp_tensor* log_sum_exp_2x, const eqp_tensor* entropy,
                                       const eqp_launch* launch) {
  Call call("eqp_token_log_probs_forward");
  TokenLogProbsForward arguments;
  EQP_TRY(read_options(call, options, &arguments.options));
  EQP_TRY(check_logits(&call, logits));
  const int64_t rows = logits->shape[0];
  EQP_TRY(check_bias(&call, bias, logits));
  EQP_TRY(call.input("targets", targets, kIndex, 1, 1));
  EQP_TRY(call.vector_shape("targets", targets, rows, "the rows of logits"));
  EQP_TRY(call.output("log_probs", log_probs, kF32, 1, 1));
  EQP_TRY(call.vector_shape("log_probs", log_probs, rows, "the rows of logits"));
  EQP_TRY(row_output(&call, "log_sum_exp", log_sum_exp, kF32 | kF64, rows));
  EQP_TRY(row_output(&call, "log_sum_exp_2x", log_sum_exp_2x, kF32 | kF64, rows));
  EQP_TRY(row_output(&call, "entropy", entropy, kF32, rows));
  EQP_TRY(call.disjoint());
  EQP_TRY(call.launch(launch, &arguments.stream));
  arguments.logits = matrix_view(logits);
  arguments.bias = vector_view(bias);
  arguments.targets = vector_view(targets);
  arguments.log_probs = data_of<float>(log_probs);
  arguments.log_sum_exp = vector_view(log_sum_exp);
  arguments.log_sum_exp_2x = vector_view(log_sum_exp_2x);
  arguments.entropy = data_of<float>(entropy);
  EQP_DISPATCH(call, token_log_probs_forward, arguments);
}

eqp_status eqp_token_log_probs_backward(const eqp_token_log_probs_options* options,
                                        const eqp_tensor* logits, const eqp_tensor* bias,
                                        const eqp_tensor* targets, const eqp_tensor* log_sum_exp,
                                        const eqp_tensor* entropy, const eqp_tensor* d_log_probs,
                                        const eqp_tensor* d_entropy, const eqp_tensor* d_logits,
                                        const eqp_launch* launch) {
  Call call("eqp_token_log_probs_backward");
  TokenLogProbsBackward arguments;
  EQP_TRY(read_options(call, options, &arguments.options));
  EQP_TRY(check_logits(&call, logits));
  const int64_t rows = logits->shape[0];
  EQP_TRY(check_bias(&call, bias, logits));
  EQP_TRY(call.input("targets", targets, kIndex, 1, 1));
  EQP_TRY(call.vector_shape("targets", targets, rows, "the rows of logits"));
  EQP_TRY(call.input("log_sum_exp", log_sum_exp, kF32 | kF64, 1, 1));
  EQP_TRY(call.vector_shape("log_sum_exp", log_sum_exp, rows, "the rows of logits"));
  EQP_TRY(row_input(&call, "entropy", entropy, kF32, rows));
  EQP_TRY(row_input(&call, "d_log_probs", d_log_probs, kF32, rows));
  EQP_TRY(row_input(&call, "d_entropy", d_entropy, kF32, rows));
  if (d_log_probs == nullptr && d_entropy == nullptr) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "d_log_probs, d_entropy: expected at least one of them, found NULL for both");
  }
  if (d_entropy != nullptr && entropy == nullptr) {
    return call.fail(
        EQP_INVALID_ARGUMENT,
        "entropy: expected the entropy of the forward because d_entropy is given, found NULL");
  }
  EQP_TRY(call.output("d_logits", d_logits, dtype_bit(logits->dtype), 2, 2));
  EQP_TRY(call.same_shape("d_logits", d_logits, "logits", logits));
  call.allow_in_place(d_logits, logits);
  EQP_TRY(call.disjoint());
  EQP_TRY(call.launch(launch, &arguments.stream));
  arguments.logits = matrix_view(logits);
  arguments.bias = vector_view(bias);
  arguments.targets = vector_view(targets);
  arguments.log_sum_exp = vector_view(log_sum_exp);
  arguments.entropy = d_entropy == nullptr ? nullptr : data_of<const float>(entropy);
  arguments.d_log_probs = data_of<const float>(d_log_probs);
  arguments.d_entropy = data_of<const float>(d_entropy);
  arguments.d_logits = matrix_view(d_logits);
  EQP_DISPATCH(call, token_log_probs_backward, arguments);
}

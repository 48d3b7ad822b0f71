#include "equipoise/token_log_probs.h"

#include "equipoise/torch.h"
#include "torch/launch.h"

using namespace eqp::torch;

namespace {

void require_gradient(void* tensor) {
  if (libtorch()->grad_mode_is_enabled()) libtorch()->set_requires_grad(impl(tensor), true);
}

// The gradient that backward() left in a leaf; nullptr when there is none.
const void* gradient_of(const void* leaf) {
  if (leaf == nullptr) return nullptr;
  const void* gradient = libtorch()->grad(impl(leaf));
  int32_t type = libtorch()->undefined;
  libtorch()->get_dtype(const_cast<void*>(gradient), &type);
  return type == libtorch()->undefined ? nullptr : gradient;
}

eqp_status backward(Arguments& call, const eqp_token_log_probs_options* options, const void* logits,
                    const void* bias, const void* targets, const void* log_sum_exp,
                    const void* entropy, const void* d_log_probs, const void* d_entropy,
                    void* d_logits) {
  const eqp_tensor* z = call.required("logits", logits);
  const eqp_tensor* b = call.view("bias", bias);
  const eqp_tensor* y = call.required("targets", targets);
  const eqp_tensor* lse = call.view("log_sum_exp", log_sum_exp);
  const eqp_tensor* h = call.view("entropy", entropy);
  const eqp_tensor* dv = call.view("d_log_probs", d_log_probs);
  const eqp_tensor* dh = call.view("d_entropy", d_entropy);
  EQP_TORCH_TRY(call.status());
  if (z->ndim != 2) {
    return fail(EQP_INVALID_ARGUMENT, call.op(), "logits: expected 2 dimensions, found %d",
                z->ndim);
  }
  const eqp_tensor* dz = call.output("d_logits", d_logits, z, z->dtype, {z->shape[0], z->shape[1]});
  Launch launch;
  EQP_TORCH_TRY(launch.prepare(
      call, z, [&](uint64_t* bytes) { return eqp_token_log_probs_workspace_size(z, bytes); }));
  return from_equipoise(
      eqp_token_log_probs_backward(options, z, b, y, lse, h, dv, dh, dz, launch.get()));
}

}  // namespace

extern "C" {

eqp_status eqp_torch_token_log_probs_forward(const eqp_token_log_probs_options* options,
                                             const void* logits, const void* bias,
                                             const void* targets, void* log_probs,
                                             void* log_sum_exp, void* log_sum_exp_2x,
                                             void* entropy) {
  Arguments call("eqp_token_log_probs_forward");
  EQP_TORCH_TRY(call.begin());
  const eqp_tensor* z = call.required("logits", logits);
  const eqp_tensor* b = call.view("bias", bias);
  const eqp_tensor* y = call.required("targets", targets);
  EQP_TORCH_TRY(call.status());
  const int64_t rows = z->ndim > 0 ? z->shape[0] : 0;
  bool new_values = false, new_entropy = false;
  const eqp_tensor* values = call.output("log_probs", log_probs, z, EQP_F32, {rows}, &new_values);
  const eqp_tensor* lse = call.output("log_sum_exp", log_sum_exp, z, EQP_F64, {rows});
  const eqp_tensor* lse2 = call.output("log_sum_exp_2x", log_sum_exp_2x, z, EQP_F64, {rows});
  const eqp_tensor* h = call.output("entropy", entropy, z, EQP_F32, {rows}, &new_entropy);
  Launch launch;
  EQP_TORCH_TRY(launch.prepare(
      call, z, [&](uint64_t* bytes) { return eqp_token_log_probs_workspace_size(z, bytes); }));
  EQP_TORCH_TRY(from_equipoise(
      eqp_token_log_probs_forward(options, z, b, y, values, lse, lse2, h, launch.get())));
  if (new_values) require_gradient(log_probs);
  if (new_entropy) require_gradient(entropy);
  return EQP_OK;
}

eqp_status eqp_torch_token_log_probs_backward(const eqp_token_log_probs_options* options,
                                              const void* logits, const void* bias,
                                              const void* targets, const void* log_probs,
                                              const void* log_sum_exp, const void* entropy,
                                              void* d_logits) {
  Arguments call("eqp_token_log_probs_backward");
  EQP_TORCH_TRY(call.begin());
  const void* d_values = gradient_of(log_probs);
  const void* d_h = gradient_of(entropy);
  if (d_values == nullptr && d_h == nullptr) {
    return fail(
        EQP_INVALID_ARGUMENT, call.op(),
        "log_probs: expected a gradient, found none; call backward() on a loss made from the "
        "log-probs or the entropy first");
  }
  return backward(call, options, logits, bias, targets, log_sum_exp, entropy, d_values, d_h,
                  d_logits);
}

eqp_status eqp_torch_token_log_probs_backward_into(const eqp_token_log_probs_options* options,
                                                   const void* logits, const void* bias,
                                                   const void* targets, const void* log_sum_exp,
                                                   const void* entropy, const void* d_log_probs,
                                                   const void* d_entropy, void* d_logits) {
  Arguments call("eqp_token_log_probs_backward");
  EQP_TORCH_TRY(call.begin());
  return backward(call, options, logits, bias, targets, log_sum_exp, entropy, d_log_probs,
                  d_entropy, d_logits);
}

}  // extern "C"

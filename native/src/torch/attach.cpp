#include "torch/attach.h"

#include <string.h>

#include <exception>

namespace eqp::torch {

bool wants_gradient(const void* tensor) {
  const LibTorch& t = *libtorch();
  return tensor != nullptr && t.grad_mode_is_enabled() && t.requires_grad(impl(tensor));
}

eqp_status AttachedLoss::add(Arguments& call, const void* input, const eqp_tensor* view,
                             const OwnedTensor& gradient) {
  const LibTorch& t = *libtorch();
  OwnedTensor zero, factor;
  const eqp_tensor* z = call.allocate(zero, view, view->dtype, 0, nullptr);
  const eqp_dtype loss_dtype = view->dtype == EQP_F64 ? EQP_F64 : EQP_F32;
  const eqp_tensor* g = call.allocate(factor, view, loss_dtype, 0, nullptr);
  EQP_TORCH_TRY(call.status());
  if (view->device_type == EQP_CPU) {
    // Their product is computed and thrown away; the memory must still be initialised.
    memset(z->data, 0, view->dtype == EQP_F64 ? 8 : view->dtype == EQP_F32 ? 4 : 2);
    memset(g->data, 0, loss_dtype == EQP_F64 ? 8 : 4);
  }
  try {
    OwnedTensor edge(new Returned(t.alias(input)));
    t.set_data(edge.get(), zero.get());
    OwnedTensor sum(sum_.get() == nullptr
                        ? new Returned(t.mul(edge.get(), factor.get()))
                        : new Returned(t.addcmul(sum_.get(), edge.get(), factor.get(), t.one)));
    t.set_data(factor.get(), gradient.get());
    Handle handle = sum.get();
    *sum.address() = sum_.get();
    *sum_.address() = handle;
  } catch (const std::exception& e) {
    return fail(EQP_DEVICE_ERROR, call.op(), "LibTorch could not attach the gradient: %.300s",
                e.what());
  }
  return EQP_OK;
}

const eqp_tensor* AttachedLoss::finish(Arguments& call, void* loss, const eqp_tensor* like,
                                       eqp_dtype dtype) {
  if (sum_.get() == nullptr) return call.output("loss", loss, like, dtype, {});
  libtorch()->assign_tensors(sum_.get(), loss);
  return call.view("loss", loss);
}

}  // namespace eqp::torch

// What the ops on images share: their number of dimensions, and outputs of their shape.
#pragma once

#include "torch/launch.h"

namespace eqp::torch {

// An output with the shape of `like`, allocated when undefined.
inline const eqp_tensor* images_like(Arguments& call, const char* name, void* tensor,
                                     const eqp_tensor* like, eqp_dtype dtype) {
  const int64_t* s = like->shape;
  if (like->ndim == 3) return call.output(name, tensor, like, dtype, {s[0], s[1], s[2]});
  return call.output(name, tensor, like, dtype, {s[0], s[1], s[2], s[3]});
}

inline eqp_status need_images(const Arguments& call, const char* name, const eqp_tensor* view) {
  EQP_TORCH_TRY(call.status());
  if (view->ndim == 3 || view->ndim == 4) return EQP_OK;
  return fail(EQP_INVALID_ARGUMENT, call.op(),
              "%s: expected images [images, channels, height, width], found %d dimensions", name,
              view->ndim);
}

inline eqp_status no_workspace(uint64_t* bytes) {
  *bytes = 0;
  return EQP_OK;
}

}  // namespace eqp::torch

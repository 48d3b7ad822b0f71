// Attaches precomputed gradients to a scalar loss, without a custom autograd node.
//
// For each input x with gradient G, in LibTorch's own differentiable ops:
//   y = alias(x);  y.set_data(0-dimensional zero)    the graph edge of x, but a scalar
//   g = 0-dimensional tensor;  s = y * g             the product saves g for its backward
//   g.set_data(G)                                    d s / d x = grad * G, with the shape of x
// Several inputs are summed by addcmul. The value of s is written into its memory by the caller; no
// backward formula reads it. First order only: G has no graph of its own.
#pragma once

#include "torch/arguments.h"

namespace eqp::torch {

class AttachedLoss {
 public:
  // Adds an input whose gradient will be written into `gradient` (the kernel may still have to
  // run). Inputs that are NULL or do not require grad are left out. Returns false with LibTorch's
  // text recorded when LibTorch throws.
  eqp_status add(Arguments& call, const void* input, const eqp_tensor* view,
                 const OwnedTensor& gradient);

  // Assigns the loss to the undefined at::Tensor `loss` and returns the view of its memory. dtype:
  // of the loss, when no input was added.
  const eqp_tensor* finish(Arguments& call, void* loss, const eqp_tensor* like, eqp_dtype dtype);

 private:
  OwnedTensor sum_;
};

// Whether autograd would record an op on this tensor now.
bool wants_gradient(const void* tensor);

}  // namespace eqp::torch

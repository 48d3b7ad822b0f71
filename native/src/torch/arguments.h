// From at::Tensor to eqp_tensor: reads the tensors' real metadata, refuses what the C ABI cannot
// describe, allocates outputs.
#pragma once

#include <initializer_list>

#include "equipoise/types.h"
#include "torch/error.h"
#include "torch/libtorch.h"

namespace eqp::torch {

// Owns a heap at::Tensor.
class OwnedTensor {
 public:
  OwnedTensor() = default;
  explicit OwnedTensor(Handle handle) : handle_(handle) {}
  OwnedTensor(const OwnedTensor&) = delete;
  OwnedTensor& operator=(const OwnedTensor&) = delete;
  ~OwnedTensor() { reset(nullptr); }
  void reset(Handle handle) {
    if (handle_ != nullptr) libtorch()->delete_tensor_object(handle_);
    handle_ = handle;
  }
  Handle get() const { return handle_; }
  Handle* address() { return &handle_; }

 private:
  Handle handle_ = nullptr;
};

// The TensorImpl behind an at::Tensor: an at::Tensor is one pointer.
inline void* impl(const void* tensor) { return *static_cast<void* const*>(tensor); }

// A 1-dimensional part of a contiguous f32 or f64 tensor, from element `offset` on.
eqp_tensor part(const eqp_tensor& whole, int64_t offset, int64_t elements);

// The tensors of one call. Views stay valid as long as the object.
class Arguments {
 public:
  explicit Arguments(const char* op) : op_(op) {}

  // EQP_OK when LibTorch is bound.
  eqp_status begin() const;

  // The descriptor of a tensor that must be there.
  const eqp_tensor* required(const char* name, const void* tensor);

  // The descriptor of an optional tensor; nullptr for nullptr. After a failure status() is an error
  // and the result must not be used.
  const eqp_tensor* view(const char* name, const void* tensor);

  // Like view for a defined tensor. An undefined one is allocated, contiguous, on the device of
  // `like`, and assigned; `allocated` tells which.
  const eqp_tensor* output(const char* name, void* tensor, const eqp_tensor* like, eqp_dtype dtype,
                           std::initializer_list<int64_t> shape, bool* allocated = nullptr);

  // A new contiguous tensor on the device of `like`.
  const eqp_tensor* allocate(OwnedTensor& owner, const eqp_tensor* like, eqp_dtype dtype, int ndim,
                             const int64_t* shape);

  eqp_status status() const { return status_; }
  const char* op() const { return op_; }

 private:
  static constexpr int kMaxViews = 20;
  // Fills in all but the dtype through the C shim.
  void describe(const char* name, const void* tensor, eqp_tensor* view);

  const char* op_;
  eqp_status status_ = EQP_OK;
  int count_ = 0;
  eqp_tensor views_[kMaxViews];
};

}  // namespace eqp::torch

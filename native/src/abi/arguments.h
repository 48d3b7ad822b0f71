// Checks of one call's arguments. Every text names the op, the argument, what was expected and what
// was found.
#pragma once

#include <string.h>

#include "abi/backend.h"
#include "abi/error.h"

namespace eqp {

// A set of dtypes as bits, so that an expectation is one word: kF32 | kBF16.
constexpr unsigned dtype_bit(eqp_dtype dtype) { return 1u << dtype; }
constexpr unsigned kF32 = dtype_bit(EQP_F32);
constexpr unsigned kF64 = dtype_bit(EQP_F64);
constexpr unsigned kBF16 = dtype_bit(EQP_BF16);
constexpr unsigned kF16 = dtype_bit(EQP_F16);
constexpr unsigned kIndex = dtype_bit(EQP_I32) | dtype_bit(EQP_I64);
constexpr unsigned kI64 = dtype_bit(EQP_I64);
constexpr unsigned kU8 = dtype_bit(EQP_U8);
constexpr unsigned kMask = dtype_bit(EQP_U8) | dtype_bit(EQP_BOOL);

int64_t dtype_size(eqp_dtype dtype);
const char* dtype_name(eqp_dtype dtype);

// The arguments of one call, checked as they are named. A null tensor is accepted by the optional
// forms, which then do nothing.
class Call {
 public:
  explicit Call(const char* op_name) : op_(op_name) {}

  eqp_status input(const char* name, const eqp_tensor* tensor, unsigned dtypes, int min_dims,
                   int max_dims);
  eqp_status optional_input(const char* name, const eqp_tensor* tensor, unsigned dtypes,
                            int min_dims, int max_dims) {
    return tensor == nullptr ? EQP_OK : input(name, tensor, dtypes, min_dims, max_dims);
  }
  // An output must not map two of its elements to one address.
  eqp_status output(const char* name, const eqp_tensor* tensor, unsigned dtypes, int min_dims,
                    int max_dims);
  eqp_status optional_output(const char* name, const eqp_tensor* tensor, unsigned dtypes,
                             int min_dims, int max_dims) {
    return tensor == nullptr ? EQP_OK : output(name, tensor, dtypes, min_dims, max_dims);
  }

  // A required output of one element: [] or [1].
  eqp_status scalar_output(const char* name, const eqp_tensor* tensor, unsigned dtypes);

  // `tensor` (may be null: accepted) has exactly this shape; `why` says where the shape comes from.
  eqp_status shape(const char* name, const eqp_tensor* tensor, int ndim, const int64_t* expected,
                   const char* why) const;
  eqp_status vector_shape(const char* name, const eqp_tensor* tensor, int64_t size,
                          const char* why) const {
    if (tensor == nullptr || (tensor->ndim == 1 && tensor->shape[0] == size)) return EQP_OK;
    return shape(name, tensor, 1, &size, why);
  }
  eqp_status same_shape(const char* name, const eqp_tensor* tensor, const char* other_name,
                        const eqp_tensor* other) const {
    return shape(name, tensor, other->ndim, other->shape, other_name);
  }

  // Outputs must not share memory with anything, except that the two arguments named here may be
  // exactly the same memory (same address and strides). May be called once.
  void allow_in_place(const eqp_tensor* output, const eqp_tensor* input) {
    in_place_output_ = output;
    in_place_input_ = input;
  }
  eqp_status disjoint() const;

  // cuda_bytes: workspace that the op needs on a CUDA device. scratch_bytes: on any, after those.
  eqp_status launch(const eqp_launch* launch, Stream* stream,
                    uint64_t cuda_bytes = kCudaWorkspaceBytes, uint64_t scratch_bytes = 0) const;

  // What a _workspace_size entry answers once its tensor is checked.
  eqp_status workspace_size(uint64_t* bytes, uint64_t scratch_bytes = 0) const;

  // Copies the caller's options over defaults: fields beyond the caller's size keep the default,
  // non-zero bytes beyond what this version knows are refused. A struct of this version's size
  // needs no defaults: it is copied whole, which is what a small call can afford.
  template <class Options>
  eqp_status options(const Options* from, Options (*defaults)(), Options* to) const {
    if (from != nullptr && from->size == sizeof(Options)) {
      *to = *from;
      return EQP_OK;
    }
    *to = defaults();
    return from == nullptr ? EQP_OK : options_bytes(from, from->size, to, sizeof(Options));
  }

  // Where the first argument lives decides where the op runs.
  const Backend* backend() const;
  // Why backend() was null: its text is recorded, this is its status.
  eqp_status no_backend_status() const {
    return arguments_[0].tensor->device_type == EQP_CPU ? EQP_INVALID_ARGUMENT : EQP_DEVICE_ERROR;
  }

  __attribute__((format(printf, 3, 4))) eqp_status fail(eqp_status status, const char* format,
                                                        ...) const;
  const char* op() const { return op_; }

 private:
  struct Argument {
    const char* name;
    const eqp_tensor* tensor;
    uintptr_t begin, end;
    bool output;
  };
  static constexpr int kMaxArguments = 16;

  eqp_status add(const char* name, const eqp_tensor* tensor, unsigned dtypes, int min_dims,
                 int max_dims, bool output);
  eqp_status options_bytes(const void* from, uint32_t from_size, void* to, uint32_t to_size) const;

  const char* op_;
  int count_ = 0;
  const eqp_tensor* in_place_output_ = nullptr;
  const eqp_tensor* in_place_input_ = nullptr;
  Argument arguments_[kMaxArguments];
};

// Views of checked tensors; a null tensor gives an absent view. Inline: a view returned through
// memory and copied from there at once stalls on its own stores, which costs more than the checks.
inline Matrix matrix_view(const eqp_tensor* tensor) {
  Matrix view;
  if (tensor == nullptr) return view;
  view.data = tensor->data;
  view.dtype = tensor->dtype;
  view.rows = tensor->shape[0];
  view.columns = tensor->shape[1];
  view.row_stride = tensor->stride[0];
  return view;
}

inline Vector vector_view(const eqp_tensor* tensor) {
  Vector view;
  if (tensor == nullptr) return view;
  view.data = tensor->data;
  view.dtype = tensor->dtype;
  view.size = tensor->ndim == 0 ? 1 : tensor->shape[0];
  return view;
}

// The checks of a launch record that do not depend on the tensors, and what it says; `launch` is not null.
eqp_status launch_view(const char* op, const eqp_launch& launch, Stream* stream);

template <class T>
T* data_of(const eqp_tensor* tensor) {
  return tensor == nullptr ? nullptr : static_cast<T*>(tensor->data);
}

}  // namespace eqp

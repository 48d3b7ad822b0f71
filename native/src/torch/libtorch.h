// The functions this adapter takes from a loaded LibTorch: its stable C shim (aoti_torch_*) and,
// for what the shim lacks, exported C++ functions of the pinned version by their mangled names.
#pragma once

#include <stdint.h>

#include "equipoise/types.h"

namespace eqp::torch {

// The address of an at::Tensor.
using Handle = void*;

// An at::Tensor returned by value. Not trivially copyable, so that the ABI returns it in memory, as
// it does an at::Tensor. Only ever created in place on the heap, and owned by an OwnedTensor there.
struct Returned {
  void* impl;
  Returned(const Returned&);
};

enum ScalarType : int32_t {
  kUint8 = 0,
  kInt32 = 3,
  kInt64 = 4,
  kHalf = 5,
  kFloat = 6,
  kDouble = 7,
  kBool = 11,
  kBfloat16 = 15,
};

struct LibTorch {
  // C shim. Each returns 0 on success.
  int32_t (*get_dtype)(Handle, int32_t*);
  int32_t (*get_layout)(Handle, int32_t*);
  int32_t (*get_device_type)(Handle, int32_t*);
  int32_t (*get_device_index)(Handle, int32_t*);
  int32_t (*get_dim)(Handle, int64_t*);
  int32_t (*get_sizes)(Handle, int64_t**);
  int32_t (*get_strides)(Handle, int64_t**);
  int32_t (*get_data_ptr)(Handle, void**);
  int32_t (*empty_strided)(int64_t, const int64_t*, const int64_t*, int32_t, int32_t, int32_t,
                           Handle*);
  int32_t (*reinterpret)(Handle, int64_t, const int64_t*, const int64_t*, int64_t offset, Handle*);
  int32_t (*assign_tensors)(Handle source, Handle destination);
  int32_t (*delete_tensor_object)(Handle);
  int32_t (*new_uninitialized_tensor)(Handle*);
  int32_t (*zero)(Handle);
  bool (*grad_mode_is_enabled)();
  // C++.
  bool (*is_neg)(const void* tensor);
  bool (*requires_grad)(const void* impl);
  void (*set_requires_grad)(void* impl, bool);
  const void* (*grad)(const void* impl);
  Returned (*alias)(const void* tensor);
  Returned (*lazy_clone)(const void* tensor);
  Returned (*mul)(const void* tensor, const void* other);
  Returned (*addcmul)(const void* tensor, const void* factor, const void* other,
                      const void* scalar);
  void (*set_data)(const void* tensor, const void* data);
  // Constants and state.
  int32_t strided;
  int32_t cpu;
  int32_t cuda;
  int32_t undefined;    // dtype of an undefined tensor; its number changes between versions
  uint64_t plain_keys;  // see plain_tensor.h
  bool shares_threads;  // see openmp.h
  const void* one;
  char path[4096];
};

// The bound LibTorch, or nullptr before a successful eqp_torch_load.
const LibTorch* libtorch();

}  // namespace eqp::torch

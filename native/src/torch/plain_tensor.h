// Reads the metadata of plain CPU tensors from the tensor itself. Through the C shim it takes eight
// calls and some 30 ns, which is more than a small kernel.
#pragma once

#include <stdint.h>

#include "equipoise/types.h"
#include "torch/libtorch.h"

namespace eqp::torch {

// The dispatch keys of no tensor.
constexpr uint64_t kNoKeys = UINT64_MAX;

// The dispatch keys of a plain tensor: strided, on cpu, not lazily negated. What is read of tensors
// of every kind made for it is compared with what the C shim of `libtorch` says; kNoKeys when this
// LibTorch lays its tensors out in another way, and the C shim then answers for every tensor.
uint64_t plain_keys(const LibTorch& libtorch);

bool has_keys(const void* tensor, uint64_t keys);

// Whether the tensor has the dispatch keys `plain`, at most EQP_MAX_DIMS dimensions and memory whose
// address anybody may read. If so, fills in shape, strides, memory and device of the view, and the
// scalar type.
bool read_plain(const void* tensor, uint64_t plain, eqp_tensor* view, int32_t* type);

}  // namespace eqp::torch

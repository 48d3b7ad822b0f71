// Where an op of the adapter runs: nothing to do on CPU; on CUDA LibTorch's current stream, a
// device guard, scratch memory of the call's own and the stream's errors in data.
#pragma once

#include "torch/arguments.h"

namespace eqp::torch {

class Launch {
 public:
  Launch() = default;
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;
  ~Launch();

  // workspace_size(bytes) asks libequipoise.
  template <typename WorkspaceSize>
  eqp_status prepare(Arguments& call, const eqp_tensor* first, WorkspaceSize workspace_size) {
    EQP_TORCH_TRY(call.status());
    if (first == nullptr) return EQP_OK;
    uint64_t bytes = 0;
    const eqp_status status = workspace_size(&bytes);
    if (first->device_type == EQP_CPU) {
      // What the query refuses, the op refuses, too, by its own name.
      return status != EQP_OK || bytes == 0 ? EQP_OK : prepare_cpu(call, first, bytes);
    }
    EQP_TORCH_TRY(from_equipoise(status));
    return prepare_cuda(call, first, bytes);
  }

  // NULL on the CPU without workspace.
  const eqp_launch* get() const { return record_.size == 0 ? nullptr : &record_; }

 private:
  eqp_status prepare_cpu(Arguments& call, const eqp_tensor* first, uint64_t bytes);
  eqp_status prepare_cuda(Arguments& call, const eqp_tensor* first, uint64_t bytes);

  eqp_launch record_ = {};
  OwnedTensor scratch_;  // freed as LibTorch frees: for what comes later on the stream
  void* guard_ = nullptr;
};

}  // namespace eqp::torch

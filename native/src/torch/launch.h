// Where an op of the adapter runs: nothing to do on CPU; on CUDA LibTorch's current stream, a
// device guard and the stream's workspace.
#pragma once

#include <mutex>

#include "torch/arguments.h"

namespace eqp::torch {

struct StreamWorkspace;

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
  OwnedTensor scratch_;  // of a call on the CPU
  void* guard_ = nullptr;
  // An op's launches on one stream follow each other without another op's between them.
  std::unique_lock<std::mutex> workspace_lock_;
};

}  // namespace eqp::torch

#include "torch/launch.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <memory>
#include <vector>

#include "equipoise/runtime.h"
#include "equipoise/torch.h"

namespace eqp::torch {

// Scratch memory of one stream, made at the stream's first op and kept: errors in data that kernels
// flag stay in it until eqp_torch_check reads them.
struct StreamWorkspace {
  int32_t device_index;
  void* stream;
  std::mutex mutex;
  OwnedTensor memory;
  eqp_launch record = {};
};

namespace {

// Taken from the libtorch_cuda beside the bound libtorch_cpu, which a process that holds a CUDA
// tensor has loaded.
struct CudaShim {
  int32_t (*create_guard)(int32_t device_index, void** guard) = nullptr;
  int32_t (*delete_guard)(void* guard) = nullptr;
  int32_t (*current_stream)(int32_t device_index, void** stream) = nullptr;
  CudaShim() {
    const char* const cpu = libtorch()->path;
    const char* const slash = strrchr(cpu, '/');
    char path[sizeof(LibTorch::path) + 32];
    snprintf(path, sizeof(path), "%.*slibtorch_cuda.so",
             slash == nullptr ? 0 : static_cast<int>(slash - cpu) + 1, cpu);
    void* library = dlopen(path, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
    if (library == nullptr) return;
    find(library, "aoti_torch_create_cuda_guard", create_guard);
    find(library, "aoti_torch_delete_cuda_guard", delete_guard);
    find(library, "aoti_torch_get_current_cuda_stream", current_stream);
  }
  template <typename Function>
  static void find(void* library, const char* name, Function& function) {
    void* symbol = dlsym(library, name);
    memcpy(&function, &symbol, sizeof(function));
  }
};

const CudaShim& cuda_shim() {
  static const CudaShim shim;
  return shim;
}

// Never freed: at the end of the process the driver may be gone already.
struct Workspaces {
  std::mutex mutex;
  std::vector<std::unique_ptr<StreamWorkspace>> all;
};

Workspaces& workspaces() {
  static auto* const list = new Workspaces;
  return *list;
}

StreamWorkspace* workspace_of(int32_t device_index, void* stream) {
  Workspaces& list = workspaces();
  std::lock_guard<std::mutex> lock(list.mutex);
  for (const auto& each : list.all) {
    if (each->device_index == device_index && each->stream == stream) return each.get();
  }
  list.all.push_back(std::make_unique<StreamWorkspace>());
  StreamWorkspace* const added = list.all.back().get();
  added->device_index = device_index;
  added->stream = stream;
  return added;
}

}  // namespace

Launch::~Launch() {
  if (guard_ != nullptr) cuda_shim().delete_guard(guard_);
}

eqp_status Launch::prepare_cpu(Arguments& call, const eqp_tensor* first, uint64_t bytes) {
  const int64_t shape = static_cast<int64_t>(bytes);
  const eqp_tensor* view = call.allocate(scratch_, first, EQP_U8, 1, &shape);
  EQP_TORCH_TRY(call.status());
  record_.size = sizeof(record_);
  record_.workspace = view->data;
  record_.workspace_size = bytes;
  return EQP_OK;
}

eqp_status Launch::prepare_cuda(Arguments& call, const eqp_tensor* first, uint64_t bytes) {
  const CudaShim& shim = cuda_shim();
  if (shim.create_guard == nullptr || shim.delete_guard == nullptr ||
      shim.current_stream == nullptr) {
    return fail(
        EQP_DEVICE_ERROR, call.op(),
        "found a tensor on cuda:%d, but the libtorch_cuda beside %s is not loaded or has no "
        "C shim",
        first->device_index, libtorch()->path);
  }
  void* stream = nullptr;
  if (shim.create_guard(first->device_index, &guard_) != 0 ||
      shim.current_stream(first->device_index, &stream) != 0) {
    return fail(EQP_DEVICE_ERROR, call.op(), "LibTorch could not switch to cuda:%d",
                first->device_index);
  }
  StreamWorkspace* const workspace = workspace_of(first->device_index, stream);
  workspace_lock_ = std::unique_lock<std::mutex>(workspace->mutex);
  eqp_launch& record = workspace->record;
  record.size = sizeof(record);
  record.stream = stream;
  if (record.workspace_size < bytes) {
    const int64_t shape = static_cast<int64_t>(bytes);
    const eqp_tensor* view = call.allocate(workspace->memory, first, EQP_U8, 1, &shape);
    EQP_TORCH_TRY(call.status());
    if (libtorch()->zero(workspace->memory.get()) != 0) {
      workspace->memory.reset(nullptr);
      record.workspace_size = 0;
      return fail(EQP_DEVICE_ERROR, call.op(), "LibTorch could not clear %lld bytes on cuda:%d",
                  static_cast<long long>(shape), first->device_index);
    }
    record.workspace = view->data;
    record.workspace_size = bytes;
  }
  record_ = record;
  return EQP_OK;
}

}  // namespace eqp::torch

extern "C" eqp_status eqp_torch_check(void) {
  using namespace eqp::torch;
  Workspaces& list = workspaces();
  std::lock_guard<std::mutex> lock(list.mutex);
  for (const auto& each : list.all) {
    std::lock_guard<std::mutex> in_use(each->mutex);
    if (each->record.workspace_size == 0) continue;
    EQP_TORCH_TRY(from_equipoise(eqp_check(&each->record)));
  }
  return EQP_OK;
}

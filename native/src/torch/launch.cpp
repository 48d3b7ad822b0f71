#include "torch/launch.h"

#include <dlfcn.h>
#include <string.h>

namespace eqp::torch {
namespace {

// Taken from libtorch_cuda, which a process that holds a CUDA tensor has loaded.
struct CudaShim {
  int32_t (*create_guard)(int32_t device_index, void** guard) = nullptr;
  int32_t (*delete_guard)(void* guard) = nullptr;
  int32_t (*current_stream)(int32_t device_index, void** stream) = nullptr;
  CudaShim() {
    void* library = dlopen("libtorch_cuda.so", RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
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

}  // namespace

Launch::~Launch() {
  if (guard_ != nullptr) cuda_shim().delete_guard(guard_);
}

eqp_status Launch::prepare_cuda(Arguments& call, const eqp_tensor* first, uint64_t bytes) {
  const CudaShim& shim = cuda_shim();
  if (shim.create_guard == nullptr || shim.delete_guard == nullptr ||
      shim.current_stream == nullptr) {
    return fail(EQP_DEVICE_ERROR, call.op(),
                "found a tensor on cuda:%d, but libtorch_cuda is not loaded or has no C shim",
                first->device_index);
  }
  if (shim.create_guard(first->device_index, &guard_) != 0 ||
      shim.current_stream(first->device_index, &record_.stream) != 0) {
    return fail(EQP_DEVICE_ERROR, call.op(), "LibTorch could not switch to cuda:%d",
                first->device_index);
  }
  record_.size = sizeof(record_);
  if (bytes > 0) {
    const int64_t shape = static_cast<int64_t>(bytes);
    const eqp_tensor* view = call.allocate(workspace_, first, EQP_U8, 1, &shape);
    EQP_TORCH_TRY(call.status());
    record_.workspace = view->data;
    record_.workspace_size = bytes;
  }
  return EQP_OK;
}

}  // namespace eqp::torch

#include "torch/launch.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "equipoise/runtime.h"
#include "equipoise/torch.h"

namespace eqp::torch {
namespace {

// Where the kernels of one stream collect errors in data until eqp_torch_check reads them: made at the
// stream's first op and kept, whatever scratch memory its ops need.
struct StreamErrors {
  int32_t device_index;
  void* stream;
  OwnedTensor memory;
  void* data;
};
constexpr uint64_t kErrorBytes = 16;

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
struct ErrorsOfStreams {
  std::mutex mutex;
  std::vector<std::unique_ptr<const StreamErrors>> all;
};

ErrorsOfStreams& errors_of_streams() {
  static auto* const list = new ErrorsOfStreams;
  return *list;
}

// The stream's errors in the list, or nullptr. The list's mutex is held.
void* find_errors(const ErrorsOfStreams& list, int32_t device_index, void* stream) {
  for (const auto& each : list.all) {
    if (each->device_index == device_index && each->stream == stream) return each->data;
  }
  return nullptr;
}

eqp_status errors_of(Arguments& call, const eqp_tensor* first, void* stream, void** errors) {
  ErrorsOfStreams& list = errors_of_streams();
  {
    const std::lock_guard<std::mutex> lock(list.mutex);
    *errors = find_errors(list, first->device_index, stream);
  }
  if (*errors != nullptr) return EQP_OK;
  if (eqp_is_capturing(stream) != 0) {
    // Their clearing would be captured: done before no launch of the graph, and again in each.
    return fail(
        EQP_INVALID_ARGUMENT, call.op(),
        "expected a stream on cuda:%d on which an op of this library has run, because it is "
        "being captured into a CUDA graph; run one there before the capture",
        first->device_index);
  }
  auto made = std::make_unique<StreamErrors>();
  made->device_index = first->device_index;
  made->stream = stream;
  const int64_t shape = kErrorBytes;
  const eqp_tensor* view = call.allocate(made->memory, first, EQP_U8, 1, &shape);
  EQP_TORCH_TRY(call.status());
  made->data = view->data;
  if (libtorch()->zero(made->memory.get()) != 0) {
    return fail(EQP_DEVICE_ERROR, call.op(), "LibTorch could not clear %lld bytes on cuda:%d",
                static_cast<long long>(shape), first->device_index);
  }
  const std::lock_guard<std::mutex> lock(list.mutex);
  *errors = find_errors(list, first->device_index, stream);  // another thread's, made meanwhile
  if (*errors != nullptr) return EQP_OK;
  *errors = made->data;
  list.all.push_back(std::move(made));
  return EQP_OK;
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
  EQP_TORCH_TRY(errors_of(call, first, stream, &record_.errors));
  if (bytes > 0) {
    // Of this call alone: captured into a graph, it lies in the graph's own memory pool.
    const int64_t shape = static_cast<int64_t>(bytes);
    const eqp_tensor* view = call.allocate(scratch_, first, EQP_U8, 1, &shape);
    EQP_TORCH_TRY(call.status());
    record_.workspace = view->data;
    record_.workspace_size = bytes;
  }
  record_.size = sizeof(record_);
  record_.stream = stream;
  return EQP_OK;
}

}  // namespace eqp::torch

extern "C" eqp_status eqp_torch_check(void) {
  using namespace eqp::torch;
  std::vector<eqp_launch> streams;
  {
    // Waiting for streams is done without the lock, so that other threads' ops go on.
    ErrorsOfStreams& list = errors_of_streams();
    const std::lock_guard<std::mutex> lock(list.mutex);
    for (const auto& each : list.all) {
      eqp_launch launch = {};
      launch.size = sizeof(launch);
      launch.stream = each->stream;
      launch.errors = each->data;
      streams.push_back(launch);
    }
  }
  for (const eqp_launch& launch : streams) EQP_TORCH_TRY(from_equipoise(eqp_check(&launch)));
  return EQP_OK;
}

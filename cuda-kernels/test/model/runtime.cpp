#include "model/runtime.h"

#include <cuda.h>
#include <string.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "model/memory.h"
#include "model/model.h"

namespace {

using Work = std::function<void()>;

struct Capture {
  bool relaxed = false, spoilt = false;
  std::vector<Work> steps;
};
struct Stream {
  bool capturing = false;
  Capture capture;
};
struct Graph {
  std::vector<Work> steps;
};
struct Device {
  int capability = 90;
  bool context = false;
  int retained = 0;
};

// What cuda_bench may use: so little that every shape shrinks to what the model runs in seconds.
constexpr size_t kFreeBytes = 24 << 20;
// Nothing but the buffer that fills a cache is larger; no kernel touches it.
constexpr size_t kLargestModelled = 64 << 20;

std::vector<Device> devices(1);
int chosen_device = 0;           // by cudaSetDevice
std::vector<int> context_stack;  // devices of the contexts that were pushed
cudaError_t error_of_thread = cudaSuccess;
std::map<std::string, cudaError_t> to_fail;
std::set<Stream*> streams;
std::map<const void*, int> placed;
std::map<void*, bool> allocated;  // by cudaMalloc; whether the model watches it
std::string finding;
Work at_synchronise;

std::chrono::steady_clock::time_point* event_time(cudaEvent_t event) {
  return reinterpret_cast<std::chrono::steady_clock::time_point*>(event);
}

cudaError_t fail(cudaError_t error) { return error_of_thread = error; }

bool must_fail(const char* function, cudaError_t* error) {
  const auto found = to_fail.find(function);
  if (found == to_fail.end()) return false;
  *error = fail(found->second);
  to_fail.erase(found);
  return true;
}

// A finding of the model is the error of a launch.
cudaError_t take_finding() {
  if (eqp::model::findings().empty()) return cudaSuccess;
  finding = eqp::model::findings()[0];
  eqp::model::clear_findings();
  return fail(cudaErrorLaunchFailure);
}

int current_device() { return context_stack.empty() ? chosen_device : context_stack.back(); }
bool is_device(int device) { return device >= 0 && device < static_cast<int>(devices.size()); }

Stream* captured(void* stream) {
  auto* const known = static_cast<Stream*>(stream);
  return streams.count(known) != 0 && known->capturing ? known : nullptr;
}
// What only a relaxed capture bears, on whatever stream.
bool forbidden_by_a_capture() {
  bool forbidden = false;
  for (Stream* stream : streams) {
    if (!stream->capturing || stream->capture.relaxed) continue;
    stream->capture.spoilt = forbidden = true;
  }
  return forbidden;
}

void enqueue(cudaStream_t stream, Work work) {
  if (Stream* const capturing = captured(stream)) {
    capturing->capture.steps.push_back(std::move(work));
  } else {
    work();
  }
}

}  // namespace

namespace eqp::model {

void set_devices(const std::vector<int>& capabilities) {
  devices.assign(capabilities.size(), Device{});
  for (size_t i = 0; i < capabilities.size(); ++i) devices[i].capability = capabilities[i];
  chosen_device = 0;
  context_stack.clear();
}
bool has_context(int device) { return devices[static_cast<size_t>(device)].context; }
void create_context(int device) { devices[static_cast<size_t>(device)].context = true; }
void place(const void* memory, int device) { placed[memory] = device; }
void fail_next(const char* function, cudaError_t error) { to_fail[function] = error; }
cudaError_t last_error() { return error_of_thread; }
void while_waiting(Work call) { at_synchronise = std::move(call); }

bool record(void* stream, Work launch) {
  Stream* const capturing = captured(stream);
  if (capturing != nullptr) capturing->capture.steps.push_back(std::move(launch));
  return capturing != nullptr;
}

cudaError_t launch_side_by_side(const std::vector<cudaGraphExec_t>& graphs) {
  size_t longest = 0;
  for (cudaGraphExec_t graph : graphs)
    longest = std::max(longest, reinterpret_cast<Graph*>(graph)->steps.size());
  for (size_t step = 0; step < longest; ++step) {
    for (cudaGraphExec_t graph : graphs) {
      const Graph& each = *reinterpret_cast<Graph*>(graph);
      if (step < each.steps.size()) each.steps[step]();
    }
  }
  return take_finding();
}

}  // namespace eqp::model

using namespace eqp;

extern "C" {

// --- Errors.
cudaError_t cudaGetLastError() {
  take_finding();
  const cudaError_t error = error_of_thread;
  error_of_thread = cudaSuccess;
  return error;
}
const char* cudaGetErrorName(cudaError_t) { return "error of the execution model"; }
const char* cudaGetErrorString(cudaError_t error) {
  if (error == cudaErrorLaunchFailure) return finding.c_str();
  return error == cudaSuccess ? "no error" : "no text";
}

// --- Devices and contexts.
cudaError_t cudaGetDeviceCount(int* count) {
  *count = static_cast<int>(devices.size());
  return devices.empty() ? fail(cudaErrorNoDevice) : cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  cudaError_t error;
  if (must_fail("cudaSetDevice", &error)) return error;
  if (!is_device(device)) return fail(cudaErrorInvalidDevice);
  devices[static_cast<size_t>(device)].context = true;  // since CUDA 12
  context_stack.clear();
  chosen_device = device;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  cudaError_t error;
  if (must_fail("cudaGetDevice", &error)) return error;
  *device = current_device();
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (!is_device(device)) return fail(cudaErrorInvalidDevice);
  memset(properties, 0, sizeof(*properties));
  strcpy(properties->name, "the host execution model");
  properties->multiProcessorCount = 1;
  properties->major = devices[static_cast<size_t>(device)].capability / 10;
  properties->minor = devices[static_cast<size_t>(device)].capability % 10;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetPCIBusId(char*, int, int) { return fail(cudaErrorInvalidDevice); }
cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }

cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned,
                                             unsigned long long,
                                             cudaDriverEntryPointQueryResult* result) {
  cudaError_t error;
  if (must_fail("cudaGetDriverEntryPointByVersion", &error)) return error;
  const auto context_of = [](int device) { return reinterpret_cast<CUcontext>(device + 1l); };
  static CUcontext (*const make)(int) = context_of;
  const std::map<std::string, void*> entries = {
      {"cuDeviceGet", reinterpret_cast<void*>(+[](CUdevice* device, int ordinal) {
         *device = ordinal;
         return is_device(ordinal) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
       })},
      {"cuDevicePrimaryCtxGetState",
       reinterpret_cast<void*>(+[](CUdevice device, unsigned* flags, int* active) {
         *flags = 0;
         *active = devices[static_cast<size_t>(device)].context;
         return CUDA_SUCCESS;
       })},
      {"cuDevicePrimaryCtxRetain",
       reinterpret_cast<void*>(+[](CUcontext* context, CUdevice device) {
         devices[static_cast<size_t>(device)].context = true;
         ++devices[static_cast<size_t>(device)].retained;
         *context = make(device);
         return CUDA_SUCCESS;
       })},
      {"cuDevicePrimaryCtxRelease", reinterpret_cast<void*>(+[](CUdevice device) {
         return --devices[static_cast<size_t>(device)].retained >= 0 ? CUDA_SUCCESS
                                                                     : CUDA_ERROR_INVALID_CONTEXT;
       })},
      {"cuCtxPushCurrent", reinterpret_cast<void*>(+[](CUcontext context) {
         context_stack.push_back(static_cast<int>(reinterpret_cast<long>(context)) - 1);
         return CUDA_SUCCESS;
       })},
      {"cuCtxPopCurrent", reinterpret_cast<void*>(+[](CUcontext* context) {
         if (context_stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
         *context = make(context_stack.back());
         context_stack.pop_back();
         return CUDA_SUCCESS;
       })}};
  const auto found = entries.find(symbol);
  *function = found == entries.end() ? nullptr : found->second;
  if (result != nullptr)
    *result =
        *function == nullptr ? cudaDriverEntryPointSymbolNotFound : cudaDriverEntryPointSuccess;
  return cudaSuccess;
}

// --- Memory.
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* memory) {
  cudaError_t error;
  if (must_fail("cudaPointerGetAttributes", &error)) return error;
  memset(attributes, 0, sizeof(*attributes));
  const bool on_device = model::find_region(reinterpret_cast<uintptr_t>(memory)) != nullptr;
  attributes->type = on_device ? cudaMemoryTypeDevice : cudaMemoryTypeUnregistered;
  const auto found = placed.find(memory);
  attributes->device = !on_device ? -1 : found == placed.end() ? 0 : found->second;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *free = *total = kFreeBytes;
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** memory, size_t bytes) {
  if (forbidden_by_a_capture()) return fail(cudaErrorStreamCaptureUnsupported);
  const bool watched = bytes <= kLargestModelled;
  *memory = watched ? model::allocate("cudaMalloc", static_cast<int64_t>(bytes), 1) : malloc(bytes);
  allocated[*memory] = watched;
  return cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
  if (memory == nullptr) return cudaSuccess;
  if (forbidden_by_a_capture()) return fail(cudaErrorStreamCaptureUnsupported);
  allocated[memory] ? model::release(memory) : free(memory);
  allocated.erase(memory);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  enqueue(stream, [=] {
    memcpy(to, from, bytes);
    if (model::find_region(reinterpret_cast<uintptr_t>(to)) != nullptr)
      model::mark_initialised(to, static_cast<int64_t>(bytes));
  });
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
  memcpy(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  enqueue(stream, [=] {
    // The buffer that fills a cache, which does not exist here, stays as it is.
    if (model::find_region(reinterpret_cast<uintptr_t>(memory)) == nullptr) return;
    memset(memory, value, bytes);
    model::mark_initialised(memory, static_cast<int64_t>(bytes));
  });
  return cudaSuccess;
}
cudaError_t cudaMemset(void* memory, int value, size_t bytes) {
  return cudaMemsetAsync(memory, value, bytes, nullptr);
}

// --- Streams, capture, graphs.
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  auto* const created = new Stream;
  streams.insert(created);
  *stream = reinterpret_cast<cudaStream_t>(created);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  auto* const known = reinterpret_cast<Stream*>(stream);
  if (streams.erase(known) == 0) return fail(cudaErrorInvalidResourceHandle);
  delete known;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  Stream* const capturing = captured(stream);
  if (capturing == nullptr) {
    if (at_synchronise) at_synchronise();
    return cudaSuccess;
  }
  capturing->capture.spoilt = true;
  return fail(cudaErrorStreamCaptureUnsupported);
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  cudaError_t error;
  if (must_fail("cudaStreamIsCapturing", &error)) return error;
  const Stream* const capturing = captured(stream);
  *status = capturing == nullptr         ? cudaStreamCaptureStatusNone
            : !capturing->capture.spoilt ? cudaStreamCaptureStatusActive
                                         : cudaStreamCaptureStatusInvalidated;
  return cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  auto* const known = reinterpret_cast<Stream*>(stream);
  if (streams.count(known) == 0 || known->capturing) return fail(cudaErrorIllegalState);
  known->capture = Capture{};
  known->capture.relaxed = mode == cudaStreamCaptureModeRelaxed;
  known->capturing = true;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  Stream* const capturing = captured(stream);
  *graph = nullptr;
  if (capturing == nullptr) return fail(cudaErrorIllegalState);
  capturing->capturing = false;
  if (capturing->capture.spoilt) return fail(cudaErrorStreamCaptureInvalidated);
  *graph = reinterpret_cast<cudaGraph_t>(new Graph{std::move(capturing->capture.steps)});
  return cudaSuccess;
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t*, size_t* count) {
  *count = reinterpret_cast<Graph*>(graph)->steps.size();
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long) {
  *executable = reinterpret_cast<cudaGraphExec_t>(new Graph(*reinterpret_cast<Graph*>(graph)));
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  for (const Work& step : reinterpret_cast<Graph*>(graph)->steps) enqueue(stream, step);
  return take_finding();
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete reinterpret_cast<Graph*>(graph);
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  delete reinterpret_cast<Graph*>(graph);
  return cudaSuccess;
}

// --- Events. Times mean nothing here.
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = reinterpret_cast<cudaEvent_t>(new std::chrono::steady_clock::time_point);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event_time(event);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  *event_time(event) = std::chrono::steady_clock::now();
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t stop) {
  *milliseconds =
      std::chrono::duration<float, std::milli>(*event_time(stop) - *event_time(start)).count();
  return cudaSuccess;
}

}  // extern "C"

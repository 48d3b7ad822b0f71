// libequipoise_cuda: the one exported symbol, the choice of device, and eqp_check.
#include <cuda.h>
#include <cuda_runtime.h>
#include <stdio.h>
#include <string.h>

#include <vector>

#include "table.h"

namespace eqp {
namespace cuda {
namespace {

constexpr int kOldest = 75;  // compute capability

ErrorRecorder recorder = nullptr;
thread_local char error_text[512];

const char* describe(const char* what, cudaError_t error) {
  snprintf(error_text, sizeof(error_text), "%s: CUDA error %d (%s: %s)", what,
           static_cast<int>(error), cudaGetErrorName(error), cudaGetErrorString(error));
  cudaGetLastError();  // told: it is not the next op's
  return error_text;
}

// The driver's functions for contexts, found through the runtime: nothing of the driver is linked.
struct Contexts {
  decltype(&cuDeviceGet) get = nullptr;
  decltype(&cuDevicePrimaryCtxGetState) state = nullptr;
  decltype(&cuDevicePrimaryCtxRetain) retain = nullptr;
  decltype(&cuDevicePrimaryCtxRelease) release = nullptr;
  decltype(&cuCtxPushCurrent) push = nullptr;
  decltype(&cuCtxPopCurrent) pop = nullptr;
  const char* missing = nullptr;

  Contexts() {
    find("cuDeviceGet", &get);
    find("cuDevicePrimaryCtxGetState", &state);
    find("cuDevicePrimaryCtxRetain", &retain);
    find("cuDevicePrimaryCtxRelease", &release);
    find("cuCtxPushCurrent", &push);
    find("cuCtxPopCurrent", &pop);
  }
  template <class Function>
  void find(const char* name, Function* function) {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result;
    if (cudaGetDriverEntryPointByVersion(name, &found, CUDART_VERSION, cudaEnableDefault,
                                         &result) != cudaSuccess ||
        found == nullptr) {
      cudaGetLastError();
      missing = name;
    }
    memcpy(function, &found, sizeof(found));
  }
};

const Contexts& contexts() {
  static const Contexts found;
  return found;
}

bool is_capturing(void* stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  if (cudaStreamIsCapturing(static_cast<cudaStream_t>(stream), &status) == cudaSuccess)
    return status != cudaStreamCaptureStatusNone;
  cudaGetLastError();  // of the default stream beside a capture, which it cannot be part of
  return false;
}

eqp_status check(const Stream& stream, const char** text) {
  cudaGetLastError();
  cudaPointerAttributes attributes;
  cudaError_t error = cudaPointerGetAttributes(&attributes, stream.errors);
  if (error != cudaSuccess) {
    *text = describe("finding the device of the launch's errors", error);
    return EQP_DEVICE_ERROR;
  }
  if (attributes.type != cudaMemoryTypeDevice && attributes.type != cudaMemoryTypeManaged) {
    return EQP_OK;  // the workspace of a CPU op, which has validated before it wrote
  }
  const DeviceScope device(attributes.device);
  if (device.problem() != nullptr) {
    *text = device.problem();
    return EQP_DEVICE_ERROR;
  }
  if (is_capturing(stream.stream)) {
    *text =
        "launch: expected a stream that is not being captured into a CUDA graph, because what is "
        "captured has not run; check after the graph's launch";
    return EQP_INVALID_ARGUMENT;
  }
  DataErrors errors = {};
  const auto queue = static_cast<cudaStream_t>(stream.stream);
  error = cudaMemcpyAsync(&errors, stream.errors, sizeof(errors), cudaMemcpyDeviceToHost, queue);
  if (error == cudaSuccess) error = cudaStreamSynchronize(queue);
  if (error == cudaSuccess && errors.flags != 0) {
    error = cudaMemsetAsync(stream.errors, 0, sizeof(errors), queue);
  }
  if (error != cudaSuccess) {
    *text = describe("waiting for the stream", error);
    return EQP_DEVICE_ERROR;
  }
  if (errors.flags == 0) return EQP_OK;
  *text = data_error_text(errors);
  return EQP_INVALID_DATA;
}

// What this machine has; asked once, without creating a context.
struct Probe {
  char status[512];
  std::vector<int> capabilities;  // of each device: 90 for 9.0
  CudaLibrary library;

  Probe() : library{EQP_ABI_VERSION, nullptr, status, &check, &is_capturing} {
    int runtime = 0, driver = 0, devices = 0;
    cudaRuntimeGetVersion(&runtime);
    cudaDriverGetVersion(&driver);
    const int minor = runtime % 1000 / 10;
    const cudaError_t error = cudaGetDeviceCount(&devices);
    cudaGetLastError();
    if (driver == 0) {
      snprintf(
          status, sizeof(status),
          "no NVIDIA driver is installed (CUDA error %d); CUDA %d.%d needs driver 580 or newer",
          static_cast<int>(error), runtime / 1000, minor);
      return;
    }
    if (error != cudaSuccess) {
      snprintf(
          status, sizeof(status),
          "the NVIDIA driver serves CUDA %d.%d, this library is built for %d.%d: %s (error %d)",
          driver / 1000, driver % 1000 / 10, runtime / 1000, minor, cudaGetErrorString(error),
          static_cast<int>(error));
      return;
    }
    cudaDeviceProp first;  // that can be used, or the very first
    int usable = 0;
    for (int i = 0; i < devices; ++i) {
      cudaDeviceProp properties;
      if (cudaGetDeviceProperties(&properties, i) != cudaSuccess) {
        cudaGetLastError();
        break;
      }
      capabilities.push_back(10 * properties.major + properties.minor);
      if (capabilities.back() >= kOldest) ++usable;
      if (i == 0 || (usable == 1 && capabilities.back() >= kOldest)) first = properties;
    }
    devices = static_cast<int>(capabilities.size());
    if (devices == 0) {
      snprintf(status, sizeof(status), "no CUDA device is visible");
      return;
    }
    char older[64] = "";
    if (usable == 0) {
      snprintf(older, sizeof(older),
               "%s older than sm_75: ", devices == 1 ? "the device is" : "all devices are");
    } else if (usable < devices) {
      snprintf(older, sizeof(older), "%d of ", usable);  // "1 of 2 devices": the others are older
    }
    snprintf(status, sizeof(status),
             "%s%d device%s, first %s (sm_%d%d, %d multiprocessors), CUDA %d.%d, driver for %d.%d",
             older, devices, devices == 1 ? "" : "s", first.name, first.major, first.minor,
             first.multiProcessorCount, runtime / 1000, minor, driver / 1000, driver % 1000 / 10);
    if (usable > 0) library.backend = &kBackend;
  }
};

const Probe& probe() {
  static const Probe asked;
  return asked;
}

}  // namespace

DeviceScope::DeviceScope(int device) : device_(device) {
  cudaGetLastError();
  const std::vector<int>& capabilities = probe().capabilities;
  const int devices = static_cast<int>(capabilities.size());
  problem_ = error_text;
  if (device < 0 || device >= devices) {
    snprintf(error_text, sizeof(error_text),
             "choosing the tensors' device: expected cuda:0 to cuda:%d, found cuda:%d", devices - 1,
             device);
    return;
  }
  const int capability = capabilities[static_cast<size_t>(device)];
  if (capability < kOldest) {
    snprintf(error_text, sizeof(error_text),
             "choosing the tensors' device: expected one of sm_75 or newer, found cuda:%d of sm_%d",
             device, capability);
    return;
  }
  int current = 0;
  const cudaError_t error = cudaGetDevice(&current);
  if (error != cudaSuccess) {
    describe("asking for the current device", error);
    return;
  }
  if (current == device) {
    problem_ = nullptr;
    return;
  }
  // Not cudaSetDevice: to go back it would create a context on a device that nobody has used.
  const Contexts& driver = contexts();
  if (driver.missing != nullptr) {
    snprintf(error_text, sizeof(error_text),
             "choosing the tensors' device: the NVIDIA driver has no function %s", driver.missing);
    return;
  }
  CUdevice handle = 0;
  CUcontext context = nullptr;
  unsigned flags = 0;
  int active = 0;
  CUresult result = driver.get(&handle, device);
  if (result == CUDA_SUCCESS) result = driver.state(handle, &flags, &active);
  if (result == CUDA_SUCCESS && active == 0) {
    snprintf(error_text, sizeof(error_text),
             "choosing the tensors' device: cuda:%d has no context yet, so no tensor can lie there",
             device);
    return;
  }
  if (result == CUDA_SUCCESS) result = driver.retain(&context, handle);
  if (result == CUDA_SUCCESS) {
    result = driver.push(context);
    if (result != CUDA_SUCCESS) driver.release(handle);
  }
  if (result != CUDA_SUCCESS) {
    snprintf(error_text, sizeof(error_text),
             "choosing the tensors' device: the NVIDIA driver answers with error %d for cuda:%d",
             static_cast<int>(result), device);
    return;
  }
  device_ = handle;
  pushed_ = true;
  problem_ = nullptr;
}

DeviceScope::~DeviceScope() {
  if (!pushed_) return;
  CUcontext context = nullptr;
  contexts().pop(&context);
  contexts().release(device_);
}

LaunchScope::LaunchScope(const char* op, const Stream& stream)
    : op_(op), device_(stream.device_index) {
  if (device_.problem() != nullptr) status_ = record_error(EQP_DEVICE_ERROR, op, device_.problem());
}

eqp_status LaunchScope::finish() {
  if (status_ != EQP_OK) return status_;
  const cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess)
    status_ = record_error(EQP_DEVICE_ERROR, op_, describe("launch", error));
  return status_;
}

eqp_status record_error(eqp_status status, const char* op, const char* text) {
  return recorder(status, op, text);
}

}  // namespace cuda
}  // namespace eqp

extern "C" __attribute__((visibility("default"))) const eqp::CudaLibrary* eqp_cuda_library(
    eqp::ErrorRecorder record) {
  eqp::cuda::recorder = record;
  return &eqp::cuda::probe().library;
}

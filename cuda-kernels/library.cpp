// libequipoise_cuda: the one exported symbol, the choice of device, and eqp_check.
#include <cuda_runtime.h>
#include <stdio.h>

#include "table.h"

namespace eqp {
namespace cuda {
namespace {

constexpr int kOldestMajor = 7, kOldestMinor = 5;

ErrorRecorder recorder = nullptr;
thread_local char error_text[512];

const char* describe(const char* what, cudaError_t error) {
  snprintf(error_text, sizeof(error_text), "%s: CUDA error %d (%s: %s)", what,
           static_cast<int>(error), cudaGetErrorName(error), cudaGetErrorString(error));
  return error_text;
}

eqp_status check(const Stream& stream, const char** text) {
  cudaPointerAttributes attributes;
  cudaError_t error = cudaPointerGetAttributes(&attributes, stream.workspace);
  if (error == cudaSuccess && attributes.type != cudaMemoryTypeDevice &&
      attributes.type != cudaMemoryTypeManaged) {
    return EQP_OK;  // the workspace of a CPU op, which has validated before it wrote
  }
  int previous = 0;
  if (error == cudaSuccess) error = cudaGetDevice(&previous);
  if (error == cudaSuccess) error = cudaSetDevice(attributes.device);
  DataErrors errors = {};
  const auto queue = static_cast<cudaStream_t>(stream.stream);
  if (error == cudaSuccess) {
    error =
        cudaMemcpyAsync(&errors, stream.workspace, sizeof(errors), cudaMemcpyDeviceToHost, queue);
  }
  if (error == cudaSuccess) error = cudaStreamSynchronize(queue);
  if (error == cudaSuccess && errors.flags != 0) {
    error = cudaMemsetAsync(stream.workspace, 0, sizeof(errors), queue);
  }
  cudaSetDevice(previous);
  if (error != cudaSuccess) {
    *text = describe("waiting for the stream", error);
    return EQP_DEVICE_ERROR;
  }
  if (errors.flags == 0) return EQP_OK;
  *text = data_error_text(errors);
  return EQP_INVALID_DATA;
}

struct Probe {
  char status[512];
  CudaLibrary library;

  Probe() : library{EQP_ABI_VERSION, nullptr, status, &check} {
    int runtime = 0, driver = 0, devices = 0;
    cudaRuntimeGetVersion(&runtime);
    cudaDriverGetVersion(&driver);
    const int minor = runtime % 1000 / 10;
    const cudaError_t error = cudaGetDeviceCount(&devices);
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
    cudaDeviceProp properties;
    if (devices == 0 || cudaGetDeviceProperties(&properties, 0) != cudaSuccess) {
      snprintf(status, sizeof(status), "no CUDA device is visible");
      return;
    }
    const bool old = properties.major < kOldestMajor ||
                     (properties.major == kOldestMajor && properties.minor < kOldestMinor);
    snprintf(status, sizeof(status),
             "%s%d device%s, first %s (sm_%d%d, %d multiprocessors), CUDA %d.%d, driver for %d.%d",
             old ? "the device is older than sm_75: " : "", devices, devices == 1 ? "" : "s",
             properties.name, properties.major, properties.minor, properties.multiProcessorCount,
             runtime / 1000, minor, driver / 1000, driver % 1000 / 10);
    if (!old) library.backend = &kBackend;
  }
};

}  // namespace

LaunchScope::LaunchScope(const char* op, const Stream& stream) : op_(op) {
  int current = 0;
  cudaError_t error = cudaGetDevice(&current);
  if (error == cudaSuccess && current != stream.device_index) {
    error = cudaSetDevice(stream.device_index);
    if (error == cudaSuccess) previous_device_ = current;
  }
  if (error != cudaSuccess)
    status_ = record_error(EQP_DEVICE_ERROR, op, describe("choosing the tensors' device", error));
}

LaunchScope::~LaunchScope() {
  if (previous_device_ >= 0) cudaSetDevice(previous_device_);
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
  static eqp::cuda::Probe probe;
  return &probe.library;
}

// The part of the CUDA runtime that cuda_bench uses, over the execution model: its cases, checks and
// tolerances then run without a device. Times mean nothing here.
#include <cuda_runtime.h>
#include <string.h>

#include <chrono>
#include <cstdlib>
#include <map>

#include "model/model.h"

namespace {

using namespace eqp;

// So little that every shape shrinks to what the model runs in seconds.
constexpr size_t kFreeBytes = 24 << 20;
// Nothing but the buffer that fills a cache is larger; no kernel touches it.
constexpr size_t kLargestModelled = 64 << 20;

std::map<void*, bool> modelled;

std::chrono::steady_clock::time_point* event_time(cudaEvent_t event) {
  return reinterpret_cast<std::chrono::steady_clock::time_point*>(event);
}

}  // namespace

extern "C" {

cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  memset(properties, 0, sizeof(*properties));
  strcpy(properties->name, "the host execution model");
  properties->multiProcessorCount = 1;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = 0;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *free = *total = kFreeBytes;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetPCIBusId(char*, int, int) { return cudaErrorInvalidDevice; }
cudaError_t cudaMalloc(void** memory, size_t bytes) {
  const bool watched = bytes <= kLargestModelled;
  *memory = watched ? model::allocate("bench", static_cast<int64_t>(bytes), 1) : malloc(bytes);
  modelled[*memory] = watched;
  return cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
  if (memory == nullptr) return cudaSuccess;
  modelled[memory] ? model::release(memory) : free(memory);
  modelled.erase(memory);
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
  memcpy(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemset(void* memory, int value, size_t bytes) {
  memset(memory, value, bytes);
  model::mark_initialised(memory, static_cast<int64_t>(bytes));
  return cudaSuccess;
}
// Only fills the cache, which does not exist here.
cudaError_t cudaMemsetAsync(void*, int, size_t, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = nullptr;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
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
const char* cudaGetErrorName(cudaError_t) { return "error of the execution model"; }
const char* cudaGetErrorString(cudaError_t) { return ""; }

}  // extern "C"

// The device: its errors, its description, its memory.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "equipoise/types.h"
#include "results.h"

namespace eqp::bench {

// Throw with the name of what was tried, the error's name and its text.
void must(cudaError_t error, const char* what);
void must(eqp_status status, const char* what);

struct Device {
  int index = 0;
  int multiprocessors = 0;
  int64_t l2_bytes = 0;
  Machine machine;
};
// Makes the device current and describes it. Throws when there is no device of this number.
Device use_device(int index);

int64_t free_bytes();

// The clocks at this moment, as NVML tells them; zeros without NVML.
Clocks clocks_now(const Device& device);

class DeviceMemory {
 public:
  explicit DeviceMemory(int64_t bytes);
  ~DeviceMemory();
  DeviceMemory(DeviceMemory&& other) noexcept;
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  DeviceMemory& operator=(DeviceMemory&&) = delete;

  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace eqp::bench

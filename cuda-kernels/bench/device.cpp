#include "device.h"

#include <utility>

#include "equipoise/runtime.h"
#include "nvml.h"

namespace eqp::bench {
namespace {

std::string version_text(int cuda) {
  return std::to_string(cuda / 1000) + "." + std::to_string(cuda % 1000 / 10);
}

}  // namespace

void must(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  throw std::runtime_error(std::string(what) + ": " + cudaGetErrorName(error) + ", " +
                           cudaGetErrorString(error));
}

void must(eqp_status status, const char* what) {
  if (status == EQP_OK) return;
  throw std::runtime_error(std::string(what) + ": status " + std::to_string(status) + ", " +
                           eqp_last_error());
}

Device use_device(int index) {
  must(cudaSetDevice(index), "choosing the device of --device");
  cudaDeviceProp properties;
  must(cudaGetDeviceProperties(&properties, index), "asking for the device's properties");
  int runtime = 0, driver = 0;
  must(cudaRuntimeGetVersion(&runtime), "asking for the runtime's version");
  must(cudaDriverGetVersion(&driver), "asking for the driver's version");
  Device device;
  device.index = index;
  device.multiprocessors = properties.multiProcessorCount;
  device.l2_bytes = properties.l2CacheSize;
  device.machine.gpu = properties.name;
  const std::string version = nvml_driver_version();
  device.machine.driver =
      (version.empty() ? std::string("unknown") : version) + " for CUDA " + version_text(driver);
  device.machine.cuda = version_text(runtime);
  return device;
}

int64_t free_bytes() {
  size_t free = 0, total = 0;
  must(cudaMemGetInfo(&free, &total), "asking for free memory");
  return static_cast<int64_t>(free);
}

Clocks clocks_now(const Device& device) {
  char bus[32] = "";
  if (cudaDeviceGetPCIBusId(bus, sizeof(bus), device.index) != cudaSuccess) return {};
  return nvml_clocks(bus);
}

DeviceMemory::DeviceMemory(int64_t bytes) : bytes_(bytes) {
  must(cudaMalloc(&data_, static_cast<size_t>(bytes > 0 ? bytes : 1)), "allocating device memory");
}

DeviceMemory::~DeviceMemory() { cudaFree(data_); }

DeviceMemory::DeviceMemory(DeviceMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}

}  // namespace eqp::bench

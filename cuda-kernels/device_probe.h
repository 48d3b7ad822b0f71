// Whether this machine has a CUDA device that programs built by this toolkit can use, asked of the
// driver alone, which is opened at run time: the answer exists before anything of CUDA is linked.
#pragma once

#include <dlfcn.h>

#include <string>

namespace eqp {

struct DeviceProbe {
  std::string problem;  // what is missing and what to do; "" when a device can be used
  int devices = 0;
  int driver_cuda = 0;         // 13000 for CUDA 13.0
  int compute_capability = 0;  // of the first device; 90 for 9.0
};

namespace probe_detail {

inline std::string version_text(int cuda) {
  return std::to_string(cuda / 1000) + "." + std::to_string(cuda % 1000 / 10);
}

template <class Function>
bool find(void* library, const char* symbol, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(library, symbol));
  return *function != nullptr;
}

struct Driver {
  int (*init)(unsigned) = nullptr;
  int (*version)(int*) = nullptr;
  int (*count)(int*) = nullptr;
  int (*get)(int*, int) = nullptr;
  int (*attribute)(int*, int, int) = nullptr;

  bool open() {
    void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    return library != nullptr && find(library, "cuInit", &init) &&
           find(library, "cuDriverGetVersion", &version) &&
           find(library, "cuDeviceGetCount", &count) && find(library, "cuDeviceGet", &get) &&
           find(library, "cuDeviceGetAttribute", &attribute);
  }
};

}  // namespace probe_detail

// needed_cuda: version of the toolkit, 13000 for CUDA 13.0. A driver of the same major version
// serves every minor one.
inline DeviceProbe probe_device(int needed_cuda) {
  constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76;  // CUdevice_attribute
  using probe_detail::version_text;
  DeviceProbe probe;
  probe_detail::Driver driver;
  if (!driver.open()) {
    probe.problem =
        "no NVIDIA driver is installed: libcuda.so.1 cannot be opened. Install driver 580 or "
        "newer; in a container, start it with access to the GPU (docker run --gpus all)";
    return probe;
  }
  const int error = driver.init(0);
  driver.version(&probe.driver_cuda);
  if (error == 0) driver.count(&probe.devices);
  if (error != 0 || probe.devices == 0) {
    probe.problem = "the NVIDIA driver is installed but shows no device (cuInit answers " +
                    std::to_string(error) +
                    "). See whether nvidia-smi lists one, and what CUDA_VISIBLE_DEVICES says";
    return probe;
  }
  if (probe.driver_cuda / 1000 < needed_cuda / 1000) {
    probe.problem = "the NVIDIA driver serves CUDA " + version_text(probe.driver_cuda) +
                    ", this build is made by CUDA " + version_text(needed_cuda) +
                    ". Install a newer driver (580 or newer for CUDA 13)";
    return probe;
  }
  int device = 0, major = 0, minor = 0;
  driver.get(&device, 0);
  driver.attribute(&major, kCapabilityMajor, device);
  driver.attribute(&minor, kCapabilityMinor, device);
  probe.compute_capability = 10 * major + minor;
  if (probe.compute_capability < 75) {
    probe.problem = "the first device has compute capability " + std::to_string(major) + "." +
                    std::to_string(minor) +
                    ", and the kernels need 7.5 (Turing) or newer. Choose another device with "
                    "CUDA_VISIBLE_DEVICES";
  }
  return probe;
}

}  // namespace eqp

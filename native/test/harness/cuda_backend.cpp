// A real device, through the driver API alone (found at run time), so that the tests link without
// CUDA and a machine without a driver gets a reason instead of an error.
#include <dlfcn.h>

#include <stdexcept>
#include <string>

#include "harness/backend.h"
#include "harness/check.h"

namespace eqp::test {
namespace {

using DevicePointer = unsigned long long;

struct Driver {
  int (*init)(unsigned) = nullptr;
  int (*device_get)(int*, int) = nullptr;
  int (*retain)(void**, int) = nullptr;
  int (*set_current)(void*) = nullptr;
  int (*allocate)(DevicePointer*, size_t) = nullptr;
  int (*release)(DevicePointer) = nullptr;
  int (*to_device)(DevicePointer, const void*, size_t) = nullptr;
  int (*to_host)(void*, DevicePointer, size_t) = nullptr;
  std::string why_not;

  Driver() {
    void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      why_not = std::string("no CUDA driver: ") + dlerror();
      return;
    }
    find(library, "cuInit", &init);
    find(library, "cuDeviceGet", &device_get);
    find(library, "cuDevicePrimaryCtxRetain", &retain);
    find(library, "cuCtxSetCurrent", &set_current);
    find(library, "cuMemAlloc_v2", &allocate);
    find(library, "cuMemFree_v2", &release);
    find(library, "cuMemcpyHtoD_v2", &to_device);
    find(library, "cuMemcpyDtoH_v2", &to_host);
    if (!why_not.empty()) return;
    int device = 0;
    void* primary = nullptr;
    int error = init(0);
    if (error == 0) error = device_get(&device, 0);
    if (error == 0) error = retain(&primary, device);
    if (error == 0) error = set_current(primary);
    if (error != 0) why_not = "the CUDA driver answers with error " + std::to_string(error);
  }

  template <class Function>
  void find(void* library, const char* symbol, Function* function) {
    *function = reinterpret_cast<Function>(dlsym(library, symbol));
    if (*function == nullptr) why_not = std::string("the CUDA driver lacks ") + symbol;
  }
};

void require(int error, const char* what) {
  if (error != 0) throw std::runtime_error(format("%s: CUDA driver error %d", what, error));
}

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(bool brief) : brief_(brief) {}

  std::string name() const override { return "cuda"; }
  std::string skip_reason() const override { return driver_.why_not; }
  bool supports(const std::string& entry, eqp_dtype dtype) const override {
    return cuda_supports(entry, dtype);
  }
  int64_t largest_case_elements() const override { return brief_ ? 40'000 : INT64_MAX; }
  eqp_device_type device_type() const override { return EQP_CUDA; }
  void* allocate(size_t bytes) override {
    DevicePointer memory = 0;
    require(driver_.allocate(&memory, bytes == 0 ? 1 : bytes), "allocate");
    return reinterpret_cast<void*>(memory);
  }
  void release(void* memory) override { driver_.release(reinterpret_cast<DevicePointer>(memory)); }
  void copy_to(void* device, const void* host, size_t bytes) override {
    require(driver_.to_device(reinterpret_cast<DevicePointer>(device), host, bytes),
            "copy to the device");
  }
  void copy_from(void* host, const void* device, size_t bytes) override {
    require(driver_.to_host(host, reinterpret_cast<DevicePointer>(device), bytes),
            "copy to the host");
  }
  int schedules() const override { return brief_ ? 1 : 3; }
  std::string use_schedule(int index) override { return "launch " + std::to_string(index + 1); }
  bool validates_before_writing() const override { return false; }

 private:
  bool brief_;
  Driver driver_;
};

}  // namespace

bool cuda_supports(const std::string& entry, eqp_dtype dtype) {
  if (dtype == EQP_F32) return true;
  if (dtype == EQP_F64)
    return entry == "group_advantage" || entry == "pair_loss" || entry == "policy_loss" ||
           entry == "unpaired_loss";
  return (dtype == EQP_BF16 || dtype == EQP_F16) && entry != "group_advantage";
}

std::unique_ptr<Backend> make_cuda_backend(bool brief) {
  return std::make_unique<CudaBackend>(brief);
}

}  // namespace eqp::test

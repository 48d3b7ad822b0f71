#include "nvml.h"

#include <dlfcn.h>

namespace eqp::bench {
namespace {

constexpr int kSuccess = 0;
constexpr int kSmClock = 1, kMemoryClock = 2;  // nvmlClockType_t

struct Nvml {
  int (*init)() = nullptr;
  int (*driver_version)(char*, unsigned) = nullptr;
  int (*device)(const char*, void**) = nullptr;
  int (*clock)(void*, int, unsigned*) = nullptr;
  int (*clock_limit)(void*, int, unsigned*) = nullptr;
  bool ready = false;

  Nvml() {
    void* const library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    ready = library != nullptr && find(library, "nvmlInit_v2", &init) &&
            find(library, "nvmlSystemGetDriverVersion", &driver_version) &&
            find(library, "nvmlDeviceGetHandleByPciBusId_v2", &device) &&
            find(library, "nvmlDeviceGetClockInfo", &clock) &&
            find(library, "nvmlDeviceGetMaxClockInfo", &clock_limit) && init() == kSuccess;
  }

  template <class Function>
  static bool find(void* library, const char* symbol, Function* function) {
    *function = reinterpret_cast<Function>(dlsym(library, symbol));
    return *function != nullptr;
  }
};

const Nvml& nvml() {
  static const Nvml instance;
  return instance;
}

int megahertz(int (*ask)(void*, int, unsigned*), void* device, int type) {
  unsigned value = 0;
  return ask(device, type, &value) == kSuccess ? static_cast<int>(value) : 0;
}

}  // namespace

std::string nvml_driver_version() {
  char text[96] = "";
  if (!nvml().ready || nvml().driver_version(text, sizeof(text)) != kSuccess) return "";
  return text;
}

Clocks nvml_clocks(const char* pci_bus_id) {
  void* device = nullptr;
  if (!nvml().ready || nvml().device(pci_bus_id, &device) != kSuccess) return {};
  return {megahertz(nvml().clock, device, kSmClock),
          megahertz(nvml().clock_limit, device, kSmClock),
          megahertz(nvml().clock, device, kMemoryClock)};
}

}  // namespace eqp::bench

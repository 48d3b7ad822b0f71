// What only the driver's management library knows: driver version and clocks. It is opened at run
// time; without it the answers are empty.
#pragma once

#include <string>

#include "results.h"

namespace eqp::bench {

std::string nvml_driver_version();
// pci_bus_id as cudaDeviceGetPCIBusId writes it.
Clocks nvml_clocks(const char* pci_bus_id);

}  // namespace eqp::bench

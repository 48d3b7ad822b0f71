// require-device CUDA_VERSION: exit code 0 and the compute capability of the first device ("90") when
// programs of this CUDA version (13000 for 13.0) can use it; otherwise 3 and the reason. The build
// runs it first under EQP_REQUIRE_DEVICE, so that nothing is built or tested in vain.
#include <cstdio>
#include <cstdlib>

#include "device_probe.h"

int main(int argc, char** argv) {
  const eqp::DeviceProbe probe = eqp::probe_device(argc > 1 ? std::atoi(argv[1]) : 0);
  if (!probe.problem.empty()) {
    std::printf("%s", probe.problem.c_str());
    return 3;
  }
  std::printf("%d", probe.compute_capability);
  return 0;
}

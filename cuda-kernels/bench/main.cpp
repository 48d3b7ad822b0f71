// cuda_bench: what the ops cost on a CUDA device, and what its memory would allow. --help says how.
#include <cuda_runtime.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "cases.h"
#include "device.h"
#include "device_probe.h"
#include "equipoise/runtime.h"
#include "options.h"
#include "runner.h"

namespace {

using namespace eqp::bench;

constexpr int kWrongArguments = 2, kNoDevice = 3;

int no_device(const std::string& problem) {
  std::fprintf(stderr,
               "cuda_bench: nothing was measured, because %s.\n"
               "cuda-kernels/RUN_ON_GPU.md says what this program needs.\n",
               problem.c_str());
  return kNoDevice;
}

void print_machine(const Device& device, const Options& options) {
  const Clocks clocks = clocks_now(device);
  std::printf("%s, %d multiprocessors, %.1f MiB L2, %.1f GiB free, driver %s, CUDA %s\n",
              device.machine.gpu.c_str(), device.multiprocessors,
              static_cast<double>(device.l2_bytes) / (1 << 20),
              static_cast<double>(free_bytes()) / (1 << 30), device.machine.driver.c_str(),
              device.machine.cuda.c_str());
  if (clocks.sm_mhz > 0) {
    std::printf("clocks now: multiprocessors %d of %d MHz, memory %d MHz\n", clocks.sm_mhz,
                clocks.sm_limit_mhz, clocks.memory_mhz);
  } else {
    std::printf("clocks: unknown, libnvidia-ml.so.1 does not tell them\n");
  }
  std::printf("commit %s, %d iterations, backend: %s\n\n", options.commit.c_str(),
              options.timed_iterations(), eqp_cuda_status());
}

// A family that cannot run (its smallest shape does not fit, say) leaves the others alone.
template <class Function>
void attempt(Runner& runner, const char* family, const Function& measure) {
  try {
    measure();
  } catch (const std::exception& error) {
    runner.report_failure(family, error.what());
  }
}

int measure_all(const Options& options, const Device& device) {
  Runner runner(options, device);
  runner.run_gemm();
  std::vector<eqp_dtype> dtypes = {EQP_F32, EQP_BF16};
  if (!options.quick) dtypes.push_back(EQP_F16);
  for (const eqp_dtype dtype : dtypes) {
    attempt(runner, "token_log_probs", [&] { measure_token_log_probs(runner, dtype); });
    attempt(runner, "perturbation", [&] { measure_perturbation(runner, dtype); });
    attempt(runner, "losses", [&] { measure_losses(runner, dtype); });
  }
  attempt(runner, "group_advantage", [&] { measure_group_advantage(runner); });
  return runner.finish();
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options({argv + 1, argv + argc});
  if (!options.error.empty()) {
    std::fprintf(stderr, "cuda_bench: %s\n", options.error.c_str());
    return kWrongArguments;
  }
  if (options.help) {
    std::printf("%s", kHelp);
    return 0;
  }
  const eqp::DeviceProbe probe = eqp::probe_device(CUDART_VERSION);
  if (!probe.problem.empty()) return no_device(probe.problem);
  if (options.device >= probe.devices) {
    return no_device("--device asks for device " + std::to_string(options.device) + " of " +
                     std::to_string(probe.devices));
  }
  try {
    const Device device = use_device(options.device);
    print_machine(device, options);
    return measure_all(options, device);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cuda_bench: %s\n", error.what());
    return 1;
  }
}

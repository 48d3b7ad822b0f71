// conformance [--variant NAME] [--backend cpu|cuda] [--csv FILE] [--filter TEXT]
//             [--sample N] [--seed N] [--large] [--brief] [--require-device]
//
// Runs the suite over one backend. --variant states which CPU variant must be running (the library
// chooses it by EQP_CPU_VARIANT); exit code 77 says that this processor cannot run it, or that
// there is no device. --require-device turns the latter into a failure, exit code 3. --large adds
// the sizes that are hard for a device alone; --brief runs one launch of each small case, for tools
// that make launches slow. --sample runs one case in N, drawn by --seed.
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

#include "conformance/conformance.h"
#include "harness/check.h"

namespace {

using namespace eqp::test;

constexpr int kWrongArguments = 2, kNoDevice = 3, kSkipped = 77;

struct Options {
  std::string variant, backend = "cpu";
  bool brief = false, require_device = false;
  ConformanceRun run;
};

bool parse(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const bool has_value = i + 1 < argc;
    if (flag == "--large") {
      options->run.large_cases = true;
    } else if (flag == "--brief") {
      options->brief = true;
    } else if (flag == "--require-device") {
      options->require_device = true;
    } else if (flag == "--variant" && has_value) {
      options->variant = argv[++i];
    } else if (flag == "--backend" && has_value) {
      options->backend = argv[++i];
    } else if (!options->run.take_argument(argc, argv, &i)) {
      fprintf(stderr,
              "expected --large, --brief, --require-device, or --variant, --backend, --csv, "
              "--filter, --sample or --seed with a value, found '%s'\n",
              argv[i]);
      return false;
    }
  }
  return true;
}

bool listed(const std::string& list, const std::string& name) {
  return ("," + list + ",").find("," + name + ",") != std::string::npos;
}

// 0 to go on, otherwise the exit code.
int check_variant(const std::string& variant) {
  if (variant.empty()) return 0;
  if (eqp_initialize() != EQP_OK && !listed(eqp_cpu_variants(), variant)) {
    printf("SKIPPED cpu-%s: this processor runs only %s\n", variant.c_str(), eqp_cpu_variants());
    return kSkipped;
  }
  EQP_CHECK(variant == eqp_cpu_variant(), "expected the variant '%s', found '%s' running",
            variant.c_str(), eqp_cpu_variant());
  return failures() > 0 ? finish_tests() : 0;
}

int cannot_run(const Options& options, const std::string& name, const std::string& reason) {
  if (options.require_device) {
    fprintf(stderr,
            "FAILED %s: this run requires a CUDA device, and none can be used: %s.\n"
            "cuda-kernels/RUN_ON_GPU.md says what is needed.\n",
            name.c_str(), reason.c_str());
    return kNoDevice;
  }
  printf("SKIPPED %s: %s\n", name.c_str(), reason.c_str());
  return kSkipped;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, &options)) return kWrongArguments;
  const int stop = check_variant(options.variant);
  if (stop != 0) return stop;
  try {
    const bool cuda = options.backend == "cuda";
    const auto backend = cuda ? make_cuda_backend(options.brief) : make_cpu_backend();
    const std::string reason = backend->skip_reason();
    if (!reason.empty()) return cannot_run(options, backend->name(), reason);
    if (cuda) printf("device: %s\n", eqp_cuda_status());
    run_conformance(*backend, options.run);
  } catch (const std::exception& error) {
    record_failure(__FILE__, __LINE__, error.what());
  }
  return finish_tests();
}

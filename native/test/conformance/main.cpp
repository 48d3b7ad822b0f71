// conformance [--variant NAME] [--backend cpu|cuda] [--csv FILE] [--filter TEXT]
//
// Runs the suite over one backend. --variant states which CPU variant must be running (the library
// chooses it by EQP_CPU_VARIANT); exit code 77 says that this processor cannot run it.
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

#include "conformance/conformance.h"
#include "harness/check.h"

namespace {

constexpr int kSkipped = 77;

bool listed(const std::string& list, const std::string& name) {
  return ("," + list + ",").find("," + name + ",") != std::string::npos;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace eqp::test;
  std::string variant, backend_name = "cpu", csv, filter;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    std::string* const value = flag == "--variant"   ? &variant
                               : flag == "--backend" ? &backend_name
                               : flag == "--csv"     ? &csv
                               : flag == "--filter"  ? &filter
                                                     : nullptr;
    if (value == nullptr || i + 1 == argc) {
      fprintf(stderr, "expected --variant, --backend, --csv or --filter with a value, found '%s'\n",
              argv[i]);
      return 2;
    }
    *value = argv[++i];
  }
  if (!variant.empty()) {
    if (eqp_initialize() != EQP_OK && !listed(eqp_cpu_variants(), variant)) {
      printf("SKIPPED cpu-%s: this processor runs only %s\n", variant.c_str(), eqp_cpu_variants());
      return kSkipped;
    }
    EQP_CHECK(variant == eqp_cpu_variant(), "expected the variant '%s', found '%s' running",
              variant.c_str(), eqp_cpu_variant());
    if (failures() > 0) return finish_tests();
  }
  try {
    const auto backend = backend_name == "cuda" ? make_cuda_backend() : make_cpu_backend();
    const std::string reason = backend->skip_reason();
    if (!reason.empty()) {
      printf("SKIPPED %s: %s\n", backend->name().c_str(), reason.c_str());
      return kSkipped;
    }
    run_conformance(*backend, csv, filter);
  } catch (const std::exception& error) {
    record_failure(__FILE__, __LINE__, error.what());
  }
  return finish_tests();
}

// cuda-conformance [--short | --fuzz] [--csv FILE] [--filter TEXT]
//
// The conformance suite of native/test over the kernels, compiled for the execution model: values,
// gradients, guarded bytes, bitwise equality over schedules; and through the model bounds,
// alignment, initialisation, races, divergence and masks of every access.
#include <malloc.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

#include "conformance/conformance.h"
#include "conformance/model_backend.h"
#include "harness/check.h"

int main(int argc, char** argv) {
  using namespace eqp::test;
  // Each case allocates megabytes of shadow memory: keep freed memory rather than give it back to the
  // system and clear new pages.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  ModelRun run = ModelRun::kSchedules;
  std::string csv, filter;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--fuzz") == 0) {
      run = ModelRun::kFuzz;
    } else if (strcmp(argv[i], "--short") == 0) {
      run = ModelRun::kShort;
    } else if (strcmp(argv[i], "--csv") == 0 && i + 1 < argc) {
      csv = argv[++i];
    } else if (strcmp(argv[i], "--filter") == 0 && i + 1 < argc) {
      filter = argv[++i];
    } else {
      fprintf(stderr, "expected --short, --fuzz, --csv FILE or --filter TEXT, found '%s'\n",
              argv[i]);
      return 2;
    }
  }
  try {
    EQP_CHECK(strcmp(eqp_cuda_status(), "the host execution model, no device") == 0,
              "expected the execution model, found '%s'", eqp_cuda_status());
    const auto backend = make_model_backend(run);
    run_conformance(*backend, csv, filter);
  } catch (const std::exception& error) {
    record_failure(__FILE__, __LINE__, error.what());
  }
  return finish_tests();
}

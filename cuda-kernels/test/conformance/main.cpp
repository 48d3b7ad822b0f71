// cuda-conformance [--short | --fuzz] [--csv FILE] [--filter TEXT] [--sample N] [--seed N]
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
#include "contract/legal_call.h"
#include "harness/check.h"
#include "harness/entries.h"
#include "model/model.h"

namespace {

// A device that cannot be chosen: the op says so and launches nothing.
void check_refusal_of_another_device(eqp::test::Backend& backend) {
  using namespace eqp::test;
  Random random(2);
  for (const Op& op : ops()) {
    Context context(op.function() + " on device 1");
    LegalCall call(backend, op, random, true);
    for (eqp_tensor& tensor : call.tensors) tensor.device_index = 1;
    uint64_t bytes = 0;
    if (op.workspace_size != nullptr)
      op.workspace_size(backend.entries(), call.options_bytes.data(), &call.tensors[0], &bytes);
    if (bytes > 0) call.launch.workspace = backend.allocate(bytes);
    call.launch.workspace_size = bytes;
    eqp::model::clear_launches();
    const eqp_status status = call.invoke();
    EQP_CHECK(status == EQP_DEVICE_ERROR, "expected EQP_DEVICE_ERROR, found %d: %s", status,
              eqp_last_error());
    EQP_CHECK(eqp::model::launches().empty(), "expected no launch, found some");
    const std::string damage = call.damage(true);
    EQP_CHECK(damage.empty(), "a refused call wrote %s", damage.c_str());
    if (bytes > 0) backend.release(call.launch.workspace);
  }
}

}  // namespace

int main(int argc, char** argv) {
  using namespace eqp::test;
  // Each case allocates megabytes of shadow memory: keep freed memory rather than give it back to the
  // system and clear new pages.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  ModelRun model = ModelRun::kSchedules;
  ConformanceRun run;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--fuzz") == 0) {
      model = ModelRun::kFuzz;
    } else if (strcmp(argv[i], "--short") == 0) {
      model = ModelRun::kShort;
    } else if (!run.take_argument(argc, argv, &i)) {
      fprintf(stderr,
              "expected --short, --fuzz, --csv FILE, --filter TEXT, --sample N or --seed N, found "
              "'%s'\n",
              argv[i]);
      return 2;
    }
  }
  try {
    EQP_CHECK(strstr(eqp_cuda_status(), "the host execution model") != nullptr,
              "expected the execution model, found '%s'", eqp_cuda_status());
    const auto backend = make_model_backend(model);
    check_refusal_of_another_device(*backend);
    run_conformance(*backend, run);
  } catch (const std::exception& error) {
    record_failure(__FILE__, __LINE__, error.what());
  }
  return finish_tests();
}

// The execution model as a backend of the conformance suite.
#pragma once

#include <memory>

#include "harness/backend.h"

namespace eqp::test {

enum class ModelRun {
  kShort,      // two schedules, small tensors
  kSchedules,  // every schedule
  kFuzz,  // approximate functions return up to 2 ulp more or less; schedules then need not agree
          // bitwise, so only one is run
};
std::unique_ptr<Backend> make_model_backend(ModelRun run);

}  // namespace eqp::test

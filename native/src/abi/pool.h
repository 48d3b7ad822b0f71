// Threads of the CPU backend.
#pragma once

#include <stdint.h>

#include "equipoise/runtime.h"

namespace eqp {

// Calls task(argument, i) once for every 0 <= i < tasks and returns when all are done. `bytes` is
// the memory that the whole call touches: small inputs run on the caller alone, because waking a
// thread costs more than the work. Tasks must not depend on each other nor on who runs them.
void parallel(int64_t tasks, uint64_t bytes, eqp_task task, void* argument);

eqp_status set_num_threads(int32_t threads);
int32_t num_threads();
void set_executor(eqp_executor run, void* context);

}  // namespace eqp

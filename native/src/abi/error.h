// The calling thread's last error: a fixed buffer, so that recording an error allocates nothing.
#pragma once

#include <stdarg.h>

#include "equipoise/types.h"

namespace eqp {

// Records "op: text" for this thread and returns `status`, so a check can end in `return
// fail(...)`.
__attribute__((format(printf, 3, 4))) eqp_status fail(eqp_status status, const char* op,
                                                      const char* format, ...);
eqp_status fail_v(eqp_status status, const char* op, const char* format, va_list arguments);

const char* last_error();

}  // namespace eqp

#define EQP_TRY(expression)                              \
  do {                                                   \
    const eqp_status eqp_try_status = (expression);      \
    if (eqp_try_status != EQP_OK) return eqp_try_status; \
  } while (0)

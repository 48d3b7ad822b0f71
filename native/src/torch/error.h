// The calling thread's last error of the adapter: a fixed buffer, as in libequipoise.
#pragma once

#include "equipoise/types.h"

namespace eqp::torch {

// Records "op: text" and returns `status`.
__attribute__((format(printf, 3, 4))) eqp_status fail(eqp_status status, const char* op,
                                                      const char* format, ...);

// Takes over the text of libequipoise when `status` is an error of it; returns `status`.
eqp_status from_equipoise(eqp_status status);

const char* last_error();

}  // namespace eqp::torch

#define EQP_TORCH_TRY(expression)                            \
  do {                                                       \
    const eqp_status eqp_torch_status = (expression);        \
    if (eqp_torch_status != EQP_OK) return eqp_torch_status; \
  } while (0)

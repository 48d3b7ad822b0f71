// The last line of every op: through the backend's table to its kernel.
#pragma once

#include "abi/arguments.h"

// A backend failure has recorded its own text; what status it has depends on the device asked for.
#define EQP_DISPATCH(call, entry, arguments)                                          \
  do {                                                                                \
    const ::eqp::Backend* const eqp_backend = (call).backend();                       \
    if (eqp_backend == nullptr) return (call).no_backend_status();                    \
    if (eqp_backend->entry == nullptr) {                                              \
      return (call).fail(EQP_UNSUPPORTED, "the %s backend has no kernel for this op", \
                         eqp_backend->name);                                          \
    }                                                                                 \
    return eqp_backend->entry(arguments);                                             \
  } while (0)

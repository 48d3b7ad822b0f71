#include "torch/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "equipoise/runtime.h"

namespace eqp::torch {
namespace {

constexpr int kErrorBytes = 4096;
thread_local char error_text[kErrorBytes];

}  // namespace

eqp_status fail(eqp_status status, const char* op, const char* format, ...) {
  const int prefix = snprintf(error_text, kErrorBytes, "%s: ", op);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error_text + prefix, static_cast<size_t>(kErrorBytes - prefix), format, arguments);
  va_end(arguments);
  return status;
}

eqp_status from_equipoise(eqp_status status) {
  if (status != EQP_OK) snprintf(error_text, kErrorBytes, "%s", eqp_last_error());
  return status;
}

const char* last_error() { return error_text; }

}  // namespace eqp::torch

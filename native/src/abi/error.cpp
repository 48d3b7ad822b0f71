#include "abi/error.h"

#include <stdio.h>

namespace eqp {
namespace {

constexpr int kErrorBytes = 1024;
thread_local char error_text[kErrorBytes];

}  // namespace

eqp_status fail_v(eqp_status status, const char* op, const char* format, va_list arguments) {
  const int prefix = snprintf(error_text, kErrorBytes, "%s: ", op);
  if (prefix > 0 && prefix < kErrorBytes) {
    vsnprintf(error_text + prefix, static_cast<size_t>(kErrorBytes - prefix), format, arguments);
  }
  return status;
}

eqp_status fail(eqp_status status, const char* op, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fail_v(status, op, format, arguments);
  va_end(arguments);
  return status;
}

const char* last_error() { return error_text; }

}  // namespace eqp

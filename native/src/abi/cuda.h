// The door to libequipoise_cuda.
#pragma once

#include "abi/backend.h"

namespace eqp {

const char* cuda_status();
eqp_status cuda_check(const char* op, const Stream& stream);
bool cuda_is_capturing(void* stream);

}  // namespace eqp

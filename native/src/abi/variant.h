// The choice of the CPU instruction set.
#pragma once

#include "abi/backend.h"

namespace eqp {

const char* cpu_variants();  // comma-separated names that this processor can run, slowest first

}  // namespace eqp

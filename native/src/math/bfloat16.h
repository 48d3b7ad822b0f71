// bfloat16: the upper half of a float.
#pragma once

#include <string.h>

#include "math/inline.h"

namespace eqp {
namespace EQP_ISA {

struct bfloat16 {
  uint16_t bits;
};

EQP_HD float to_float(float value) { return value; }
EQP_HD double to_float(double value) { return value; }
EQP_HD float to_float(bfloat16 value) {
  const uint32_t bits = static_cast<uint32_t>(value.bits) << 16;
  float result;
  memcpy(&result, &bits, sizeof(result));
  return result;
}

EQP_HD void assign(float* to, float value) { *to = value; }
EQP_HD void assign(double* to, double value) { *to = value; }
// Round to nearest even; a NaN keeps its sign and becomes quiet.
EQP_HD void assign(bfloat16* to, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  bits = value == value ? bits + 0x7fffu + ((bits >> 16) & 1u) : (bits | 0x400000u);
  to->bits = static_cast<uint16_t>(bits >> 16);
}

}  // namespace EQP_ISA
}  // namespace eqp

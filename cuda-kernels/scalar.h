// What src/math needs from math/vec.h, for one thread of a device: no vectors, and e^x of a float
// by the hardware's 2^x. Everything else of src/math is the CPU's own text.
//
//   e^x = 2^h (1 + l ln 2),  h = rounded x log2 e,
//   l = what the rounding lost (one fma) + the tail of log2 e
// The approximation of 2^h is within 2 ulp (CUDA C Programming Guide, ex2.approx); results below
// the smallest normal number are 0.
#pragma once

#include <math.h>
#include <string.h>

#include "math/inline.h"

namespace eqp {
namespace EQP_ISA {

EQP_HD float fma(float a, float b, float c) { return ::fmaf(a, b, c); }
EQP_HD double fma(double a, double b, double c) { return ::fma(a, b, c); }

// a > b ? a : b, so that a NaN in b is returned and a NaN in a is dropped.
EQP_HD float max_or_second(float a, float b) { return a > b ? a : b; }
EQP_HD double max_or_second(double a, double b) { return a > b ? a : b; }
EQP_HD float min_or_second(float a, float b) { return a < b ? a : b; }

template <class V, class S>
EQP_HD V broadcast(S value) {
  return V{} + value;
}

EQP_HD float exp2_approximate(float x) {
#if defined(__CUDA_ARCH__)
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#elif defined(EQP_CUDA_MODEL)
  return model::approximate(::exp2(static_cast<double>(x)));
#else
  return ::exp2f(x);
#endif
}

EQP_HD float exp(float x) {
  // Beyond these bounds the result is 0 or Inf, and h stays finite so that l is a number.
  const float bounded = x > 128.0f ? 128.0f : (x < -128.0f ? -128.0f : x);
  const float high = bounded * 1.44269504f;
  const float low = fma(bounded, 1.92596299e-8f, fma(bounded, 1.44269504f, -high));
  const float power = exp2_approximate(high);
  return power * fma(low, 0.693147181f, 1.0f);
}

// e^x for x <= 0 or NaN, for sums of exponentials: two instructions. The rounding of x log2 e costs
// |x| 2^-24 of the result, which is a small part of a sum whose greatest term is 1.
EQP_HD float exp_nonpositive(float x) { return exp2_approximate(x * 1.44269504f); }

}  // namespace EQP_ISA
}  // namespace eqp

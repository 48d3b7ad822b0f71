// Standard normal numbers from uniform bits, two at a time (Box & Muller 1958):
//
//   r = sqrt(-2 ln(1 - u_a)),  z_even = r cos(2 pi u_b),  z_odd = r sin(2 pi u_b),  u = n 2^-24
//
//   1 - u_a = 2^k m, m in [sqrt(1/2), sqrt(2)), f = m - 1:
//   ln m = f - (f^2/2 - f^3 p(f)), p a minimax polynomial (relative error 5.9e-9); ln 2 in two parts.
//   2 pi u_b = q pi/2 + x, |x| <= pi/4, exact in n; sin x and cos x by minimax polynomials (3.6e-9).
//
// Nothing here is contracted and every operation rounds correctly: the same bits for float and for
// vectors of any width, with and without FMA, on a CPU and on a CUDA device. Within 4 ulp.
#pragma once

#include "math/elementary.h"

namespace eqp {
namespace EQP_ISA {

template <class T>
struct NormalPair {
  T even, odd;
};

EQP_HD float convert(int32_t n) { return static_cast<float>(n); }
EQP_HD int32_t bits_of(float value) {
  int32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}
EQP_HD float float_of(int32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}
EQP_HD float sqrt(float x) { return __builtin_sqrtf(x); }
#if !defined(EQP_SCALAR_ONLY)
EQP_HD f32v convert(i32v n) { return __builtin_convertvector(n, f32v); }
EQP_HD i32v bits_of(f32v value) { return (i32v)value; }
EQP_HD f32v float_of(i32v bits) { return (f32v)bits; }
#endif

// ln(n 2^-24), 0 < n <= 2^24.
template <class T, class I>
EQP_HD T log_of_24_bits(I n) {
  const I bits = bits_of(convert(n) * 0x1p-24f);
  const I above = bits - 0x3f3504f3;  // sqrt(1/2): the exponent of what remains is k
  const T k = convert(above >> 23);
  const T f = float_of(bits - (above & -0x800000)) - 1.0f;
  T p = f * -0.07634429633617401f + 0.12761549651622772f;
  p = p * f + -0.131601944565773f;
  p = p * f + 0.14201761782169342f;
  p = p * f + -0.16623356938362122f;
  p = p * f + 0.20001226663589478f;
  p = p * f + -0.250008225440979f;
  p = p * f + 0.3333333134651184f;
  const T square = f * f;
  const T rest = square * 0.5f - square * f * p;
  return k * 0.693359375f - ((rest - k * -2.1219444e-4f) - f);
}

// a, b: the 24 bits of u_a and u_b.
template <class T, class I>
EQP_HD NormalPair<T> normal_pair(I a, I b) {
  const T radius = sqrt(-2.0f * log_of_24_bits<T>(0x1000000 - a));
  const I quadrant = (b + 0x200000) >> 22;
  const T x = convert(b - (quadrant << 22)) * 3.7450704e-7f;  // 2 pi 2^-24
  const T w = x * x;
  const T sine =
      x +
      x * (w * (w * (w * -0.0001951729936990887f + 0.008332177996635437f) + -0.16666655242443085f));
  const T cosine =
      (1.0f - 0.5f * w) +
      w * w * (w * (w * 2.4438451873720624e-05f + -0.001388736767694354f) + 0.04166664555668831f);
  const auto swap = (quadrant & 1) != 0;
  const T c = swap ? sine : cosine;
  const T s = swap ? cosine : sine;
  return NormalPair<T>{radius * (((quadrant + 1) & 2) != 0 ? -c : c),
                       radius * ((quadrant & 2) != 0 ? -s : s)};
}

}  // namespace EQP_ISA
}  // namespace eqp

// The soft cap of logits, y = c tanh(x/c), with its slope (Gemma 2, arXiv 2408.00118).
//
//   e = exp(-2|u|), u = x/c:   tanh |u| = (1 - e)/(1 + e),   dy/dx = 1 - tanh^2 u = 4e/(1 + e)^2
//
// 1 - e loses digits where |u| is small: below 5/8, tanh u = u + u^3 p(u^2), p a least-squares fit of
// degree 4, reweighted towards the minimax (relative error 8.6e-9). The slope loses none anywhere.
// +-Inf gives +-c with slope 0, NaN gives NaN.
#pragma once

#include "math/elementary.h"

namespace eqp {
namespace EQP_ISA {

template <class V>
struct SoftCapped {
  V value, slope;
};

template <class V>
EQP_HD SoftCapped<V> soft_capped(V x, float cap) {
  const V u = x * (1.0f / cap);
  const V magnitude = u < 0.0f ? -u : u;
  const V e = exp_nonpositive(-2.0f * magnitude);
  const V reciprocal = 1.0f / (e + 1.0f);
  const V square = u * u;
  V p = broadcast<V>(-0.005704986862838268f);
  p = fma(p, square, broadcast<V>(0.02063908614218235f));
  p = fma(p, square, broadcast<V>(-0.05373971536755562f));
  p = fma(p, square, broadcast<V>(0.13331441581249237f));
  p = fma(p, square, broadcast<V>(-0.3333328068256378f));
  const V small = fma(p * square, u, u);
  const V large = (1.0f - e) * reciprocal;
  const V tanh = magnitude < 0.625f ? small : (u < 0.0f ? -large : large);
  return SoftCapped<V>{tanh * cap, 4.0f * e * reciprocal * reciprocal};
}

}  // namespace EQP_ISA
}  // namespace eqp

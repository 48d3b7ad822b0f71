// Numbers that carry what they need to be compared: a bound of their rounding errors and their
// derivatives. A formula written in them once gives its value, its gradient and both tolerances.
#pragma once

#include <cmath>

#include "conformance/case.h"

namespace eqp::test {

using Real = long double;

// The formulas of the losses are evaluated in double, whatever the dtype: running error analysis
// (Higham, Accuracy and Stability of Numerical Algorithms, 3.3) with its unit roundoff.
constexpr Real kFormulaRoundoff = 0x1p-53L;
constexpr Real kFunctionUlps = 8;  // elementary.h promises at most half of that

struct Bounded {
  Real value = 0;
  Real error = 0;
  Bounded() = default;
  Bounded(Real v, Real e = 0) : value(v), error(e) {}
  operator Expected() const { return {static_cast<double>(value), static_cast<double>(error)}; }
};

inline Bounded rounded(Real value, Real error) {
  return {value, error + kFormulaRoundoff * fabsl(value)};
}
inline Bounded operator-(const Bounded& a) { return {-a.value, a.error}; }
inline Bounded operator+(const Bounded& a, const Bounded& b) {
  return rounded(a.value + b.value, a.error + b.error);
}
inline Bounded operator-(const Bounded& a, const Bounded& b) { return a + -b; }
// A factor that is exactly 0 makes the product 0, also where the other factor is infinite.
inline Bounded operator*(const Bounded& a, const Bounded& b) {
  const auto is_zero = [](const Bounded& x) { return x.value == 0 && x.error == 0; };
  if (is_zero(a) || is_zero(b)) return {0, 0};
  return rounded(a.value * b.value,
                 fabsl(a.value) * b.error + fabsl(b.value) * a.error + a.error * b.error);
}

// Of a monotone function.
inline Bounded apply(Real (*f)(Real), const Bounded& x) {
  const Real value = f(x.value);
  if (x.error == 0) return {value, kFunctionUlps * kFormulaRoundoff * fabsl(value)};
  const Real up = fabsl(f(x.value + x.error) - value), down = fabsl(f(x.value - x.error) - value);
  return {value, (up > down ? up : down) + kFunctionUlps * kFormulaRoundoff * fabsl(value)};
}

inline Real real_log_sigmoid(Real x) { return x > 0 ? -log1pl(expl(-x)) : x - log1pl(expl(x)); }
inline Real real_sigmoid(Real x) { return x > 0 ? 1 / (1 + expl(-x)) : expl(x) / (1 + expl(x)); }
inline Real real_exp(Real x) { return expl(x); }
inline Real real_expm1(Real x) { return expm1l(x); }
inline Real real_log1mexp(Real x) { return logl(-expm1l(x)); }
inline Real real_log1mexp_slope(Real x) { return -1 / expm1l(-x); }

// A value with its derivatives by the two inputs of a pair's formula.
struct Dual {
  Bounded value, by_chosen, by_rejected;
  Dual() = default;
  Dual(Real constant) : value(constant) {}
  Dual(const Bounded& v, const Bounded& c, const Bounded& r)
      : value(v), by_chosen(c), by_rejected(r) {}
};

inline Dual operator-(const Dual& a) { return {-a.value, -a.by_chosen, -a.by_rejected}; }
inline Dual operator+(const Dual& a, const Dual& b) {
  return {a.value + b.value, a.by_chosen + b.by_chosen, a.by_rejected + b.by_rejected};
}
inline Dual operator-(const Dual& a, const Dual& b) { return a + -b; }
inline Dual operator*(const Dual& a, const Dual& b) {
  return {a.value * b.value, a.by_chosen * b.value + a.value * b.by_chosen,
          a.by_rejected * b.value + a.value * b.by_rejected};
}
inline Dual chain(const Dual& x, const Bounded& value, const Bounded& slope) {
  return {value, slope * x.by_chosen, slope * x.by_rejected};
}
inline Dual exp(const Dual& x) {
  const Bounded value = apply(real_exp, x.value);
  return chain(x, value, value);
}
inline Dual expm1(const Dual& x) {
  return chain(x, apply(real_expm1, x.value), apply(real_exp, x.value));
}
inline Dual log_sigmoid(const Dual& x) {
  return chain(x, apply(real_log_sigmoid, x.value), apply(real_sigmoid, -x.value));
}
inline Dual sigmoid(const Dual& x) {
  const Bounded value = apply(real_sigmoid, x.value);
  return chain(x, value, value * apply(real_sigmoid, -x.value));
}
// ln(1 - e^x), x < 0.
inline Dual log1mexp(const Dual& x) {
  return chain(x, apply(real_log1mexp, x.value), apply(real_log1mexp_slope, x.value));
}
// min(x, most); its derivative is 0 beyond.
inline Dual at_most(const Dual& x, Real most) { return x.value.value > most ? Dual(most) : x; }

}  // namespace eqp::test

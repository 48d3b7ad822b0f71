// Numbers that carry a bound of their own rounding error.
//
// An oracle written with Tracked numbers gives the exact value (long double) of a formula and a
// first-order bound of what an evaluation with unit roundoff u may differ from it: each operation
// adds one rounding to what its operands already had (Higham, Accuracy and Stability of Numerical
// Algorithms, 3.3), exp four, a sum of n terms sum_error(n, u) times the sum of their magnitudes.
// A comparison that the errors leave open makes either branch legal.
#pragma once

#include <cmath>

#include "conformance/conformance.h"

namespace eqp::test {

struct Tracked {
  using Real = long double;
  Real value = 0, error = 0;
  Tracked() = default;
  Tracked(Real v) : value(v) {}  // NOLINT: exact numbers convert
  Tracked(Real v, Real e) : value(v), error(e) {}

  // Of the arithmetic that is checked; 0 checks the oracle itself.
  static Real& roundoff() {
    static Real u = 0;
    return u;
  }
  // Results below it may become 0.
  static Real& tiny() {
    static Real smallest = 0;
    return smallest;
  }
  static Tracked rounded(Real v, Real e) { return {v, e + roundoff() * fabsl(v)}; }
  // An option that is rounded to the arithmetic's type.
  static Tracked constant(Real v) {
    return static_cast<Real>(static_cast<float>(v)) == v ? Tracked(v) : rounded(v, 0);
  }
};

inline Tracked operator-(Tracked a) { return {-a.value, a.error}; }
inline Tracked operator+(Tracked a, Tracked b) {
  return Tracked::rounded(a.value + b.value, a.error + b.error);
}
inline Tracked operator-(Tracked a, Tracked b) { return a + -b; }
inline Tracked operator*(Tracked a, Tracked b) {
  // A factor that is exactly 0 wins over anything but NaN.
  if ((a.value == 0 && a.error == 0 && !std::isnan(b.value)) ||
      (b.value == 0 && b.error == 0 && !std::isnan(a.value)))
    return {};
  return Tracked::rounded(a.value * b.value, fabsl(a.value) * b.error + fabsl(b.value) * a.error +
                                                 a.error * b.error + Tracked::tiny());
}
inline Tracked operator/(Tracked a, Tracked b) {
  const Tracked::Real quotient = a.value / b.value;
  return Tracked::rounded(quotient, (a.error + fabsl(quotient) * b.error) /
                                        (fabsl(b.value) > b.error ? fabsl(b.value) - b.error : 0));
}
inline Tracked exp(Tracked a) {
  if (a.value == 0 && a.error == 0) return 1;
  const Tracked::Real e = expl(a.value);
  return {e, (expl(a.value + a.error) - e) + 4 * Tracked::roundoff() * e + Tracked::tiny()};
}

// A condition that rounding may turn.
struct Tested {
  bool holds, open;
};
inline Tested less(Tracked a, Tracked b) {
  // A number beyond the type's range compares as the bound it exceeds says.
  const Tracked::Real slack = 2 * (a.error + b.error);
  return {a.value<b.value, slack> 0 && fabsl(a.value - b.value) <= slack};
}
inline Tracked choose(Tested condition, Tracked yes, Tracked no) {
  Tracked chosen = condition.holds ? yes : no;
  if (condition.open) chosen.error += fabsl(yes.value - no.value) + yes.error + no.error;
  return chosen;
}
inline Tracked minimum(Tracked a, Tracked b) {
  if (std::isnan(a.value)) return a;
  return choose(less(b, a), b, a);
}
inline Tracked maximum(Tracked a, Tracked b) {
  if (std::isnan(a.value)) return a;
  return choose(less(a, b), b, a);
}

class TrackedSum {
 public:
  void add(Tracked term) {
    sum_.value += term.value;
    sum_.error += term.error;
    magnitude_ += fabsl(term.value);
    ++terms_;
  }
  Tracked total() const {
    if (terms_ == 0) return {};
    const Tracked::Real relative =
        sum_error(static_cast<double>(terms_), static_cast<double>(Tracked::roundoff()));
    return {sum_.value, sum_.error + relative * magnitude_};
  }

 private:
  Tracked sum_;
  Tracked::Real magnitude_ = 0;
  int64_t terms_ = 0;
};

// The tolerance is twice the bound: the order of the operations is the implementation's own.
inline Expected expected(Tracked x) {
  return {static_cast<double>(x.value), static_cast<double>(2 * x.error)};
}

}  // namespace eqp::test

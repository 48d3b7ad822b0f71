// Number formats, rounding units and the random generator of the tests. Written from the formats'
// definitions, independent of the library's own conversions.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "equipoise/types.h"

namespace eqp::test {

int64_t dtype_bytes(eqp_dtype dtype);
const char* dtype_text(eqp_dtype dtype);

// Reads and writes one element; integers and masks travel as doubles (exact up to 2^53).
double load_element(const void* address, eqp_dtype dtype);
void store_element(void* address, eqp_dtype dtype, double value);

// The nearest value of the dtype, ties to even.
double round_to(eqp_dtype dtype, double value);

// Unit roundoff: half the distance from 1 to the next number.
double unit_roundoff(eqp_dtype dtype);
// The unit roundoff of the arithmetic that the contract asks for with tensors of this dtype: f32
// for the low-precision formats, otherwise the format's own.
inline double arithmetic_roundoff(eqp_dtype dtype) {
  return dtype == EQP_F64 ? unit_roundoff(EQP_F64) : unit_roundoff(EQP_F32);
}
// Largest finite and smallest normal number.
double largest_finite(eqp_dtype dtype);
double smallest_normal(eqp_dtype dtype);

// splitmix64 (Steele, Lea, Flood 2014): a case is the same on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t bits() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  int64_t below(int64_t n) { return static_cast<int64_t>(bits() % static_cast<uint64_t>(n)); }
  bool chance(double probability) { return uniform() < probability; }
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(6.283185307179586 * uniform());
  }

 private:
  uint64_t state_;
};

}  // namespace eqp::test

// Memory ceilings: kernels that move the same streams as an op and do nothing else.
#pragma once

#include <stdint.h>

namespace ceilings {

struct Kernels {
  const char* name;
  // Sums n floats. The result keeps the compiler from dropping the loads.
  float (*read)(const float* a, int64_t n);
  // out[i] = a[i] with ordinary or non-temporal stores.
  void (*copy)(const float* a, float* out, int64_t n);
  void (*copy_streaming)(const float* a, float* out, int64_t n);
  // a[i] = -a[i]: one read and one write of the same line.
  void (*update)(float* a, int64_t n);
  // out[i] = a[i] + b[i] + c[i].
  void (*three_to_one)(const float* a, const float* b, const float* c, float* out, int64_t n);
  void (*three_to_one_streaming)(const float* a, const float* b, const float* c, float* out,
                                 int64_t n);
};

}  // namespace ceilings

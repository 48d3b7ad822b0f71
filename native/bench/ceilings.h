// Memory ceilings: kernels that move the same streams as an op and do nothing else.
#pragma once

#include <stdint.h>

namespace ceilings {

// The ways in which a stream may be moved; the ceiling is the fastest.
constexpr int kWays = 4;
constexpr const char* kWayNames[kWays] = {"", " prefetched", " non-temporal",
                                          " non-temporal prefetched"};

struct Kernels {
  const char* name;
  // Sums n floats. The result keeps the compiler from dropping the loads. The ways without stores: the
  // first two.
  float (*read[2])(const float* a, int64_t n);
  // out[i] = a[i].
  void (*copy[kWays])(const float* a, float* out, int64_t n);
  // a[i] = -a[i]: one read and one write of the same line. Ordinary stores: the first two ways.
  void (*update[2])(float* a, int64_t n);
  // out[i] = a[i] + b[i] + c[i].
  void (*three_to_one[kWays])(const float* a, const float* b, const float* c, float* out,
                              int64_t n);
};

}  // namespace ceilings

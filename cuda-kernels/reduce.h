// Sums over a warp and over a block, each in one fixed tree.
#pragma once

#include "launch.h"

namespace eqp {
namespace cuda {

constexpr unsigned kAllLanes = 0xffffffffu;

// The sum over the warp's 32 lanes, in every lane. All lanes must call it.
template <class T>
EQP_DEVICE T warp_sum(T value) {
#pragma unroll
  for (int lanes = 16; lanes >= 1; lanes /= 2) value += __shfl_xor_sync(kAllLanes, value, lanes);
  return value;
}
template <class T>
EQP_DEVICE T warp_min(T value) {
#pragma unroll
  for (int lanes = 16; lanes >= 1; lanes /= 2) {
    const T other = __shfl_xor_sync(kAllLanes, value, lanes);
    value = other < value ? other : value;
  }
  return value;
}
template <class T>
EQP_DEVICE T warp_max(T value) {
#pragma unroll
  for (int lanes = 16; lanes >= 1; lanes /= 2) {
    const T other = __shfl_xor_sync(kAllLanes, value, lanes);
    value = other > value ? other : value;
  }
  return value;
}

// Sums kCount values over the block, in every thread. All threads must call it. The barrier at the
// start lets a loop call it again while slower threads still read the previous result.
template <int kCount>
EQP_DEVICE void block_sum(double (&value)[kCount]) {
  EQP_SHARED(double, by_warp, kWarps* kCount);
#pragma unroll
  for (int k = 0; k < kCount; ++k) value[k] = warp_sum(value[k]);
  __syncthreads();
  const int warp = static_cast<int>(threadIdx.x) / 32;
  if (threadIdx.x % 32 == 0) {
#pragma unroll
    for (int k = 0; k < kCount; ++k) by_warp[warp * kCount + k] = value[k];
  }
  __syncthreads();
#pragma unroll
  for (int k = 0; k < kCount; ++k) {
    double sum = 0;
    for (int w = 0; w < kWarps; ++w) sum += by_warp[w * kCount + k];
    value[k] = sum;
  }
}

}  // namespace cuda
}  // namespace eqp

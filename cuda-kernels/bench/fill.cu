#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <stdexcept>
#include <type_traits>

#include "device.h"
#include "fill.h"

namespace eqp::bench {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMostBlocks = 1 << 16;

// The finaliser of MurmurHash3: every bit of the index reaches every bit of the result.
__device__ uint32_t mix(uint64_t index, uint32_t seed) {
  uint64_t h = index + 0x9e3779b97f4a7c15ull * (seed + 1);
  h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdull;
  h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ull;
  return static_cast<uint32_t>((h ^ (h >> 33)) >> 32);
}

template <class T>
__device__ T converted(float value) {
  return static_cast<T>(value);
}
template <>
__device__ __nv_bfloat16 converted(float value) {
  return __float2bfloat16(value);
}
template <>
__device__ __half converted(float value) {
  return __float2half(value);
}

// Whole numbers are drawn as such: a float next to the bound would round up to it.
template <class T>
__device__ T drawn(uint32_t bits, float low, float width) {
  if constexpr (std::is_integral<T>::value)
    return static_cast<T>(low) + static_cast<T>(bits % static_cast<uint32_t>(width));
  else
    return converted<T>(low + width * (static_cast<float>(bits >> 8) * 0x1p-24f));
}

template <class T>
__global__ void fill_kernel(T* data, int64_t count, float low, float width, uint32_t seed) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step) {
    data[i] = drawn<T>(mix(static_cast<uint64_t>(i), seed), low, width);
  }
}

template <class T>
void launch(void* data, int64_t count, double low, double high, uint32_t seed) {
  const int64_t blocks = (count + kThreads - 1) / kThreads;
  fill_kernel<<<static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks), kThreads>>>(
      static_cast<T*>(data), count, static_cast<float>(low), static_cast<float>(high - low), seed);
  must(cudaGetLastError(), "filling a tensor");
}

}  // namespace

void fill_uniform(void* data, eqp_dtype dtype, int64_t count, double low, double high,
                  uint32_t seed) {
  if (count == 0) return;
  switch (dtype) {
    case EQP_F32:
      return launch<float>(data, count, low, high, seed);
    case EQP_BF16:
      return launch<__nv_bfloat16>(data, count, low, high, seed);
    case EQP_F16:
      return launch<__half>(data, count, low, high, seed);
    case EQP_I64:
      return launch<int64_t>(data, count, low, high, seed);
    case EQP_U8:
    case EQP_BOOL:
      return launch<uint8_t>(data, count, low, high, seed);
    default:
      throw std::logic_error("fill_uniform has no such dtype");
  }
}

}  // namespace eqp::bench

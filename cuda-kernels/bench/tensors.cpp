#include "tensors.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "fill.h"

namespace eqp::bench {
namespace {

int64_t product(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

void describe(eqp_tensor* tensor, eqp_dtype dtype, eqp_device_type device,
              const std::vector<int64_t>& shape) {
  tensor->dtype = dtype;
  tensor->device_type = device;
  tensor->ndim = static_cast<int32_t>(shape.size());
  int64_t stride = 1;
  for (size_t d = shape.size(); d-- > 0;) {
    tensor->shape[d] = shape[d];
    tensor->stride[d] = stride;
    stride *= shape[d];
  }
}

template <class T, float (*widen)(T)>
void widen_all(const void* from, float* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, static_cast<const char*>(from) + i * sizeof(T), sizeof(T));
    to[i] = widen(value);
  }
}

float from_bf16(__nv_bfloat16 value) { return __bfloat162float(value); }
float from_f16(__half value) { return __half2float(value); }

bool is_narrow(eqp_dtype dtype) { return dtype == EQP_BF16 || dtype == EQP_F16; }

}  // namespace

int64_t dtype_bytes(eqp_dtype dtype) {
  switch (dtype) {
    case EQP_I64:
      return 8;
    case EQP_BF16:
    case EQP_F16:
      return 2;
    case EQP_U8:
    case EQP_BOOL:
      return 1;
    default:
      return 4;
  }
}

const char* dtype_name(eqp_dtype dtype) {
  return dtype == EQP_F32 ? "f32" : dtype == EQP_BF16 ? "bf16" : dtype == EQP_F16 ? "f16" : "other";
}

double unit_roundoff(eqp_dtype dtype) {
  return dtype == EQP_BF16 ? 0x1p-8 : dtype == EQP_F16 ? 0x1p-11 : 0x1p-24;
}

double unit_of(eqp_dtype dtype, double value) {
  const int smallest_normal = dtype == EQP_F16 ? -14 : -126;
  const int exponent = value == 0 ? smallest_normal : std::max(std::ilogb(value), smallest_normal);
  return std::ldexp(2 * unit_roundoff(dtype), exponent);
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (const int64_t size : shape) text += (text.size() == 1 ? "" : ", ") + std::to_string(size);
  return text + "]";
}

HostTensor::HostTensor(eqp_dtype dtype, const std::vector<int64_t>& shape)
    : size_(product(shape)), bytes_(static_cast<size_t>(size_ * dtype_bytes(dtype))) {
  describe(&tensor_, dtype, EQP_CPU, shape);
}

double HostTensor::get(int64_t i) const {
  const unsigned char* const at = bytes_.data() + i * dtype_bytes(tensor_.dtype);
  if (tensor_.dtype != EQP_F32) return *at;  // u8 and bool
  float value;
  std::memcpy(&value, at, sizeof(value));
  return static_cast<double>(value);
}

DeviceTensor::DeviceTensor(eqp_dtype dtype, const std::vector<int64_t>& shape)
    : memory_(product(shape) * dtype_bytes(dtype)) {
  describe(&tensor_, dtype, EQP_CUDA, shape);
  tensor_.data = memory_.data();
  must(cudaGetDevice(&tensor_.device_index), "asking for the current device");
}

DeviceTensor& DeviceTensor::fill(double low, double high, uint32_t seed) {
  fill_uniform(data(), dtype(), size(), low, high, seed);
  return *this;
}

HostTensor DeviceTensor::slice(int64_t begin, int64_t count) const {
  std::vector<int64_t> shape(tensor_.shape, tensor_.shape + tensor_.ndim);
  shape[0] = count;
  const int64_t offset = begin * tensor_.stride[0] * dtype_bytes(dtype());
  const int64_t bytes = product(shape) * dtype_bytes(dtype());
  HostTensor host(is_narrow(dtype()) ? EQP_F32 : dtype(), shape);
  std::vector<unsigned char> narrow(is_narrow(dtype()) ? static_cast<size_t>(bytes) : 0);
  void* const to = is_narrow(dtype()) ? narrow.data() : host.data();
  must(cudaDeviceSynchronize(), "waiting for the device");
  must(cudaMemcpy(to, static_cast<const char*>(data()) + offset, static_cast<size_t>(bytes),
                  cudaMemcpyDeviceToHost),
       "copying to the host");
  float* const values = static_cast<float*>(host.data());
  if (dtype() == EQP_BF16) widen_all<__nv_bfloat16, from_bf16>(to, values, host.size());
  if (dtype() == EQP_F16) widen_all<__half, from_f16>(to, values, host.size());
  return host;
}

}  // namespace eqp::bench

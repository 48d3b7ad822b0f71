// Tensors on the device, and their copies on the host for the CPU backend.
#pragma once

#include <string>
#include <vector>

#include "device.h"
#include "equipoise/types.h"

namespace eqp::bench {

int64_t dtype_bytes(eqp_dtype dtype);
const char* dtype_name(eqp_dtype dtype);
// Half the distance from 1 to the next number.
double unit_roundoff(eqp_dtype dtype);
// The distance of the numbers of a dtype around a value.
double unit_of(eqp_dtype dtype, double value);
std::string shape_text(const std::vector<int64_t>& shape);

// Contiguous, in host memory. Floating-point tensors are always f32 here: widening bf16 and f16
// loses nothing, and the CPU backend then computes what the device was asked for.
class HostTensor {
 public:
  HostTensor(eqp_dtype dtype, const std::vector<int64_t>& shape);
  const eqp_tensor* tensor() {
    tensor_.data = bytes_.data();
    return &tensor_;
  }
  operator const eqp_tensor*() { return tensor(); }
  int64_t size() const { return size_; }
  eqp_dtype dtype() const { return tensor_.dtype; }
  void* data() { return bytes_.data(); }
  double get(int64_t i) const;

 private:
  eqp_tensor tensor_{};
  int64_t size_ = 1;
  std::vector<unsigned char> bytes_;
};

// Contiguous, on the device.
class DeviceTensor {
 public:
  DeviceTensor(eqp_dtype dtype, const std::vector<int64_t>& shape);
  operator const eqp_tensor*() const { return &tensor_; }
  eqp_dtype dtype() const { return tensor_.dtype; }
  void* data() const { return tensor_.data; }
  int64_t bytes() const { return memory_.bytes(); }
  int64_t size() const { return memory_.bytes() / dtype_bytes(tensor_.dtype); }
  DeviceTensor& fill(double low, double high, uint32_t seed);

  // Entries [begin, begin + count) of the first dimension. Waits for the device.
  HostTensor slice(int64_t begin, int64_t count) const;
  HostTensor whole() const { return slice(0, tensor_.shape[0]); }

 private:
  DeviceMemory memory_;
  eqp_tensor tensor_{};
};

}  // namespace eqp::bench

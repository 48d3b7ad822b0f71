#include "harness/numbers.h"

#include <cfloat>
#include <cstring>

namespace eqp::test {
namespace {

// bf16 is the upper half of a float; round to nearest, ties to even, NaN kept quiet.
uint16_t bf16_bits(double value) {
  if (std::isnan(value)) return 0x7fc0;
  float rounded = static_cast<float>(value);
  uint32_t bits;
  memcpy(&bits, &rounded, 4);
  const uint32_t even = (bits >> 16) & 1;
  return static_cast<uint16_t>((bits + 0x7fff + even) >> 16);
}

double bf16_value(uint16_t half) {
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

template <class T>
double load_as(const void* address) {
  T value;
  memcpy(&value, address, sizeof(T));
  return static_cast<double>(value);
}

template <class T>
void store_as(void* address, double value) {
  const T converted = static_cast<T>(value);
  memcpy(address, &converted, sizeof(T));
}

}  // namespace

int64_t dtype_bytes(eqp_dtype dtype) {
  switch (dtype) {
    case EQP_F64:
    case EQP_I64:
      return 8;
    case EQP_F32:
    case EQP_I32:
      return 4;
    case EQP_BF16:
    case EQP_F16:
      return 2;
    default:
      return 1;
  }
}

const char* dtype_text(eqp_dtype dtype) {
  switch (dtype) {
    case EQP_F32:
      return "f32";
    case EQP_F64:
      return "f64";
    case EQP_BF16:
      return "bf16";
    case EQP_F16:
      return "f16";
    case EQP_I32:
      return "i32";
    case EQP_I64:
      return "i64";
    case EQP_U8:
      return "u8";
    case EQP_BOOL:
      return "bool";
    default:
      return "?";
  }
}

double load_element(const void* address, eqp_dtype dtype) {
  switch (dtype) {
    case EQP_F32:
      return load_as<float>(address);
    case EQP_F64:
      return load_as<double>(address);
    case EQP_BF16: {
      uint16_t bits;
      memcpy(&bits, address, 2);
      return bf16_value(bits);
    }
    case EQP_F16:
      return load_as<_Float16>(address);
    case EQP_I32:
      return load_as<int32_t>(address);
    case EQP_I64:
      return load_as<int64_t>(address);
    default:
      return load_as<uint8_t>(address);
  }
}

void store_element(void* address, eqp_dtype dtype, double value) {
  switch (dtype) {
    case EQP_F32:
      store_as<float>(address, value);
      break;
    case EQP_F64:
      store_as<double>(address, value);
      break;
    case EQP_BF16: {
      const uint16_t bits = bf16_bits(value);
      memcpy(address, &bits, 2);
      break;
    }
    case EQP_F16:
      store_as<_Float16>(address, value);
      break;
    case EQP_I32:
      store_as<int32_t>(address, value);
      break;
    case EQP_I64:
      store_as<int64_t>(address, value);
      break;
    default:
      store_as<uint8_t>(address, value);
      break;
  }
}

double round_to(eqp_dtype dtype, double value) {
  unsigned char bytes[8];
  store_element(bytes, dtype, value);
  return load_element(bytes, dtype);
}

double unit_roundoff(eqp_dtype dtype) {
  switch (dtype) {
    case EQP_F64:
      return 0x1p-53;
    case EQP_BF16:
      return 0x1p-8;
    case EQP_F16:
      return 0x1p-11;
    default:
      return 0x1p-24;
  }
}

double largest_finite(eqp_dtype dtype) {
  switch (dtype) {
    case EQP_F64:
      return DBL_MAX;
    case EQP_BF16:
      return 0x1.fep127;
    case EQP_F16:
      return 65504;
    default:
      return FLT_MAX;
  }
}

double smallest_normal(eqp_dtype dtype) {
  switch (dtype) {
    case EQP_F64:
      return DBL_MIN;
    case EQP_F16:
      return 0x1p-14;
    default:
      return FLT_MIN;
  }
}

}  // namespace eqp::test

// Vectors of tokens under a byte mask.
#pragma once

#include "math/vec.h"

namespace eqp {
namespace EQP_ISA {

template <class S>
EQP_HD int lanes_left(int64_t left) {
  return left < vec<S>::width ? static_cast<int>(left) : vec<S>::width;
}

// Lanes beyond `count` are 0.
template <class S, class E>
EQP_HD typename vec<S>::type load_lanes(const E* from, int count) {
  return count == vec<S>::width ? load(from)
                                : load_partial<E, typename vec<S>::type, S>(from, count, S(0));
}

// As many mask bytes as a vector has lanes.
template <class S>
struct MaskBytes;
template <>
struct MaskBytes<float> {
  typedef int8_t type __attribute__((vector_size(EQP_VECTOR_BYTES / 4)));
};
template <>
struct MaskBytes<double> {
  typedef int8_t type __attribute__((vector_size(EQP_VECTOR_BYTES / 8)));
};

// All bits set in the lanes whose mask byte is not 0; lanes beyond `count` are clear.
template <class S>
EQP_HD typename vec<S>::mask mask_lanes(const uint8_t* mask, int count) {
  using Bytes = typename MaskBytes<S>::type;
  int8_t buffer[sizeof(Bytes)] = {};
  const void* from = mask;
  if (count < vec<S>::width) {
    for (int i = 0; i < count; ++i) buffer[i] = static_cast<int8_t>(mask[i]);
    from = buffer;
  }
  Bytes bytes;
  memcpy(&bytes, from, sizeof(bytes));
  return __builtin_convertvector(bytes != Bytes{}, typename vec<S>::mask);
}

EQP_HD int64_t count_lanes(const uint8_t* mask, int64_t count) {
  int64_t sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += mask[i] != 0 ? 1 : 0;
  return sum;
}

}  // namespace EQP_ISA
}  // namespace eqp

// Elements as f32 or f64, 16-byte packs of them, and the loop over one row with a scalar head and
// tail.
#pragma once

#include "launch.h"

namespace eqp {
namespace cuda {

using bf16 = __nv_bfloat16;
using f16 = __half;

EQP_DEVICE float widen(float value) { return value; }
EQP_DEVICE double widen(double value) { return value; }
EQP_DEVICE float widen(bf16 value) { return __bfloat162float(value); }
EQP_DEVICE float widen(f16 value) { return __half2float(value); }

// Rounds to nearest even.
EQP_DEVICE void assign(float* to, float value) { *to = value; }
EQP_DEVICE void assign(double* to, double value) { *to = value; }
// The bits are stored by an assignment of their own: gcc's instrumentation, on which the execution
// model rests, does not see the store of a function's result.
EQP_DEVICE void assign(bf16* to, float value) {
  const unsigned short bits = __bfloat16_as_ushort(__float2bfloat16_rn(value));
  *reinterpret_cast<unsigned short*>(to) = bits;
}
EQP_DEVICE void assign(f16* to, float value) {
  const unsigned short bits = __half_as_ushort(__float2half_rn(value));
  *reinterpret_cast<unsigned short*>(to) = bits;
}

// How many elements one thread moves at once: 16 bytes.
template <class T>
constexpr int kLanes = static_cast<int>(16 / sizeof(T));

template <class T>
struct alignas(16) Pack {
  T lane[kLanes<T>];
};

template <class T>
EQP_DEVICE void load_pack(const T* from, float (&to)[kLanes<T>]) {
  const uint4 bits = *reinterpret_cast<const uint4*>(from);
  Pack<T> pack;
  memcpy(&pack, &bits, sizeof(pack));
#pragma unroll
  for (int k = 0; k < kLanes<T>; ++k) to[k] = widen(pack.lane[k]);
}

template <class T>
EQP_DEVICE void store_pack(T* to, const float (&from)[kLanes<T>]) {
  Pack<T> pack;
#pragma unroll
  for (int k = 0; k < kLanes<T>; ++k) assign(&pack.lane[k], from[k]);
  uint4 bits;
  memcpy(&bits, &pack, sizeof(bits));
  // A plain assignment may be taken apart again where the lanes come out of branches.
  __stwb(reinterpret_cast<uint4*>(to), bits);
}

// Elements before the first 16-byte boundary at or behind `row`.
template <class T>
EQP_DEVICE int head_elements(const T* row) {
  return static_cast<int>((16 - reinterpret_cast<uintptr_t>(row) % 16) % 16 / sizeof(T));
}
// Whether `row` + head is 16-byte aligned, for rows that follow another row's head; so is no row.
template <class T>
EQP_DEVICE bool aligned_behind(const T* row, int head) {
  return row == nullptr || reinterpret_cast<uintptr_t>(row + head) % 16 == 0;
}

// Packs of one row that a team of threads takes as one piece of work.
constexpr int64_t kChunkPacks = 4 * kThreads;

template <class T>
inline int64_t chunks_of(int64_t columns) {
  const int64_t elements = kChunkPacks * kLanes<T>;
  return columns <= elements ? 1 : (columns + elements - 1) / elements;
}

// A warp per row where rows are short, so that no warp of a block idles.
inline int team_for(int64_t columns) { return columns <= 1024 ? 32 : kThreads; }

// Calls body.pack(i) for elements [i, i + kLanes<T>) with (i - head) a multiple of kLanes<T>, and
// body.one(i) for the rest, so that each element of the chunk is visited once by one thread of the
// team. wide: the caller's rows are all 16-byte aligned behind `head` elements; else everything is
// scalar.
template <class T, class Body>
EQP_DEVICE void visit_chunk(int64_t columns, int64_t chunk, int head_wanted, bool wide, int lane,
                            int team, const Body& body) {
  if (!wide) {
    const int64_t begin = chunk * kChunkPacks * kLanes<T>;
    const int64_t limit = begin + kChunkPacks * kLanes<T>;
    const int64_t end = limit < columns ? limit : columns;
    for (int64_t i = begin + lane; i < end; i += team) body.one(i);
    return;
  }
  const int64_t head = head_wanted < columns ? head_wanted : columns;
  const int64_t packs = (columns - head) / kLanes<T>;
  const int64_t first = chunk * kChunkPacks;
  const int64_t last = first + kChunkPacks < packs ? first + kChunkPacks : packs;
  for (int64_t i = first + lane; i < last; i += team) body.pack(head + i * kLanes<T>);
  if (chunk == 0) {
    // The elements outside the packs: fewer than two packs, so one per lane at most.
    const int64_t tail = head + packs * kLanes<T>;
    if (lane < head) body.one(lane);
    if (lane < columns - tail) body.one(tail + lane);
  }
}

// Division by a number that is known before the launch: a multiplication and one correction instead
// of the device's 64-bit division, which is a subroutine. Exact for 0 <= item < 2^63: the
// reciprocal floor((2^64 - 1) / d) makes the quotient too small by at most 1.
struct Part {
  int64_t row, chunk;
};
class Divisor {
 public:
  explicit Divisor(int64_t parts)
      : parts_(static_cast<uint64_t>(parts)), reciprocal_(~uint64_t{0} / parts_) {}

  EQP_HD_MEMBER int64_t value() const { return static_cast<int64_t>(parts_); }
  EQP_DEVICE_MEMBER Part of(int64_t item) const {
    const auto dividend = static_cast<uint64_t>(item);
    uint64_t quotient = __umul64hi(dividend, reciprocal_);
    uint64_t rest = dividend - quotient * parts_;
    if (rest >= parts_) {
      ++quotient;
      rest -= parts_;
    }
    return Part{static_cast<int64_t>(quotient), static_cast<int64_t>(rest)};
  }

 private:
  uint64_t parts_, reciprocal_;
};

}  // namespace cuda
}  // namespace eqp

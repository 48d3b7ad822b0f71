// Compiled once per instruction set. n is a multiple of 64, every pointer 64-byte aligned.
#include "ceilings.h"

#include "math/vec.h"

namespace eqp {
namespace EQP_ISA {
namespace {

constexpr int w = kF32Width;
constexpr int64_t kAhead = 1024;  // floats by which loads are prefetched

float read(const float* a, int64_t n) {
  f32v s0 = {}, s1 = {}, s2 = {}, s3 = {};
  for (int64_t i = 0; i < n; i += 4 * w) {
    for (int64_t line = 0; line < 4 * w; line += 16) __builtin_prefetch(a + i + kAhead + line, 0, 3);
    s0 = s0 + load(a + i);
    s1 = s1 + load(a + i + w);
    s2 = s2 + load(a + i + 2 * w);
    s3 = s3 + load(a + i + 3 * w);
  }
  return sum_lanes(s0 + s1 + s2 + s3);
}

template <bool streaming>
void put(float* to, f32v v) {
  if (streaming) {
    stream(to, v);
  } else {
    store(to, v);
  }
}

template <bool streaming>
void copy(const float* a, float* out, int64_t n) {
  for (int64_t i = 0; i < n; i += 4 * w) {
    const f32v v0 = load(a + i), v1 = load(a + i + w), v2 = load(a + i + 2 * w),
               v3 = load(a + i + 3 * w);
    put<streaming>(out + i, v0);
    put<streaming>(out + i + w, v1);
    put<streaming>(out + i + 2 * w, v2);
    put<streaming>(out + i + 3 * w, v3);
  }
  stream_fence();
}

void update(float* a, int64_t n) {
  for (int64_t i = 0; i < n; i += 2 * w) {
    const f32v v0 = -load(a + i), v1 = -load(a + i + w);
    store(a + i, v0);
    store(a + i + w, v1);
  }
}

template <bool streaming>
void three_to_one(const float* a, const float* b, const float* c, float* out, int64_t n) {
  for (int64_t i = 0; i < n; i += 2 * w) {
    const f32v v0 = load(a + i) + load(b + i) + load(c + i);
    const f32v v1 = load(a + i + w) + load(b + i + w) + load(c + i + w);
    put<streaming>(out + i, v0);
    put<streaming>(out + i + w, v1);
  }
  stream_fence();
}

}  // namespace

#define EQP_TEXT_(name) #name
#define EQP_TEXT(name) EQP_TEXT_(name)
extern const ceilings::Kernels ceiling_kernels;
const ceilings::Kernels ceiling_kernels = {EQP_TEXT(EQP_ISA), read,   copy<false>,
                                           copy<true>,        update, three_to_one<false>,
                                           three_to_one<true>};

}  // namespace EQP_ISA
}  // namespace eqp

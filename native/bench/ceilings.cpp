// Compiled once per instruction set. n is a multiple of 64, every pointer 64-byte aligned.
#include "ceilings.h"

#include "math/vec.h"

namespace eqp {
namespace EQP_ISA {
namespace {

constexpr int w = kF32Width;

// The first 4 * w floats of what comes next, when `ahead`.
template <bool ahead>
void ask(const float* a) {
  if (!ahead) return;
  prefetch_pair(a);
  prefetch_pair(a + 2 * w);
}

template <bool ahead>
float read(const float* a, int64_t n) {
  f32v s0 = {}, s1 = {}, s2 = {}, s3 = {};
  for (int64_t i = 0; i < n; i += 4 * w) {
    ask<ahead>(a + i);
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

template <bool streaming, bool ahead>
void copy(const float* a, float* out, int64_t n) {
  for (int64_t i = 0; i < n; i += 4 * w) {
    ask<ahead>(a + i);
    const f32v v0 = load(a + i), v1 = load(a + i + w), v2 = load(a + i + 2 * w),
               v3 = load(a + i + 3 * w);
    put<streaming>(out + i, v0);
    put<streaming>(out + i + w, v1);
    put<streaming>(out + i + 2 * w, v2);
    put<streaming>(out + i + 3 * w, v3);
  }
  stream_fence();
}

template <bool ahead>
void update(float* a, int64_t n) {
  for (int64_t i = 0; i < n; i += 4 * w) {
    ask<ahead>(a + i);
    for (int64_t j = i; j < i + 4 * w; j += w) store(a + j, -load(a + j));
  }
}

template <bool streaming, bool ahead>
void three_to_one(const float* a, const float* b, const float* c, float* out, int64_t n) {
  for (int64_t i = 0; i < n; i += 4 * w) {
    ask<ahead>(a + i);
    ask<ahead>(b + i);
    ask<ahead>(c + i);
    for (int64_t j = i; j < i + 4 * w; j += w)
      put<streaming>(out + j, load(a + j) + load(b + j) + load(c + j));
  }
  stream_fence();
}

}  // namespace

#define EQP_TEXT_(name) #name
#define EQP_TEXT(name) EQP_TEXT_(name)
extern const ceilings::Kernels ceiling_kernels;
const ceilings::Kernels ceiling_kernels = {
    EQP_TEXT(EQP_ISA),
    {read<false>, read<true>},
    {copy<false, false>, copy<false, true>, copy<true, false>, copy<true, true>},
    {update<false>, update<true>},
    {three_to_one<false, false>, three_to_one<false, true>, three_to_one<true, false>,
     three_to_one<true, true>}};

}  // namespace EQP_ISA
}  // namespace eqp

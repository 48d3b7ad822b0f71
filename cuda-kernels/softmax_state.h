// The softmax state of a row of logits, computed by the threads of a warp or a block.
//
// Without branches on data: a thread folds a pack (4 f32, 8 bf16/f16 logits) at a time, rescales its
// state by e^(old max - new max) and adds the pack's exponentials. The maximum starts at -FLT_MAX, not
// -Inf, so that -Inf - max is never NaN; it drops NaN, which comes back through the sum. Exponentials
// are the hardware's 2^x (2 ulp); sums are f32 in a fixed tree.
#pragma once

#include "abi/calls/token_log_probs.h"
#include "launch.h"
#include "math/soft_cap.h"
#include "math/token_log_probs.h"
#include "reduce.h"
#include "vector.h"

namespace eqp {
namespace cuda {

// What turns logits into y of token_log_probs.h. `needed` is false where that is a factor alone,
// which then goes into the inverse temperature.
struct LogitMap {
  const void* bias;
  bool bias_f32, needed;
  float scale, soft_cap;
};

template <class T>
EQP_DEVICE SoftCapped<float> mapped(const LogitMap& map, float x, int64_t column) {
  if (map.bias != nullptr) {
    x += map.bias_f32 ? static_cast<const float*>(map.bias)[column]
                      : widen(static_cast<const T*>(map.bias)[column]);
  }
  SoftCapped<float> y{x * map.scale, 1.0f};
  if (map.soft_cap > 0) y = soft_capped(y.value, map.soft_cap);
  y.slope *= map.scale;
  return y;
}

template <class T>
EQP_DEVICE float logit_at(const LogitMap& map, const T* row, int64_t column) {
  const float x = widen(row[column]);
  return map.needed ? mapped<T>(map, x, column).value : x;
}

EQP_DEVICE SoftmaxState empty_state() { return SoftmaxState{-kFloatMax, 0.0f, 0.0f, 0.0f}; }

// kMoments: sum_2x and weighted are wanted too.
template <bool kMoments, int kCount>
EQP_DEVICE void fold(const float (&x)[kCount], float inverse_temperature, SoftmaxState* state) {
  float max = state->max;
#pragma unroll
  for (int k = 0; k < kCount; ++k) max = fmaxf(max, x[k]);
  *state = moved(*state, max, inverse_temperature);
#pragma unroll
  for (int k = 0; k < kCount; ++k) {
    const float exponent = (x[k] - max) * inverse_temperature;
    const float e = exp_nonpositive(exponent);
    state->sum += e;
    if (kMoments) {
      state->sum_2x += e * e;
      state->weighted += e * max_or_second(kSmallestExponent, exponent);
    }
  }
}

// The state of elements [begin, end) of a row, spread over the team's lanes. kMapped: map.needed.
template <bool kMoments, bool kMapped, class T>
EQP_DEVICE SoftmaxState fold_row(const T* row, int64_t begin, int64_t end, const LogitMap& map,
                                 float inverse_temperature, int lane, int team) {
  SoftmaxState state = empty_state();
  const T* const from = row + begin;
  const int64_t count = end - begin;
  const int64_t head = head_elements(from) < count ? head_elements(from) : count;
  const int64_t packs = (count - head) / kLanes<T>;
  const int64_t tail = head + packs * kLanes<T>;
  if (lane < head) {
    const float x[1] = {kMapped ? logit_at(map, row, begin + lane) : widen(from[lane])};
    fold<kMoments>(x, inverse_temperature, &state);
  }
#pragma unroll 2
  for (int64_t i = lane; i < packs; i += team) {
    float x[kLanes<T>];
    load_pack(from + head + i * kLanes<T>, x);
    if (kMapped) {
#pragma unroll
      for (int k = 0; k < kLanes<T>; ++k)
        x[k] = mapped<T>(map, x[k], begin + head + i * kLanes<T> + k).value;
    }
    fold<kMoments>(x, inverse_temperature, &state);
  }
  if (lane < count - tail) {
    const float x[1] = {kMapped ? logit_at(map, row, begin + tail + lane)
                                : widen(from[tail + lane])};
    fold<kMoments>(x, inverse_temperature, &state);
  }
  return state;
}

EQP_DEVICE SoftmaxState warp_merge(SoftmaxState state, float inverse_temperature) {
#pragma unroll
  for (int lanes = 16; lanes >= 1; lanes /= 2) {
    SoftmaxState other;
    other.max = __shfl_xor_sync(kAllLanes, state.max, lanes);
    other.sum = __shfl_xor_sync(kAllLanes, state.sum, lanes);
    other.sum_2x = __shfl_xor_sync(kAllLanes, state.sum_2x, lanes);
    other.weighted = __shfl_xor_sync(kAllLanes, state.weighted, lanes);
    state = merge(state, other, inverse_temperature);
  }
  return state;
}

// The state of the whole block, in warp 0. The barrier at the end lets the caller's loop come
// again.
EQP_DEVICE SoftmaxState block_merge(SoftmaxState state, float inverse_temperature) {
  EQP_SHARED(SoftmaxState, by_warp, kWarps);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  state = warp_merge(state, inverse_temperature);
  if (lane == 0) by_warp[warp] = state;
  __syncthreads();
  if (warp == 0) {
    state = lane < kWarps ? by_warp[lane] : empty_state();
    state = warp_merge(state, inverse_temperature);
  }
  __syncthreads();
  return state;
}

}  // namespace cuda
}  // namespace eqp

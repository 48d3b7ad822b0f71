// translation_invariance on the CPU. A task is a band of rows of one plane; a row's sums along y go
// into a buffer on the stack, from which the sums along x are taken: no other intermediate.
#include "abi/calls/translation_invariance.h"

#include "cpu/kernels.h"
#include "math/translation_invariance.h"

namespace eqp {
namespace EQP_ISA {
namespace {

constexpr int64_t kBandRows = 64;
constexpr int64_t kTile = 1024;  // columns of the output that share the buffer
constexpr int kMargin = EQP_BLUR_MAX_LENGTH / 2;
constexpr int kRegisters = 4;  // vectors of output whose sums run side by side

struct Line {
  float value[kTile + 2 * kMargin + kRegisters * kF32Width];
};

// to[x] = sum_k weight[k] rows[k stride + x]; weight 0 is the first row that exists.
template <class E>
void sum_rows(const E* rows, int64_t stride, const float* weight, int taps, float* to,
              int64_t count) {
  int64_t x = 0;
  for (; x + kF32Width <= count; x += kF32Width) {
    f32v sum = load(rows + x) * weight[0];
    for (int k = 1; k < taps; ++k) {
      sum = fma(load(rows + k * stride + x), broadcast<f32v>(weight[k]), sum);
    }
    store(to + x, sum);
  }
  for (; x < count; ++x) {
    float sum = to_float(rows[x]) * weight[0];
    for (int k = 1; k < taps; ++k) sum = fma(to_float(rows[k * stride + x]), weight[k], sum);
    to[x] = sum;
  }
}

// out[x] = sum_k weight[k] from[x + k]. Reads up to kRegisters vectors behind the last sum.
template <class E>
void sum_columns(const float* from, const float* weight, int taps, E* out, int64_t count) {
  constexpr int64_t step = kRegisters * kF32Width;
  for (int64_t x = 0; x < count; x += step) {
    f32v sum[kRegisters];
    for (int r = 0; r < kRegisters; ++r) sum[r] = load(from + x + r * kF32Width) * weight[0];
    for (int k = 1; k < taps; ++k) {
      const f32v w = broadcast<f32v>(weight[k]);
      for (int r = 0; r < kRegisters; ++r) {
        sum[r] = fma(load(from + x + r * kF32Width + k), w, sum[r]);
      }
    }
    for (int r = 0; r < kRegisters; ++r) {
      const int64_t left = count - x - r * kF32Width;
      if (left >= kF32Width) {
        store(out + x + r * kF32Width, sum[r]);
      } else if (left > 0) {
        store_partial(out + x + r * kF32Width, static_cast<int>(left), sum[r]);
      }
    }
  }
}

template <class E>
void blur_band(const TranslationInvariance& call, const BlurWeights& weights, const E* plane,
               E* out, int64_t first_row, int64_t last_row) {
  const int half = weights.half;
  Line line;
  for (int64_t x = 0; x < call.width; x += kTile) {
    const int64_t columns = call.width - x < kTile ? call.width - x : kTile;
    const int64_t from = x < half ? 0 : x - half;
    const int64_t to = x + columns + half < call.width ? x + columns + half : call.width;
    for (float& value : line.value) value = 0;
    float* const sums = line.value + half - (x - from);
    for (int64_t y = first_row; y < last_row; ++y) {
      const int64_t top = y < half ? 0 : y - half;
      const int64_t bottom = y + half < call.height ? y + half : call.height - 1;
      sum_rows(plane + top * call.width + from, call.width, weights.weight + (top - y + half),
               static_cast<int>(bottom - top + 1), sums, to - from);
      sum_columns(line.value, weights.weight, 2 * half + 1, out + y * call.width + x, columns);
    }
  }
}

template <class E>
void blur(const TranslationInvariance& call) {
  const BlurWeights weights = blur_weights(call.options);
  const Images& images = call.gradient;
  const int64_t bands = (call.height + kBandRows - 1) / kBandRows;
  const uint64_t elements = static_cast<uint64_t>(images.images * images.channels * images.plane);
  // A sum per element and tap counts more than its bytes.
  const uint64_t work = elements * 4 * static_cast<uint64_t>(call.options.length);
  if (elements == 0) return;
  parallel_for(images.images * images.channels * bands, work, [&](int64_t index) {
    const int64_t band = index % bands, plane = index / bands;
    const int64_t image = plane / images.channels, channel = plane % images.channels;
    const int64_t first = band * kBandRows;
    const int64_t last = first + kBandRows < call.height ? first + kBandRows : call.height;
    blur_band(call, weights,
              static_cast<const E*>(images.data) + image * images.image_stride +
                  channel * images.channel_stride,
              static_cast<E*>(call.out.data) + image * call.out.image_stride +
                  channel * call.out.channel_stride,
              first, last);
  });
}

}  // namespace

eqp_status translation_invariance(const TranslationInvariance& call) {
  if (call.gradient.dtype == EQP_F32) {
    blur<float>(call);
  } else {
    blur<bfloat16>(call);
  }
  return EQP_OK;
}

}  // namespace EQP_ISA
}  // namespace eqp

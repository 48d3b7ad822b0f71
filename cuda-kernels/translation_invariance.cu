// Blur of translation invariance; weights: src/math/translation_invariance.h.
//
// Parallelisation
//   A block takes one tile of 32 x 64 outputs of one plane at a time. First each thread sums along y
//   for 8 rows of one column, straight from memory, into shared memory (the tile's columns and half a
//   kernel on both sides); then along x for 8 columns of one row; then the tile is written in order.
// Memory traffic, per element of s bytes
//   s read, s written across the bus. From cache a tile reads (32 + 4 * 2 half)(64 + 2 half) elements,
//   2.1 times its own for 15 taps; the writes are whole rows of a tile.
// Numerics
//   f32, fused multiply-adds, rounded once to the tensor's dtype. Each sum runs from the first tap to
//   the last.
// Shared memory
//   32 rows of an odd number of floats: neither lanes along a row nor lanes down a column meet in a
//   bank.
#include "abi/calls/translation_invariance.h"
#include "launch.h"
#include "math/translation_invariance.h"
#include "planes.h"

namespace eqp {
namespace cuda {
namespace {

constexpr int kTileRows = 32, kTileColumns = 64;
constexpr int kRun = 8;  // outputs of one thread, one after another along the sum
constexpr int kPitch = kTileColumns + EQP_BLUR_MAX_LENGTH;
static_assert(kPitch % 2 == 1, "lanes down a column must fall into different banks");
static_assert(kTileColumns / kRun == kWarps, "a warp takes one run of columns");
constexpr int kRuns = kTileRows / kRun;
constexpr int kColumnWarps = kWarps / kRuns;  // warps side by side in the sums along y

struct Tiles {
  int64_t planes;
  Divisor channels, down, across;  // tiles of a plane, in both directions

  EQP_HD_MEMBER int64_t items() const { return planes * down.value() * across.value(); }
};

Tiles tiles_of(const TranslationInvariance& call) {
  return Tiles{call.gradient.images * call.gradient.channels, Divisor(call.gradient.channels),
               Divisor((call.height + kTileRows - 1) / kTileRows),
               Divisor((call.width + kTileColumns - 1) / kTileColumns)};
}

// Adds what one value gives to the sums of a run: value j of it is tap j - k of sum k.
EQP_DEVICE void add_value(float value, int j, const BlurWeights& weights, float (&sum)[kRun]) {
#pragma unroll
  for (int k = 0; k < kRun; ++k) {
    const int tap = j - k;
    if (tap >= 0 && tap <= 2 * weights.half) sum[k] = fma(value, weights.weight[tap], sum[k]);
  }
}

// sums[row, column]: along y, for the tile at (y, x) and half a kernel left and right of it.
template <class T>
EQP_DEVICE void sum_down(const TranslationInvariance& call, const BlurWeights& weights,
                         const T* plane, int64_t y, int64_t x, float* sums) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int first_row = warp % kRuns * kRun;
  for (int column = warp / kRuns * 32 + lane; column < kTileColumns + 2 * weights.half;
       column += 32 * kColumnWarps) {
    float sum[kRun] = {};
    const int64_t from = x - weights.half + column;
    if (from >= 0 && from < call.width) {
      for (int j = 0; j < kRun + 2 * weights.half; ++j) {
        const int64_t row = y + first_row - weights.half + j;
        if (row < 0 || row >= call.height) continue;
        add_value(widen(plane[row * call.width + from]), j, weights, sum);
      }
    }
#pragma unroll
    for (int k = 0; k < kRun; ++k) sums[(first_row + k) * kPitch + column] = sum[k];
  }
}

// The tile's outputs, in place of the sums along y.
EQP_DEVICE void sum_across(const BlurWeights& weights, float* sums) {
  const int row = static_cast<int>(threadIdx.x) % 32;
  float* const run = sums + row * kPitch + static_cast<int>(threadIdx.x) / 32 * kRun;
  float sum[kRun] = {};
  for (int j = 0; j < kRun + 2 * weights.half; ++j) add_value(run[j], j, weights, sum);
  __syncthreads();
#pragma unroll
  for (int k = 0; k < kRun; ++k) run[k] = sum[k];
}

template <class T>
EQP_DEVICE void write_tile(const TranslationInvariance& call, const float* sums, int64_t y,
                           int64_t x, T* plane) {
  for (int i = static_cast<int>(threadIdx.x); i < kTileRows * kTileColumns; i += kThreads) {
    const int64_t row = y + i / kTileColumns, column = x + i % kTileColumns;
    if (row >= call.height || column >= call.width) continue;
    assign(plane + row * call.width + column, sums[i / kTileColumns * kPitch + i % kTileColumns]);
  }
}

template <class T>
EQP_DEVICE void blur(const TranslationInvariance& call, const BlurWeights& weights,
                     const Tiles& tiles) {
  EQP_SHARED(float, sums, kTileRows* kPitch);
  for (int64_t item = blockIdx.x; item < tiles.items(); item += gridDim.x) {
    const Part tile = tiles.across.of(item);
    const Part band = tiles.down.of(tile.row);
    const Part plane = tiles.channels.of(band.row);
    const Piece piece{plane.row, plane.chunk, 0};
    const int64_t y = band.chunk * kTileRows, x = tile.chunk * kTileColumns;
    sum_down(call, weights, plane_of<const T>(call.gradient, piece), y, x, sums);
    __syncthreads();
    sum_across(weights, sums);
    __syncthreads();
    write_tile(call, sums, y, x, plane_of<T>(call.out, piece));
    __syncthreads();
  }
}

}  // namespace

// shapes: gradient [images, channels, height, width], out the same
#define EQP_KERNELS(T)                                                                  \
  EQP_KERNEL translation_invariance_fwd_##T##_kernel(                                   \
      TranslationInvariance call, EQP_GRID_CONSTANT BlurWeights weights, Tiles tiles) { \
    blur<T>(call, weights, tiles);                                                      \
  }
EQP_KERNELS(float)
EQP_KERNELS(bf16)
EQP_KERNELS(f16)

#define EQP_BLUR(T)                                                                        \
  do {                                                                                     \
    const Tiles tiles = tiles_of(a);                                                       \
    EQP_LAUNCH(translation_invariance_fwd_##T##_kernel, grid_for(tiles.items()), kThreads, \
               a.stream.stream, a, blur_weights(a.options), tiles);                        \
  } while (0)

eqp_status translation_invariance(const TranslationInvariance& a) {
  LaunchScope scope("eqp_translation_invariance", a.stream);
  if (!scope.ready() || empty(a.gradient)) return scope.finish();
  EQP_BY_DTYPE(a.gradient.dtype, EQP_BLUR);
  return scope.finish();
}

}  // namespace cuda
}  // namespace eqp

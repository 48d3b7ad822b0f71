// Input diversity, forward and backward; the draw and the weights: src/math/input_diversity.h.
//
// Parallelisation
//   A block takes 1024 neighbouring pixels of one image at a time, a thread four of them in all
//   channels: the draw once per thread and piece, the taps of a pixel once for its channels.
//   Both directions gather, so nothing is added up between threads.
// Memory traffic, per element of s bytes
//   s read, s written across the bus (less where an image shrinks much); from cache four reads per
//   element, of which neighbouring lanes share most. Scalar accesses, whole rows of them.
// Numerics
//   f32, rounded once to the tensor's dtype; without contraction (-fmad=false), so that pixels have
//   the CPU's bits.
#include "abi/calls/input_diversity.h"
#include "launch.h"
#include "math/input_diversity.h"
#include "planes.h"

namespace eqp {
namespace cuda {
namespace {

constexpr int kPixelsPerThread = 4;
constexpr int kPixelsPerPiece = kPixelsPerThread * kThreads;

struct Pixels {
  int64_t images;
  Divisor pieces, width;  // pieces of an image

  EQP_HD_MEMBER int64_t items() const { return images * pieces.value(); }
};

Pixels pixels_of(const InputDiversity& call) {
  return Pixels{call.in.images, Divisor((call.in.plane + kPixelsPerPiece - 1) / kPixelsPerPiece),
                Divisor(call.width)};
}

// The pixel of one row, or 0 without looking at it when its weight is 0.
template <class T>
EQP_DEVICE float pixel_at(const T* row, int32_t column, float weight) {
  return weight != 0 ? widen(row[column]) : 0.0f;
}

// One column: two rows of it.
template <class T>
EQP_DEVICE float mixed(const T* plane, int64_t width, const Taps& rows, int32_t column) {
  return tap_sum(rows, pixel_at(plane + rows.first * width, column, rows.first_weight),
                 pixel_at(plane + rows.second * width, column, rows.second_weight));
}

template <class T, bool kBackward>
EQP_DEVICE void write_pixel(const InputDiversity& call, const Placement& placed, int64_t image,
                            int32_t y, int32_t x) {
  const bool nearest = call.options.interpolation == EQP_NEAREST;
  const Axis down{call.height, placed.height, placed.top, nearest};
  const Axis across{call.width, placed.width, placed.left, nearest};
  const Taps rows = kBackward ? backward_taps(down, y) : forward_taps(down, y);
  const Taps columns = kBackward ? backward_taps(across, x) : forward_taps(across, x);
  const int64_t width = call.width, at = y * width + x;
  for (int64_t channel = 0; channel < call.in.channels; ++channel) {
    const Piece piece{image, channel, 0};
    const T* const plane = plane_of<const T>(call.in, piece);
    const float first = columns.first_weight != 0 ? mixed(plane, width, rows, columns.first) : 0.0f;
    const float second =
        columns.second_weight != 0 ? mixed(plane, width, rows, columns.second) : 0.0f;
    assign(plane_of<T>(call.out, piece) + at, tap_sum(columns, first, second));
  }
}

template <class T, bool kBackward>
EQP_DEVICE void resample(const InputDiversity& call, const Pixels& pixels) {
  for (int64_t item = blockIdx.x; item < pixels.items(); item += gridDim.x) {
    const Part piece = pixels.pieces.of(item);
    const int64_t image = piece.row;
    const uint64_t stream = call.streams != nullptr
                                ? static_cast<uint64_t>(call.streams[image])
                                : call.options.stream + static_cast<uint64_t>(image);
    const Placement placed = placement_of(call.options, stream, call.height, call.width);
    const int64_t first = piece.chunk * kPixelsPerPiece + threadIdx.x;
    for (int64_t pixel = first; pixel < (piece.chunk + 1) * kPixelsPerPiece; pixel += kThreads) {
      if (pixel >= call.in.plane) break;
      const Part place = pixels.width.of(pixel);
      write_pixel<T, kBackward>(call, placed, image, static_cast<int32_t>(place.row),
                                static_cast<int32_t>(place.chunk));
    }
  }
}

}  // namespace

// shapes: in [images, channels, height, width], out the same
#define EQP_KERNELS(T)                                                              \
  EQP_KERNEL input_diversity_fwd_##T##_kernel(InputDiversity call, Pixels pixels) { \
    resample<T, false>(call, pixels);                                               \
  }                                                                                 \
  EQP_KERNEL input_diversity_bwd_##T##_kernel(InputDiversity call, Pixels pixels) { \
    resample<T, true>(call, pixels);                                                \
  }
EQP_KERNELS(float)
EQP_KERNELS(bf16)
EQP_KERNELS(f16)

#define EQP_FORWARD(T)                                                               \
  do {                                                                               \
    const Pixels pixels = pixels_of(a);                                              \
    EQP_LAUNCH(input_diversity_fwd_##T##_kernel, grid_for(pixels.items()), kThreads, \
               a.stream.stream, a, pixels);                                          \
  } while (0)

#define EQP_BACKWARD(T)                                                              \
  do {                                                                               \
    const Pixels pixels = pixels_of(a);                                              \
    EQP_LAUNCH(input_diversity_bwd_##T##_kernel, grid_for(pixels.items()), kThreads, \
               a.stream.stream, a, pixels);                                          \
  } while (0)

eqp_status input_diversity_forward(const InputDiversity& a) {
  LaunchScope scope("eqp_input_diversity_forward", a.stream);
  if (!scope.ready() || empty(a.in)) return scope.finish();
  EQP_BY_DTYPE(a.in.dtype, EQP_FORWARD);
  return scope.finish();
}

eqp_status input_diversity_backward(const InputDiversity& a) {
  LaunchScope scope("eqp_input_diversity_backward", a.stream);
  if (!scope.ready() || empty(a.in)) return scope.finish();
  EQP_BY_DTYPE(a.in.dtype, EQP_BACKWARD);
  return scope.finish();
}

}  // namespace cuda
}  // namespace eqp

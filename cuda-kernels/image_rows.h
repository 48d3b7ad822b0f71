// Which rows of a batch make an image (packed patches), and sums over images.
#pragma once

#include "launch.h"
#include "planes.h"
#include "reduce.h"

namespace eqp {
namespace cuda {

// Images [first, first + count): what one round of launches takes. More images than the workspace
// has room for go in several rounds.
struct Round {
  int64_t first, count;
};
struct RowRange {
  int64_t begin, end;
};

EQP_DEVICE int64_t first_row(const ImageRows& rows, int64_t image) {
  if (rows.offsets.data == nullptr) return image;
  return rows.offsets.dtype == EQP_I64
             ? static_cast<const int64_t*>(rows.offsets.data)[image]
             : int64_t{static_cast<const int32_t*>(rows.offsets.data)[image]};
}
EQP_DEVICE RowRange rows_of(const ImageRows& rows, const Round& round) {
  return RowRange{first_row(rows, round.first), first_row(rows, round.first + round.count)};
}
// The image that a row belongs to: the last one that begins at or before it.
EQP_DEVICE int64_t image_of(const ImageRows& rows, int64_t row) {
  if (rows.offsets.data == nullptr) return row;
  int64_t low = 0, high = rows.images;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    if (first_row(rows, middle) <= row) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

// Whether given offsets do not start at 0, decrease, or do not end at `last`; the answer is in every
// thread of the block. Every block looks for itself: there are few images, and reading on after an
// error in another block's launch would be one launch more.
EQP_DEVICE bool offsets_invalid(const ImageRows& rows, int64_t last) {
  double wrong[1] = {0};
  for (int64_t i = threadIdx.x; i < rows.images; i += kThreads) {
    if (first_row(rows, i) > first_row(rows, i + 1)) wrong[0] = 1.0;
  }
  if (threadIdx.x == 0) {
    if (first_row(rows, 0) != 0) wrong[0] = 1.0;
    if (first_row(rows, rows.images) != last) wrong[0] = 1.0;
  }
  block_sum(wrong);
  return wrong[0] != 0.0;
}

// Errors in the offsets leave no image that can be trusted: all elements are NaN.
template <class T>
EQP_DEVICE void poison_planes(const Images& out, const Planes& planes, DataErrors* errors) {
  if (threadIdx.x == 0) flag_data_error(errors, kOffsetsInvalid, 0);
  for (int64_t item = blockIdx.x; item < out.images * planes.channels.value(); item += gridDim.x) {
    const Part plane = planes.channels.of(item);
    T* const to = plane_of<T>(out, Piece{plane.row, plane.chunk, 0});
    for (int64_t i = threadIdx.x; i < out.plane * out.copies; i += kThreads) assign(to + i, kNaNF);
  }
}

// An image's own step. One that is none is flagged, and NaN is what the step makes of the pixels.
template <class Call>
EQP_DEVICE float step_size_of(const Call& call, int64_t image, DataErrors* errors) {
  const float size = call.step_sizes[image];
  if (is_step_size(size)) return size;
  flag_data_error(errors, kStepSizeInvalid, image);
  return kNaNF;
}

// --- Sums over an image: a launch of `splits` blocks per image, then a tree in every warp -----------
constexpr int kMaxSplits = 64;

// Blocks that share an image, from the shape alone.
inline int splits_for(const Planes& planes, int64_t images) {
  const int64_t pieces = planes.items() / images;
  const int64_t teams = kThreads / planes.team;
  const int64_t blocks = (pieces + teams - 1) / teams;
  return static_cast<int>(blocks < 1 ? 1 : (blocks < kMaxSplits ? blocks : kMaxSplits));
}
inline int64_t images_per_round(int splits, int sums) {
  return kPartialBytes / (static_cast<int64_t>(sizeof(double)) * splits * sums);
}

// Calls body(piece, lane) for the calling thread's pieces of one part of an image.
template <class Body>
EQP_DEVICE void visit_part(const ImageRows& rows, const Planes& planes, int64_t image, int64_t part,
                           int64_t parts, const Body& body) {
  const int64_t begin = first_row(rows, image), end = first_row(rows, image + 1);
  const int64_t per_row = planes.channels.value() * planes.chunks.value();
  const int64_t pieces = (end - begin) * per_row;
  const int teams = kThreads / planes.team;
  const int team = static_cast<int>(threadIdx.x) / planes.team;
  for (int64_t index = part * teams + team; index < pieces; index += parts * teams) {
    body(piece_of(planes, begin * per_row + index), static_cast<int>(threadIdx.x) % planes.team);
  }
}

// The sum of an image's partial results [splits, count], entry k, in every lane. All lanes of a warp
// must call it.
EQP_DEVICE double sum_of_parts(const double* parts, int splits, int count, int k) {
  double sum = 0;
  for (int split = static_cast<int>(threadIdx.x) % 32; split < splits; split += 32) {
    sum += parts[split * count + k];
  }
  return warp_sum(sum);
}

}  // namespace cuda
}  // namespace eqp

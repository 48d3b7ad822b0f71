// Norms of images.
//
// Parallelisation
//   Two launches: `splits` blocks per image leave sum, squares and maximum in the workspace; then a
//   warp per image merges them. More images than the workspace has room for go in several rounds.
// Memory traffic, per element of s bytes
//   s read, 2s with a tensor to subtract, 1 more with a mask; 12 bytes written per image. Vector
//   accesses where the planes share their misalignment to 16 bytes (and copies are whole packs).
// Numerics
//   f64, rounded once to f32; copies are added in f32.
// Occupancy
//   Bound by f64 arithmetic where a device has little of it.
#include "abi/calls/image_norms.h"
#include "image_rows.h"
#include "launch.h"
#include "planes.h"
#include "reduce.h"

namespace eqp {
namespace cuda {
namespace {

struct Norms {
  double sum, squares, greatest;
};

template <class T>
struct NormBody {
  PixelGradient<T> values, minus;  // minus.gradient may be null
  Norms* norms;

  EQP_DEVICE_MEMBER void add(float value, float subtracted) const {
    const double v = fabs(static_cast<double>(value) - static_cast<double>(subtracted));
    norms->sum += v;
    norms->squares += v * v;
    norms->greatest = v > norms->greatest ? v : norms->greatest;
  }
  EQP_DEVICE_MEMBER void one(int64_t i) const {
    add(values.one(i), minus.gradient == nullptr ? 0.0f : minus.one(i));
  }
  EQP_DEVICE_MEMBER void pack(int64_t i) const {
    float value[kLanes<T>], subtracted[kLanes<T>] = {};
    values.pack(i, value);
    if (minus.gradient != nullptr) minus.pack(i, subtracted);
#pragma unroll
    for (int k = 0; k < kLanes<T>; ++k) add(value[k], subtracted[k]);
  }
};

// The greatest of the block's values, in thread 0. Two calls need a block_sum between them: its barriers
// keep the next call's writers behind the reader at the end.
EQP_DEVICE double block_max(double value) {
  EQP_SHARED(double, by_warp, kWarps);
  value = warp_max(value);
  if (threadIdx.x % 32 == 0) by_warp[threadIdx.x / 32] = value;
  __syncthreads();
  for (int w = 1; w < kWarps && threadIdx.x == 0; ++w)
    value = by_warp[w] > value ? by_warp[w] : value;
  return value;
}

// parts[image of the round * splits + split]
template <class T>
EQP_DEVICE void norm_parts(const ImageNorms& call, const Channels& channels, const Planes& planes,
                           const Round& round, Norms* parts, const Divisor& splits) {
  if (call.rows.offsets.data != nullptr && offsets_invalid(call.rows, call.values.images)) return;
  const bool difference = call.options.quantity == EQP_DIFFERENCE;
  for (int64_t item = blockIdx.x; item < round.count * splits.value(); item += gridDim.x) {
    const Part part = splits.of(item);
    double total[2] = {0, 0};
    double greatest = 0;
    visit_part(call.rows, planes, round.first + part.row, part.chunk, splits.value(),
               [&](const Piece& piece, int lane) {
                 Norms norms = {0, 0, 0};
                 NormBody<T> body{pixel_gradient<T>(call.values, call.mask, piece), {}, &norms};
                 body.minus = body.values;
                 body.minus.gradient = optional_plane<T>(call.minus, piece);
                 if (difference) body.values.copies = body.minus.copies = 1;
                 const int head = head_elements(body.values.gradient);
                 const bool wide = (difference || copies_aligned<T>(call.values)) &&
                                   aligned_behind(body.minus.gradient, head);
                 visit_chunk<T>(planes.plane, piece.chunk, head, wide, lane, planes.team, body);
                 const double std = channels.space[channels.shared ? 0 : piece.channel].std;
                 const double unit = difference ? std : 1 / std;
                 total[0] += norms.sum * unit;
                 total[1] += norms.squares * (unit * unit);
                 greatest = norms.greatest * unit > greatest ? norms.greatest * unit : greatest;
               });
    block_sum(total);
    greatest = block_max(greatest);
    if (threadIdx.x == 0) {
      parts[item].sum = total[0];
      parts[item].squares = total[1];
      parts[item].greatest = greatest;
    }
  }
}

EQP_DEVICE void merge_norms(const ImageNorms& call, const Round& round, const Norms* parts,
                            int splits, DataErrors* errors) {
  const bool invalid =
      call.rows.offsets.data != nullptr && offsets_invalid(call.rows, call.values.images);
  if (invalid && threadIdx.x == 0) flag_data_error(errors, kOffsetsInvalid, 0);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (int64_t i = first_item(32); i < round.count; i += team_count(32)) {
    Norms total = {0, 0, 0};
    // Nothing was summed for offsets that break the rules.
    for (int split = lane; split < splits && !invalid; split += 32) {
      const Norms& part = parts[i * splits + split];
      total.sum += part.sum;
      total.squares += part.squares;
      total.greatest = part.greatest > total.greatest ? part.greatest : total.greatest;
    }
    total.sum = warp_sum(total.sum);
    total.squares = warp_sum(total.squares);
    total.greatest = warp_max(total.greatest);
    // A maximum may have dropped a NaN; the sum has not.
    if (total.sum != total.sum) total.greatest = total.sum;
    float* const out =
        static_cast<float*>(call.norms.data) + (round.first + i) * call.norms.row_stride;
    if (lane == 0) {
      out[EQP_NORM_L1] = invalid ? kNaNF : static_cast<float>(total.sum);
      out[EQP_NORM_L2] = invalid ? kNaNF : static_cast<float>(sqrt(total.squares));
      out[EQP_NORM_LINF] = invalid ? kNaNF : static_cast<float>(total.greatest);
    }
  }
}

}  // namespace

// shapes: images [rows, channels, copies, plane], parts [images of the round, splits]
#define EQP_KERNELS(T)                                                                        \
  EQP_KERNEL_OF_FEW_BLOCKS image_norms_parts_##T##_kernel(ImageNorms call, Channels channels, \
                                                          Planes planes, Round round,         \
                                                          Norms* parts, Divisor splits) {     \
    norm_parts<T>(call, channels, planes, round, parts, splits);                              \
  }
EQP_KERNELS(float)
EQP_KERNELS(bf16)
EQP_KERNELS(f16)

EQP_KERNEL image_norms_merge_kernel(ImageNorms call, Round round, const Norms* parts, int splits,
                                    DataErrors* errors) {
  merge_norms(call, round, parts, splits, errors);
}

namespace {

void merge(const ImageNorms& a, const Round& round, int splits) {
  EQP_LAUNCH(image_norms_merge_kernel, grid_for((round.count + kWarps - 1) / kWarps), kThreads,
             a.stream.stream, a, round, static_cast<const Norms*>(partials<Norms>(a.stream)),
             splits, data_errors(a.stream));
}

#define EQP_NORMS(T)                                                                      \
  do {                                                                                    \
    const Planes planes = planes_of<T>(a.values);                                         \
    const int splits = splits_for(planes, a.rows.images);                                 \
    for (Round round{0, images_per_round(splits, 3)}; round.first < a.rows.images;        \
         round.first += round.count) {                                                    \
      const int64_t left = a.rows.images - round.first;                                   \
      round.count = left < round.count ? left : round.count;                              \
      EQP_LAUNCH(image_norms_parts_##T##_kernel, grid_for(round.count* splits), kThreads, \
                 a.stream.stream, a, channels, planes, round, partials<Norms>(a.stream),  \
                 Divisor(splits));                                                        \
      merge(a, round, splits);                                                            \
    }                                                                                     \
  } while (0)

}  // namespace

eqp_status image_norms(const ImageNorms& a) {
  LaunchScope scope("eqp_image_norms", a.stream);
  if (!scope.ready() || a.rows.images == 0) return scope.finish();
  if (empty(a.values)) {
    merge(a, Round{0, a.rows.images}, 0);
    return scope.finish();
  }
  const Channels channels = channels_of(a.options.pixel_space);
  EQP_BY_DTYPE(a.values.dtype, EQP_NORMS);
  return scope.finish();
}

}  // namespace cuda
}  // namespace eqp

// L2 step; formula: src/math/l2_step.h.
//
// Parallelisation
//   Two launches: `splits` blocks per image sum three products into the workspace; then, by chunks
//   of planes (planes.h), each warp adds the sums of its image in one tree and steps. More images
//   than the workspace has room for go in several rounds of both.
// Memory traffic, per element of s bytes
//   6s read (everything twice), s written; 2 more with a mask. Vector accesses where all planes of a
//   call share their misalignment to 16 bytes (and copies are whole packs), else scalar ones.
// Numerics
//   Sums and the factor of the gradient in f64, because squares of f32 gradients leave its range;
//   the step in f32, rounded once to the tensor's dtype, without contraction (-fmad=false).
// Occupancy
//   The sums are bound by f64 arithmetic where a device has little of it.
#include "abi/calls/l2_step.h"
#include "image_rows.h"
#include "launch.h"
#include "math/l2_step.h"
#include "planes.h"
#include "reduce.h"

namespace eqp {
namespace cuda {
namespace {

template <class T>
struct SumBody {
  const T *pixels, *original;
  PixelGradient<T> gradient;
  double* sums;  // g g, d g, d d in the tensor's space

  EQP_DEVICE_MEMBER void add(float x, float center, float direction, bool counts) const {
    const double g = static_cast<double>(direction);
    const double d = counts ? static_cast<double>(x) - static_cast<double>(center) : 0.0;
    sums[0] += g * g;
    sums[1] += d * g;
    sums[2] += d * d;
  }
  EQP_DEVICE_MEMBER void one(int64_t i) const {
    add(widen(pixels[i]), widen(original[i]), gradient.one(i), gradient.counts(i));
  }
  EQP_DEVICE_MEMBER void pack(int64_t i) const {
    float x[kLanes<T>], center[kLanes<T>], direction[kLanes<T>];
    load_pack(pixels + i, x);
    load_pack(original + i, center);
    gradient.pack(i, direction);
#pragma unroll
    for (int k = 0; k < kLanes<T>; ++k) add(x[k], center[k], direction[k], gradient.counts(i + k));
  }
};

// sums[image of the round * splits + split] = L2Sums in pixel units.
template <class T>
EQP_DEVICE void l2_sums(const L2Step& call, const Channels& channels, const Planes& planes,
                        const Round& round, double* sums, const Divisor& splits) {
  if (call.rows.offsets.data != nullptr && offsets_invalid(call.rows, call.pixels.images)) return;
  for (int64_t item = blockIdx.x; item < round.count * splits.value(); item += gridDim.x) {
    const Part part = splits.of(item);
    double total[3] = {0, 0, 0};
    visit_part(
        call.rows, planes, round.first + part.row, part.chunk, splits.value(),
        [&](const Piece& piece, int lane) {
          double sum[3] = {0, 0, 0};
          const SumBody<T> body{plane_of<T>(call.pixels, piece), plane_of<T>(call.original, piece),
                                pixel_gradient<T>(call.gradient, call.mask, piece), sum};
          const int head = head_elements(body.gradient.gradient);
          const bool wide = copies_aligned<T>(call.gradient) && aligned_behind(body.pixels, head) &&
                            aligned_behind(body.original, head);
          visit_chunk<T>(planes.plane, piece.chunk, head, wide, lane, planes.team, body);
          const double std = channels.space[channels.shared ? 0 : piece.channel].std;
          total[0] += sum[0] / (std * std);
          total[1] += sum[1];
          total[2] += sum[2] * (std * std);
        });
    block_sum(total);
    if (threadIdx.x == 0) {
#pragma unroll
      for (int k = 0; k < 3; ++k) sums[item * 3 + k] = total[k];
    }
  }
}

template <class T>
struct StepBody {
  const T *pixels, *original;
  PixelGradient<T> gradient;
  T* out;
  L2Channel channel;
  double factor;  // of a gradient in the tensor's space

  EQP_DEVICE_MEMBER float stepped(float x, float center, float g) const {
    return l2_step(x, center, static_cast<float>(static_cast<double>(g) * factor), channel);
  }
  EQP_DEVICE_MEMBER void one(int64_t i) const {
    const float center = widen(original[i]);
    const float moved = stepped(widen(pixels[i]), center, gradient.one(i));
    const float value = gradient.counts(i) ? moved : center;
    for (int k = 0; k < gradient.copies; ++k) assign(out + i + k * gradient.copy_stride, value);
  }
  EQP_DEVICE_MEMBER void pack(int64_t i) const {
    float x[kLanes<T>], center[kLanes<T>], direction[kLanes<T>];
    load_pack(pixels + i, x);
    load_pack(original + i, center);
    gradient.pack(i, direction);
#pragma unroll
    for (int k = 0; k < kLanes<T>; ++k) {
      const float moved = stepped(x[k], center[k], direction[k]);
      x[k] = gradient.counts(i + k) ? moved : center[k];
    }
    for (int k = 0; k < gradient.copies; ++k) store_pack(out + i + k * gradient.copy_stride, x);
  }
};

template <class T>
EQP_DEVICE void l2_steps(const L2Step& call, const Channels& channels, const Planes& planes,
                         const Round& round, const double* sums, int splits, DataErrors* errors) {
  if (call.rows.offsets.data != nullptr && offsets_invalid(call.rows, call.pixels.images)) {
    poison_planes<T>(call.out, planes, errors);
    return;
  }
  const int lane = static_cast<int>(threadIdx.x) % planes.team;
  const int64_t per_row = planes.channels.value() * planes.chunks.value();
  const RowRange rows = rows_of(call.rows, round);
  for (int64_t item = rows.begin * per_row + first_item(planes.team); item < rows.end * per_row;
       item += team_count(planes.team)) {
    const Piece piece = piece_of(planes, item);
    const ChannelSpace& space = channels.space[channels.shared ? 0 : piece.channel];
    const int64_t image = image_of(call.rows, piece.row);
    const double* const parts = sums + (image - round.first) * splits * 3;
    const L2Sums total{sum_of_parts(parts, splits, 3, 0), sum_of_parts(parts, splits, 3, 1),
                       sum_of_parts(parts, splits, 3, 2)};
    const float length =
        call.step_sizes == nullptr ? call.options.step_size : step_size_of(call, image, errors);
    const L2Move move =
        l2_move(total, static_cast<double>(call.options.direction) * static_cast<double>(length),
                static_cast<double>(call.options.epsilon));
    const double factor =
        move.gradient_norm == 0 ? 0.0 : l2_step_numerator(move, space) / move.gradient_norm;
    const StepBody<T> body{plane_of<T>(call.pixels, piece),
                           plane_of<T>(call.original, piece),
                           pixel_gradient<T>(call.gradient, call.mask, piece),
                           plane_of<T>(call.out, piece),
                           l2_channel(move, space, call.options.lower, call.options.upper),
                           factor};
    const int head = head_elements(body.out);
    const bool wide = copies_aligned<T>(call.out) && aligned_behind(body.pixels, head) &&
                      aligned_behind(body.original, head) &&
                      aligned_behind(body.gradient.gradient, head);
    visit_chunk<T>(planes.plane, piece.chunk, head, wide, lane, planes.team, body);
  }
}

}  // namespace

// shapes: images [rows, channels, copies, plane], sums [images of the round, splits, 3]
#define EQP_KERNELS(T)                                                                            \
  EQP_KERNEL_OF_FEW_BLOCKS l2_step_sums_##T##_kernel(                                             \
      L2Step call, Channels channels, Planes planes, Round round, double* sums, Divisor splits) { \
    l2_sums<T>(call, channels, planes, round, sums, splits);                                      \
  }                                                                                               \
  EQP_KERNEL l2_step_fwd_##T##_kernel(L2Step call, Channels channels, Planes planes, Round round, \
                                      const double* sums, int splits, DataErrors* errors) {       \
    l2_steps<T>(call, channels, planes, round, sums, splits, errors);                             \
  }
EQP_KERNELS(float)
EQP_KERNELS(bf16)
EQP_KERNELS(f16)

namespace {

#define EQP_STEP(T)                                                                              \
  do {                                                                                           \
    const Planes planes = planes_of<T>(a.pixels);                                                \
    double* const sums = partials<double>(a.stream);                                             \
    const int splits = splits_for(planes, a.rows.images);                                        \
    for (Round round{0, images_per_round(splits, 3)}; round.first < a.rows.images;               \
         round.first += round.count) {                                                           \
      const int64_t left = a.rows.images - round.first;                                          \
      round.count = left < round.count ? left : round.count;                                     \
      EQP_LAUNCH(l2_step_sums_##T##_kernel, grid_for(round.count* splits), kThreads,             \
                 a.stream.stream, a, channels, planes, round, sums, Divisor(splits));            \
      EQP_LAUNCH(l2_step_fwd_##T##_kernel, grid_for(planes.blocks()), kThreads, a.stream.stream, \
                 a, channels, planes, round, static_cast<const double*>(sums), splits,           \
                 data_errors(a.stream));                                                         \
    }                                                                                            \
  } while (0)

}  // namespace

eqp_status l2_step(const L2Step& a) {
  LaunchScope scope("eqp_l2_step", a.stream);
  if (!scope.ready() || empty(a.pixels)) return scope.finish();
  const Channels channels = channels_of(a.options.pixel_space);
  EQP_BY_DTYPE(a.pixels.dtype, EQP_STEP);
  return scope.finish();
}

}  // namespace cuda
}  // namespace eqp

// L-infinity step; formula: src/math/linf_step.h.
//
// Parallelisation
//   By chunks of planes (planes.h). Nothing is reduced, except mean |gradient| for momentum: a
//   launch before sums `splits` parts of every image into the workspace, and each warp of the step
//   adds them in one tree. More images than the workspace has room for go in several rounds of the
//   two launches. The plain kernel knows no mask, copies, momentum, previous iterate, offsets and
//   step sizes; the full one knows them all.
// Memory traffic, per element of s bytes
//   3s read, s written; with momentum 4s + 4 read (gradient twice), s + 4 written; s more with the
//   previous iterate, 1 with a mask. Vector accesses where all planes of a call share their
//   misalignment to 16 bytes (and copies are whole packs), else scalar ones.
// Numerics
//   f32, rounded once to the tensor's dtype. Without contraction (-fmad=false), so that pixels have
//   the CPU's bits.
// Occupancy
//   Bound by registers (README, static table); in the plain kernel each thread has up to three packs
//   (48 bytes) in flight.
#include "abi/calls/linf_step.h"
#include "image_rows.h"
#include "launch.h"
#include "math/linf_step.h"
#include "planes.h"
#include "reduce.h"

namespace eqp {
namespace cuda {
namespace {

template <class T>
struct PlainBody {
  const T *pixels, *original, *gradient;
  T* out;
  LinfChannel channel;

  EQP_DEVICE_MEMBER void one(int64_t i) const {
    const float center = widen(original[i]);
    const float value = linf_step(widen(pixels[i]), center, widen(gradient[i]), channel);
    assign(out + i, linf_rounded<T>(value, center, channel));
  }
  EQP_DEVICE_MEMBER void pack(int64_t i) const {
    float x[kLanes<T>], center[kLanes<T>], direction[kLanes<T>];
    load_pack(pixels + i, x);
    load_pack(original + i, center);
    load_pack(gradient + i, direction);
#pragma unroll
    for (int k = 0; k < kLanes<T>; ++k) {
      x[k] = linf_rounded<T>(linf_step(x[k], center[k], direction[k], channel), center[k], channel);
    }
    store_pack(out + i, x);
  }
};

template <class T>
EQP_DEVICE void plain_step(const LinfStep& call, const Channels& channels, const Planes& planes) {
  const int lane = static_cast<int>(threadIdx.x) % planes.team;
  for (int64_t item = first_item(planes.team); item < planes.items();
       item += team_count(planes.team)) {
    const Piece piece = piece_of(planes, item);
    const PlainBody<T> body{plane_of<T>(call.pixels, piece), plane_of<T>(call.original, piece),
                            plane_of<T>(call.gradient, piece), plane_of<T>(call.out, piece),
                            channels.linf[channels.shared ? 0 : piece.channel]};
    const int head = head_elements(body.out);
    const bool wide = aligned_behind(body.pixels, head) && aligned_behind(body.original, head) &&
                      aligned_behind(body.gradient, head);
    visit_chunk<T>(planes.plane, piece.chunk, head, wide, lane, planes.team, body);
  }
}

template <class T>
struct FullBody {
  const T *pixels, *original, *previous;  // previous may be null
  PixelGradient<T> gradient;
  float* momentum;  // may be null
  T* out;
  LinfChannel channel;
  float decay, blend;
  double inverse_mean;  // 1 / (mean |gradient| of the image, std), 0 when the mean is 0

  // The momentum of one element after its update.
  EQP_DEVICE_MEMBER float accumulated(float before, float g) const {
    return decay * before + static_cast<float>(static_cast<double>(g) * inverse_mean);
  }
  EQP_DEVICE_MEMBER float blended(float stepped, float x, float before, float center) const {
    return linf_blend(stepped, x, before, center, blend, channel);
  }
  EQP_DEVICE_MEMBER void one(int64_t i) const {
    float direction = gradient.one(i);
    if (momentum != nullptr) {
      direction = accumulated(momentum[i], direction);
      for (int k = 0; k < gradient.copies; ++k) momentum[i + k * gradient.copy_stride] = direction;
    }
    const float x = widen(pixels[i]), center = widen(original[i]);
    float value = linf_step(x, center, direction, channel);
    if (previous != nullptr) value = blended(value, x, widen(previous[i]), center);
    value = gradient.counts(i) ? linf_rounded<T>(value, center, channel) : center;
    for (int k = 0; k < gradient.copies; ++k) assign(out + i + k * gradient.copy_stride, value);
  }
  EQP_DEVICE_MEMBER void pack(int64_t i) const {
    float x[kLanes<T>], center[kLanes<T>], direction[kLanes<T>];
    load_pack(pixels + i, x);
    load_pack(original + i, center);
    gradient.pack(i, direction);
    if (momentum != nullptr) {
#pragma unroll
      for (int quad = 0; quad < kLanes<T>; quad += 4) {
        float m[4];
        load_pack(momentum + i + quad, m);
#pragma unroll
        for (int k = 0; k < 4; ++k)
          m[k] = direction[quad + k] = accumulated(m[k], direction[quad + k]);
        for (int k = 0; k < gradient.copies; ++k)
          store_pack(momentum + i + quad + k * gradient.copy_stride, m);
      }
    }
    float value[kLanes<T>];
#pragma unroll
    for (int k = 0; k < kLanes<T>; ++k)
      value[k] = linf_step(x[k], center[k], direction[k], channel);
    if (previous != nullptr) {
      float before[kLanes<T>];
      load_pack(previous + i, before);
#pragma unroll
      for (int k = 0; k < kLanes<T>; ++k) value[k] = blended(value[k], x[k], before[k], center[k]);
    }
#pragma unroll
    for (int k = 0; k < kLanes<T>; ++k) value[k] = linf_rounded<T>(value[k], center[k], channel);
    if (gradient.mask != nullptr) {
#pragma unroll
      for (int k = 0; k < kLanes<T>; ++k)
        value[k] = gradient.mask[i + k] != 0 ? value[k] : center[k];
    }
    for (int k = 0; k < gradient.copies; ++k) store_pack(out + i + k * gradient.copy_stride, value);
  }
};

// sums: [count of the round, splits] pairs of sum and pixels; null without momentum.
template <class T>
EQP_DEVICE void full_step(const LinfStep& call, const Channels& channels, const Planes& planes,
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
    const int c = channels.shared ? 0 : static_cast<int>(piece.channel);
    const int64_t image = image_of(call.rows, piece.row);
    double inverse_mean = 0;
    if (sums != nullptr) {
      const double* const parts = sums + (image - round.first) * splits * 2;
      const double sum = sum_of_parts(parts, splits, 2, 0);
      const double pixels = sum_of_parts(parts, splits, 2, 1);
      inverse_mean = sum == 0 ? 0.0 : pixels / sum / channels.space[c].std;
    }
    LinfChannel channel = channels.linf[c];
    if (call.step_sizes != nullptr) {
      channel.signed_step = static_cast<float>(call.options.direction) *
                            length_in(channels.space[c], step_size_of(call, image, errors));
    }
    const FullBody<T> body{plane_of<T>(call.pixels, piece),
                           plane_of<T>(call.original, piece),
                           optional_plane<T>(call.previous, piece),
                           pixel_gradient<T>(call.gradient, call.mask, piece),
                           optional_plane<float>(call.momentum, piece),
                           plane_of<T>(call.out, piece),
                           channel,
                           call.options.momentum_decay,
                           call.options.blend,
                           inverse_mean};
    const int head = head_elements(body.out);
    const bool wide = copies_aligned<T>(call.out) && aligned_behind(body.pixels, head) &&
                      aligned_behind(body.original, head) &&
                      aligned_behind(body.gradient.gradient, head) &&
                      (body.previous == nullptr || aligned_behind(body.previous, head)) &&
                      (body.momentum == nullptr || aligned_behind(body.momentum, head));
    visit_chunk<T>(planes.plane, piece.chunk, head, wide, lane, planes.team, body);
  }
}

template <class T>
struct AbsoluteBody {
  PixelGradient<T> gradient;
  float* sum;
  int* pixels;

  EQP_DEVICE_MEMBER void one(int64_t i) const {
    *sum += fabsf(gradient.one(i));
    *pixels += gradient.counts(i) ? 1 : 0;
  }
  EQP_DEVICE_MEMBER void pack(int64_t i) const {
    float x[kLanes<T>];
    gradient.pack(i, x);
#pragma unroll
    for (int k = 0; k < kLanes<T>; ++k) *sum += fabsf(x[k]);
    *pixels += kLanes<T>;
    if (gradient.mask == nullptr) return;
#pragma unroll
    for (int k = 0; k < kLanes<T>; ++k) *pixels -= gradient.mask[i + k] != 0 ? 0 : 1;
  }
};

// sums[image of the round * splits + split] = {sum |gradient| in pixel units, pixels}.
template <class T>
EQP_DEVICE void absolute_sums(const LinfStep& call, const Channels& channels, const Planes& planes,
                              const Round& round, double* sums, const Divisor& splits) {
  if (call.rows.offsets.data != nullptr && offsets_invalid(call.rows, call.pixels.images)) return;
  for (int64_t item = blockIdx.x; item < round.count * splits.value(); item += gridDim.x) {
    const Part part = splits.of(item);
    double total[2] = {0, 0};
    visit_part(call.rows, planes, round.first + part.row, part.chunk, splits.value(),
               [&](const Piece& piece, int lane) {
                 float sum = 0;
                 int pixels = 0;
                 const AbsoluteBody<T> body{pixel_gradient<T>(call.gradient, call.mask, piece),
                                            &sum, &pixels};
                 visit_chunk<T>(planes.plane, piece.chunk, head_elements(body.gradient.gradient),
                                copies_aligned<T>(call.gradient), lane, planes.team, body);
                 const int c = channels.shared ? 0 : static_cast<int>(piece.channel);
                 total[0] += static_cast<double>(sum) / channels.space[c].std;
                 total[1] += static_cast<double>(pixels);
               });
    block_sum(total);
    if (threadIdx.x == 0) {
      sums[item * 2] = total[0];
      sums[item * 2 + 1] = total[1];
    }
  }
}

}  // namespace

// shapes: images [rows, channels, copies, plane], sums [images of the round, splits, 2]
#define EQP_KERNELS(T)                                                                            \
  EQP_KERNEL linf_step_plain_fwd_##T##_kernel(LinfStep call, Channels channels, Planes planes) {  \
    plain_step<T>(call, channels, planes);                                                        \
  }                                                                                               \
  EQP_KERNEL_OF_FEW_BLOCKS linf_step_full_fwd_##T##_kernel(                                       \
      LinfStep call, Channels channels, Planes planes, Round round, const double* sums,           \
      int splits, DataErrors* errors) {                                                           \
    full_step<T>(call, channels, planes, round, sums, splits, errors);                            \
  }                                                                                               \
  EQP_KERNEL_OF_FEW_BLOCKS linf_step_absolute_sums_##T##_kernel(LinfStep call, Channels channels, \
                                                                Planes planes, Round round,       \
                                                                double* sums, Divisor splits) {   \
    absolute_sums<T>(call, channels, planes, round, sums, splits);                                \
  }
EQP_KERNELS(float)
EQP_KERNELS(bf16)
EQP_KERNELS(f16)

namespace {

bool is_plain(const LinfStep& a) {
  return a.momentum.data == nullptr && a.previous.data == nullptr && a.mask.data == nullptr &&
         a.rows.offsets.data == nullptr && a.step_sizes == nullptr && a.pixels.copies == 1;
}

#define EQP_STEP(T)                                                                              \
  do {                                                                                           \
    const Planes planes = planes_of<T>(a.pixels);                                                \
    const unsigned grid = grid_for(planes.blocks());                                             \
    if (is_plain(a)) {                                                                           \
      EQP_LAUNCH(linf_step_plain_fwd_##T##_kernel, grid, kThreads, a.stream.stream, a, channels, \
                 planes);                                                                        \
      break;                                                                                     \
    }                                                                                            \
    DataErrors* const errors = data_errors(a.stream);                                            \
    if (a.momentum.data == nullptr) {                                                            \
      EQP_LAUNCH(linf_step_full_fwd_##T##_kernel, grid, kThreads, a.stream.stream, a, channels,  \
                 planes, (Round{0, a.rows.images}), static_cast<const double*>(nullptr), 0,      \
                 errors);                                                                        \
      break;                                                                                     \
    }                                                                                            \
    double* const sums = partials<double>(a.stream);                                             \
    const int splits = splits_for(planes, a.rows.images);                                        \
    for (Round round{0, images_per_round(splits, 2)}; round.first < a.rows.images;               \
         round.first += round.count) {                                                           \
      const int64_t left = a.rows.images - round.first;                                          \
      round.count = left < round.count ? left : round.count;                                     \
      EQP_LAUNCH(linf_step_absolute_sums_##T##_kernel, grid_for(round.count* splits), kThreads,  \
                 a.stream.stream, a, channels, planes, round, sums, Divisor(splits));            \
      EQP_LAUNCH(linf_step_full_fwd_##T##_kernel, grid, kThreads, a.stream.stream, a, channels,  \
                 planes, round, static_cast<const double*>(sums), splits, errors);               \
    }                                                                                            \
  } while (0)

}  // namespace

eqp_status linf_step(const LinfStep& a) {
  LaunchScope scope("eqp_linf_step", a.stream);
  if (!scope.ready() || empty(a.pixels)) return scope.finish();
  const Channels channels =
      channels_of(a.options, static_cast<float>(a.options.direction) * a.options.step_size);
  EQP_BY_DTYPE(a.pixels.dtype, EQP_STEP);
  return scope.finish();
}

}  // namespace cuda
}  // namespace eqp

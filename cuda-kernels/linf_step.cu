// L-infinity step; formula: src/math/linf_step.h.
//
// Parallelisation
//   By chunks of planes (planes.h). Nothing is reduced, except mean |gradient| for momentum: a
//   launch before sums `splits` parts of every image into the workspace, and each warp of the step
//   adds them in one tree. More images than the workspace has room for go in several rounds of the
//   two launches.
// Memory traffic, per element of s bytes
//   3s read, s written; with momentum 4s + 4 read (gradient twice), s + 4 written. Vector accesses
//   where all planes of a call share their misalignment to 16 bytes, else scalar ones.
// Numerics
//   f32, rounded once to the tensor's dtype. Without contraction (-fmad=false), so that pixels have
//   the CPU's bits.
// Occupancy
//   At most 64 registers: 1024 threads per multiprocessor, each with up to three packs (48 bytes)
//   in flight.
#include "launch.h"
#include "math/linf_step.h"
#include "planes.h"
#include "reduce.h"

namespace eqp {
namespace cuda {
namespace {

template <class T, bool kMomentum>
struct StepBody {
  const T *pixels, *original, *gradient;
  float* momentum;
  T* out;
  LinfChannel channel;
  float decay;
  double inverse_mean;  // 1 / mean |gradient| of the image, 0 when that is 0

  // The momentum of one element after its update.
  EQP_DEVICE_MEMBER float accumulated(float before, float g) const {
    return decay * before + static_cast<float>(static_cast<double>(g) * inverse_mean);
  }
  EQP_DEVICE_MEMBER void one(int64_t i) const {
    float direction = widen(gradient[i]);
    if (kMomentum) {
      direction = accumulated(momentum[i], direction);
      momentum[i] = direction;
    }
    assign(out + i, linf_step(widen(pixels[i]), widen(original[i]), direction, channel));
  }
  EQP_DEVICE_MEMBER void pack(int64_t i) const {
    float x[kLanes<T>], center[kLanes<T>], direction[kLanes<T>];
    load_pack(pixels + i, x);
    load_pack(original + i, center);
    load_pack(gradient + i, direction);
    if (kMomentum) {
#pragma unroll
      for (int quad = 0; quad < kLanes<T>; quad += 4) {
        float m[4];
        load_pack(momentum + i + quad, m);
#pragma unroll
        for (int k = 0; k < 4; ++k)
          m[k] = direction[quad + k] = accumulated(m[k], direction[quad + k]);
        store_pack(momentum + i + quad, m);
      }
    }
#pragma unroll
    for (int k = 0; k < kLanes<T>; ++k) x[k] = linf_step(x[k], center[k], direction[k], channel);
    store_pack(out + i, x);
  }
};

// sums: `splits` partial sums of |gradient| per image; unused without momentum.
template <class T, bool kMomentum>
EQP_DEVICE void step(const LinfStep& call, const Channels& channels, const Planes& planes,
                     const double* sums, int splits) {
  const int lane = static_cast<int>(threadIdx.x) % planes.team;
  for (int64_t item = first_item(planes.team); item < planes.items();
       item += team_count(planes.team)) {
    const Piece piece = piece_of(planes, item);
    double inverse_mean = 0;
    float* momentum = nullptr;
    if (kMomentum) {
      double sum = 0;
      for (int split = static_cast<int>(threadIdx.x) % 32; split < splits; split += 32) {
        sum += sums[piece.image * splits + split];
      }
      sum = warp_sum(sum);
      inverse_mean =
          sum == 0 ? 0.0 : static_cast<double>(planes.channels.value() * planes.plane) / sum;
      momentum = plane_of<float>(call.momentum, piece);
    }
    const StepBody<T, kMomentum> body{
        plane_of<T>(call.pixels, piece),   plane_of<T>(call.original, piece),
        plane_of<T>(call.gradient, piece), momentum,
        plane_of<T>(call.out, piece),      channels.linf[channels.shared ? 0 : piece.channel],
        call.options.momentum_decay,       inverse_mean};
    const int head = head_elements(body.out);
    const bool wide = aligned_behind(body.pixels, head) && aligned_behind(body.original, head) &&
                      aligned_behind(body.gradient, head) &&
                      (!kMomentum || aligned_behind(momentum, head));
    visit_chunk<T>(planes.plane, piece.chunk, head, wide, lane, planes.team, body);
  }
}

template <class T>
struct AbsoluteBody {
  const T* from;
  float* sum;

  EQP_DEVICE_MEMBER void one(int64_t i) const { *sum += fabsf(widen(from[i])); }
  EQP_DEVICE_MEMBER void pack(int64_t i) const {
    float x[kLanes<T>];
    load_pack(from + i, x);
#pragma unroll
    for (int k = 0; k < kLanes<T>; ++k) *sum += fabsf(x[k]);
  }
};

// sums[image * splits + split]: the split takes every splits-th chunk of its image.
template <class T>
EQP_DEVICE void absolute_sums(const Images& gradient, const Planes& planes, double* sums,
                              const Divisor& splits) {
  const int64_t pieces = planes.channels.value() * planes.chunks.value();
  for (int64_t item = blockIdx.x; item < planes.images * splits.value(); item += gridDim.x) {
    const Part part = splits.of(item);
    double total[1] = {0};
    for (int64_t index = part.chunk; index < pieces; index += splits.value()) {
      const Piece piece = piece_of(planes, part.row * pieces + index);
      float sum = 0;
      const AbsoluteBody<T> body{plane_of<T>(gradient, piece), &sum};
      visit_chunk<T>(planes.plane, piece.chunk, head_elements(body.from), true,
                     static_cast<int>(threadIdx.x), kThreads, body);
      total[0] += static_cast<double>(sum);
    }
    block_sum(total);
    if (threadIdx.x == 0) sums[item] = total[0];
  }
}

}  // namespace

// shapes: images [images, channels, plane], sums [images, splits]
#define EQP_KERNELS(T)                                                                            \
  EQP_KERNEL linf_step_fwd_##T##_kernel(LinfStep call, Channels channels, Planes planes) {        \
    step<T, false>(call, channels, planes, nullptr, 0);                                           \
  }                                                                                               \
  EQP_KERNEL linf_step_momentum_fwd_##T##_kernel(LinfStep call, Channels channels, Planes planes, \
                                                 const double* sums, int splits) {                \
    step<T, true>(call, channels, planes, sums, splits);                                          \
  }                                                                                               \
  EQP_KERNEL linf_step_absolute_sums_##T##_kernel(Images gradient, Planes planes, double* sums,   \
                                                  Divisor splits) {                               \
    absolute_sums<T>(gradient, planes, sums, splits);                                             \
  }

EQP_KERNELS(float)
EQP_KERNELS(bf16)
EQP_KERNELS(f16)

namespace {

constexpr int kMaxSplits = 64;

// Parts of an image whose |gradient| one block sums; from the shape alone.
int splits_for(const Planes& planes) {
  const int64_t pieces = planes.channels.value() * planes.chunks.value();
  return static_cast<int>(pieces < kMaxSplits ? pieces : kMaxSplits);
}

int64_t images_per_round(int splits) {
  return kPartialBytes / (static_cast<int64_t>(sizeof(double)) * splits);
}

#define EQP_STEP(T)                                                                                \
  do {                                                                                             \
    const Planes all = planes_of<T>(a.pixels);                                                     \
    if (a.momentum.data == nullptr) {                                                              \
      EQP_LAUNCH(linf_step_fwd_##T##_kernel, grid_for(all.blocks()), kThreads, a.stream.stream, a, \
                 channels, all);                                                                   \
      break;                                                                                       \
    }                                                                                              \
    double* const sums = partials<double>(a.stream);                                               \
    const int splits = splits_for(all);                                                            \
    const int64_t room = images_per_round(splits);                                                 \
    for (int64_t first = 0; first < a.pixels.images; first += room) {                              \
      const int64_t left = a.pixels.images - first;                                                \
      Planes planes = all;                                                                         \
      planes.images = left < room ? left : room;                                                   \
      LinfStep some = a;                                                                           \
      some.pixels = images_from(a.pixels, first, planes.images, sizeof(T));                        \
      some.original = images_from(a.original, first, planes.images, sizeof(T));                    \
      some.gradient = images_from(a.gradient, first, planes.images, sizeof(T));                    \
      some.momentum = images_from(a.momentum, first, planes.images, sizeof(float));                \
      some.out = images_from(a.out, first, planes.images, sizeof(T));                              \
      EQP_LAUNCH(linf_step_absolute_sums_##T##_kernel, grid_for(planes.images* splits), kThreads,  \
                 a.stream.stream, some.gradient, planes, sums, Divisor(splits));                   \
      EQP_LAUNCH(linf_step_momentum_fwd_##T##_kernel, grid_for(planes.blocks()), kThreads,         \
                 a.stream.stream, some, channels, planes, static_cast<const double*>(sums),        \
                 splits);                                                                          \
    }                                                                                              \
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

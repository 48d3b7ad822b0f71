// Steps of adversarial image perturbation; formulas: src/math/perturbation.h, src/math/philox.h.
//
// Parallelisation
//   A channel plane is cut into chunks of 1024 packs of 16 bytes; a block (or a warp, for planes of
//   up to 1024 pixels) takes one chunk at a time. Nothing is reduced, except mean |gradient| for
//   momentum: a launch before sums `splits` parts of every image into the workspace, and each warp
//   of the step adds them in one tree. More images than the workspace has room for go in several
//   rounds of the two launches.
// Memory traffic, per element of s bytes
//   linf_step      3s read, s written; with momentum 4s + 4 read (gradient twice), s + 4 written
//   uniform_start  s read, s written; ten Philox rounds per 4 elements
//   eight_bit      s read (2s with an original), s and/or 1 written
//   Vector accesses where all planes of a call share their misalignment to 16 bytes, else scalar
//   ones.
// Numerics
//   f32 for the steps, f64 for codes, rounded once to the tensor's dtype. Without contraction
//   (-fmad=false), so that pixels have the CPU's bits.
// Occupancy
//   At most 64 registers for the steps: 1024 threads per multiprocessor, each with up to three
//   packs (48 bytes) in flight. eight_bit is bound by its f64 arithmetic.
#include "launch.h"
#include "math/perturbation.h"
#include "math/philox.h"
#include "reduce.h"
#include "vector.h"

namespace eqp {
namespace cuda {
namespace {

// The constants of each channel, converted once on the host.
struct Channels {
  LinfChannel linf[EQP_MAX_CHANNELS];
  ChannelSpace space[EQP_MAX_CHANNELS];
  bool shared;  // one entry for all
};

template <class Options>
Channels channels_of(const Options& options, float signed_step) {
  Channels channels;
  channels.shared = options.pixel_space.channels == 0;
  for (int c = 0; c < EQP_MAX_CHANNELS; ++c) {
    const bool used = channels.shared || c < options.pixel_space.channels;
    const ChannelSpace space =
        used ? channel_space(options.pixel_space, c) : ChannelSpace{0.0, 1.0};
    channels.space[c] = space;
    channels.linf[c] =
        LinfChannel{length_in(space, options.epsilon), length_in(space, signed_step),
                    position_in(space, options.lower), position_in(space, options.upper)};
  }
  return channels;
}

// How a batch of planes is cut into work.
struct Planes {
  int64_t images, plane;
  Divisor channels, chunks;
  int team;

  EQP_HD_MEMBER int64_t items() const { return images * channels.value() * chunks.value(); }
  EQP_HD_MEMBER int64_t blocks() const { return (items() * team + kThreads - 1) / kThreads; }
};

template <class T>
Planes planes_of(const Images& like) {
  return Planes{like.images, like.plane, Divisor(like.channels), Divisor(chunks_of<T>(like.plane)),
                team_for(like.plane)};
}

struct Piece {
  int64_t image, channel, chunk;
};
EQP_DEVICE Piece piece_of(const Planes& planes, int64_t item) {
  const Part part = planes.chunks.of(item);
  const Part plane = planes.channels.of(part.row);
  return Piece{plane.row, plane.chunk, part.chunk};
}
// The first item of the calling thread's team, and the teams of the grid.
EQP_DEVICE int64_t first_item(int team) {
  return static_cast<int64_t>(blockIdx.x) * (kThreads / team) + threadIdx.x / team;
}
EQP_DEVICE int64_t team_count(int team) {
  return static_cast<int64_t>(gridDim.x) * (kThreads / team);
}

template <class T>
EQP_DEVICE T* plane_of(const Images& images, const Piece& piece) {
  return static_cast<T*>(images.data) + piece.image * images.image_stride +
         piece.channel * images.channel_stride;
}

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

template <class T>
struct StartBody {
  const T* original;
  T* out;
  LinfChannel channel;
  uint64_t seed, stream, first;  // first: the plane's first element, counted within the image

  EQP_DEVICE_MEMBER void one(int64_t i) const {
    const uint64_t element = first + static_cast<uint64_t>(i);
    const Philox4 bits = philox4x32_10(seed, element / 4, stream);
    const uint32_t low = element % 2 == 0 ? bits.lane[0] : bits.lane[1];
    const uint32_t high = element % 2 == 0 ? bits.lane[2] : bits.lane[3];
    const float u = uniform01(element % 4 < 2 ? low : high);
    assign(out + i, uniform_start(widen(original[i]), u, channel));
  }
  // Elements whose counter begins kShift lanes before them. A constant, so that lanes stay in
  // registers.
  template <int kShift>
  EQP_DEVICE_MEMBER void quads(uint64_t element, float (&x)[kLanes<T>]) const {
    constexpr int kQuads = kLanes<T> / 4 + (kShift == 0 ? 0 : 1);
    uint32_t bits[4 * kQuads];
#pragma unroll
    for (int quad = 0; quad < kQuads; ++quad) {
      const Philox4 lanes = philox4x32_10(seed, element / 4 + static_cast<uint64_t>(quad), stream);
#pragma unroll
      for (int k = 0; k < 4; ++k) bits[4 * quad + k] = lanes.lane[k];
    }
#pragma unroll
    for (int k = 0; k < kLanes<T>; ++k)
      x[k] = uniform_start(x[k], uniform01(bits[k + kShift]), channel);
  }
  EQP_DEVICE_MEMBER void pack(int64_t i) const {
    float x[kLanes<T>];
    load_pack(original + i, x);
    const uint64_t element = first + static_cast<uint64_t>(i);
    switch (element % 4) {
      case 0:
        quads<0>(element, x);
        break;
      case 1:
        quads<1>(element, x);
        break;
      case 2:
        quads<2>(element, x);
        break;
      default:
        quads<3>(element, x);
        break;
    }
    store_pack(out + i, x);
  }
};

template <class T>
EQP_DEVICE void start(const UniformStart& call, const Channels& channels, const Planes& planes) {
  const int lane = static_cast<int>(threadIdx.x) % planes.team;
  for (int64_t item = first_item(planes.team); item < planes.items();
       item += team_count(planes.team)) {
    const Piece piece = piece_of(planes, item);
    const uint64_t stream = call.streams != nullptr
                                ? static_cast<uint64_t>(call.streams[piece.image])
                                : call.options.stream + static_cast<uint64_t>(piece.image);
    const StartBody<T> body{plane_of<T>(call.original, piece),
                            plane_of<T>(call.out, piece),
                            channels.linf[channels.shared ? 0 : piece.channel],
                            call.options.seed,
                            stream,
                            static_cast<uint64_t>(piece.channel * planes.plane)};
    const int head = head_elements(body.out);
    visit_chunk<T>(planes.plane, piece.chunk, head, aligned_behind(body.original, head), lane,
                   planes.team, body);
  }
}

// Four codes a word; words where the address allows, else bytes.
template <int kWords>
EQP_DEVICE void store_codes(uint8_t* to, const uint32_t (&words)[kWords]) {
  const bool aligned = reinterpret_cast<uintptr_t>(to) % 4 == 0;
#pragma unroll
  for (int w = 0; w < kWords; ++w) {
    if (aligned) {
      reinterpret_cast<uint32_t*>(to)[w] = words[w];
    } else {
#pragma unroll
      for (int k = 0; k < 4; ++k) to[4 * w + k] = static_cast<uint8_t>(words[w] >> (8 * k));
    }
  }
}

template <class T>
struct EightBitBody {
  const T *pixels, *original;  // original may be null
  T* out;                      // may be null
  uint8_t* codes;              // may be null
  ChannelSpace space;
  double epsilon, lower, upper;

  // The code of one element; value becomes the pixel that the code stands for.
  EQP_DEVICE_MEMBER uint8_t snap(float* value, float center) const {
    const double pixel = static_cast<double>(*value) * space.std + space.mean;
    const double middle = static_cast<double>(center) * space.std + space.mean;
    if (pixel != pixel || middle != middle) {
      *value = kNaNF;
      return 0;
    }
    const double code = eight_bit_code(pixel, middle, epsilon, lower, upper);
    *value = static_cast<float>((code / 255.0 - space.mean) / space.std);
    return static_cast<uint8_t>(code);
  }
  EQP_DEVICE_MEMBER void one(int64_t i) const {
    float value = widen(pixels[i]);
    const uint8_t code = snap(&value, original == nullptr ? value : widen(original[i]));
    if (codes != nullptr) codes[i] = code;
    if (out != nullptr) assign(out + i, value);
  }
  EQP_DEVICE_MEMBER void pack(int64_t i) const {
    float x[kLanes<T>], center[kLanes<T>];
    load_pack(pixels + i, x);
    if (original != nullptr) load_pack(original + i, center);
    uint32_t words[kLanes<T> / 4] = {};
#pragma unroll
    for (int k = 0; k < kLanes<T>; ++k) {
      const uint32_t code = snap(&x[k], original == nullptr ? x[k] : center[k]);
      words[k / 4] |= code << (8 * (k % 4));
    }
    if (codes != nullptr) store_codes(codes + i, words);
    if (out != nullptr) store_pack(out + i, x);
  }
};

template <class T>
EQP_DEVICE void snap_planes(const EightBit& call, const Channels& channels, const Planes& planes) {
  const int lane = static_cast<int>(threadIdx.x) % planes.team;
  for (int64_t item = first_item(planes.team); item < planes.items();
       item += team_count(planes.team)) {
    const Piece piece = piece_of(planes, item);
    const EightBitBody<T> body{
        plane_of<T>(call.pixels, piece),
        call.original.data == nullptr ? nullptr : plane_of<T>(call.original, piece),
        call.out.data == nullptr ? nullptr : plane_of<T>(call.out, piece),
        call.codes.data == nullptr ? nullptr : plane_of<uint8_t>(call.codes, piece),
        channels.space[channels.shared ? 0 : piece.channel],
        static_cast<double>(call.options.epsilon),
        static_cast<double>(call.options.lower),
        static_cast<double>(call.options.upper)};
    const int head = head_elements(body.pixels);
    const bool wide = (body.original == nullptr || aligned_behind(body.original, head)) &&
                      (body.out == nullptr || aligned_behind(body.out, head));
    visit_chunk<T>(planes.plane, piece.chunk, head, wide, lane, planes.team, body);
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
  }                                                                                               \
  EQP_KERNEL                                                                                      \
  uniform_start_fwd_##T##_kernel(UniformStart call, Channels channels, Planes planes) {           \
    start<T>(call, channels, planes);                                                             \
  }                                                                                               \
  EQP_KERNEL                                                                                      \
  eight_bit_fwd_##T##_kernel(EightBit call, Channels channels, Planes planes) {                   \
    snap_planes<T>(call, channels, planes);                                                       \
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

Images images_from(const Images& all, int64_t first, int64_t count, int64_t element_bytes) {
  Images some = all;
  some.data = static_cast<char*>(all.data) + first * all.image_stride * element_bytes;
  some.images = count;
  return some;
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

#define EQP_START(T)                                                                \
  do {                                                                              \
    const Planes planes = planes_of<T>(a.original);                                 \
    EQP_LAUNCH(uniform_start_fwd_##T##_kernel, grid_for(planes.blocks()), kThreads, \
               a.stream.stream, a, channels, planes);                               \
  } while (0)

#define EQP_EIGHT_BIT(T)                                                                         \
  do {                                                                                           \
    const Planes planes = planes_of<T>(a.pixels);                                                \
    EQP_LAUNCH(eight_bit_fwd_##T##_kernel, grid_for(planes.blocks()), kThreads, a.stream.stream, \
               a, channels, planes);                                                             \
  } while (0)

int64_t images_per_round(int splits) {
  return kPartialBytes / (static_cast<int64_t>(sizeof(double)) * splits);
}

bool empty(const Images& images) { return images.images * images.channels * images.plane == 0; }

}  // namespace

eqp_status linf_step(const LinfStep& a) {
  LaunchScope scope("eqp_linf_step", a.stream);
  if (!scope.ready() || empty(a.pixels)) return scope.finish();
  const Channels channels =
      channels_of(a.options, static_cast<float>(a.options.direction) * a.options.step_size);
  EQP_BY_DTYPE(a.pixels.dtype, EQP_STEP);
  return scope.finish();
}

eqp_status uniform_start(const UniformStart& a) {
  LaunchScope scope("eqp_uniform_start", a.stream);
  if (!scope.ready() || empty(a.original)) return scope.finish();
  const Channels channels = channels_of(a.options, 0.0f);
  EQP_BY_DTYPE(a.original.dtype, EQP_START);
  return scope.finish();
}

eqp_status eight_bit(const EightBit& a) {
  LaunchScope scope("eqp_eight_bit", a.stream);
  if (!scope.ready() || empty(a.pixels)) return scope.finish();
  const Channels channels = channels_of(a.options, 0.0f);
  EQP_BY_DTYPE(a.pixels.dtype, EQP_EIGHT_BIT);
  return scope.finish();
}

}  // namespace cuda
}  // namespace eqp

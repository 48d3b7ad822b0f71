// Normal noise; formulas: src/math/gaussian_noise.h, src/math/normal.h, src/math/philox.h.
//
// Parallelisation
//   By chunks of planes (planes.h); per 4 elements ten Philox rounds, two logarithms and two pairs of
//   sine and cosine.
// Memory traffic, per element of s bytes
//   s read, s written. Vector accesses where both planes share their misalignment to 16 bytes, else
//   scalar ones.
// Numerics
//   f32, rounded once to the tensor's dtype. Without contraction (-fmad=false) and with the correctly
//   rounded square root, so that the noise has the CPU's bits.
// Occupancy
//   Bound by arithmetic rather than memory.
#include "abi/calls/gaussian_noise.h"
#include "launch.h"
#include "math/gaussian_noise.h"
#include "planes.h"

namespace eqp {
namespace cuda {
namespace {

// Where values are pixels, all entries are the same; images of more channels take the first.
struct NoiseChannels {
  NoiseChannel channel[EQP_MAX_CHANNELS];
};

NoiseChannels noise_channels(const eqp_gaussian_noise_options& options) {
  NoiseChannels channels;
  for (int c = 0; c < EQP_MAX_CHANNELS; ++c) {
    const NoiseChannel channel = noise_channel(options, channel_space(options.pixel_space, c));
    channels.channel[c] = channel;
  }
  return channels;
}

// By comparisons: an index would move the table into local memory.
EQP_DEVICE NoiseChannel channel_of(const NoiseChannels& channels, int64_t channel) {
  NoiseChannel found = channels.channel[0];
#pragma unroll
  for (int c = 1; c < EQP_MAX_CHANNELS; ++c) {
    if (channel == c) found = channels.channel[c];
  }
  return found;
}

// The normal numbers of elements 4 block to 4 block + 3.
EQP_DEVICE void normals(uint64_t seed, uint64_t block, uint64_t stream, float (&z)[4]) {
  const Philox4 bits = philox4x32_10(seed, block, stream);
#pragma unroll
  for (int pair = 0; pair < 4; pair += 2) {
    const NormalPair<float> both = normal_pair<float>(
        static_cast<int32_t>(bits.lane[pair] >> 8), static_cast<int32_t>(bits.lane[pair + 1] >> 8));
    z[pair] = both.even;
    z[pair + 1] = both.odd;
  }
}

template <class T>
struct NoiseBody {
  const T* images;
  T* out;
  NoiseChannel channel;
  uint64_t seed, stream, first;  // first: the plane's first element, counted within the image

  EQP_DEVICE_MEMBER void one(int64_t i) const {
    const uint64_t element = first + static_cast<uint64_t>(i);
    float z[4];
    normals(seed, element / 4, stream, z);
    const float low = element % 2 == 0 ? z[0] : z[1];
    const float high = element % 2 == 0 ? z[2] : z[3];
    assign(out + i, noised(widen(images[i]), element % 4 < 2 ? low : high, channel));
  }
  // Elements whose block begins kShift elements before them. A constant, so that all stays in
  // registers.
  template <int kShift>
  EQP_DEVICE_MEMBER void blocks(uint64_t element, float (&x)[kLanes<T>]) const {
    constexpr int kBlocks = kLanes<T> / 4 + (kShift == 0 ? 0 : 1);
#pragma unroll
    for (int block = 0; block < kBlocks; ++block) {
      float z[4];
      normals(seed, element / 4 + static_cast<uint64_t>(block), stream, z);
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const int lane = 4 * block + k - kShift;
        if (lane >= 0 && lane < kLanes<T>) x[lane] = noised(x[lane], z[k], channel);
      }
    }
  }
  EQP_DEVICE_MEMBER void pack(int64_t i) const {
    float x[kLanes<T>];
    load_pack(images + i, x);
    const uint64_t element = first + static_cast<uint64_t>(i);
    switch (element % 4) {
      case 0:
        blocks<0>(element, x);
        break;
      case 1:
        blocks<1>(element, x);
        break;
      case 2:
        blocks<2>(element, x);
        break;
      default:
        blocks<3>(element, x);
        break;
    }
    store_pack(out + i, x);
  }
};

template <class T>
EQP_DEVICE void add_noise(const GaussianNoise& call, const NoiseChannels& channels,
                          const Planes& planes) {
  const int lane = static_cast<int>(threadIdx.x) % planes.team;
  for (int64_t item = first_item(planes.team); item < planes.items();
       item += team_count(planes.team)) {
    const Piece piece = piece_of(planes, item);
    const uint64_t stream = call.streams != nullptr
                                ? static_cast<uint64_t>(call.streams[piece.row])
                                : call.options.stream + static_cast<uint64_t>(piece.row);
    const NoiseBody<T> body{plane_of<T>(call.images, piece),
                            plane_of<T>(call.out, piece),
                            channel_of(channels, piece.channel),
                            call.options.seed,
                            stream,
                            static_cast<uint64_t>(piece.channel * planes.plane)};
    const int head = head_elements(body.out);
    visit_chunk<T>(planes.plane, piece.chunk, head, aligned_behind(body.images, head), lane,
                   planes.team, body);
  }
}

}  // namespace

// shapes: images [images, channels, plane]
#define EQP_KERNELS(T)                                                                         \
  EQP_KERNEL                                                                                   \
  gaussian_noise_fwd_##T##_kernel(GaussianNoise call, NoiseChannels channels, Planes planes) { \
    add_noise<T>(call, channels, planes);                                                      \
  }
EQP_KERNELS(float)
EQP_KERNELS(bf16)
EQP_KERNELS(f16)

#define EQP_NOISE(T)                                                                 \
  do {                                                                               \
    const Planes planes = planes_of<T>(a.images);                                    \
    EQP_LAUNCH(gaussian_noise_fwd_##T##_kernel, grid_for(planes.blocks()), kThreads, \
               a.stream.stream, a, noise_channels(a.options), planes);               \
  } while (0)

eqp_status gaussian_noise(const GaussianNoise& a) {
  LaunchScope scope("eqp_gaussian_noise", a.stream);
  if (!scope.ready() || empty(a.images)) return scope.finish();
  EQP_BY_DTYPE(a.images.dtype, EQP_NOISE);
  return scope.finish();
}

}  // namespace cuda
}  // namespace eqp

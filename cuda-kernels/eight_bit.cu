// Projection onto the 8-bit grid; formula: src/math/eight_bit.h.
//
// Parallelisation
//   By chunks of planes (planes.h).
// Memory traffic, per element of s bytes
//   s read (2s with an original), s and/or 1 written. Vector accesses where all planes of a call
//   share their misalignment to 16 bytes, else scalar ones.
// Numerics
//   f64, rounded once to the tensor's dtype: codes are the CPU's.
// Occupancy
//   Bound by its f64 arithmetic.
#include "abi/calls/eight_bit.h"
#include "launch.h"
#include "math/eight_bit.h"
#include "planes.h"

namespace eqp {
namespace cuda {
namespace {

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
    const bool wide = aligned_behind(body.original, head) && aligned_behind(body.out, head);
    visit_chunk<T>(planes.plane, piece.chunk, head, wide, lane, planes.team, body);
  }
}

}  // namespace

// shapes: images [images, channels, plane]
#define EQP_KERNELS(T)                                                          \
  EQP_KERNEL                                                                    \
  eight_bit_fwd_##T##_kernel(EightBit call, Channels channels, Planes planes) { \
    snap_planes<T>(call, channels, planes);                                     \
  }
EQP_KERNELS(float)
EQP_KERNELS(bf16)
EQP_KERNELS(f16)

namespace {

#define EQP_EIGHT_BIT(T)                                                                         \
  do {                                                                                           \
    const Planes planes = planes_of<T>(a.pixels);                                                \
    EQP_LAUNCH(eight_bit_fwd_##T##_kernel, grid_for(planes.blocks()), kThreads, a.stream.stream, \
               a, channels, planes);                                                             \
  } while (0)

}  // namespace

eqp_status eight_bit(const EightBit& a) {
  LaunchScope scope("eqp_eight_bit", a.stream);
  if (!scope.ready() || empty(a.pixels)) return scope.finish();
  const Channels channels = channels_of(a.options, 0.0f);
  EQP_BY_DTYPE(a.pixels.dtype, EQP_EIGHT_BIT);
  return scope.finish();
}

}  // namespace cuda
}  // namespace eqp

// Random start; formula: src/math/uniform_start.h, src/math/philox.h.
//
// Parallelisation
//   By chunks of planes (planes.h); ten Philox rounds per 4 elements.
// Memory traffic, per element of s bytes
//   s read, s written; 1 read with a mask. Vector accesses where both planes share their
//   misalignment to 16 bytes (and copies are whole packs), else scalar ones.
// Numerics
//   f32, rounded once to the tensor's dtype. Without contraction (-fmad=false), so that pixels have
//   the CPU's bits.
// Occupancy
//   Bound by registers (README, static table).
#include "abi/calls/uniform_start.h"
#include "image_rows.h"
#include "launch.h"
#include "math/philox.h"
#include "math/uniform_start.h"
#include "planes.h"

namespace eqp {
namespace cuda {
namespace {

template <class T>
struct StartBody {
  const T* original;
  const uint8_t* mask;  // may be null
  T* out;
  int copies;
  int64_t copy_stride;
  LinfChannel channel;
  uint64_t seed, stream, first;  // first: the plane's first element, counted within the image

  EQP_DEVICE_MEMBER float started(int64_t i, float center, float u) const {
    if (mask != nullptr && mask[i] == 0) return center;
    return linf_rounded<T>(uniform_start(center, u, channel), center, channel);
  }
  EQP_DEVICE_MEMBER void one(int64_t i) const {
    const uint64_t element = first + static_cast<uint64_t>(i);
    const Philox4 bits = philox4x32_10(seed, element / 4, stream);
    const uint32_t low = element % 2 == 0 ? bits.lane[0] : bits.lane[1];
    const uint32_t high = element % 2 == 0 ? bits.lane[2] : bits.lane[3];
    const float u = uniform01(element % 4 < 2 ? low : high);
    const float value = started(i, widen(original[i]), u);
    for (int k = 0; k < copies; ++k) assign(out + i + k * copy_stride, value);
  }
  // Elements whose counter begins kShift lanes before them. A constant, so that lanes stay in
  // registers.
  template <int kShift>
  EQP_DEVICE_MEMBER void quads(int64_t i, uint64_t element, float (&x)[kLanes<T>]) const {
    constexpr int kQuads = kLanes<T> / 4 + (kShift == 0 ? 0 : 1);
    uint32_t bits[4 * kQuads];
#pragma unroll
    for (int quad = 0; quad < kQuads; ++quad) {
      const Philox4 lanes = philox4x32_10(seed, element / 4 + static_cast<uint64_t>(quad), stream);
#pragma unroll
      for (int k = 0; k < 4; ++k) bits[4 * quad + k] = lanes.lane[k];
    }
#pragma unroll
    for (int k = 0; k < kLanes<T>; ++k) x[k] = started(i + k, x[k], uniform01(bits[k + kShift]));
  }
  EQP_DEVICE_MEMBER void pack(int64_t i) const {
    float x[kLanes<T>];
    load_pack(original + i, x);
    const uint64_t element = first + static_cast<uint64_t>(i);
    switch (element % 4) {
      case 0:
        quads<0>(i, element, x);
        break;
      case 1:
        quads<1>(i, element, x);
        break;
      case 2:
        quads<2>(i, element, x);
        break;
      default:
        quads<3>(i, element, x);
        break;
    }
    for (int k = 0; k < copies; ++k) store_pack(out + i + k * copy_stride, x);
  }
};

template <class T>
EQP_DEVICE void start(const UniformStart& call, const Channels& channels, const Planes& planes,
                      DataErrors* errors) {
  if (call.rows.offsets.data != nullptr && offsets_invalid(call.rows, call.original.images)) {
    poison_planes<T>(call.out, planes, errors);
    return;
  }
  const int lane = static_cast<int>(threadIdx.x) % planes.team;
  for (int64_t item = first_item(planes.team); item < planes.items();
       item += team_count(planes.team)) {
    const Piece piece = piece_of(planes, item);
    const int64_t image = image_of(call.rows, piece.row);
    const int64_t row = piece.row - first_row(call.rows, image);
    const uint64_t stream = call.streams != nullptr
                                ? static_cast<uint64_t>(call.streams[image])
                                : call.options.stream + static_cast<uint64_t>(image);
    const int64_t plane = row * planes.channels.value() + piece.channel;
    const StartBody<T> body{plane_of<T>(call.original, piece),
                            optional_plane<uint8_t>(call.mask, piece),
                            plane_of<T>(call.out, piece),
                            call.out.copies,
                            planes.plane,
                            channels.linf[channels.shared ? 0 : piece.channel],
                            call.options.seed,
                            stream,
                            static_cast<uint64_t>(plane * planes.plane)};
    const int head = head_elements(body.out);
    const bool wide = copies_aligned<T>(call.out) && aligned_behind(body.original, head);
    visit_chunk<T>(planes.plane, piece.chunk, head, wide, lane, planes.team, body);
  }
}

}  // namespace

// shapes: images [images, channels, plane]
#define EQP_KERNELS(T)                                                                \
  EQP_KERNEL_OF_FEW_BLOCKS                                                            \
  uniform_start_fwd_##T##_kernel(UniformStart call, Channels channels, Planes planes, \
                                 DataErrors* errors) {                                \
    start<T>(call, channels, planes, errors);                                         \
  }
EQP_KERNELS(float)
EQP_KERNELS(bf16)
EQP_KERNELS(f16)

namespace {

#define EQP_START(T)                                                                \
  do {                                                                              \
    const Planes planes = planes_of<T>(a.original);                                 \
    EQP_LAUNCH(uniform_start_fwd_##T##_kernel, grid_for(planes.blocks()), kThreads, \
               a.stream.stream, a, channels, planes, data_errors(a.stream));        \
  } while (0)

}  // namespace

eqp_status uniform_start(const UniformStart& a) {
  LaunchScope scope("eqp_uniform_start", a.stream);
  if (!scope.ready() || empty(a.original)) return scope.finish();
  const Channels channels = channels_of(a.options, 0.0f);
  EQP_BY_DTYPE(a.original.dtype, EQP_START);
  return scope.finish();
}

}  // namespace cuda
}  // namespace eqp

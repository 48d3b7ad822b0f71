// How a batch of images is cut into work: pieces of fixed size of its channel planes, and the rows
// that make an image.
#pragma once

#include "cpu/kernels.h"
#include "cpu/masked.h"
#include "math/pixels.h"

namespace eqp {
namespace EQP_ISA {

constexpr int64_t kPiece = 32 * 1024;

// `count` elements of one channel plane from `begin` on; copies of them lie further on.
struct Piece {
  int64_t row, channel, begin, count;
};

// The pieces of rows [first, last), row by row and channel by channel. A task is a fixed number of
// neighbouring pieces: one of a large plane, several of small ones.
class Pieces {
 public:
  Pieces(const Images& like, int64_t first, int64_t last)
      : first_(first),
        rows_(last - first),
        channels_(like.channels),
        plane_(like.plane),
        per_plane_((like.plane + kPiece - 1) / kPiece),
        per_task_(like.plane < kPiece ? kPiece / (like.plane > 0 ? like.plane : 1) : 1) {}

  int64_t count() const { return rows_ * channels_ * per_plane_; }
  int64_t tasks() const { return (count() + per_task_ - 1) / per_task_; }
  // Distinct pixels, copies counted once.
  int64_t pixels() const { return rows_ * channels_ * plane_; }

  // Calls body(piece) for pieces [begin, end).
  template <class Body>
  void visit(int64_t begin, int64_t end, const Body& body) const {
    if (begin >= end) return;
    const int64_t of_planes = begin / per_plane_;
    int64_t part = begin % per_plane_;
    Piece piece;
    piece.channel = of_planes % channels_;
    piece.row = first_ + of_planes / channels_;
    for (int64_t index = begin; index < end; ++index) {
      piece.begin = part * kPiece;
      piece.count = plane_ - piece.begin < kPiece ? plane_ - piece.begin : kPiece;
      body(piece);
      if (++part < per_plane_) continue;
      part = 0;
      if (++piece.channel < channels_) continue;
      piece.channel = 0;
      ++piece.row;
    }
  }
  template <class Body>
  void visit_task(int64_t task, const Body& body) const {
    const int64_t end = (task + 1) * per_task_;
    visit(task * per_task_, end < count() ? end : count(), body);
  }

 private:
  int64_t first_, rows_, channels_, plane_, per_plane_, per_task_;
};

template <class E>
EQP_HD E* address(const Images& images, const Piece& piece) {
  return static_cast<E*>(images.data) + piece.row * images.image_stride +
         piece.channel * images.channel_stride + piece.begin;
}
// Of a tensor that may be absent.
template <class E>
EQP_HD E* optional_address(const Images& images, const Piece& piece) {
  return images.data == nullptr ? nullptr : address<E>(images, piece);
}

// Something of each channel; one for all where values are pixels.
template <class T>
struct ByChannel {
  T of[EQP_MAX_CHANNELS];
  bool shared;

  template <class Make>
  ByChannel(const eqp_pixel_space& space, const Make& make) : shared(space.channels == 0) {
    for (int c = 0; c < (shared ? 1 : space.channels); ++c) of[c] = make(channel_space(space, c));
  }
  const T& at(int64_t channel) const { return of[shared ? 0 : channel]; }
};

template <class Options>
LinfChannel linf_channel(const Options& options, const ChannelSpace& space, float signed_step) {
  LinfChannel result;
  result.epsilon = length_in(space, options.epsilon);
  result.signed_step = length_in(space, signed_step);
  result.lower = position_in(space, options.lower);
  result.upper = position_in(space, options.upper);
  return result;
}

template <>
struct RoundedInside<bfloat16> {
  EQP_HD f32v of(f32v value, f32v original, f32v low, f32v high) {
    const i32v upper_half = i32v{} + static_cast<int32_t>(0xffff0000u);
    const i32v nearest = bfloat16_bits(value) & upper_half, toward_zero = (i32v)value & upper_half;
    const i32v other = nearest == toward_zero ? toward_zero + 0x10000 : toward_zero;
    const f32v rounded = (f32v)nearest;
    const auto outside = (rounded > high) | (rounded < low);
    const auto away =
        ((rounded > value) & (value > original)) | ((rounded < value) & (value < original));
    const f32v inside = (outside & away) ? (f32v)other : rounded;
    return value == value ? inside : value;
  }
  EQP_HD float of(float value, float original, float low, float high) {
    return of(broadcast<f32v>(value), broadcast<f32v>(original), broadcast<f32v>(low),
              broadcast<f32v>(high))[0];
  }
};

// --- Rows and images ------------------------------------------------------------------------------
struct ImageRange {
  int64_t image, first, last;
};

EQP_HD ImageRange image_range(const ImageRows& rows, int64_t image) {
  if (rows.offsets.data == nullptr) return ImageRange{image, image, image + 1};
  return ImageRange{image, index_at(rows.offsets, image), index_at(rows.offsets, image + 1)};
}

EQP_HD eqp_status check_offsets(const char* op, const ImageRows& rows, int64_t last_row) {
  const Vector& offsets = rows.offsets;
  if (offsets.data == nullptr) return EQP_OK;
  if (index_at(offsets, 0) != 0) {
    return fail(EQP_INVALID_DATA, op, "offsets: expected 0 in the first entry, found %lld",
                static_cast<long long>(index_at(offsets, 0)));
  }
  for (int64_t i = 1; i < offsets.size; ++i) {
    if (index_at(offsets, i) >= index_at(offsets, i - 1)) continue;
    return fail(EQP_INVALID_DATA, op,
                "offsets: expected non-decreasing entries, found %lld after %lld at entry %lld",
                static_cast<long long>(index_at(offsets, i)),
                static_cast<long long>(index_at(offsets, i - 1)), static_cast<long long>(i));
  }
  const int64_t last = index_at(offsets, offsets.size - 1);
  if (last == last_row) return EQP_OK;
  return fail(EQP_INVALID_DATA, op,
              "offsets: expected the number of rows %lld in the last entry, found %lld",
              static_cast<long long>(last_row), static_cast<long long>(last));
}

// step_sizes may be null.
EQP_HD eqp_status check_step_sizes(const char* op, const float* step_sizes, int64_t images) {
  for (int64_t i = 0; step_sizes != nullptr && i < images; ++i) {
    if (is_step_size(step_sizes[i])) continue;
    return fail(EQP_INVALID_DATA, op,
                "step_sizes: expected finite numbers >= 0, found %g for image %lld",
                static_cast<double>(step_sizes[i]), static_cast<long long>(i));
  }
  return EQP_OK;
}

// --- Sums over an image ---------------------------------------------------------------------------
constexpr int64_t kMaxPartials = 512;

// total = sums of body(piece, sums) in a fixed tree: however many pieces there are (channels are
// unlimited), at most kMaxPartials sums of neighbours.
template <int kSums, class Body>
static void sum_pieces(const Pieces& pieces, uint64_t bytes, double (&total)[kSums],
                       const Body& body) {
  const int64_t count = pieces.count(), tasks = pieces.tasks();
  const int64_t partials = tasks < kMaxPartials ? tasks : kMaxPartials;
  double partial[kMaxPartials][kSums];
  parallel_for(partials, bytes, [&](int64_t index) {
    double sums[kSums] = {};
    pieces.visit(count * index / partials, count * (index + 1) / partials,
                 [&](const Piece& piece) { body(piece, sums); });
    for (int k = 0; k < kSums; ++k) partial[index][k] = sums[k];
  });
  for (int k = 0; k < kSums; ++k) total[k] = 0;
  for (int64_t index = 0; index < partials; ++index) {
    for (int k = 0; k < kSums; ++k) total[k] += partial[index][k];
  }
}

// A vector's lanes in double precision.
struct WideLanes {
  f64v low, high;
};
EQP_HD WideLanes widen(f32v value) {
  typedef float Half __attribute__((vector_size(EQP_VECTOR_BYTES / 2)));
  Half half[2];
  memcpy(half, &value, sizeof(value));
  return {__builtin_convertvector(half[0], f64v), __builtin_convertvector(half[1], f64v)};
}
// Sums of lanes in double precision.
struct WideSum {
  f64v low = {}, high = {};
  void add(const WideLanes& value) {
    low += value.low;
    high += value.high;
  }
  void add_product(const WideLanes& a, const WideLanes& b) {
    low = fma(a.low, b.low, low);
    high = fma(a.high, b.high, high);
  }
  double total() const { return sum_lanes(low + high); }
};
EQP_HD WideLanes operator-(const WideLanes& a, const WideLanes& b) {
  return {a.low - b.low, a.high - b.high};
}
EQP_HD WideLanes magnitude(const WideLanes& a) {
  return {a.low < 0 ? -a.low : a.low, a.high < 0 ? -a.high : a.high};
}

// Calls body(i, lanes) for vectors of elements [0, count).
template <class Body>
EQP_HD void for_vectors(int64_t count, const Body& body) {
  int64_t i = 0;
  for (; i + kF32Width <= count; i += kF32Width) body(i, kF32Width);
  if (i < count) body(i, static_cast<int>(count - i));
}

// The gradient of a pixel: that of its copies added, 0 where the mask says so.
template <class E>
struct PixelGradient {
  const E* gradient;
  const uint8_t* mask;  // may be null
  int64_t copies, copy_stride;

  // Lanes beyond `lanes` are 0.
  f32v vector_at(int64_t i, int lanes) const {
    f32v sum = load_lanes<float>(gradient + i, lanes);
    for (int64_t k = 1; k < copies; ++k)
      sum += load_lanes<float>(gradient + i + k * copy_stride, lanes);
    return mask == nullptr ? sum : (mask_lanes<float>(mask + i, lanes) ? sum : f32v{});
  }
};
template <class E>
PixelGradient<E> pixel_gradient(const Images& gradient, const Images& mask, const Piece& piece) {
  return PixelGradient<E>{address<const E>(gradient, piece),
                          optional_address<const uint8_t>(mask, piece), gradient.copies,
                          gradient.plane};
}

// Whether a plane without copies can be written past the caches, vector by vector.
template <class E>
EQP_HD bool can_stream(const E* to, int64_t copies, bool large) {
  return large && copies == 1 && reinterpret_cast<uintptr_t>(to) % (kF32Width * sizeof(E)) == 0;
}

// Every copy of a pixel gets the same bits. After streaming the caller sets a fence.
template <class E>
EQP_HD void store_copies(E* to, int64_t copies, int64_t copy_stride, int lanes, f32v value,
                         bool streamed) {
  if (streamed && lanes == kF32Width) {
    stream(to, value);
    return;
  }
  for (int64_t k = 0; k < copies; ++k) {
    if (lanes == kF32Width) {
      store(to + k * copy_stride, value);
    } else {
      store_partial(to + k * copy_stride, lanes, value);
    }
  }
}

}  // namespace EQP_ISA
}  // namespace eqp

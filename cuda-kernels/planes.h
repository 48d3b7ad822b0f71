// How a batch of images is cut into work.
//
// A channel plane is cut into chunks of 1024 packs of 16 bytes; a block (or a warp, for planes of
// up to 1024 pixels) takes one chunk at a time.
#pragma once

#include "launch.h"
#include "math/pixels.h"
#include "vector.h"

namespace eqp {
namespace cuda {

// How far from a number of the format, relative to it, its neighbour is the nearest one: more than half
// of what lies between them, less than one and a half.
template <class T>
struct Neighbour;
template <>
struct Neighbour<bf16> {
  static constexpr float kFactor = 0x1.1p-8f, kSmallest = 0x1p-126f;
};
template <>
struct Neighbour<f16> {
  static constexpr float kFactor = 0x1.1p-11f, kSmallest = 0x1p-14f;
};

template <class T>
EQP_DEVICE float rounded_to(float value) {
  T nearest;
  assign(&nearest, value);
  return widen(nearest);
}

template <class T>
EQP_DEVICE float rounded_inside(float value, float original, float low, float high) {
  const float rounded = rounded_to<T>(value);
  const bool away = fabsf(rounded - original) > fabsf(value - original);
  if (!away || (rounded <= high && rounded >= low)) return rounded;
  const float step = fmaxf(fabsf(rounded), Neighbour<T>::kSmallest) * Neighbour<T>::kFactor;
  return rounded_to<T>(rounded + copysignf(step, original - rounded));
}
template <>
struct RoundedInside<bf16> {
  static EQP_DEVICE_MEMBER float of(float value, float original, float low, float high) {
    return rounded_inside<bf16>(value, original, low, high);
  }
};
template <>
struct RoundedInside<f16> {
  static EQP_DEVICE_MEMBER float of(float value, float original, float low, float high) {
    return rounded_inside<f16>(value, original, low, high);
  }
};

// The constants of each channel, converted once on the host. Entries beyond the images' channels are
// never read.
struct Channels {
  LinfChannel linf[EQP_MAX_CHANNELS];
  ChannelSpace space[EQP_MAX_CHANNELS];
  bool shared;  // one entry for all
};

// The spaces alone.
inline Channels channels_of(const eqp_pixel_space& pixel_space) {
  Channels channels = {};
  channels.shared = pixel_space.channels == 0;
  for (int c = 0; c < EQP_MAX_CHANNELS; ++c) {
    const ChannelSpace space = channel_space(pixel_space, c);
    channels.space[c] = space;
  }
  return channels;
}

template <class Options>
Channels channels_of(const Options& options, float signed_step) {
  Channels channels = channels_of(options.pixel_space);
  for (int c = 0; c < EQP_MAX_CHANNELS; ++c) {
    const ChannelSpace& space = channels.space[c];
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
  int64_t row, channel, chunk;
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
  return static_cast<T*>(images.data) + piece.row * images.image_stride +
         piece.channel * images.channel_stride;
}

template <class T>
EQP_DEVICE T* optional_plane(const Images& images, const Piece& piece) {
  return images.data == nullptr ? nullptr : plane_of<T>(images, piece);
}

// Whether every copy of a plane is aligned like the first.
template <class T>
EQP_DEVICE bool copies_aligned(const Images& images) {
  return images.copies == 1 || images.plane * static_cast<int64_t>(sizeof(T)) % 16 == 0;
}

// A pixel's gradient: that of its copies added, 0 where the mask says so.
template <class T>
struct PixelGradient {
  const T* gradient;
  const uint8_t* mask;  // may be null
  int copies;
  int64_t copy_stride;

  EQP_DEVICE_MEMBER bool counts(int64_t i) const { return mask == nullptr || mask[i] != 0; }
  EQP_DEVICE_MEMBER float one(int64_t i) const {
    float sum = widen(gradient[i]);
    for (int k = 1; k < copies; ++k) sum += widen(gradient[i + k * copy_stride]);
    return counts(i) ? sum : 0.0f;
  }
  EQP_DEVICE_MEMBER void pack(int64_t i, float (&to)[kLanes<T>]) const {
    load_pack(gradient + i, to);
    for (int k = 1; k < copies; ++k) {
      float more[kLanes<T>];
      load_pack(gradient + i + k * copy_stride, more);
#pragma unroll
      for (int lane = 0; lane < kLanes<T>; ++lane) to[lane] += more[lane];
    }
    if (mask == nullptr) return;
#pragma unroll
    for (int lane = 0; lane < kLanes<T>; ++lane) to[lane] = mask[i + lane] != 0 ? to[lane] : 0.0f;
  }
};
template <class T>
EQP_DEVICE PixelGradient<T> pixel_gradient(const Images& gradient, const Images& mask,
                                           const Piece& piece) {
  return PixelGradient<T>{plane_of<T>(gradient, piece), optional_plane<uint8_t>(mask, piece),
                          gradient.copies, gradient.plane};
}

inline bool empty(const Images& images) {
  return images.images * images.channels * images.plane == 0;
}

}  // namespace cuda
}  // namespace eqp

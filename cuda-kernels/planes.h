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

inline Images images_from(const Images& all, int64_t first, int64_t count, int64_t element_bytes) {
  Images some = all;
  some.data = static_cast<char*>(all.data) + first * all.image_stride * element_bytes;
  some.images = count;
  return some;
}

inline bool empty(const Images& images) {
  return images.images * images.channels * images.plane == 0;
}

}  // namespace cuda
}  // namespace eqp

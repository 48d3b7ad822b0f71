// How a batch of images is cut into work: pieces of fixed size of its channel planes.
#pragma once

#include "cpu/kernels.h"
#include "math/pixels.h"

namespace eqp {
namespace EQP_ISA {

constexpr int64_t kPiece = 32 * 1024;

struct Piece {
  int64_t image, channel, begin, count;
};

// Numbers the pieces of an image batch, image by image and channel by channel.
struct Pieces {
  int64_t images, channels, plane, length, per_plane;

  explicit Pieces(const Images& like)
      : images(like.images),
        channels(like.channels),
        plane(like.plane),
        length(kPiece),
        per_plane((like.plane + kPiece - 1) / kPiece) {}
  int64_t count() const { return images * channels * per_plane; }
  int64_t elements() const { return images * channels * plane; }
  Piece at(int64_t index) const {
    Piece piece;
    piece.begin = index % per_plane * length;
    piece.count = plane - piece.begin < length ? plane - piece.begin : length;
    const int64_t of_planes = index / per_plane;
    piece.channel = of_planes % channels;
    piece.image = of_planes / channels;
    return piece;
  }
};

template <class E>
EQP_HD E* address(const Images& images, const Piece& piece) {
  return static_cast<E*>(images.data) + piece.image * images.image_stride +
         piece.channel * images.channel_stride + piece.begin;
}

template <class Options>
EQP_HD LinfChannel linf_channel(const Options& options, int64_t channel) {
  const ChannelSpace space = channel_space(options.pixel_space, channel);
  LinfChannel result;
  result.epsilon = length_in(space, options.epsilon);
  result.signed_step = 0;
  result.lower = position_in(space, options.lower);
  result.upper = position_in(space, options.upper);
  return result;
}

}  // namespace EQP_ISA
}  // namespace eqp

// uniform_start on the CPU: elementwise.
#include "abi/calls/uniform_start.h"

#include "cpu/images.h"
#include "math/philox.h"
#include "math/uniform_start.h"

namespace eqp {
namespace EQP_ISA {
namespace {

// The start of one piece. first: the piece's first element, counted within its image.
template <class E>
void start_piece(const UniformStart& call, const Piece& piece, const LinfChannel& channel,
                 uint64_t stream, uint64_t first) {
  const E* const original = address<const E>(call.original, piece);
  const uint8_t* const mask = optional_address<const uint8_t>(call.mask, piece);
  E* const out = address<E>(call.out, piece);
  Philox4 bits = {};
  for (int64_t i = 0; i < piece.count; ++i) {
    const uint64_t element = first + static_cast<uint64_t>(i);
    if (i == 0 || element % 4 == 0) bits = philox4x32_10(call.options.seed, element / 4, stream);
    const E clean = original[i];
    E value = clean;
    if (mask == nullptr || mask[i] != 0) {
      const float start =
          uniform_start(to_float(clean), uniform01(bits.lane[element % 4]), channel);
      assign(&value, linf_rounded<E>(start, to_float(clean), channel));
    }
    for (int64_t k = 0; k < call.out.copies; ++k) out[i + k * call.out.plane] = value;
  }
}

// Rows [first, last): one image, or all rows where each is an image of its own.
template <class E>
void start_rows(const UniformStart& call, const ImageRange& range, bool rows_are_images) {
  const Pieces pieces(call.original, range.first, range.last);
  const ByChannel<LinfChannel> channels(call.options.pixel_space, [&](const ChannelSpace& space) {
    return linf_channel(call.options, space, 0.0f);
  });
  const uint64_t bytes = 2 * static_cast<uint64_t>(pieces.pixels()) * sizeof(E);
  parallel_for(pieces.tasks(), bytes, [&](int64_t task) {
    pieces.visit_task(task, [&](const Piece& piece) {
      const int64_t image = rows_are_images ? piece.row : range.image;
      const int64_t row = rows_are_images ? 0 : piece.row - range.first;
      const uint64_t stream = call.streams != nullptr
                                  ? static_cast<uint64_t>(call.streams[image])
                                  : call.options.stream + static_cast<uint64_t>(image);
      const int64_t plane = row * call.original.channels + piece.channel;
      start_piece<E>(call, piece, channels.at(piece.channel), stream,
                     static_cast<uint64_t>(plane * call.original.plane + piece.begin));
    });
  });
}

template <class E>
void uniform_starts(const UniformStart& call) {
  if (call.rows.offsets.data == nullptr) {
    start_rows<E>(call, ImageRange{0, 0, call.original.images}, true);
    return;
  }
  for (int64_t image = 0; image < call.rows.images; ++image) {
    start_rows<E>(call, image_range(call.rows, image), false);
  }
}

}  // namespace

eqp_status uniform_start(const UniformStart& call) {
  EQP_TRY(check_offsets("eqp_uniform_start", call.rows, call.original.images));
  if (call.original.dtype == EQP_F32) {
    uniform_starts<float>(call);
  } else {
    uniform_starts<bfloat16>(call);
  }
  return EQP_OK;
}

}  // namespace EQP_ISA
}  // namespace eqp

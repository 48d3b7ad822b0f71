// eight_bit on the CPU: elementwise.
#include "abi/calls/eight_bit.h"

#include "cpu/images.h"
#include "math/eight_bit.h"

namespace eqp {
namespace EQP_ISA {
namespace {

template <class E>
void eight_bit_grid(const EightBit& call) {
  const Pieces pieces(call.pixels, 0, call.pixels.images);
  const uint64_t bytes = 3 * static_cast<uint64_t>(pieces.pixels()) * sizeof(E);
  const auto snap_piece = [&](const Piece& piece) {
    const ChannelSpace space = channel_space(call.options.pixel_space, piece.channel);
    const E* const pixels = address<const E>(call.pixels, piece);
    const E* const original = optional_address<const E>(call.original, piece);
    E* const out = optional_address<E>(call.out, piece);
    uint8_t* const codes = optional_address<uint8_t>(call.codes, piece);
    const auto pixel_of = [&space](E value) {
      return static_cast<double>(to_float(value)) * space.std + space.mean;
    };
    for (int64_t i = 0; i < piece.count; ++i) {
      const double pixel = pixel_of(pixels[i]);
      const double center = original == nullptr ? pixel : pixel_of(original[i]);
      const bool number = pixel == pixel && center == center;
      const double code =
          number ? eight_bit_code(pixel, center, static_cast<double>(call.options.epsilon),
                                  static_cast<double>(call.options.lower),
                                  static_cast<double>(call.options.upper))
                 : 0.0;
      if (codes != nullptr) codes[i] = static_cast<uint8_t>(code);
      if (out != nullptr) {
        assign(out + i,
               number ? static_cast<float>((code / 255.0 - space.mean) / space.std) : kNaNF);
      }
    }
  };
  parallel_for(pieces.tasks(), bytes, [&](int64_t task) { pieces.visit_task(task, snap_piece); });
}

}  // namespace

eqp_status eight_bit(const EightBit& call) {
  if (call.pixels.dtype == EQP_F32) {
    eight_bit_grid<float>(call);
  } else {
    eight_bit_grid<bfloat16>(call);
  }
  return EQP_OK;
}

}  // namespace EQP_ISA
}  // namespace eqp

// uniform_start on the CPU: elementwise.
#include "math/uniform_start.h"

#include "cpu/images.h"
#include "math/philox.h"

namespace eqp {
namespace EQP_ISA {
namespace {

template <class E>
void uniform_starts(const UniformStart& call) {
  const Pieces pieces(call.original);
  const uint64_t bytes = 2 * static_cast<uint64_t>(pieces.elements()) * sizeof(E);
  parallel_for(pieces.count(), bytes, [&](int64_t index) {
    const Piece piece = pieces.at(index);
    const LinfChannel channel = linf_channel(call.options, piece.channel);
    const E* const original = address<const E>(call.original, piece);
    E* const out = address<E>(call.out, piece);
    const uint64_t stream_id = call.streams != nullptr
                                   ? static_cast<uint64_t>(call.streams[piece.image])
                                   : call.options.stream + static_cast<uint64_t>(piece.image);
    const uint64_t first = static_cast<uint64_t>(piece.channel * pieces.plane + piece.begin);
    Philox4 bits = {};
    for (int64_t i = 0; i < piece.count; ++i) {
      const uint64_t element = first + static_cast<uint64_t>(i);
      if (i == 0 || element % 4 == 0)
        bits = philox4x32_10(call.options.seed, element / 4, stream_id);
      assign(out + i,
             uniform_start(to_float(original[i]), uniform01(bits.lane[element % 4]), channel));
    }
  });
}

}  // namespace

eqp_status uniform_start(const UniformStart& call) {
  if (call.original.dtype == EQP_F32) {
    uniform_starts<float>(call);
  } else {
    uniform_starts<bfloat16>(call);
  }
  return EQP_OK;
}

}  // namespace EQP_ISA
}  // namespace eqp

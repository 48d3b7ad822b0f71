// l2_step on the CPU: per image one pass for the norms, one for the step.
#include "abi/calls/l2_step.h"

#include "cpu/images.h"
#include "math/l2_step.h"

namespace eqp {
namespace EQP_ISA {
namespace {

// The three sums of one image in pixel units.
template <class E>
L2Sums l2_sums(const L2Step& call, const Pieces& pieces) {
  const ByChannel<double> std(call.options.pixel_space,
                              [](const ChannelSpace& space) { return space.std; });
  double total[3];
  sum_pieces<3>(pieces, 3 * static_cast<uint64_t>(pieces.pixels()) * sizeof(E), total,
                [&](const Piece& piece, double(&sums)[3]) {
                  const auto gradient = pixel_gradient<E>(call.gradient, call.mask, piece);
                  const E* const pixel = address<const E>(call.pixels, piece);
                  const E* const original = address<const E>(call.original, piece);
                  WideSum gradients, products, squares;
                  for_vectors(piece.count, [&](int64_t i, int lanes) {
                    const WideLanes g = widen(gradient.vector_at(i, lanes));
                    const f32v center = load_lanes<float>(original + i, lanes);
                    f32v x = load_lanes<float>(pixel + i, lanes);
                    if (gradient.mask != nullptr) {
                      x = mask_lanes<float>(gradient.mask + i, lanes) ? x : center;
                    }
                    const WideLanes moved = widen(x) - widen(center);
                    gradients.add_product(g, g);
                    products.add_product(moved, g);
                    squares.add_product(moved, moved);
                  });
                  const double unit = std.at(piece.channel);
                  sums[0] += gradients.total() / (unit * unit);
                  sums[1] += products.total();
                  sums[2] += squares.total() * (unit * unit);
                });
  return L2Sums{total[0], total[1], total[2]};
}

template <class E>
void step_image(const L2Step& call, const ImageRange& range) {
  const Pieces pieces(call.pixels, range.first, range.last);
  if (pieces.count() == 0) return;
  const float step =
      call.step_sizes != nullptr ? call.step_sizes[range.image] : call.options.step_size;
  const L2Move move =
      l2_move(l2_sums<E>(call, pieces),
              static_cast<double>(call.options.direction) * static_cast<double>(step),
              static_cast<double>(call.options.epsilon));
  const ByChannel<L2Channel> channels(call.options.pixel_space, [&](const ChannelSpace& space) {
    return l2_channel(move, space, call.options.lower, call.options.upper);
  });
  const ByChannel<WideFactor> factors(call.options.pixel_space, [&](const ChannelSpace& space) {
    return wide_inverse(move.gradient_norm, l2_step_numerator(move, space));
  });
  const uint64_t bytes = static_cast<uint64_t>(pieces.pixels()) * sizeof(E);
  const bool streaming = bytes >= kStreamBytes && call.pixels.data != call.out.data;
  parallel_for(pieces.tasks(), 4 * bytes, [&](int64_t task) {
    pieces.visit_task(task, [&](const Piece& piece) {
      const auto gradient = pixel_gradient<E>(call.gradient, call.mask, piece);
      const E* const pixel = address<const E>(call.pixels, piece);
      const E* const original = address<const E>(call.original, piece);
      E* const out = address<E>(call.out, piece);
      const L2Channel& channel = channels.at(piece.channel);
      const WideFactor& factor = factors.at(piece.channel);
      const bool streamed = can_stream(out, call.out.copies, streaming);
      for_vectors(piece.count, [&](int64_t i, int lanes) {
        const f32v center = load_lanes<float>(original + i, lanes);
        f32v value = l2_step(load_lanes<float>(pixel + i, lanes), center,
                             times(gradient.vector_at(i, lanes), factor), channel);
        if (gradient.mask != nullptr) {
          value = mask_lanes<float>(gradient.mask + i, lanes) ? value : center;
        }
        store_copies(out + i, gradient.copies, gradient.copy_stride, lanes, value, streamed);
      });
    });
    if (streaming) stream_fence();
  });
}

template <class E>
void l2_steps(const L2Step& call) {
  for (int64_t image = 0; image < call.rows.images; ++image) {
    step_image<E>(call, image_range(call.rows, image));
  }
}

}  // namespace

eqp_status l2_step(const L2Step& call) {
  EQP_TRY(check_offsets("eqp_l2_step", call.rows, call.pixels.images));
  EQP_TRY(check_step_sizes("eqp_l2_step", call.step_sizes, call.rows.images));
  if (call.pixels.dtype == EQP_F32) {
    l2_steps<float>(call);
  } else {
    l2_steps<bfloat16>(call);
  }
  return EQP_OK;
}

}  // namespace EQP_ISA
}  // namespace eqp

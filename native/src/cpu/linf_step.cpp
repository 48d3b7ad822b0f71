// linf_step on the CPU. Everything is elementwise except the mean |gradient| of momentum.
#include "abi/calls/linf_step.h"

#include "cpu/images.h"
#include "math/linf_step.h"

namespace eqp {
namespace EQP_ISA {
namespace {

// The step alone: no mask, copies, momentum or previous iterate. After streaming the caller sets a
// fence.
template <class E, bool streaming>
void step_piece(const E* pixel, const E* original, const E* gradient, E* out, int64_t count,
                const LinfChannel& channel) {
  constexpr int w = kF32Width;
  const auto stepped = [&channel](f32v x, f32v center, f32v direction) {
    return linf_rounded<E>(linf_step(x, center, direction, channel), center, channel);
  };
  const auto partial = [&](int64_t i, int64_t n) {
    const int lanes = static_cast<int>(n);
    store_partial(out + i, lanes,
                  stepped(load_partial<E, f32v, float>(pixel + i, lanes, 0.0f),
                          load_partial<E, f32v, float>(original + i, lanes, 0.0f),
                          load_partial<E, f32v, float>(gradient + i, lanes, 0.0f)));
  };
  int64_t i = 0;
  if (streaming) {  // to where a pair of vectors fills whole aligned registers
    const int64_t misaligned =
        static_cast<int64_t>(reinterpret_cast<uintptr_t>(out) % EQP_VECTOR_BYTES / sizeof(E));
    int64_t head = misaligned == 0 ? 0 : EQP_VECTOR_BYTES / sizeof(E) - misaligned;
    if (head > count) head = count;
    for (; i < head; i += w) partial(i, head - i < w ? head - i : w);
    i = head;
  }
  for (; i + 2 * w <= count; i += 2 * w) {
    prefetch_pair(pixel + i);
    prefetch_pair(original + i);
    prefetch_pair(gradient + i);
    const F32Pair x = load_pair(pixel + i), x0 = load_pair(original + i),
                  g = load_pair(gradient + i);
    put_pair<streaming>(out + i, F32Pair{stepped(x.first, x0.first, g.first),
                                         stepped(x.second, x0.second, g.second)});
  }
  for (; i < count; i += w) partial(i, count - i < w ? count - i : w);
}

// The step with everything that it can have.
template <class E>
struct FullStep {
  const E *pixel, *original, *previous;  // previous may be null
  PixelGradient<E> gradient;
  float* momentum;  // may be null
  E* out;
  LinfChannel channel;
  float decay, blend;
  WideFactor inverse_mean;  // 1 / mean |gradient| of the image
  bool streamed;

  void operator()(int64_t count) const {
    int64_t i = 0;
    for (; i + 2 * kF32Width <= count; i += 2 * kF32Width) {
      prefetch_pair(pixel + i);
      prefetch_pair(original + i);
      for (int64_t k = 0; k < gradient.copies; ++k)
        prefetch_pair(gradient.gradient + i + k * gradient.copy_stride);
      some(i, kF32Width);
      some(i + kF32Width, kF32Width);
    }
    for_vectors(count - i, [&](int64_t rest, int lanes) { some(i + rest, lanes); });
  }

 private:
  void some(int64_t i, int lanes) const {
    f32v direction = gradient.vector_at(i, lanes);
    if (momentum != nullptr) {
      direction = load_lanes<float>(momentum + i, lanes) * decay + times(direction, inverse_mean);
      store_copies(momentum + i, gradient.copies, gradient.copy_stride, lanes, direction, false);
    }
    const f32v x = load_lanes<float>(pixel + i, lanes);
    const f32v center = load_lanes<float>(original + i, lanes);
    f32v value = linf_step(x, center, direction, channel);
    if (previous != nullptr) {
      value = linf_blend(value, x, load_lanes<float>(previous + i, lanes), center, blend, channel);
    }
    value = linf_rounded<E>(value, center, channel);
    if (gradient.mask != nullptr) {
      value = mask_lanes<float>(gradient.mask + i, lanes) ? value : center;
    }
    store_copies(out + i, gradient.copies, gradient.copy_stride, lanes, value, streamed);
  }
};

// mean |gradient| in pixel units over the pixels whose mask is not 0; 0 without any.
template <class E>
double mean_absolute(const LinfStep& call, const Pieces& pieces) {
  const ByChannel<double> inverse_std(call.options.pixel_space,
                                      [](const ChannelSpace& space) { return 1 / space.std; });
  double total[2];  // |gradient|, pixels
  sum_pieces<2>(pieces, static_cast<uint64_t>(pieces.pixels()) * sizeof(E), total,
                [&](const Piece& piece, double(&sums)[2]) {
                  const auto gradient = pixel_gradient<E>(call.gradient, call.mask, piece);
                  WideSum sum;
                  for_vectors(piece.count, [&](int64_t i, int lanes) {
                    sum.add(magnitude(widen(gradient.vector_at(i, lanes))));
                  });
                  sums[0] += sum.total() * inverse_std.at(piece.channel);
                  sums[1] += static_cast<double>(gradient.mask == nullptr
                                                     ? piece.count
                                                     : count_lanes(gradient.mask, piece.count));
                });
  return total[1] == 0 ? 0.0 : total[0] / total[1];
}

// One step of rows [first, last): all of the batch, or one image.
template <class E>
void step_rows(const LinfStep& call, const ImageRange& range, bool per_image) {
  const Pieces pieces(call.pixels, range.first, range.last);
  if (pieces.count() == 0) return;
  const uint64_t bytes = static_cast<uint64_t>(pieces.pixels()) * sizeof(E);
  const bool streaming = bytes >= kStreamBytes && call.pixels.data != call.out.data;
  const float step = per_image && call.step_sizes != nullptr ? call.step_sizes[range.image]
                                                             : call.options.step_size;
  const ByChannel<LinfChannel> channels(call.options.pixel_space, [&](const ChannelSpace& space) {
    return linf_channel(call.options, space, static_cast<float>(call.options.direction) * step);
  });
  const bool plain = call.momentum.data == nullptr && call.previous.data == nullptr &&
                     call.mask.data == nullptr && call.pixels.copies == 1;
  // A gradient counts in pixel units: 1 / std of its channel.
  const double mean = call.momentum.data == nullptr ? 0 : mean_absolute<E>(call, pieces);
  const ByChannel<WideFactor> inverse_mean(
      call.options.pixel_space,
      [&](const ChannelSpace& space) { return wide_inverse(mean, 1 / space.std); });
  parallel_for(pieces.tasks(), 4 * bytes, [&](int64_t task) {
    pieces.visit_task(task, [&](const Piece& piece) {
      const E* const pixel = address<const E>(call.pixels, piece);
      const E* const original = address<const E>(call.original, piece);
      E* const out = address<E>(call.out, piece);
      const LinfChannel& channel = channels.at(piece.channel);
      if (plain) {
        const E* const gradient = address<const E>(call.gradient, piece);
        if (streaming) {
          step_piece<E, true>(pixel, original, gradient, out, piece.count, channel);
        } else {
          step_piece<E, false>(pixel, original, gradient, out, piece.count, channel);
        }
        return;
      }
      const FullStep<E> full{pixel,
                             original,
                             optional_address<const E>(call.previous, piece),
                             pixel_gradient<E>(call.gradient, call.mask, piece),
                             optional_address<float>(call.momentum, piece),
                             out,
                             channel,
                             call.options.momentum_decay,
                             call.options.blend,
                             inverse_mean.at(piece.channel),
                             can_stream(out, call.out.copies, streaming)};
      full(piece.count);
    });
    if (streaming) stream_fence();
  });
}

template <class E>
void linf_steps(const LinfStep& call) {
  if (call.momentum.data == nullptr && call.step_sizes == nullptr) {
    step_rows<E>(call, ImageRange{0, 0, call.pixels.images}, false);
    return;
  }
  for (int64_t image = 0; image < call.rows.images; ++image) {
    step_rows<E>(call, image_range(call.rows, image), true);
  }
}

}  // namespace

eqp_status linf_step(const LinfStep& call) {
  EQP_TRY(check_offsets("eqp_linf_step", call.rows, call.pixels.images));
  EQP_TRY(check_step_sizes("eqp_linf_step", call.step_sizes, call.rows.images));
  if (call.pixels.dtype == EQP_F32) {
    linf_steps<float>(call);
  } else {
    linf_steps<bfloat16>(call);
  }
  return EQP_OK;
}

}  // namespace EQP_ISA
}  // namespace eqp

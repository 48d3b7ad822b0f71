// linf_step on the CPU. Everything is elementwise except the mean |gradient| of momentum.
#include "math/linf_step.h"

#include "cpu/images.h"

namespace eqp {
namespace EQP_ISA {
namespace {

constexpr int64_t kMaxPartials = 512;

template <class E, bool streaming>
void step_piece(const E* pixel, const E* original, const E* gradient, E* out, int64_t count,
                const LinfChannel& channel) {
  constexpr int w = kF32Width;
  const auto partial = [&](int64_t i, int64_t n) {
    const int lanes = static_cast<int>(n);
    store_partial(out + i, lanes,
                  linf_step(load_partial<E, f32v, float>(pixel + i, lanes, 0.0f),
                            load_partial<E, f32v, float>(original + i, lanes, 0.0f),
                            load_partial<E, f32v, float>(gradient + i, lanes, 0.0f), channel));
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
    put_pair<streaming>(out + i, F32Pair{linf_step(x.first, x0.first, g.first, channel),
                                         linf_step(x.second, x0.second, g.second, channel)});
  }
  for (; i < count; i += w) partial(i, count - i < w ? count - i : w);
  if (streaming) stream_fence();
}

// mean |gradient| of one image, from partial sums over pieces that depend on the shape alone.
template <class E>
double mean_absolute(const Images& gradient, int64_t image) {
  Images one = gradient;
  one.images = 1;
  const Pieces pieces(one);
  // However many pieces there are (channels are unlimited), at most kMaxPartials sums of
  // neighbours.
  const int64_t count = pieces.count();
  const int64_t sums = count < kMaxPartials ? count : kMaxPartials;
  double partial[kMaxPartials];
  parallel_for(sums, static_cast<uint64_t>(pieces.elements()) * sizeof(E), [&](int64_t index) {
    double sum = 0;
    for (int64_t p = count * index / sums; p < count * (index + 1) / sums; ++p) {
      Piece piece = pieces.at(p);
      piece.image = image;
      const E* const values = address<const E>(gradient, piece);
      for (int64_t i = 0; i < piece.count; ++i) {
        sum += abs(static_cast<double>(to_float(values[i])));
      }
    }
    partial[index] = sum;
  });
  double sum = 0;
  for (int64_t index = 0; index < sums; ++index) sum += partial[index];
  return sum / static_cast<double>(pieces.elements());
}

template <class E>
void linf_steps(const LinfStep& call) {
  const Pieces pieces(call.pixels);
  const uint64_t bytes = static_cast<uint64_t>(pieces.elements()) * sizeof(E);
  const bool streaming = bytes >= kStreamBytes && call.pixels.data != call.out.data;
  const auto channel_of = [&call](int64_t channel) {
    LinfChannel result = linf_channel(call.options, channel);
    const ChannelSpace space = channel_space(call.options.pixel_space, channel);
    result.signed_step =
        static_cast<float>(call.options.direction) * length_in(space, call.options.step_size);
    return result;
  };
  if (call.momentum.data == nullptr) {
    parallel_for(pieces.count(), 4 * bytes, [&](int64_t index) {
      const Piece piece = pieces.at(index);
      const LinfChannel channel = channel_of(piece.channel);
      const E* const pixel = address<const E>(call.pixels, piece);
      const E* const original = address<const E>(call.original, piece);
      const E* const gradient = address<const E>(call.gradient, piece);
      E* const out = address<E>(call.out, piece);
      if (streaming) {
        step_piece<E, true>(pixel, original, gradient, out, piece.count, channel);
      } else {
        step_piece<E, false>(pixel, original, gradient, out, piece.count, channel);
      }
    });
    return;
  }
  const float decay = call.options.momentum_decay;
  for (int64_t image = 0; image < pieces.images && pieces.count() > 0; ++image) {
    const double mean = mean_absolute<E>(call.gradient, image);
    parallel_for(
        pieces.count() / pieces.images, 5 * bytes / static_cast<uint64_t>(pieces.images),
        [&](int64_t index) {
          Piece piece = pieces.at(index);
          piece.image = image;
          const LinfChannel channel = channel_of(piece.channel);
          const E* const pixel = address<const E>(call.pixels, piece);
          const E* const original = address<const E>(call.original, piece);
          const E* const gradient = address<const E>(call.gradient, piece);
          float* const momentum = address<float>(call.momentum, piece);
          E* const out = address<E>(call.out, piece);
          for (int64_t i = 0; i < piece.count; ++i) {
            // In double: the mean of a nearly converged attack may be below f32's normal range.
            const float share =
                mean == 0 ? 0.0f
                          : static_cast<float>(static_cast<double>(to_float(gradient[i])) / mean);
            momentum[i] = decay * momentum[i] + share;
            assign(out + i,
                   linf_step(to_float(pixel[i]), to_float(original[i]), momentum[i], channel));
          }
        });
  }
}

}  // namespace

eqp_status linf_step(const LinfStep& call) {
  if (call.pixels.dtype == EQP_F32) {
    linf_steps<float>(call);
  } else {
    linf_steps<bfloat16>(call);
  }
  return EQP_OK;
}

}  // namespace EQP_ISA
}  // namespace eqp

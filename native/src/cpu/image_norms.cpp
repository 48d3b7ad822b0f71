// image_norms on the CPU: one pass over every image.
#include "abi/calls/image_norms.h"

#include "cpu/images.h"

namespace eqp {
namespace EQP_ISA {
namespace {

struct Norms {
  double sum = 0, squares = 0, greatest = 0;
};

template <class E>
Norms norms_of_piece(const ImageNorms& call, const Piece& piece, double unit) {
  const auto values = pixel_gradient<E>(call.values, call.mask, piece);
  const E* const minus = optional_address<const E>(call.minus, piece);
  const bool difference = call.options.quantity == EQP_DIFFERENCE;
  PixelGradient<E> counted = values,
                   subtracted{minus, values.mask, values.copies, values.copy_stride};
  if (difference) counted.copies = subtracted.copies = 1;
  WideSum sum, squares;
  f64v greatest = {};
  for_vectors(piece.count, [&](int64_t i, int lanes) {
    WideLanes v = widen(counted.vector_at(i, lanes));
    if (minus != nullptr) v = v - widen(subtracted.vector_at(i, lanes));
    v = magnitude(v);
    sum.add(v);
    squares.add_product(v, v);
    greatest = max_or_second(greatest, max_or_second(v.low, v.high));
  });
  Norms norms;
  norms.sum = sum.total() * unit;
  norms.squares = squares.total() * (unit * unit);
  for (int lane = 0; lane < vec<double>::width; ++lane) {
    norms.greatest = max_or_second(norms.greatest, greatest[lane] * unit);
  }
  return norms;
}

template <class E>
void norms_of_image(const ImageNorms& call, const ImageRange& range) {
  const Pieces pieces(call.values, range.first, range.last);
  const bool difference = call.options.quantity == EQP_DIFFERENCE;
  const ByChannel<double> unit(call.options.pixel_space, [&](const ChannelSpace& space) {
    return difference ? space.std : 1 / space.std;
  });
  const int64_t count = pieces.count(), tasks = pieces.tasks();
  const int64_t partials = tasks < kMaxPartials ? tasks : kMaxPartials;
  Norms partial[kMaxPartials];
  const uint64_t bytes = static_cast<uint64_t>(pieces.pixels()) * sizeof(E);
  parallel_for(partials, bytes, [&](int64_t index) {
    Norms norms;
    pieces.visit(count * index / partials, count * (index + 1) / partials, [&](const Piece& piece) {
      const Norms more = norms_of_piece<E>(call, piece, unit.at(piece.channel));
      norms.sum += more.sum;
      norms.squares += more.squares;
      norms.greatest = max_or_second(norms.greatest, more.greatest);
    });
    partial[index] = norms;
  });
  Norms total;
  for (int64_t index = 0; index < partials; ++index) {
    total.sum += partial[index].sum;
    total.squares += partial[index].squares;
    total.greatest = max_or_second(total.greatest, partial[index].greatest);
  }
  float* const out = row_out<float>(call.norms, range.image);
  out[EQP_NORM_L1] = static_cast<float>(total.sum);
  out[EQP_NORM_L2] = static_cast<float>(sqrt(total.squares));
  // A maximum may have dropped a NaN; the sum has not.
  out[EQP_NORM_LINF] = static_cast<float>(total.sum == total.sum ? total.greatest : total.sum);
}

template <class E>
void norms_of_images(const ImageNorms& call) {
  for (int64_t image = 0; image < call.rows.images; ++image) {
    norms_of_image<E>(call, image_range(call.rows, image));
  }
}

}  // namespace

eqp_status image_norms(const ImageNorms& call) {
  EQP_TRY(check_offsets("eqp_image_norms", call.rows, call.values.images));
  if (call.values.dtype == EQP_F32) {
    norms_of_images<float>(call);
  } else {
    norms_of_images<bfloat16>(call);
  }
  return EQP_OK;
}

}  // namespace EQP_ISA
}  // namespace eqp

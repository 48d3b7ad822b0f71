// eqp_image_norms against the formulas of perturbation.h.
#include <algorithm>
#include <cmath>
#include <limits>

#include "conformance/images.h"
#include "equipoise/perturbation.h"
#include "harness/check.h"

namespace eqp::test {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kRoundoff = 0x1p-24;

struct Setup {
  eqp_dtype dtype = EQP_F32;
  ImageShape shape{2, 3, 5, 7};
  Layout layout;
  bool gradient = false, normalised = false, minus = false;
  Mask mask = Mask::kNone;
  double scale = 1, special = 0;  // special: one element of the even images
};

void run_case(Suite& suite, const Setup& s, uint64_t seed) {
  eqp_pixel_space space = s.normalised ? normalised_space(s.shape.channels) : identity_space();
  space.copies = static_cast<int32_t>(s.shape.copies);
  Random random(seed);
  const int64_t size = s.shape.size(), images = s.shape.image_count();
  std::vector<double> values, minus;
  for (int64_t e = 0; e < size; ++e) {
    double value = random.chance(0.1) ? 0 : s.scale * random.normal();
    if (s.special != 0 && s.shape.image_of(e) % 2 == 0 && e % 7 == 3) value = s.special;
    values.push_back(round_to(s.dtype, value));
    minus.push_back(round_to(s.dtype, s.scale * random.normal()));
  }
  const MaskValues mask = draw_mask(random, s.shape, s.mask);
  struct Sums {
    long double l1 = 0, l2 = 0, linf = 0;
    double rounding = 0;  // what adding copies in f32 may cost
  };
  std::vector<Sums> sums(static_cast<size_t>(images));
  for (int64_t e = 0; e < size; ++e) {
    if (s.shape.first_copy(e) != e || !mask.at(s.shape, e)) continue;
    long double v = 0;
    double sizes = 0;
    for (int64_t k = 0; k < (s.gradient ? s.shape.copies : 1); ++k) {
      const size_t at = static_cast<size_t>(e + k * s.shape.copy_stride());
      v += static_cast<long double>(values[at]) - (s.minus ? minus[at] : 0);
      sizes += std::fabs(values[at]) + (s.minus ? std::fabs(minus[at]) : 0);
    }
    const double std = channel_space(space, s.shape.channel_of(e)).std;
    v = std::fabs(s.gradient ? v / std : v * std);
    Sums& image = sums[static_cast<size_t>(s.shape.image_of(e))];
    image.l1 += v;
    image.l2 += v * v;
    image.linf = std::isnan(v) || std::isnan(image.linf) ? kNaN : std::max(v, image.linf);
    if (s.gradient && s.shape.copies > 1) image.rounding += kRoundoff * sizes / std;
  }

  Case call(
      suite.backend, suite.report, "image_norms",
      text_of(s.shape) + format(" gradient %d normalised %d minus %d mask %d scale %g special %g",
                                s.gradient, s.normalised, s.minus, static_cast<int>(s.mask),
                                s.scale, s.special),
      s.layout);
  auto& options = call.options<eqp_image_norms_options>();
  options.quantity = s.gradient ? EQP_GRADIENT : EQP_DIFFERENCE;
  options.pixel_space = space;
  const int dims = s.shape.contiguous_dims();
  call.add("values", s.dtype, s.shape.dims(), values, dims);
  if (s.minus) call.add("minus", s.dtype, s.shape.dims(), minus, dims);
  if (s.mask != Mask::kNone) call.add("mask", EQP_BOOL, mask.dims(s.shape), mask.values, dims);
  if (!s.shape.offsets.empty()) call.add("offsets", EQP_I64, {images + 1}, s.shape.offset_values());
  call.add("norms", EQP_F32, {images, EQP_NORM_COUNT});
  if (!call.run()) return;
  call.expect("norms", [&](int64_t e) -> Expected {
    const Sums& image = sums[static_cast<size_t>(e / EQP_NORM_COUNT)];
    const long double exact = e % EQP_NORM_COUNT == EQP_NORM_L1   ? image.l1
                              : e % EQP_NORM_COUNT == EQP_NORM_L2 ? std::sqrt(image.l2)
                                                                  : image.linf;
    // Everything else is in f64, with one rounding at the end.
    const double rounded = static_cast<double>(exact);
    return {rounded, 1.01 * kRoundoff * std::fabs(rounded) + image.rounding};
  });
}

}  // namespace

void conform_image_norms(Suite& suite) {
  check_bad_offsets<eqp_image_norms_options>(suite, "image_norms", {"values"}, "norms", {});
  uint64_t seed = 9000;
  const Layout layouts[] = {{0, 0}, {3, 1}, {16, 0}, {0, 3}};
  for (const eqp_dtype dtype : {EQP_F32, EQP_BF16, EQP_F16}) {
    const auto usual = [&] {
      Setup s;
      s.dtype = dtype;
      s.layout = layouts[++seed % 4];
      s.gradient = seed % 2 == 0;
      s.normalised = seed % 3 == 0;
      s.minus = seed % 5 < 3;
      return s;
    };
    const ImageShape shapes[] = {{0, 3, 4, 4},         {1, 1, 1, 1},   {2, 3, 0, 5},
                                 {2, 0, 3, 3},         {3, 3, 5, 7},   {5, 1, 31, 1},
                                 {2, 3, 32, 32},       {301, 2, 3, 3}, {2, 3, 131, 127},
                                 {2, 2, 1, 32768 + 5}, {2, 601, 1, 3}};
    for (const ImageShape& shape : shapes) {
      Setup s = usual();
      s.shape = shape;
      s.normalised = s.normalised && shape.channels > 0 && shape.channels <= EQP_MAX_CHANNELS;
      run_case(suite, s, seed);
    }
    for (const int64_t n : {1, 14, 196}) {
      for (const Mask mask : {Mask::kNone, Mask::kFull, Mask::kOneChannel, Mask::kNothing}) {
        Setup s = usual();
        s.shape = packed_shape(n);
        s.mask = mask;
        run_case(suite, s, seed);
      }
    }
    for (const Layout& layout : each_shifted_alone("image_norms")) {
      for (const bool gradient : {false, true}) {
        Setup s = usual();
        s.layout = layout;
        s.shape = {3, 3, 2, 32};
        s.shape.copies = 2;
        s.shape.offsets = {0, 1, 3};
        s.mask = Mask::kFull;
        s.gradient = gradient;
        s.minus = true;
        run_case(suite, s, seed);
      }
    }
    for (const double special : {kNaN, kInf, -kInf}) {
      for (const Mask mask : {Mask::kNone, Mask::kFull}) {
        Setup s = usual();
        s.special = special;
        s.mask = mask;
        run_case(suite, s, seed);
      }
    }
    for (const double scale : {1e-20, 1e20}) {
      if (dtype == EQP_F16) continue;
      Setup s = usual();
      s.scale = scale;
      run_case(suite, s, seed);
    }
    if (!suite.large_cases) continue;
    for (const ImageShape& shape : kLargeShapes) {
      Setup s = usual();
      s.shape = shape;
      s.normalised = false;
      run_case(suite, s, seed);
    }
  }
}

}  // namespace eqp::test

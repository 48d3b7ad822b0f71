// eqp_l2_step against the formulas of perturbation.h.
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

enum class Gradient { kUsual, kTiny, kLarge, kZero, kNotANumber, kInfinite };

struct Setup {
  eqp_dtype dtype = EQP_F32;
  ImageShape shape{2, 3, 5, 7};
  Layout layout;
  Gradient gradient = Gradient::kUsual;
  bool normalised = false, step_sizes = false;
  Mask mask = Mask::kNone;
  eqp_direction direction = EQP_DESCEND;
  // In units of the norm of a difference of 0.1 in every pixel of the image.
  double epsilon = 1, step = 0.3, moved = 1;
};

// One image in pixel units.
struct ImageSums {
  long double gradient = 0, product = 0, moved = 0;
};

double draw_gradient(Random& random, const Setup& s, int64_t e) {
  const double usual = random.chance(0.1) ? 0 : random.normal();
  const bool here = s.shape.image_of(e) % 2 == 0 && e % 7 == 3;
  switch (s.gradient) {
    case Gradient::kTiny:
      return usual * 1e-38;
    case Gradient::kLarge:
      return usual * 1e37;
    case Gradient::kZero:
      return s.shape.image_of(e) % 2 == 0 ? 0 : usual;
    case Gradient::kNotANumber:
      return here ? kNaN : usual;
    case Gradient::kInfinite:
      return here ? kInf : usual;
    default:
      return usual;
  }
}

void run_case(Suite& suite, const Setup& s, uint64_t seed) {
  eqp_pixel_space space = s.normalised ? normalised_space(s.shape.channels) : identity_space();
  space.copies = static_cast<int32_t>(s.shape.copies);
  Random random(seed);
  const int64_t size = s.shape.size(), images = s.shape.image_count();
  const double typical =
      0.1 * std::sqrt(static_cast<double>(size) /
                      static_cast<double>(std::max<int64_t>(1, images * s.shape.copies)));
  const float epsilon = static_cast<float>(s.epsilon * typical);
  const float step_size = static_cast<float>(s.step * typical);
  std::vector<double> pixels, original, gradient, step_sizes;
  for (int64_t e = 0; e < size; ++e) {
    const size_t first = static_cast<size_t>(s.shape.first_copy(e));
    const ChannelSpace c = channel_space(space, s.shape.channel_of(e));
    const double clean = random.uniform(0, 1);
    const double moved = clean + s.moved * 0.1 * random.normal();
    original.push_back(round_to(s.dtype, c.value(clean)));
    pixels.push_back(round_to(s.dtype, c.value(moved)));
    original.back() = original[first];
    pixels.back() = pixels[first];
    gradient.push_back(round_to(s.dtype, draw_gradient(random, s, e)));
  }
  const MaskValues mask = draw_mask(random, s.shape, s.mask);
  for (int64_t i = 0; i < images && s.step_sizes; ++i) {
    step_sizes.push_back(round_to(EQP_F32, random.uniform(0, 2) * static_cast<double>(step_size)));
  }

  std::vector<double> tied;
  std::vector<ImageSums> sums(static_cast<size_t>(images));
  for (int64_t e = 0; e < size; ++e) {
    const int64_t first = s.shape.first_copy(e);
    double sum = 0;
    for (int64_t k = 0; k < s.shape.copies; ++k) {
      sum += gradient[static_cast<size_t>(first + k * s.shape.copy_stride())];
    }
    tied.push_back(mask.at(s.shape, e) ? sum : 0);
    if (first != e || !mask.at(s.shape, e)) continue;
    const size_t at = static_cast<size_t>(e);
    const double std = channel_space(space, s.shape.channel_of(e)).std;
    const long double g = tied[at] / std, d = (pixels[at] - original[at]) * std;
    ImageSums& image = sums[static_cast<size_t>(s.shape.image_of(e))];
    image.gradient += g * g;
    image.product += g * d;
    image.moved += d * d;
  }

  Case call(
      suite.backend, suite.report, "l2_step",
      text_of(s.shape) + format(" gap %lld gradient %d normalised %d mask %d step sizes %d "
                                "direction %d epsilon %g step %g",
                                static_cast<long long>(s.layout.gap), static_cast<int>(s.gradient),
                                s.normalised, static_cast<int>(s.mask), s.step_sizes, s.direction,
                                static_cast<double>(epsilon), static_cast<double>(step_size)),
      s.layout);
  auto& options = call.options<eqp_l2_step_options>();
  options.direction = s.direction;
  options.epsilon = epsilon;
  options.step_size = step_size;
  options.pixel_space = space;
  const int dims = s.shape.contiguous_dims();
  call.add("pixels", s.dtype, s.shape.dims(), pixels, dims);
  call.add("original", s.dtype, s.shape.dims(), original, dims);
  call.add("gradient", s.dtype, s.shape.dims(), gradient, dims);
  if (s.mask != Mask::kNone) call.add("mask", EQP_U8, mask.dims(s.shape), mask.values, dims);
  if (!s.shape.offsets.empty()) {
    call.add("offsets", EQP_I32, {images + 1}, s.shape.offset_values());
  }
  if (s.step_sizes) call.add("step_sizes", EQP_F32, {images}, step_sizes);
  call.add("out", s.dtype, s.shape.dims(), dims);
  call.also_in_place("out", "pixels");
  if (!call.run()) return;

  call.expect("out", [&](int64_t e) -> Expected {
    const size_t at = static_cast<size_t>(e);
    if (!mask.at(s.shape, e)) return {original[at], 0};
    const size_t i = static_cast<size_t>(s.shape.image_of(e));
    const ImageSums& image = sums[i];
    const ChannelSpace c = channel_space(space, s.shape.channel_of(e));
    const long double norm = std::sqrt(image.gradient);
    const long double alpha = static_cast<long double>(s.direction) *
                              (s.step_sizes ? step_sizes[i] : static_cast<double>(step_size));
    if (!std::isfinite(static_cast<double>(norm))) return {kNaN, 0};
    const long double length = std::sqrt(
        norm == 0 ? image.moved
                  : std::max<long double>(
                        0, image.moved + 2 * alpha * image.product / norm + alpha * alpha));
    const long double shrink = length <= epsilon ? 1 : epsilon / length;
    const double step =
        norm == 0 ? 0 : static_cast<double>(alpha * tied[at] / (norm * c.std * c.std));
    const double moved = pixels[at] - original[at] + step;
    const double value = original[at] + static_cast<double>(shrink) * moved;
    // The copies' sum, a factor and its product; the stepped pixel; the difference to the original,
    // the product with shrink - 1 and the sum; the bounds' own conversion.
    const double sizes = std::fabs(pixels[at]) + 2 * std::fabs(original[at]) + 4 * std::fabs(step) +
                         3 * std::fabs(moved) + c.magnitude(0) + c.magnitude(1);
    return {std::min(std::max(value, c.value(0)), c.value(1)), 3 * kRoundoff * sizes};
  });
}

}  // namespace

void conform_l2_step(Suite& suite) {
  check_bad_step_sizes<eqp_l2_step_options>(suite, "l2_step");
  check_bad_offsets<eqp_l2_step_options>(suite, "l2_step", {"pixels", "original", "gradient"},
                                         "out", {9, 3, 2, 5});
  uint64_t seed = 7000;
  const Layout layouts[] = {{0, 0}, {3, 1}, {16, 0}, {0, 3}};
  for (const eqp_dtype dtype : {EQP_F32, EQP_BF16, EQP_F16}) {
    const auto usual = [&] {
      Setup s;
      s.dtype = dtype;
      s.layout = layouts[++seed % 4];
      s.direction = seed % 2 == 0 ? EQP_DESCEND : EQP_ASCEND;
      s.normalised = seed % 3 == 0;
      s.step_sizes = seed % 5 == 0;
      return s;
    };
    const ImageShape shapes[] = {{0, 3, 4, 4},   {1, 1, 1, 1},  {1, 3, 0, 5},   {2, 0, 3, 3},
                                 {3, 3, 5, 7},   {5, 1, 31, 1}, {2, 3, 32, 32}, {7, 2, 11, 3},
                                 {3, 4, 16, 13}, {2, 37, 3, 5}, {2, 601, 1, 3}};
    for (const ImageShape& shape : shapes) {
      Setup s = usual();
      s.shape = shape;
      s.normalised = s.normalised && shape.channels > 0 && shape.channels <= EQP_MAX_CHANNELS;
      run_case(suite, s, seed);
    }
    for (const Gradient gradient : {Gradient::kTiny, Gradient::kLarge, Gradient::kZero,
                                    Gradient::kNotANumber, Gradient::kInfinite}) {
      if (dtype == EQP_F16 && (gradient == Gradient::kTiny || gradient == Gradient::kLarge))
        continue;
      for (const Mask mask : {Mask::kNone, Mask::kOneChannel}) {
        Setup s = usual();
        s.shape = {4, 3, 9, 11};
        s.gradient = gradient;
        s.mask = mask;
        run_case(suite, s, seed);
      }
    }
    const double extremes[][3] = {{0, 1, 1},    {1, 0, 0.3}, {1, 0, 3},
                                  {0.01, 5, 0}, {9, 9, 0},   {0.5, 1, 0.5}};
    for (const auto& x : extremes) {
      for (const Mask mask : {Mask::kNone, Mask::kFull, Mask::kNothing}) {
        Setup s = usual();
        s.shape = {3, 3, 8, 9};
        s.epsilon = x[0];
        s.step = x[1];
        s.moved = x[2];
        s.mask = mask;
        s.step_sizes = false;
        run_case(suite, s, seed);
      }
    }
    for (const int64_t n : {1, 14, 196}) {
      for (const Mask mask : {Mask::kNone, Mask::kFull, Mask::kOneChannel}) {
        Setup s = usual();
        s.shape = packed_shape(n);
        s.mask = mask;
        s.normalised = mask != Mask::kFull;
        run_case(suite, s, seed);
      }
    }
    for (const Layout& layout : each_shifted_alone("l2_step")) {
      Setup s = usual();
      s.layout = layout;
      s.shape = {3, 3, 2, 32};
      s.shape.copies = 2;
      s.shape.offsets = {0, 1, 3};
      s.mask = Mask::kFull;
      s.step_sizes = true;
      run_case(suite, s, seed);
    }
    Setup large = usual();
    for (const ImageShape& shape :
         {ImageShape{2, 3, 131, 127}, ImageShape{2, 2, 1, 32768 + 5}, ImageShape{301, 3, 5, 3}}) {
      large.shape = shape;
      run_case(suite, large, seed);
    }
    if (!suite.large_cases) continue;
    for (const ImageShape& shape : kLargeShapes) {
      large.shape = shape;
      run_case(suite, large, seed);
    }
  }
}

}  // namespace eqp::test

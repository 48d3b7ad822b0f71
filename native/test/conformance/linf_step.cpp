// eqp_linf_step against the formulas of perturbation.h.
#include <algorithm>
#include <cmath>
#include <limits>

#include "conformance/images.h"
#include "equipoise/perturbation.h"
#include "harness/check.h"

namespace eqp::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kRoundoff = 0x1p-24;

enum class Gradient { kUsual, kWhole, kTiny, kDenormal, kLarge, kZero, kNotANumber, kInfinite };

struct Setup {
  eqp_dtype dtype = EQP_F32;
  ImageShape shape{2, 3, 5, 7};
  Layout layout;
  Gradient gradient = Gradient::kUsual;
  bool normalised = false;
  bool momentum = false;
  bool outside = false;  // originals outside [lower, upper], further than epsilon
  bool previous = false, step_sizes = false;
  Mask mask = Mask::kNone;
  eqp_direction direction = EQP_DESCEND;
  float epsilon = 8 / 255.0f, step_size = 2 / 255.0f, lower = 0, upper = 1, momentum_decay = 1,
        blend = 0.75f;
};

std::string describe(const Setup& s) {
  return text_of(s.shape) +
         format(
             " gap %lld gradient %d normalised %d momentum %d decay %g "
             "direction %d epsilon %g step %g bounds %g %g previous %d blend %g "
             "step sizes %d mask %d",
             static_cast<long long>(s.layout.gap), static_cast<int>(s.gradient), s.normalised,
             s.momentum, static_cast<double>(s.momentum_decay), s.direction,
             static_cast<double>(s.epsilon), static_cast<double>(s.step_size),
             static_cast<double>(s.lower), static_cast<double>(s.upper), s.previous,
             static_cast<double>(s.blend), s.step_sizes, static_cast<int>(s.mask));
}

double draw_gradient(Random& random, const Setup& s, int64_t element) {
  const int64_t image = s.shape.image_of(element);
  const double usual = random.chance(0.1) ? 0 : random.normal();
  switch (s.gradient) {
    case Gradient::kWhole:
      return static_cast<double>(random.below(9)) - 4;
    case Gradient::kTiny:
      return usual * 1e-30;
    case Gradient::kDenormal:
      return usual * 1e-40;
    case Gradient::kLarge:
      return usual * 1e30;
    case Gradient::kZero:
      return image % 2 == 0 ? (element % 2 == 0 ? 0.0 : -0.0) : usual;
    case Gradient::kNotANumber:
      return image % 2 == 0 && element % 11 == 3 ? kNaN : usual;
    case Gradient::kInfinite:
      return image % 2 == 0 && element % 11 == 3 ? -kInf : usual;
    default:
      return usual;
  }
}

struct Problem {
  std::vector<double> pixels, original, gradient, momentum, previous, step_sizes;
  MaskValues mask;
  std::vector<double> tied_gradient;  // of a pixel: of its copies together, 0 outside the mask
  std::vector<double> mean_gradient;  // mean |gradient| of each image in pixel units
};

// All copies of a pixel get the first one's value.
void tie(const ImageShape& shape, std::vector<double>* values) {
  for (int64_t e = 0; e < shape.size(); ++e) {
    (*values)[static_cast<size_t>(e)] = (*values)[static_cast<size_t>(shape.first_copy(e))];
  }
}

Problem make_problem(const Setup& s, const eqp_pixel_space& space, uint64_t seed) {
  Random random(seed);
  Problem p;
  for (int64_t e = 0; e < s.shape.size(); ++e) {
    const ChannelSpace channel = channel_space(space, s.shape.channel_of(e));
    double clean = random.uniform(s.lower, s.upper);
    if (random.chance(0.2)) clean = random.chance(0.5) ? s.lower : s.upper;
    if (s.outside && random.chance(0.3)) clean += random.chance(0.5) ? 0.5 : -0.5;
    const double moved = clean + random.uniform(-2, 2) * s.epsilon;
    p.original.push_back(round_to(s.dtype, channel.value(clean)));
    p.pixels.push_back(round_to(s.dtype, channel.value(moved)));
    p.gradient.push_back(round_to(s.dtype, draw_gradient(random, s, e)));
    p.momentum.push_back(round_to(EQP_F32, random.chance(0.2) ? 0 : random.normal()));
  }
  if (s.previous) {
    for (int64_t e = 0; e < s.shape.size(); ++e) {
      const double length = s.epsilon / channel_space(space, s.shape.channel_of(e)).std;
      p.previous.push_back(
          round_to(s.dtype, p.original[static_cast<size_t>(e)] + random.uniform(-1, 1) * length));
    }
    tie(s.shape, &p.previous);
  }
  tie(s.shape, &p.original);
  tie(s.shape, &p.pixels);
  tie(s.shape, &p.momentum);
  p.mask = draw_mask(random, s.shape, s.mask);
  for (int64_t i = 0; i < s.shape.image_count() && s.step_sizes; ++i) {
    p.step_sizes.push_back(round_to(EQP_F32, random.uniform(0, 2) * s.step_size));
  }
  std::vector<double> pixels(static_cast<size_t>(s.shape.image_count()), 0);
  p.mean_gradient = pixels;
  for (int64_t e = 0; e < s.shape.size(); ++e) {
    const int64_t first = s.shape.first_copy(e);
    double sum = 0;
    for (int64_t k = 0; k < s.shape.copies; ++k) {
      sum += p.gradient[static_cast<size_t>(first + k * s.shape.copy_stride())];
    }
    const bool counts = p.mask.at(s.shape, e);
    p.tied_gradient.push_back(counts ? sum : 0);
    if (e != first || !counts) continue;
    const size_t image = static_cast<size_t>(s.shape.image_of(e));
    p.mean_gradient[image] += std::fabs(sum) / channel_space(space, s.shape.channel_of(e)).std;
    pixels[image] += 1;
  }
  for (size_t i = 0; i < pixels.size(); ++i) {
    if (pixels[i] > 0) p.mean_gradient[i] /= pixels[i];
  }
  return p;
}

double sign(double x) { return std::isnan(x) ? x : x > 0 ? 1 : x < 0 ? -1 : 0; }

void run_case(Suite& suite, const Setup& s, uint64_t seed) {
  const eqp_pixel_space space =
      s.normalised ? normalised_space(s.shape.channels) : identity_space();
  const Problem p = make_problem(s, space, seed);
  Case call(suite.backend, suite.report, "linf_step", describe(s), s.layout);
  auto& options = call.options<eqp_linf_step_options>();
  options.direction = s.direction;
  options.epsilon = s.epsilon;
  options.step_size = s.step_size;
  options.lower = s.lower;
  options.upper = s.upper;
  options.momentum_decay = s.momentum_decay;
  options.blend = s.blend;
  options.pixel_space = space;
  options.pixel_space.copies = static_cast<int32_t>(s.shape.copies);
  const int dims = s.shape.contiguous_dims();
  call.add("pixels", s.dtype, s.shape.dims(), p.pixels, dims);
  call.add("original", s.dtype, s.shape.dims(), p.original, dims);
  call.add("gradient", s.dtype, s.shape.dims(), p.gradient, dims);
  if (s.momentum) call.add("momentum", EQP_F32, s.shape.dims(), p.momentum, dims);
  if (s.previous) call.add("previous", s.dtype, s.shape.dims(), p.previous, dims);
  if (s.mask != Mask::kNone) {
    call.add("mask", seed % 2 == 0 ? EQP_U8 : EQP_BOOL, p.mask.dims(s.shape), p.mask.values, dims);
  }
  if (!s.shape.offsets.empty()) {
    call.add("offsets", seed % 2 == 0 ? EQP_I64 : EQP_I32, {s.shape.image_count() + 1},
             s.shape.offset_values());
  }
  if (s.step_sizes) call.add("step_sizes", EQP_F32, {s.shape.image_count()}, p.step_sizes);
  call.add("out", s.dtype, s.shape.dims(), dims);
  call.also_in_place("out", "pixels");
  if (!call.run()) return;

  if (s.momentum) {
    const double roundings =
        sum_error(static_cast<double>(s.shape.channels * s.shape.plane()), kRoundoff);
    call.expect("momentum", [&](int64_t e) -> Expected {
      const size_t at = static_cast<size_t>(e);
      const double mean = p.mean_gradient[static_cast<size_t>(s.shape.image_of(e))];
      const double std = channel_space(space, s.shape.channel_of(e)).std;
      // mean is NaN when any gradient of the image is; 0 only when all are.
      const double added = mean == 0 ? 0 : p.tied_gradient[at] / std / mean;
      const double kept = s.momentum_decay * p.momentum[at];
      return {kept + added, std::fabs(added) * (roundings + 3 * kRoundoff) +
                                2 * kRoundoff * std::fabs(kept) +
                                kRoundoff * std::fabs(kept + added)};
    });
  }
  call.expect("out", [&](int64_t e) -> Expected {
    const size_t at = static_cast<size_t>(e);
    const ChannelSpace c = channel_space(space, s.shape.channel_of(e));
    if (!p.mask.at(s.shape, e)) return {p.original[at], 0};
    const double epsilon = s.epsilon / c.std;
    const double step =
        (s.step_sizes ? p.step_sizes[static_cast<size_t>(s.shape.image_of(e))] : s.step_size) /
        c.std;
    // The momentum has been checked above; which side of zero its rounding fell on decides here.
    const double direction = sign(s.momentum ? call.at("momentum").get(e) : p.tied_gradient[at]);
    const double y = p.pixels[at] + s.direction * step * direction;
    if (std::isnan(y)) return {kNaN, 0};
    const auto project = [&](double value) {
      const double in_ball =
          std::min(std::max(value, p.original[at] - epsilon), p.original[at] + epsilon);
      return std::min(std::max(in_ball, c.value(s.lower)), c.value(s.upper));
    };
    // Three roundings of quantities of these sizes: converting to the space, step or ball, bounds.
    const double sizes = std::fabs(p.pixels[at]) + std::fabs(p.original[at]) + epsilon + step +
                         c.magnitude(s.lower) + c.magnitude(s.upper);
    const double z = project(y);
    const double low = std::max(c.value(s.lower), p.original[at] - epsilon),
                 high = std::min(c.value(s.upper), p.original[at] + epsilon);
    if (!s.previous) return in_ball(s.dtype, z, 3 * kRoundoff * sizes, low, high);
    const double a = s.blend, x = p.pixels[at];
    const double blended = x + a * (z - x) + (1 - a) * (x - p.previous[at]);
    // Two differences, two products and two sums more, of these sizes.
    return in_ball(s.dtype, project(blended), 9 * kRoundoff * (sizes + std::fabs(p.previous[at])),
                   low, high);
  });
  // The ball holds exactly, in the arithmetic of f32, whatever the dtype.
  for (int64_t e = 0; e < s.shape.size() && !s.outside; ++e) {
    if (!p.mask.at(s.shape, e)) continue;
    const ChannelSpace c = channel_space(space, s.shape.channel_of(e));
    const float center = static_cast<float>(p.original[static_cast<size_t>(e)]);
    const float epsilon = static_cast<float>(static_cast<double>(s.epsilon) / c.std);
    const float lower = static_cast<float>(c.value(s.lower)),
                upper = static_cast<float>(c.value(s.upper));
    const double low = static_cast<double>(center - epsilon),
                 high = static_cast<double>(center + epsilon), out = call.at("out").get(e);
    // An original that rounding has put outside the bounds comes back into them.
    if (center < lower || center > upper) continue;
    EQP_CHECK(!(out < low) && !(out > high), "%s: expected a pixel in [%.9g, %.9g], found %.9g",
              describe(s).c_str(), low, high, out);
  }
  if (!s.normalised && s.dtype == EQP_F32) {
    // Without a conversion the bounds hold exactly, wherever the originals lie.
    int64_t escaped = 0;
    for (int64_t e = 0; e < s.shape.size(); ++e) {
      if (!p.mask.at(s.shape, e)) continue;
      escaped += call.at("out").get(e) < s.lower || call.at("out").get(e) > s.upper;
    }
    EQP_CHECK(escaped == 0, "%s: expected pixels in [lower, upper], found %lld outside",
              describe(s).c_str(), static_cast<long long>(escaped));
  }
}

// A step that ends just inside of a bound and is rounded to it stays there: bounds belong to the ball.
void check_rounding_to_the_bound(Suite& suite, eqp_dtype dtype) {
  Case call(suite.backend, suite.report, "linf_step", "rounded to the bound");
  auto& options = call.options<eqp_linf_step_options>();
  options.direction = EQP_DESCEND;
  options.epsilon = 0.25f;
  options.step_size = 0.125f - 0x1p-14f;
  const std::vector<int64_t> shape{1, 1, 1, 2};
  call.add("pixels", dtype, shape, {0.375, 0.625});
  call.add("original", dtype, shape, {0.5, 0.5});
  call.add("gradient", dtype, shape, {1, -1});
  call.add("out", dtype, shape);
  if (!call.run()) return;
  const double low = call.at("out").get(0), high = call.at("out").get(1);
  EQP_CHECK(low == 0.25 && high == 0.75, "expected 0.25 and 0.75, found %.9g and %.9g", low, high);
}

}  // namespace

void conform_linf_step(Suite& suite) {
  check_bad_step_sizes<eqp_linf_step_options>(suite, "linf_step");
  uint64_t seed = 4000;
  check_bad_offsets<eqp_linf_step_options>(suite, "linf_step", {"pixels", "original", "gradient"},
                                           "out", {9, 3, 2, 5});
  check_bad_offsets<eqp_linf_step_options>(
      suite, "linf_step", {"pixels", "original", "gradient", "momentum"}, "out", {9, 3, 2, 5});
  for (const eqp_dtype dtype : {EQP_BF16, EQP_F16}) check_rounding_to_the_bound(suite, dtype);
  const Layout layouts[] = {{0, 0}, {3, 1}, {16, 0}, {0, 3}, {61, 2}};
  for (const eqp_dtype dtype : {EQP_F32, EQP_BF16, EQP_F16}) {
    const auto usual = [&] {
      Setup s;
      s.dtype = dtype;
      s.layout = layouts[++seed % 5];
      s.direction = seed % 2 == 0 ? EQP_DESCEND : EQP_ASCEND;
      s.normalised = seed % 3 == 0;
      s.momentum = seed % 4 < 2;
      return s;
    };
    const ImageShape shapes[] = {{0, 3, 4, 4},   {1, 1, 1, 1}, {1, 3, 0, 5},   {2, 0, 3, 3},
                                 {1, 2, 1, 3},   {3, 3, 5, 7}, {1, 4, 13, 17}, {5, 1, 31, 1},
                                 {2, 3, 32, 32}, {2, 3, 1, 1}, {3, 4, 8, 16},  {7, 2, 11, 3}};
    for (ImageShape shape : shapes) {
      for (const bool flat : {false, true}) {
        for (const bool momentum : {false, true}) {
          Setup s = usual();
          shape.flat = flat;
          s.shape = shape;
          s.momentum = momentum;
          s.normalised = s.normalised && shape.channels > 0;
          run_case(suite, s, seed);
        }
      }
    }
    for (const Gradient gradient : {Gradient::kTiny, Gradient::kDenormal, Gradient::kLarge,
                                    Gradient::kZero, Gradient::kNotANumber, Gradient::kInfinite}) {
      for (const bool momentum : {false, true}) {
        Setup s = usual();
        s.shape = {4, 3, 9, 11};
        s.gradient = gradient;
        s.momentum = momentum;
        run_case(suite, s, seed);
      }
    }
    const float extremes[][5] = {// epsilon, step, lower, upper, decay
                                 {0, 1, 0, 1, 1},
                                 {1, 0, 0, 1, 1},
                                 {2, 2, 0, 1, 0.5f},
                                 {0.1f, 5, -1, 2, 0},
                                 {0.03f, 0.01f, 0.5f, 0.5f, 1},
                                 {1e-3f, 1e-4f, 0.25f, 0.75f, 3}};
    for (const auto& x : extremes) {
      for (const bool normalised : {false, true}) {
        for (const bool outside : {false, true}) {
          Setup s = usual();
          s.epsilon = x[0];
          s.step_size = x[1];
          s.lower = x[2];
          s.upper = x[3];
          s.momentum_decay = x[4];
          s.normalised = normalised;
          s.outside = outside;
          run_case(suite, s, seed);
        }
      }
    }
    // Packed patches, masks, the blend with the previous iterate and step sizes of the images.
    for (const int64_t n : {1, 3, 196}) {
      for (const bool momentum : {false, true}) {
        for (const Mask mask : {Mask::kNone, Mask::kFull, Mask::kOneChannel}) {
          Setup s = usual();
          s.shape = packed_shape(n, n == 3 ? 3 : 2);
          // Three copies are only added without rounding, hence without a doubtful sign, when whole.
          s.gradient = n == 3 ? Gradient::kWhole : Gradient::kUsual;
          s.momentum = momentum;
          s.mask = mask;
          s.normalised = mask != Mask::kFull;
          s.previous = seed % 2 == 0;
          s.step_sizes = seed % 5 < 2;
          run_case(suite, s, seed);
        }
      }
    }
    for (const Gradient gradient : {Gradient::kTiny, Gradient::kZero, Gradient::kNotANumber}) {
      for (const Mask mask : {Mask::kNone, Mask::kFull, Mask::kNothing}) {
        Setup s = usual();
        s.shape = gradient == Gradient::kTiny ? packed_shape(14) : ImageShape{4, 3, 9, 11};
        s.gradient = gradient;
        s.mask = mask;
        s.previous = mask != Mask::kFull;
        s.blend = mask == Mask::kNone ? 1 : 0.25f;
        s.step_sizes = true;
        run_case(suite, s, seed);
      }
    }
    for (const Layout& layout : each_shifted_alone("linf_step")) {
      Setup s = usual();
      s.layout = layout;
      s.shape = {2, 3, 4, 16};
      s.momentum = false;
      run_case(suite, s, seed);
      s.shape = {3, 3, 2, 32};
      s.shape.copies = 2;
      s.shape.offsets = {0, 1, 3};
      s.momentum = s.previous = s.step_sizes = true;
      s.mask = Mask::kFull;
      run_case(suite, s, seed);
    }
    // Each of what a plain step does without, alone.
    for (const int alone : {0, 1, 2, 3}) {
      Setup s = usual();
      s.momentum = false;
      s.previous = alone == 0;
      s.mask = alone == 1 ? Mask::kFull : Mask::kNone;
      s.step_sizes = alone == 2;
      if (alone == 3) s.shape = {2, 3, 2, 7};
      if (alone == 3) s.shape.copies = 2;
      run_case(suite, s, seed);
    }
    for (const bool momentum : {false, true}) {
      Setup s = usual();
      s.shape = {2, 2, 1, 32768 + 5};  // masks and copies of several pieces of work
      s.mask = Mask::kFull;
      s.momentum = momentum;
      s.previous = true;
      run_case(suite, s, seed);
      s.shape = {2, 1, 2, 32768 + 3};
      s.shape.copies = 2;
      s.shape.offsets = {0, 2};
      run_case(suite, s, seed);
    }
    // More channels than a pixel space holds are legal as long as values are pixels.
    Setup wide = usual();
    wide.shape = {2, 37, 3, 5};
    wide.normalised = false;
    for (const bool momentum : {false, true}) {
      wide.momentum = momentum;
      for (const int64_t channels : {37, 601, 1176}) {
        wide.shape.channels = channels;
        run_case(suite, wide, seed);
      }
    }
    for (const bool momentum : {false, true}) {
      Setup large = usual();
      large.shape = {3, 3, 131, 127};
      large.momentum = momentum;
      run_case(suite, large, seed);
      if (momentum && dtype == EQP_F32) {
        large.shape = {5460, 3, 1, 1};  // twice what a device's workspace holds sums for
        run_case(suite, large, seed);
      }
      large.shape = {301, 3, 17, 13};
      run_case(suite, large, seed);
      // Planes of several pieces of work: one element more than they hold, exactly, and one less.
      for (const int64_t plane : {2 * 32768 + 1, 2 * 32768, 2 * 32768 - 1}) {
        large.shape = {2, 2, 1, plane};
        run_case(suite, large, seed);
      }
      if (!suite.large_cases) continue;
      for (const ImageShape& shape : kLargeShapes) {
        large.shape = shape;
        run_case(suite, large, seed);
      }
    }
  }
}

}  // namespace eqp::test

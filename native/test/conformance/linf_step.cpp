// eqp_linf_step against the formulas of perturbation.h.
#include <algorithm>
#include <cmath>
#include <limits>

#include "conformance/images.h"
#include "harness/check.h"

namespace eqp::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kRoundoff = 0x1p-24;

enum class Gradient { kUsual, kTiny, kDenormal, kLarge, kZero, kNotANumber, kInfinite };

struct Setup {
  eqp_dtype dtype = EQP_F32;
  ImageShape shape{2, 3, 5, 7};
  Layout layout;
  Gradient gradient = Gradient::kUsual;
  bool normalised = false;
  bool momentum = false;
  bool outside = false;  // originals outside [lower, upper], further than epsilon
  eqp_direction direction = EQP_DESCEND;
  float epsilon = 8 / 255.0f, step_size = 2 / 255.0f, lower = 0, upper = 1, momentum_decay = 1;
};

std::string describe(const Setup& s) {
  return text_of(s.shape) + format(
                                " gap %lld gradient %d normalised %d momentum %d decay %g "
                                "direction %d epsilon %g step %g bounds %g %g",
                                static_cast<long long>(s.layout.gap), static_cast<int>(s.gradient),
                                s.normalised, s.momentum, static_cast<double>(s.momentum_decay),
                                s.direction, static_cast<double>(s.epsilon),
                                static_cast<double>(s.step_size), static_cast<double>(s.lower),
                                static_cast<double>(s.upper));
}

double draw_gradient(Random& random, const Setup& s, int64_t element) {
  const int64_t image = s.shape.image_of(element);
  const double usual = random.chance(0.1) ? 0 : random.normal();
  switch (s.gradient) {
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
  std::vector<double> pixels, original, gradient, momentum;
  std::vector<double> mean_gradient;  // mean |gradient| of each image
};

Problem make_problem(const Setup& s, const eqp_pixel_space& space, uint64_t seed) {
  Random random(seed);
  Problem p;
  p.mean_gradient.assign(static_cast<size_t>(s.shape.images), 0);
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
    p.mean_gradient[static_cast<size_t>(s.shape.image_of(e))] +=
        std::fabs(p.gradient.back()) / static_cast<double>(s.shape.channels * s.shape.plane());
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
  options.pixel_space = space;
  const int dims = s.shape.contiguous_dims();
  call.add("pixels", s.dtype, s.shape.dims(), p.pixels, dims);
  call.add("original", s.dtype, s.shape.dims(), p.original, dims);
  call.add("gradient", s.dtype, s.shape.dims(), p.gradient, dims);
  if (s.momentum) call.add("momentum", EQP_F32, s.shape.dims(), p.momentum, dims);
  call.add("out", s.dtype, s.shape.dims(), dims);
  call.also_in_place("out", "pixels");
  if (!call.run()) return;

  if (s.momentum) {
    const double roundings =
        sum_error(static_cast<double>(s.shape.channels * s.shape.plane()), kRoundoff);
    call.expect("momentum", [&](int64_t e) -> Expected {
      const size_t at = static_cast<size_t>(e);
      const double mean = p.mean_gradient[static_cast<size_t>(s.shape.image_of(e))];
      // mean is NaN when any gradient of the image is; 0 only when all are.
      const double added = mean == 0 ? 0 : p.gradient[at] / mean;
      const double kept = s.momentum_decay * p.momentum[at];
      return {kept + added, std::fabs(added) * (roundings + 3 * kRoundoff) +
                                2 * kRoundoff * std::fabs(kept) +
                                kRoundoff * std::fabs(kept + added)};
    });
  }
  call.expect("out", [&](int64_t e) -> Expected {
    const size_t at = static_cast<size_t>(e);
    const ChannelSpace c = channel_space(space, s.shape.channel_of(e));
    const double epsilon = s.epsilon / c.std, step = s.step_size / c.std;
    // The momentum has been checked above; which side of zero its rounding fell on decides here.
    const double direction = sign(s.momentum ? call.at("momentum").get(e) : p.gradient[at]);
    const double y = p.pixels[at] + s.direction * step * direction;
    if (std::isnan(y)) return {kNaN, 0};
    const double low = std::max(p.original[at] - epsilon, c.value(s.lower));
    const double high = std::min(p.original[at] + epsilon, c.value(s.upper));
    // Three roundings of quantities of these sizes: converting to the space, step or ball, bounds.
    const double sizes = std::fabs(p.pixels[at]) + std::fabs(p.original[at]) + epsilon + step +
                         c.magnitude(s.lower) + c.magnitude(s.upper);
    return {std::min(std::max(y, low), high), 3 * kRoundoff * sizes};
  });
  if (!s.normalised && s.dtype == EQP_F32) {
    // Without a conversion the bounds hold exactly.
    int64_t escaped = 0;
    for (int64_t e = 0; e < s.shape.size() && !s.outside; ++e) {
      escaped += call.at("out").get(e) < s.lower || call.at("out").get(e) > s.upper;
    }
    EQP_CHECK(escaped == 0, "%s: expected pixels in [lower, upper], found %lld outside",
              describe(s).c_str(), static_cast<long long>(escaped));
  }
}

}  // namespace

void conform_linf_step(Suite& suite) {
  uint64_t seed = 4000;
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

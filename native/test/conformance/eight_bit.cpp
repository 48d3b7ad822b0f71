// eqp_eight_bit against the definition in perturbation.h.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "conformance/images.h"
#include "equipoise/perturbation.h"
#include "harness/check.h"

namespace eqp::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kRoundoff = 0x1p-24;

struct Setup {
  eqp_dtype dtype = EQP_F32;
  ImageShape shape{2, 3, 5, 7};
  Layout layout;
  int64_t codes_offset = 0;  // the codes' own, beyond that of the layout
  bool normalised = false, original = true, out = true, codes = true, clean_is_eight_bit = true;
  float epsilon = 8 / 255.0f, lower = 0, upper = 1;
};

double round_half_even(double x) {
  const double floor = std::floor(x);
  const double rest = x - floor;
  if (rest != 0.5) return rest < 0.5 ? floor : floor + 1;
  return std::fmod(floor, 2) == 0 ? floor : floor + 1;
}

// The code by the definition, all in units of 1/255.
double code_of(double pixel, double original, double radius, double lower, double upper) {
  const double slack = 1.0 / 1024;
  const double lowest = std::max(0.0, std::ceil(lower - slack));
  const double highest = std::min(255.0, std::floor(upper + slack));
  double first = lowest, last = highest, wanted = pixel;
  if (!std::isinf(radius)) {
    first = std::max(first, std::ceil(original - radius - slack));
    last = std::min(last, std::floor(original + radius + slack));
    if (first > last) {
      wanted = original;
      first = lowest;
      last = highest;
    }
  }
  return std::min(std::max(round_half_even(std::min(std::max(wanted, -1e6), 1e6)), first), last);
}

// Every code that the definition gives when its inputs move within their rounding error: a pixel
// exactly between two codes, or a ball that ends exactly on a code, may fall on either side.
std::set<double> legal_codes(double pixel, double original, const Setup& s, double error) {
  std::set<double> codes;
  for (const double move_pixel : {-error, 0.0, error}) {
    for (const double move_original : {-error, 0.0, error}) {
      codes.insert(code_of(255 * pixel + move_pixel, 255 * original + move_original,
                           255.0 * s.epsilon, 255.0 * s.lower, 255.0 * s.upper));
    }
  }
  return codes;
}

void run_case(Suite& suite, const Setup& s, uint64_t seed) {
  const eqp_pixel_space space =
      s.normalised ? normalised_space(s.shape.channels) : identity_space();
  Random random(seed);
  std::vector<double> pixels, original;
  for (int64_t e = 0; e < s.shape.size(); ++e) {
    const ChannelSpace c = channel_space(space, s.shape.channel_of(e));
    double clean =
        s.clean_is_eight_bit ? static_cast<double>(random.below(256)) / 255 : random.uniform(0, 1);
    double moved =
        clean + random.uniform(-1.5, 1.5) * std::min(static_cast<double>(s.epsilon), 0.5);
    if (random.chance(0.1)) moved = (static_cast<double>(random.below(255)) + 0.5) / 255;  // a tie
    if (random.chance(0.03)) moved = random.chance(0.5) ? 40 : -40;
    double value = c.value(moved);
    if (random.chance(0.03)) value = random.chance(0.5) ? kNaN : random.chance(0.5) ? kInf : -kInf;
    original.push_back(round_to(s.dtype, c.value(clean)));
    pixels.push_back(round_to(s.dtype, value));
  }
  Case call(suite.backend, suite.report, "eight_bit",
            text_of(s.shape) +
                format(" epsilon %g bounds %g %g normalised %d original %d out %d codes %d",
                       static_cast<double>(s.epsilon), static_cast<double>(s.lower),
                       static_cast<double>(s.upper), s.normalised, s.original, s.out, s.codes),
            s.layout);
  auto& options = call.options<eqp_eight_bit_options>();
  options.epsilon = s.epsilon;
  options.lower = s.lower;
  options.upper = s.upper;
  options.pixel_space = space;
  const int dims = s.shape.contiguous_dims();
  call.add("pixels", s.dtype, s.shape.dims(), pixels, dims);
  if (s.original) call.add("original", s.dtype, s.shape.dims(), original, dims);
  if (s.out) call.add("out", s.dtype, s.shape.dims(), dims);
  Layout of_codes = s.layout;
  of_codes.offset += s.codes_offset;
  call.use_layout(of_codes);
  if (s.codes) call.add("codes", EQP_U8, s.shape.dims(), dims);
  if (s.out) call.also_in_place("out", "pixels");
  if (!call.run()) return;

  const auto legal = [&](int64_t e) {
    const size_t at = static_cast<size_t>(e);
    const ChannelSpace c = channel_space(space, s.shape.channel_of(e));
    const double pixel = pixels[at] * c.std + c.mean;
    const double clean =
        s.original ? original[at] * c.std + c.mean : std::min(std::max(pixel, 0.0), 1.0);
    const double finite = std::isinf(pixel) ? 1 : std::fabs(pixel);
    // Undoing the space, the product with 255 and the ball: 4 roundings of quantities of these
    // sizes.
    const double error = 4 * kRoundoff * 255 * (finite + std::fabs(clean) + std::fabs(c.mean) + 1);
    return legal_codes(pixel, clean, s, error);
  };
  if (s.codes) {
    call.expect("codes", [&](int64_t e) -> Expected {
      if (std::isnan(pixels[static_cast<size_t>(e)])) return {0, 0};
      const std::set<double> codes = legal(e);
      return {*codes.begin(), 0, *codes.rbegin()};
    });
  }
  if (!s.out) return;
  call.expect("out", [&](int64_t e) -> Expected {
    if (std::isnan(pixels[static_cast<size_t>(e)])) return {kNaN, 0};
    const ChannelSpace c = channel_space(space, s.shape.channel_of(e));
    const std::set<double> codes = legal(e);
    // With codes given, out is the value of that very code.
    const double low = s.codes ? call.at("codes").get(e) : *codes.begin();
    const double high = s.codes ? low : *codes.rbegin();
    const double tolerance = 2 * kRoundoff * c.magnitude(high / 255);
    return {c.value(low / 255), tolerance, c.value(high / 255)};
  });
}

}  // namespace

void conform_eight_bit(Suite& suite) {
  uint64_t seed = 6000;
  const Layout layouts[] = {{0, 0}, {3, 1}, {16, 0}, {0, 3}, {61, 2}};
  for (const eqp_dtype dtype : {EQP_F32, EQP_BF16, EQP_F16}) {
    const auto usual = [&] {
      Setup s;
      s.dtype = dtype;
      s.layout = layouts[++seed % 5];
      s.normalised = seed % 3 == 0;
      s.clean_is_eight_bit = seed % 2 == 0;
      return s;
    };
    const ImageShape shapes[] = {{0, 3, 4, 4},   {1, 1, 1, 1},   {1, 3, 0, 5},
                                 {3, 3, 5, 7},   {1, 4, 13, 17}, {5, 1, 31, 1},
                                 {2, 3, 32, 32}, {2, 3, 1, 1},   {2, 3, 2, 3, true}};
    for (const ImageShape& shape : shapes) {
      for (const int outputs : {1, 2, 3}) {
        Setup s = usual();
        s.shape = shape;
        s.out = (outputs & 1) != 0;
        s.codes = (outputs & 2) != 0;
        run_case(suite, s, seed);
      }
    }
    // Codes at every address modulo 4, where everything else is aligned.
    for (const int64_t offset : {1, 2, 3}) {
      Setup s = usual();
      s.shape = {2, 3, 9, 16};
      s.layout = {};
      s.codes_offset = offset;
      run_case(suite, s, seed);
    }
    for (const Layout& layout : each_shifted_alone("eight_bit")) {
      Setup s = usual();
      s.layout = layout;
      s.shape = {2, 3, 4, 16};
      run_case(suite, s, seed);
    }
    const float bounds[][3] = {{static_cast<float>(kInf), 0, 1},
                               {0, 0, 1},
                               {1 / 255.0f, 0, 1},
                               {0.001f, 0, 1},
                               {0.5f, 0.25f, 0.75f},
                               {2, 0, 1},
                               {4 / 255.0f, 0.2f, 0.2f},
                               {16 / 255.0f, 0, 1},
                               {static_cast<float>(kInf), -1, 0},
                               {static_cast<float>(kInf), 1, 2},
                               {8 / 255.0f, 0, 0}};
    for (const auto& b : bounds) {
      for (const bool original : {true, false}) {
        if (!original && !std::isinf(b[0])) continue;  // refused: a ball needs its centre
        for (const bool normalised : {false, true}) {
          Setup s = usual();
          s.shape = {3, 3, 16, 9};
          s.epsilon = b[0];
          s.lower = b[1];
          s.upper = b[2];
          s.original = original;
          s.normalised = normalised;
          run_case(suite, s, seed);
        }
      }
    }
    Setup large = usual();
    large.shape = {5, 3, 131, 127};
    run_case(suite, large, seed);
    large.shape = {2, 2, 1, 2 * 32768 + 1};  // planes of several pieces of work
    run_case(suite, large, seed);
    if (!suite.large_cases) continue;
    for (const ImageShape& shape : kLargeShapes) {
      large.shape = shape;
      run_case(suite, large, seed);
    }
  }
}

}  // namespace eqp::test

// eqp_translation_invariance: the two-dimensional sum of the header, in doubles.
#include "equipoise/translation_invariance.h"

#include <algorithm>
#include <cmath>

#include "conformance/images.h"
#include "harness/check.h"

namespace eqp::test {
namespace {

constexpr double kRoundoff = 0x1p-24;

struct Setup {
  eqp_dtype dtype = EQP_F32;
  ImageShape shape{2, 3, 19, 23};
  Layout layout;
  eqp_blur_kernel kernel = EQP_BLUR_GAUSSIAN;
  int32_t length = 15;
  float deviations = 3;
  double special = 0;  // share of Inf and NaN
  double scale = 1;
};

std::vector<double> weights_of(const Setup& s) {
  const int half = s.length / 2;
  std::vector<double> weights;
  double sum = 0;
  for (int i = -half; i <= half; ++i) {
    double value = 1;
    if (s.kernel == EQP_BLUR_GAUSSIAN && half > 0) {
      const double z = s.deviations * static_cast<double>(i) / half;
      value = std::exp(-z * z / 2) / std::sqrt(2 * M_PI);
    }
    if (s.kernel == EQP_BLUR_LINEAR) value = 1 - 2.0 * std::abs(i) / (s.length + 1);
    weights.push_back(value);
    sum += value;
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

void run_case(Suite& suite, const Setup& s, uint64_t seed) {
  Random random(seed);
  std::vector<double> gradient;
  for (int64_t e = 0; e < s.shape.size(); ++e) {
    const double value = round_to(s.dtype, s.scale * random.normal());
    const double special = random.chance(0.5) ? std::nan("") : HUGE_VAL;
    gradient.push_back(random.chance(s.special) ? special : value);
  }
  Case call(suite.backend, suite.report, "translation_invariance",
            text_of(s.shape) + format(" kernel %d length %d deviations %g special %g", s.kernel,
                                      s.length, static_cast<double>(s.deviations), s.special),
            s.layout);
  auto& options = call.options<eqp_translation_invariance_options>();
  options.kernel = s.kernel;
  options.length = s.length;
  options.deviations = s.deviations;
  call.add("gradient", s.dtype, s.shape.dims(), gradient, 2);
  call.add("out", s.dtype, s.shape.dims(), 2);
  if (!call.run()) return;
  const std::vector<double> weights = weights_of(s);
  const int64_t height = s.shape.height, width = s.shape.width, half = s.length / 2;
  call.expect("out", [&](int64_t e) -> Expected {
    const int64_t plane = e / s.shape.plane() * s.shape.plane();
    const int64_t y = e % s.shape.plane() / width, x = e % width;
    double sum = 0, size = 0;
    for (int64_t i = std::max<int64_t>(0, y - half); i <= std::min(height - 1, y + half); ++i) {
      for (int64_t j = std::max<int64_t>(0, x - half); j <= std::min(width - 1, x + half); ++j) {
        const double term = weights[static_cast<size_t>(i - y + half)] *
                            weights[static_cast<size_t>(j - x + half)] *
                            gradient[static_cast<size_t>(plane + i * width + j)];
        sum += term;
        size += std::fabs(term);
      }
    }
    // Two sums of `length` terms; the two weights of a term are rounded.
    const double error = sum_error(2.0 * s.length, kRoundoff) + 2 * kRoundoff;
    return {sum, error * size + 2 * smallest_normal(EQP_F32)};
  });
}

}  // namespace

void conform_translation_invariance(Suite& suite) {
  uint64_t seed = 7000;
  const Layout layouts[] = {{0, 0}, {3, 1}, {16, 0}, {0, 3}, {61, 2}};
  for (const eqp_dtype dtype : {EQP_F32, EQP_BF16, EQP_F16}) {
    const ImageShape shapes[] = {{0, 3, 4, 4},  {1, 3, 0, 5},  {1, 3, 5, 0},
                                 {1, 1, 1, 1},  {3, 2, 2, 3},  {2, 3, 19, 23},
                                 {1, 1, 1, 40}, {1, 2, 70, 3}, {1, 1, 33, 65}};
    for (const ImageShape& shape : shapes) {
      Setup s;
      s.dtype = dtype;
      s.shape = shape;
      s.layout = layouts[++seed % 5];
      run_case(suite, s, seed);
    }
    for (const eqp_blur_kernel kernel : {EQP_BLUR_GAUSSIAN, EQP_BLUR_UNIFORM, EQP_BLUR_LINEAR}) {
      for (const int32_t length : {1, 3, 7, EQP_BLUR_MAX_LENGTH}) {
        Setup s;
        s.dtype = dtype;
        s.shape = {1, 2, 17, 21};
        s.kernel = kernel;
        s.length = length;
        s.deviations = length == 7 ? 0.5f : 3.0f;
        s.layout = layouts[++seed % 5];
        run_case(suite, s, seed);
      }
    }
    for (const Layout& layout : each_shifted_alone("translation_invariance")) {
      Setup s;
      s.dtype = dtype;
      s.shape = {2, 2, 8, 16};
      s.length = 5;
      s.layout = layout;
      run_case(suite, s, ++seed);
    }
    Setup s;
    s.dtype = dtype;
    s.special = 0.002;
    run_case(suite, s, ++seed);
    s.special = 0;
    s.scale = 1e-30;
    if (dtype != EQP_F16) run_case(suite, s, ++seed);
    s.scale = 1;
    s.shape = {1, 1, 9, 1100};  // wider than a tile of columns
    s.length = 5;
    run_case(suite, s, ++seed);
    s.shape = {1, 2, 150, 40};  // several bands of rows
    run_case(suite, s, ++seed);
    if (!suite.large_cases) continue;
    s.length = 3;
    for (const ImageShape& shape : kLargeShapes) {
      s.shape = shape;
      run_case(suite, s, ++seed);
    }
  }
}

}  // namespace eqp::test

// eqp_input_diversity_forward and _backward. The oracle is the linear map as the header defines it:
// bilinear interpolation is the hat function of the distance to each pixel; the adjoint is that map
// transposed, and <forward(x), g> = <x, backward(g)> is checked of it in every case.
#include "equipoise/input_diversity.h"

#include <algorithm>
#include <cmath>

#include "conformance/images.h"
#include "harness/check.h"
#include "harness/philox.h"

namespace eqp::test {
namespace {

constexpr double kRoundoff = 0x1p-24;

struct Setup {
  eqp_dtype dtype = EQP_F32;
  ImageShape shape{2, 3, 10, 13};
  Layout layout;
  eqp_interpolation interpolation = EQP_BILINEAR;
  double resize_rate = 0.5, probability = 1;
  std::vector<double> streams;  // empty: stream + image
  uint64_t seed = 0, stream = 0, step = 0;
  double special = 0;  // share of Inf and NaN
};

struct Line {  // one axis of the draw
  int64_t full, shrunk, offset;
};

// floor(bits count 2^-32).
int64_t below(uint32_t bits, int64_t count) {
  return static_cast<int64_t>(std::floor(static_cast<long double>(bits) * count / 0x1p32L));
}

void draw(const Setup& s, int64_t image, Line* rows, Line* columns) {
  const uint64_t stream =
      s.streams.empty()
          ? s.stream + static_cast<uint64_t>(image)
          : static_cast<uint64_t>(static_cast<int64_t>(s.streams[static_cast<size_t>(image)]));
  const auto bits = philox4x32_10(
      {static_cast<uint32_t>(s.step), static_cast<uint32_t>(s.step >> 32) | 0x80000000u,
       static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)},
      {static_cast<uint32_t>(s.seed), static_cast<uint32_t>(s.seed >> 32)});
  *rows = {s.shape.height, s.shape.height, 0};
  *columns = {s.shape.width, s.shape.width, 0};
  if (static_cast<double>(bits[0] >> 8) * 0x1p-24 >= s.probability) return;
  for (Line* line : {rows, columns}) {
    const auto low = std::max<int64_t>(
        1, static_cast<int64_t>(std::floor(s.resize_rate * static_cast<double>(line->full))));
    line->shrunk = low + below(bits[1], line->full - low + 1);
    line->offset = below(bits[line == rows ? 2 : 3], line->full - line->shrunk + 1);
  }
}

struct Weight {
  int64_t at;
  double weight;
};
using Weights = std::vector<std::vector<Weight>>;

// For each output line the input lines that it takes from; `transposed`: for each input line the
// output lines that take from it.
Weights weights_of(const Setup& s, const Line& line, bool transposed) {
  Weights weights(static_cast<size_t>(line.full));
  const auto give = [&](int64_t output, int64_t input, double weight) {
    if (transposed) std::swap(output, input);
    weights[static_cast<size_t>(output)].push_back({input, weight});
  };
  for (int64_t inside = 0; inside < line.shrunk; ++inside) {
    const int64_t output = line.offset + inside;
    if (s.interpolation == EQP_NEAREST) {
      give(output, inside * line.full / line.shrunk, 1);
      continue;
    }
    const long double at = (static_cast<long double>(inside) + 0.5L) *
                               static_cast<long double>(line.full) /
                               static_cast<long double>(line.shrunk) -
                           0.5L;
    const auto near = static_cast<int64_t>(std::floor(at));
    for (int64_t i = std::max<int64_t>(0, near - 1); i <= std::min(near + 2, line.full - 1); ++i) {
      const long double hat = 1 - std::fabs(at - static_cast<long double>(i));
      // Less is the rounding of `at`: weights are multiples of 1/(2 shrunk).
      if (hat > 1e-9L) give(output, i, static_cast<double>(hat));
    }
  }
  return weights;
}

struct Sum {
  double value, size;
};

// sum_ij row[i] column[j] values[i, j].
Sum apply(const std::vector<Weight>& row, const std::vector<Weight>& column, int64_t width,
          const double* values) {
  Sum sum{0, 0};
  for (const Weight& y : row) {
    for (const Weight& x : column) {
      const double term = y.weight * x.weight * values[y.at * width + x.at];
      sum.value += term;
      sum.size += std::fabs(term);
    }
  }
  return sum;
}

std::vector<double> random_values(const Setup& s, Random& random) {
  std::vector<double> values;
  for (int64_t e = 0; e < s.shape.size(); ++e) {
    const double special = random.chance(0.5) ? std::nan("") : HUGE_VAL;
    values.push_back(random.chance(s.special) ? special : round_to(s.dtype, random.normal()));
  }
  return values;
}

std::vector<Sum> oracle(const Setup& s, bool backward, const std::vector<double>& values) {
  std::vector<Sum> result;
  if (s.shape.size() == 0) return result;
  const int64_t height = s.shape.height, width = s.shape.width;
  for (int64_t image = 0; image < s.shape.images; ++image) {
    Line rows, columns;
    draw(s, image, &rows, &columns);
    const Weights row_weights = weights_of(s, rows, backward),
                  column_weights = weights_of(s, columns, backward);
    for (int64_t c = 0; c < s.shape.channels; ++c) {
      const double* const plane = values.data() + (image * s.shape.channels + c) * height * width;
      for (const auto& row : row_weights) {
        for (const auto& column : column_weights)
          result.push_back(apply(row, column, width, plane));
      }
    }
  }
  return result;
}

void check_adjoint(const Setup& s, const std::vector<double>& x, const std::vector<double>& g) {
  const std::vector<Sum> forward = oracle(s, false, x), backward = oracle(s, true, g);
  double left = 0, right = 0, size = 0;
  for (size_t e = 0; e < x.size(); ++e) {
    left += forward[e].value * g[e];
    right += backward[e].value * x[e];
    size += forward[e].size * std::fabs(g[e]);
  }
  EQP_CHECK(std::fabs(left - right) <= 1e-13 * size,
            "the oracle's <forward(x), g> = %.17g differs from its <x, backward(g)> = %.17g", left,
            right);
}

void run_case(Suite& suite, const Setup& s, uint64_t case_seed) {
  Random random(case_seed);
  const std::vector<double> values[] = {random_values(s, random), random_values(s, random)};
  if (s.special == 0 && s.dtype == EQP_F32) check_adjoint(s, values[0], values[1]);
  for (const bool backward : {false, true}) {
    Case call(suite.backend, suite.report,
              backward ? "input_diversity_backward" : "input_diversity_forward",
              text_of(s.shape) + format(" seed %llx stream %llx step %llx streams %zu "
                                        "interpolation %d rate %g probability %g special %g",
                                        static_cast<unsigned long long>(s.seed),
                                        static_cast<unsigned long long>(s.stream),
                                        static_cast<unsigned long long>(s.step), s.streams.size(),
                                        s.interpolation, s.resize_rate, s.probability, s.special),
              s.layout);
    auto& options = call.options<eqp_input_diversity_options>();
    options.interpolation = s.interpolation;
    options.resize_rate = s.resize_rate;
    options.probability = s.probability;
    options.seed = s.seed;
    options.stream = s.stream;
    options.step = s.step;
    call.add(backward ? "d_out" : "images", s.dtype, s.shape.dims(), values[backward], 2);
    if (!s.streams.empty()) call.add("streams", EQP_I64, {s.shape.images}, s.streams);
    const char* const out = backward ? "d_images" : "out";
    call.add(out, s.dtype, s.shape.dims(), 2);
    if (!call.run()) continue;
    const std::vector<Sum> expected = oracle(s, backward, values[backward]);
    call.expect(out, [&](int64_t e) -> Expected {
      const Sum& sum = expected[static_cast<size_t>(e)];
      // Along each axis the weight, its product and one addition round.
      return {sum.value, 6.01 * kRoundoff * sum.size};
    });
  }
}

}  // namespace

void conform_input_diversity(Suite& suite) {
  uint64_t seed = 8000;
  const Layout layouts[] = {{0, 0}, {3, 1}, {16, 0}, {0, 3}, {61, 2}};
  for (const eqp_dtype dtype : {EQP_F32, EQP_BF16, EQP_F16}) {
    const ImageShape shapes[] = {{0, 3, 4, 4},   {1, 3, 0, 5},   {1, 3, 5, 0},  {1, 1, 1, 1},
                                 {3, 2, 2, 3},   {4, 3, 10, 13}, {1, 2, 1, 40}, {1, 2, 70, 3},
                                 {3, 1, 21, 21}, {2, 2, 8, 8}};
    for (const eqp_interpolation interpolation : {EQP_BILINEAR, EQP_NEAREST}) {
      for (const ImageShape& shape : shapes) {
        for (const double rate : {0.9, 0.3}) {
          Setup s;
          s.dtype = dtype;
          s.shape = shape;
          s.layout = layouts[++seed % 5];
          s.interpolation = interpolation;
          s.resize_rate = rate;
          s.probability = seed % 3 == 0 ? 0.5 : 1;
          s.seed = seed * 0x9e3779b97f4a7c15u;
          s.stream = seed % 2 == 0 ? 5 : ~uint64_t{0};
          s.step = seed % 4 == 0 ? 0 : (uint64_t{1} << 62) + seed;
          for (int64_t i = 0; i < shape.images && seed % 2 == 0; ++i)
            s.streams.push_back(i == 1 ? -3 : 1e12 * static_cast<double>(i));
          run_case(suite, s, seed);
        }
      }
      Setup s;
      s.dtype = dtype;
      s.interpolation = interpolation;
      s.shape = {6, 1, 12, 9};
      s.special = 0.01;
      run_case(suite, s, ++seed);
      s.special = 0;
      for (const double probability : {0.0, 0.5}) {
        s.probability = probability;
        run_case(suite, s, ++seed);
      }
      s.probability = 1;
      s.resize_rate = 1;
      run_case(suite, s, ++seed);
      s.shape = {1, 1, 2, 1500};  // more than a tile of columns, shrunk to less than one
      for (const double rate : {0.95, 0.001}) {
        s.resize_rate = rate;
        run_case(suite, s, ++seed);
      }
      s.shape = {8, 1, 2, 3000};  // tiles that would look at more columns than there is room for
      s.resize_rate = 0.2;
      run_case(suite, s, ++seed);
    }
    for (const Layout& layout : each_shifted_alone("input_diversity_forward")) {
      for (const double probability : {0.0, 1.0}) {  // copied, shrunk
        Setup s;
        s.dtype = dtype;
        s.shape = {2, 2, 8, 16};
        s.layout = layout;
        s.streams = {7, -3};
        s.probability = probability;
        run_case(suite, s, ++seed);
      }
    }
    Setup s;
    s.dtype = dtype;
    s.shape = {1, 2, 150, 40};  // several bands of rows, several pieces of work
    s.resize_rate = 0.8;
    run_case(suite, s, ++seed);
  }
}

}  // namespace eqp::test

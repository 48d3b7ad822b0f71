// The traffic of input_diversity: every pixel of the result is written once; of the other tensor
// the lines that have a weight anywhere are read.
#include <cmath>

#include "harness/philox.h"
#include "traffic/traffic.h"

namespace eqp::traffic {
namespace {

constexpr int64_t kImages = 2, kChannels = 3, kSide = 56;

struct Drawn {
  int64_t shrunk;
  int64_t lines;  // of the image that the forward looks at
};

// The side of the shrunk image of this stream, with the default rate.
Drawn drawn(uint64_t stream) {
  const auto bits = test::philox4x32_10({0, 0x80000000u, static_cast<uint32_t>(stream), 0}, {0, 0});
  const int64_t low = static_cast<int64_t>(0.9 * kSide);
  Drawn result{low + static_cast<int64_t>((bits[1] * static_cast<uint64_t>(kSide - low + 1)) >> 32),
               0};
  const double rate = static_cast<double>(kSide) / static_cast<double>(result.shrunk);
  for (int64_t line = 0; line < kSide; ++line) {
    bool read = false;
    for (int64_t inside = 0; inside < result.shrunk; ++inside) {
      const double at = (static_cast<double>(inside) + 0.5) * rate - 0.5;
      read = read || std::fabs(at - static_cast<double>(line)) < 1 - 1e-9;
    }
    result.lines += read;
  }
  return result;
}

void measure_draw(eqp_dtype dtype, double probability) {
  const std::vector<int64_t> shape = {kImages, kChannels, kSide, kSide};
  Tensor from(dtype, shape, true), to(dtype, shape, false);
  eqp_input_diversity_options options;
  eqp_input_diversity_options_init(&options);
  options.probability = probability;
  const int64_t s = size_of(dtype), n = kImages * kChannels * kSide * kSide;
  Ideal forward{n * s, n * s, n * s / 32 + kImages * kChannels * 4}, backward = forward;
  if (probability > 0) {
    forward.read_bytes = backward.read_bytes = 0;
    for (uint64_t image = 0; image < kImages; ++image) {
      const Drawn draw = drawn(image);
      forward.read_bytes += kChannels * draw.lines * draw.lines * s;
      backward.read_bytes += kChannels * draw.shrunk * draw.shrunk * s;
    }
    // Four reads of each pixel instead of one; each request may cut a sector at both ends of each of
    // the two rows that it covers.
    forward.allowance = backward.allowance = 4 * n * s / 32 + 4 * 4 * n / 32;
  }
  const std::string name = probability > 0 ? "" : ", copied";
  measure("input_diversity_forward" + name, shape_text(shape), dtype, forward,
          [&] { return eqp_input_diversity_forward(&options, from, nullptr, to, nullptr); });
  measure("input_diversity_backward" + name, shape_text(shape), dtype, backward,
          [&] { return eqp_input_diversity_backward(&options, from, nullptr, to, nullptr); });
}

}  // namespace

void input_diversity() {
  for (const eqp_dtype dtype : kFloats) {
    measure_draw(dtype, 0);
    measure_draw(dtype, 1);
  }
}

}  // namespace eqp::traffic

// The traffic of eight_bit.
#include "traffic/traffic.h"

namespace eqp::traffic {
namespace {

void measure_shape(eqp_dtype dtype, const std::vector<int64_t>& shape) {
  const int64_t s = size_of(dtype);
  const int64_t planes = shape[0] * shape[1], n = planes * shape[2] * shape[3];
  Tensor pixels(dtype, shape, true), original(dtype, shape, true);
  Tensor out(dtype, shape, false), codes(EQP_U8, shape, false);
  const std::string text = shape_text(shape);
  eqp_eight_bit_options options;
  eqp_eight_bit_options_init(&options);
  options.epsilon = 8.0f / 255.0f;
  // With 16-bit pixels a lane writes 8 codes in two requests.
  measure("eight_bit", text, dtype, {2 * n * s, n * s + n, planes * 8 + (s == 2 ? n / 32 : 0)},
          [&] { return eqp_eight_bit(&options, pixels, original, out, codes, nullptr); });
}

}  // namespace

void eight_bit() {
  for (const eqp_dtype dtype : kFloats) measure_shape(dtype, {2, 3, 56, 56});
}

}  // namespace eqp::traffic

// The traffic of translation_invariance: every pixel once each way across the bus. From cache the
// sums along y read 8 + 14 rows for every 8.
#include "traffic/traffic.h"

namespace eqp::traffic {

void translation_invariance() {
  const int64_t height = 56, width = 56;
  const std::vector<int64_t> shape = {2, 3, height, width};
  const int64_t planes = shape[0] * shape[1], n = planes * height * width;
  for (const eqp_dtype dtype : kFloats) {
    Tensor gradient(dtype, shape, true), out(dtype, shape, false);
    const int64_t s = size_of(dtype);
    // Rows that are read: those of the 8 runs of two tiles, less what lies outside. Each in three
    // requests, with a cut sector at both ends; each row of the output in two.
    int64_t rows = 0;
    for (int64_t run = 0; run < 8; ++run) {
      rows += std::min(height, 8 * run + 15) - std::max<int64_t>(0, 8 * run - 7);
    }
    const int64_t again = (rows - height) * width * s / 32;
    measure("translation_invariance", shape_text(shape), dtype,
            {n * s, n * s, planes * (again + rows * 6 + height * 4)},
            [&] { return eqp_translation_invariance(nullptr, gradient, out, nullptr); });
  }
}

}  // namespace eqp::traffic

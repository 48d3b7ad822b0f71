// The traffic of gaussian_noise: every pixel once each way.
#include "traffic/traffic.h"

namespace eqp::traffic {

void gaussian_noise() {
  const std::vector<int64_t> shape = {2, 3, 56, 56};
  const int64_t planes = shape[0] * shape[1], n = planes * shape[2] * shape[3];
  for (const eqp_dtype dtype : kFloats) {
    Tensor images(dtype, shape, true), out(dtype, shape, false);
    const int64_t bytes = n * size_of(dtype);
    measure("gaussian_noise", shape_text(shape), dtype, {bytes, bytes, planes * 4},
            [&] { return eqp_gaussian_noise(nullptr, images, nullptr, out, nullptr); });
  }
}

}  // namespace eqp::traffic

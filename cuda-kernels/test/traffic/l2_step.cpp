// The traffic of l2_step.
#include "traffic/traffic.h"

namespace eqp::traffic {
namespace {

void measure_shape(eqp_dtype dtype, const std::vector<int64_t>& shape) {
  const int64_t s = size_of(dtype);
  const int64_t planes = shape[0] * shape[1], n = planes * shape[2] * shape[3];
  Tensor pixels(dtype, shape, true), original(dtype, shape, true), gradient(dtype, shape, true);
  Tensor out(dtype, shape, false);
  uint64_t bytes = 0;
  eqp_l2_step_workspace_size(pixels, &bytes);
  Workspace workspace(bytes);
  // Three sums of 8 bytes per part; every warp of the step reads those of its image.
  const int64_t chunks = (shape[2] * shape[3] * s + 16383) / 16384;
  const int64_t splits = std::min<int64_t>(64, shape[1] * chunks);
  measure("l2_step", shape_text(shape), dtype,
          {6 * n * s + 24 * splits * shape[0], n * s + 24 * splits * shape[0],
           planes * chunks * (14 + 8 * 3 * 16) + shape[0] * splits * 3},
          [&] {
            return eqp_l2_step(nullptr, pixels, original, gradient, nullptr, nullptr, nullptr, out,
                               workspace);
          });
}

}  // namespace

void l2_step() {
  for (const eqp_dtype dtype : kFloats) measure_shape(dtype, {2, 3, 56, 56});
}

}  // namespace eqp::traffic

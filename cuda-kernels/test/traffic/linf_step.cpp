// The traffic of linf_step.
#include "traffic/traffic.h"

namespace eqp::traffic {
namespace {

void measure_shape(eqp_dtype dtype, const std::vector<int64_t>& shape) {
  const int64_t s = size_of(dtype);
  const int64_t planes = shape[0] * shape[1], n = planes * shape[2] * shape[3];
  Tensor pixels(dtype, shape, true), original(dtype, shape, true), gradient(dtype, shape, true);
  Tensor momentum(EQP_F32, shape, true), out(dtype, shape, false);
  uint64_t bytes = 0;
  eqp_linf_step_workspace_size(pixels, &bytes);
  Workspace workspace(bytes);
  const std::string text = shape_text(shape);
  measure("linf_step", text, dtype, {3 * n * s, n * s, planes * 8}, [&] {
    return eqp_linf_step(nullptr, pixels, original, gradient, nullptr, nullptr, nullptr, nullptr,
                         nullptr, out, workspace);
  });
  Tensor previous(dtype, shape, true);
  measure("linf_step, previous", text, dtype, {4 * n * s, n * s, planes * 8}, [&] {
    return eqp_linf_step(nullptr, pixels, original, gradient, nullptr, previous, nullptr, nullptr,
                         nullptr, out, workspace);
  });
  // The two sums of a part are 16 bytes; every warp of the step reads those of its image. With 16-bit
  // pixels a lane moves 32 bytes of momentum in two requests, each of which touches every sector.
  const int64_t chunks = (shape[2] * shape[3] * s + 16383) / 16384;
  const int64_t splits = std::min<int64_t>(64, shape[1] * chunks);
  measure(
      "linf_step, momentum", text, dtype,
      {4 * n * s + 4 * n + 16 * splits * shape[0], n * s + 4 * n + 16 * splits * shape[0],
       planes * chunks * (12 + 8 * 2 * 16) + shape[0] * splits * 2 + (s == 2 ? 2 * 4 * n / 32 : 0)},
      [&] {
        return eqp_linf_step(nullptr, pixels, original, gradient, momentum, nullptr, nullptr,
                             nullptr, nullptr, out, workspace);
      });
}

}  // namespace

void linf_step() {
  for (const eqp_dtype dtype : kFloats) measure_shape(dtype, {2, 3, 56, 56});
}

}  // namespace eqp::traffic

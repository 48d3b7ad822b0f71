// The traffic of uniform_start.
#include "traffic/traffic.h"

namespace eqp::traffic {
namespace {

void measure_shape(eqp_dtype dtype, const std::vector<int64_t>& shape) {
  const int64_t s = size_of(dtype);
  const int64_t planes = shape[0] * shape[1], n = planes * shape[2] * shape[3];
  Tensor original(dtype, shape, true), out(dtype, shape, false);
  uint64_t bytes = 0;
  eqp_uniform_start_workspace_size(original, &bytes);
  Workspace workspace(bytes);
  const std::string text = shape_text(shape);
  measure("uniform_start", text, dtype, {n * s, n * s, planes * 4}, [&] {
    return eqp_uniform_start(nullptr, original, nullptr, nullptr, nullptr, out, workspace);
  });
}

}  // namespace

void uniform_start() {
  for (const eqp_dtype dtype : kFloats) measure_shape(dtype, {2, 3, 56, 56});
}

}  // namespace eqp::traffic

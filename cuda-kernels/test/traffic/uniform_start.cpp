// The traffic of uniform_start.
#include "traffic/traffic.h"

namespace eqp::traffic {
namespace {

// copies: of every pixel, along dimension 2; the first is read, all are written.
void measure_shape(eqp_dtype dtype, const std::vector<int64_t>& shape, int32_t copies) {
  const int64_t s = size_of(dtype);
  const int64_t planes = shape[0] * shape[1], n = planes * shape[2] * shape[3];
  Tensor original(dtype, shape, true), out(dtype, shape, false);
  uint64_t bytes = 0;
  eqp_uniform_start_workspace_size(original, &bytes);
  Workspace workspace(bytes);
  eqp_uniform_start_options options;
  eqp_uniform_start_options_init(&options);
  options.pixel_space.copies = copies;
  const std::string name = copies > 1 ? "uniform_start, copies" : "uniform_start";
  measure(name, shape_text(shape), dtype, {n * s / copies, n * s, planes * 4}, [&] {
    return eqp_uniform_start(&options, original, nullptr, nullptr, nullptr, out, workspace);
  });
}

}  // namespace

void uniform_start() {
  for (const eqp_dtype dtype : kFloats) measure_shape(dtype, {2, 3, 56, 56}, 1);
  // Patches of 14 x 14 pixels, as packed by Qwen2-VL.
  measure_shape(EQP_F32, {16, 3, 2, 196}, 2);
}

}  // namespace eqp::traffic

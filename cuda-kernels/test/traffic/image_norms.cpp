// The traffic of image_norms.
#include "traffic/traffic.h"

namespace eqp::traffic {
namespace {

void measure_shape(eqp_dtype dtype, const std::vector<int64_t>& shape) {
  const int64_t s = size_of(dtype);
  const int64_t planes = shape[0] * shape[1], n = planes * shape[2] * shape[3];
  Tensor values(dtype, shape, true), minus(dtype, shape, true);
  Tensor norms(EQP_F32, {shape[0], EQP_NORM_COUNT}, false);
  uint64_t bytes = 0;
  eqp_image_norms_workspace_size(values, &bytes);
  Workspace workspace(bytes);
  // Three numbers of 8 bytes per part.
  const int64_t chunks = (shape[2] * shape[3] * s + 16383) / 16384;
  const int64_t splits = std::min<int64_t>(64, shape[1] * chunks);
  const int64_t parts = 24 * splits * shape[0];
  const int64_t allowance = planes * chunks * 8 + shape[0] * (splits * 3 + 6 + splits);
  const auto norms_of = [&](const std::string& name, eqp_image_quantity quantity,
                            const eqp_tensor* subtracted, int64_t read) {
    eqp_image_norms_options options;
    eqp_image_norms_options_init(&options);
    options.quantity = quantity;
    measure(name, shape_text(shape), dtype, {read + parts, parts + 12 * shape[0], allowance}, [&] {
      return eqp_image_norms(&options, values, subtracted, nullptr, nullptr, norms, workspace);
    });
  };
  norms_of("image_norms, difference", EQP_DIFFERENCE, minus, 2 * n * s);
  norms_of("image_norms, gradient", EQP_GRADIENT, nullptr, n * s);
}

}  // namespace

void image_norms() {
  for (const eqp_dtype dtype : kFloats) measure_shape(dtype, {2, 3, 56, 56});
}

}  // namespace eqp::traffic

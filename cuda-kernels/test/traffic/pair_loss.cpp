// The traffic of pair_loss.
#include "traffic/traffic.h"

namespace eqp::traffic {
namespace {

void measure_shape(eqp_dtype dtype, int64_t count, int64_t tokens) {
  const int64_t s = size_of(dtype), n = count * tokens;
  const std::vector<int64_t> shape = {count, tokens};
  Tensor policy(dtype, shape, true), reference(dtype, shape, true), mask(EQP_U8, shape, true);
  Tensor loss(EQP_F32, {1}, false), each(EQP_F32, {count}, false), rewards(EQP_F32, {count}, false);
  Tensor rewards_2(EQP_F32, {count}, false), metrics(EQP_F32, {6}, false);
  Tensor d(dtype, shape, false), d_2(dtype, shape, false);
  uint64_t bytes = 0;
  eqp_pair_loss_workspace_size(nullptr, policy, &bytes);
  Workspace workspace(bytes);
  const int64_t parts = (count + 15) / 16;
  const int64_t partial = parts == 1 ? 0 : parts * 8 * 8;
  // The mask is read twice (sums, gradient); per row every tensor's cut sectors, and scalars.
  const int64_t cut = count * (tokens / 32 + 1);
  // Both sides of the pair are one tensor here, so that half of the bytes are read twice.
  const Ideal pair{n * (2 * s + 1) + partial, 2 * n * s + count * 12 + 28 + partial,
                   n * (2 * s + 1) / 32 + 14 * cut + parts * 64 + 32};
  measure("pair_loss", shape_text(shape), dtype, pair, [&] {
    return eqp_pair_loss(nullptr, policy, policy, reference, reference, mask, mask, nullptr, loss,
                         each, rewards, rewards_2, metrics, d, d_2, workspace);
  });
}

}  // namespace

void pair_loss() {
  for (const eqp_dtype dtype : kFloats) measure_shape(dtype, 40, 128);
}

}  // namespace eqp::traffic

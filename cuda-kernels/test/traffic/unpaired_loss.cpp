// The traffic of unpaired_loss.
#include "traffic/traffic.h"

namespace eqp::traffic {
namespace {

void measure_shape(eqp_dtype dtype, int64_t rows, int64_t tokens) {
  const int64_t s = size_of(dtype), n = rows * tokens;
  const std::vector<int64_t> shape = {rows, tokens};
  Tensor policy(dtype, shape, true), reference(dtype, shape, true), mask(EQP_U8, shape, true);
  Tensor labels(EQP_U8, {rows}, true), weights(EQP_F32, {rows}, true);
  Tensor loss(EQP_F32, {1}, false), each(EQP_F32, {rows}, false), rewards(EQP_F32, {rows}, false);
  Tensor metrics(EQP_F32, {EQP_UNPAIRED_METRIC_COUNT}, false);
  Tensor d(dtype, shape, false);
  uint64_t bytes = 0;
  eqp_unpaired_loss_workspace_size(policy, &bytes);
  Workspace workspace(bytes);
  // 16 rows a part in both launches; the first has the mismatched answers', too, which are the same
  // tensors here, so that half of its bytes are read twice. The second reads the mask again, and the
  // sums of all parts in each of its blocks.
  const int64_t parts = (2 * rows + 15) / 16, blocks = (rows + 15) / 16 + 1;
  const int64_t partial = parts * 11 * 8;
  const int64_t reads = n * (2 * s + 2) + rows * (1 + 1 + 4 + 8) + partial;
  const int64_t writes = n * s + rows * (4 + 4 + 8) + 4 * (1 + EQP_UNPAIRED_METRIC_COUNT) + partial;
  // Per row every tensor's cut sectors, and scalars, those of the losses twice.
  const int64_t cut = rows * (tokens / 32 + 1);
  const Ideal ideal{reads, writes,
                    n * (2 * s + 1) / 32 + 16 * cut + parts * (4 + blocks) * 11 + 32};
  measure("unpaired_loss", shape_text(shape), dtype, ideal, [&] {
    return eqp_unpaired_loss(nullptr, policy, reference, mask, labels, weights, policy, reference,
                             mask, nullptr, loss, each, rewards, metrics, nullptr, d, workspace);
  });
}

}  // namespace

void unpaired_loss() {
  for (const eqp_dtype dtype : kFloats) measure_shape(dtype, 40, 128);
}

}  // namespace eqp::traffic

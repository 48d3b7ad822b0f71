// The traffic of policy_loss.
#include "traffic/traffic.h"

namespace eqp::traffic {
namespace {

void grpo(eqp_dtype dtype, int64_t count, int64_t tokens) {
  const int64_t s = size_of(dtype), n = count * tokens;
  const std::vector<int64_t> shape = {count, tokens};
  Tensor policy(dtype, shape, true), reference(dtype, shape, true), mask(EQP_U8, shape, true);
  Tensor advantages(EQP_F32, {count}, true), loss(EQP_F32, {1}, false);
  Tensor each(EQP_F32, {count}, false), metrics(EQP_F32, {6}, false), d(dtype, shape, false);
  uint64_t bytes = 0;
  eqp_policy_loss_workspace_size(policy, &bytes);
  Workspace workspace(bytes);
  const int64_t parts = (count + 15) / 16;
  const int64_t partial = parts == 1 ? 0 : parts * 7 * 8;
  // The mask is read twice (sums, gradient); per row every tensor's cut sectors, and scalars.
  const int64_t cut = count * (tokens / 32 + 1);
  const Ideal ideal{n * (2 * s + 1) + count * 4 + partial, n * s + count * 4 + 28 + partial,
                    n * (2 * s + 1) / 32 + 14 * cut + cut * 2 + parts * 64 + 32};
  measure("policy_loss", shape_text(shape), dtype, ideal, [&] {
    return eqp_policy_loss(nullptr, policy, policy, reference, advantages, mask, nullptr, loss,
                           each, metrics, d, workspace);
  });
}

// DAPO that counts its own tokens: both launches read everything, the first writes the parts' sums.
void dapo(eqp_dtype dtype, int64_t count, int64_t tokens) {
  const int64_t s = size_of(dtype), n = count * tokens;
  const std::vector<int64_t> shape = {count, tokens};
  Tensor policy(dtype, shape, true), reference(dtype, shape, true), mask(EQP_U8, shape, true);
  Tensor advantages(EQP_F32, {count}, true), loss(EQP_F32, {1}, false);
  Tensor each(EQP_F32, {count}, false), metrics(EQP_F32, {6}, false), d(dtype, shape, false);
  uint64_t bytes = 0;
  eqp_policy_loss_workspace_size(policy, &bytes);
  Workspace workspace(bytes);
  eqp_policy_loss_options options;
  eqp_policy_loss_options_init(&options);
  options.normalizer = EQP_POLICY_NORMALIZER_DAPO;
  const int64_t parts = (count + 15) / 16, partial = parts * 7 * 8;
  const int64_t cut = count * (tokens / 32 + 1);
  // Every block of the second launch reads the sums of all parts, in each of its 8 warps.
  measure("policy_loss, dapo", shape_text(shape), dtype,
          {2 * (n * (2 * s + 1) + count * 4) + partial, n * s + count * 4 + 28 + partial,
           n * (2 * s + 1) / 32 + 24 * cut + cut * 2 + parts * (64 + 8 * 8) + 64},
          [&] {
            return eqp_policy_loss(&options, policy, policy, reference, advantages, mask, nullptr,
                                   loss, each, metrics, d, workspace);
          });
}

}  // namespace

void policy_loss() {
  for (const eqp_dtype dtype : kFloats) {
    grpo(dtype, 40, 128);
    dapo(dtype, 40, 128);
  }
}

}  // namespace eqp::traffic

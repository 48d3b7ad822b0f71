// The traffic of policy_loss.
#include "traffic/traffic.h"

namespace eqp::traffic {
namespace {

// The plain loss; DAPO that counts its own tokens (both launches read everything, the first writes
// the parts' sums); a ratio per sequence, whose tokens are swept twice more, from cache.
void policy_losses(eqp_dtype dtype, int64_t count, int64_t tokens) {
  const int64_t s = size_of(dtype), n = count * tokens;
  const std::vector<int64_t> shape = {count, tokens};
  Tensor policy(dtype, shape, true), reference(dtype, shape, true), mask(EQP_U8, shape, true);
  Tensor advantages(EQP_F32, {count}, true), loss(EQP_F32, {1}, false);
  Tensor each(EQP_F32, {count}, false), metrics(EQP_F32, {EQP_POLICY_METRIC_COUNT}, false),
      d(dtype, shape, false);
  uint64_t bytes = 0;
  eqp_policy_loss_workspace_size(policy, &bytes);
  Workspace workspace(bytes);
  eqp_policy_loss_options options;
  eqp_policy_loss_options_init(&options);
  const auto call = [&] {
    return eqp_policy_loss(&options, policy, policy, reference, nullptr, advantages, mask, nullptr,
                           nullptr, nullptr, nullptr, loss, each, metrics, d, nullptr, workspace);
  };
  const int64_t parts = (count + 15) / 16, cut = count * (tokens / 32 + 1);
  const int64_t scalars = count * 4 + 4 * (1 + EQP_POLICY_METRIC_COUNT);
  // sums: of each part, a plain loss has 7 and others 16. The mask is read twice (length, tokens);
  // per row every tensor's cut sectors, and scalars.
  const auto ideal = [&](int64_t launches, int64_t sums, int64_t sectors) {
    const int64_t partial = parts == 1 ? 0 : parts * sums * 8;
    return Ideal{launches * (n * (2 * s + 1) + count * 4) + partial, n * s + scalars + partial,
                 n * (2 * s + 1) / 32 + sectors};
  };
  measure("policy_loss", shape_text(shape), dtype, ideal(1, 7, 16 * cut + parts * 64 + 32), call);
  options.normalizer = EQP_POLICY_NORMALIZER_DAPO;
  // Every block of the second launch reads the sums of all parts, in each of its 8 warps.
  measure("policy_loss, dapo", shape_text(shape), dtype,
          ideal(2, 7, 26 * cut + parts * (64 + 8 * 8) + 64), call);
  options.normalizer = EQP_POLICY_NORMALIZER_GRPO;
  options.importance = EQP_POLICY_IMPORTANCE_SEQUENCE;
  measure("policy_loss, sequence", shape_text(shape), dtype,
          ideal(1, 16, 40 * cut + 2 * n * (2 * s + 1) / 32 + parts * 160 + 64), call);
}

}  // namespace

void policy_loss() {
  for (const eqp_dtype dtype : kFloats) policy_losses(dtype, 40, 128);
}

}  // namespace eqp::traffic

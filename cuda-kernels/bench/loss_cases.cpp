// The small ops, whose time is that of a launch or two.
#include "cases.h"
#include "equipoise/group_advantage.h"
#include "equipoise/pair_loss.h"
#include "equipoise/policy_loss.h"
#include "equipoise/unpaired_loss.h"

namespace eqp::bench {
namespace {

constexpr double kLeastLogProb = -3;  // of the tokens here

Span span(const DeviceTensor& tensor) { return {tensor.data(), tensor.bytes()}; }

// Half of the tokens are masked, whatever the sequence.
DeviceTensor half_mask(const std::vector<int64_t>& shape, uint32_t seed) {
  DeviceTensor mask(EQP_U8, shape);
  mask.fill(0, 2, seed);
  return mask;
}

DeviceTensor log_probs_of(eqp_dtype dtype, const std::vector<int64_t>& shape, uint32_t seed) {
  DeviceTensor tensor(dtype, shape);
  tensor.fill(kLeastLogProb, 0, seed);
  return tensor;
}

void measure_pair_loss(Runner& runner, eqp_dtype dtype, int64_t pairs, int64_t tokens) {
  Subject subject;
  subject.op = "pair_loss";
  if (!runner.wants(subject.op)) return;
  const std::vector<int64_t> shape = {pairs, tokens};
  const DeviceTensor chosen = log_probs_of(dtype, shape, 1),
                     rejected = log_probs_of(dtype, shape, 2);
  const DeviceTensor reference_chosen = log_probs_of(dtype, shape, 3),
                     reference_rejected = log_probs_of(dtype, shape, 4);
  const DeviceTensor mask_chosen = half_mask(shape, 5), mask_rejected = half_mask(shape, 6);
  const DeviceTensor loss(EQP_F32, {1}), losses(EQP_F32, {pairs}), rewards_chosen(EQP_F32, {pairs}),
      rewards_rejected(EQP_F32, {pairs}), metrics(EQP_F32, {EQP_PAIR_METRIC_COUNT});
  const DeviceTensor d_chosen(dtype, shape), d_rejected(dtype, shape);
  subject.shape = shape_text(shape);
  subject.dtype = dtype;
  subject.small = true;
  subject.traffic.reads = {span(chosen),           span(rejected),
                           span(reference_chosen), span(reference_rejected),
                           span(mask_chosen),      span(mask_rejected)};
  subject.traffic.writes = {span(d_chosen), span(d_rejected), span(losses), span(rewards_chosen),
                            span(rewards_rejected)};
  subject.call = [&](const eqp_launch* launch) {
    return eqp_pair_loss(nullptr, chosen, rejected, reference_chosen, reference_rejected,
                         mask_chosen, mask_rejected, nullptr, loss, losses, rewards_chosen,
                         rewards_rejected, metrics, d_chosen, d_rejected, launch);
  };
  subject.compare = [&](Check* check) {
    HostTensor c = chosen.whole(), r = rejected.whole(), rc = reference_chosen.whole(),
               rr = reference_rejected.whole(), mc = mask_chosen.whole(),
               mr = mask_rejected.whole();
    HostTensor h_loss(EQP_F32, {1}), h_losses(EQP_F32, {pairs}), h_chosen(EQP_F32, {pairs}),
        h_rejected(EQP_F32, {pairs}), h_dc(EQP_F32, shape), h_dr(EQP_F32, shape);
    must(eqp_pair_loss(nullptr, c, r, rc, rr, mc, mr, nullptr, h_loss, h_losses, h_chosen,
                       h_rejected, nullptr, h_dc, h_dr, nullptr),
         "pair_loss on the CPU");
    // beta times an error of the sums over four rows of tokens; the loss is 1-Lipschitz in it, and
    // the gradient's logarithm too.
    const double margin_error =
        0.1 * 4 * sum_tolerance(tokens) * -kLeastLogProb * static_cast<double>(tokens);
    const Tolerance value{margin_error, 0x1p-20};
    const Tolerance gradient{0, margin_error + 0x1p-20 + unit_roundoff(dtype)};
    check->compare("loss", loss.whole(), h_loss, value);
    check->compare("pair_losses", losses.whole(), h_losses, value);
    check->compare("rewards_chosen", rewards_chosen.whole(), h_chosen, value);
    check->compare("rewards_rejected", rewards_rejected.whole(), h_rejected, value);
    const double smallest = dtype == EQP_F16 ? 0x1p-25 : 0;  // half of f16's smallest number
    check->compare("d_policy_chosen", d_chosen.whole(), h_dc, {smallest, gradient.relative});
    check->compare("d_policy_rejected", d_rejected.whole(), h_dr, {smallest, gradient.relative});
  };
  uint64_t workspace_bytes = 0;
  must(eqp_pair_loss_workspace_size(nullptr, chosen, &workspace_bytes), "pair_loss");
  runner.run(subject, workspace_bytes);
}

void measure_policy_loss(Runner& runner, eqp_dtype dtype, int64_t sequences, int64_t tokens) {
  Subject subject;
  subject.op = "policy_loss";
  if (!runner.wants(subject.op)) return;
  const std::vector<int64_t> shape = {sequences, tokens};
  const DeviceTensor log_probs = log_probs_of(dtype, shape, 1), old = log_probs_of(dtype, shape, 2),
                     reference = log_probs_of(dtype, shape, 3), mask = half_mask(shape, 4);
  DeviceTensor advantages(EQP_F32, {sequences});
  advantages.fill(-1, 1, 5);
  const DeviceTensor loss(EQP_F32, {1}), losses(EQP_F32, {sequences}),
      metrics(EQP_F32, {EQP_POLICY_METRIC_COUNT}), d_log_probs(dtype, shape);
  eqp_policy_loss_options options;
  eqp_policy_loss_options_init(&options);
  options.kl_beta = 0.04;
  subject.shape = shape_text(shape);
  subject.dtype = dtype;
  subject.small = true;
  subject.traffic.reads = {span(log_probs), span(old), span(reference), span(mask),
                           span(advantages)};
  subject.traffic.writes = {span(d_log_probs), span(losses)};
  subject.call = [&](const eqp_launch* launch) {
    return eqp_policy_loss(&options, log_probs, old, reference, nullptr, advantages, mask, nullptr,
                           nullptr, nullptr, nullptr, loss, losses, metrics, d_log_probs, nullptr,
                           launch);
  };
  subject.compare = [&](Check* check) {
    HostTensor l = log_probs.whole(), o = old.whole(), r = reference.whole(),
               a = advantages.whole(), m = mask.whole();
    HostTensor h_loss(EQP_F32, {1}), h_losses(EQP_F32, {sequences}), h_d(EQP_F32, shape);
    must(eqp_policy_loss(&options, l, o, r, nullptr, a, m, nullptr, nullptr, nullptr, nullptr,
                         h_loss, h_losses, nullptr, h_d, nullptr, nullptr),
         "policy_loss on the CPU");
    // Tokens' losses are at most e^3 here and are averaged. A ratio within its rounding error of a
    // clip may fall on either side of it, which is a jump of the gradient: the ratio's error is 2^-21
    // and its density below 1, so 2e-6 of the tokens; 1e-4 are three of 64 x 512, none of 1024 x 8.
    const double largest = 20.1;
    const Tolerance value{largest * sum_tolerance(tokens), 0x1p-20};
    const double smallest = dtype == EQP_F16 ? 0x1p-25 : 0;
    const Tolerance gradient{smallest + 0x1p-24 * largest / static_cast<double>(sequences),
                             0x1p-18 + unit_roundoff(dtype), 1e-4};
    check->compare("loss", loss.whole(), h_loss, value);
    check->compare("sequence_losses", losses.whole(), h_losses, value);
    check->compare("d_log_probs", d_log_probs.whole(), h_d, gradient);
  };
  uint64_t workspace_bytes = 0;
  must(eqp_policy_loss_workspace_size(log_probs, &workspace_bytes), "policy_loss");
  runner.run(subject, workspace_bytes);
}

// BCO, whose rows' losses depend on all rows.
void measure_unpaired_loss(Runner& runner, eqp_dtype dtype, int64_t rows, int64_t tokens) {
  Subject subject;
  subject.op = "unpaired_loss";
  if (!runner.wants(subject.op)) return;
  const std::vector<int64_t> shape = {rows, tokens};
  const DeviceTensor log_probs = log_probs_of(dtype, shape, 1),
                     reference = log_probs_of(dtype, shape, 2), mask = half_mask(shape, 3);
  const DeviceTensor labels = half_mask({rows}, 4);
  const DeviceTensor loss(EQP_F32, {1}), losses(EQP_F32, {rows}), rewards(EQP_F32, {rows}),
      metrics(EQP_F32, {EQP_UNPAIRED_METRIC_COUNT}), d_log_probs(dtype, shape);
  eqp_unpaired_loss_options options;
  eqp_unpaired_loss_options_init(&options);
  options.kind = EQP_UNPAIRED_LOSS_BCO;
  subject.shape = shape_text(shape);
  subject.dtype = dtype;
  subject.small = true;
  subject.traffic.reads = {span(log_probs), span(reference), span(mask), span(labels)};
  subject.traffic.writes = {span(d_log_probs), span(losses), span(rewards)};
  subject.call = [&](const eqp_launch* launch) {
    return eqp_unpaired_loss(&options, log_probs, reference, mask, labels, nullptr, nullptr,
                             nullptr, nullptr, nullptr, loss, losses, rewards, metrics, nullptr,
                             d_log_probs, launch);
  };
  subject.compare = [&](Check* check) {
    HostTensor l = log_probs.whole(), r = reference.whole(), m = mask.whole(), y = labels.whole();
    HostTensor h_loss(EQP_F32, {1}), h_losses(EQP_F32, {rows}), h_rewards(EQP_F32, {rows}),
        h_d(EQP_F32, shape);
    must(eqp_unpaired_loss(&options, l, r, m, y, nullptr, nullptr, nullptr, nullptr, nullptr,
                           h_loss, h_losses, h_rewards, nullptr, nullptr, h_d, nullptr),
         "unpaired_loss on the CPU");
    // beta times an error of the sums over two rows of tokens, and as much of the mean that the reward
    // is compared with; the loss is 1-Lipschitz in it, and the gradient's logarithm too.
    const double reward_error =
        0.1 * 2 * sum_tolerance(tokens) * -kLeastLogProb * static_cast<double>(tokens);
    const double smallest = dtype == EQP_F16 ? 0x1p-25 : 0;  // half of f16's smallest number
    check->compare("loss", loss.whole(), h_loss, {2 * reward_error, 0x1p-20});
    check->compare("row_losses", losses.whole(), h_losses, {2 * reward_error, 0x1p-20});
    check->compare("rewards", rewards.whole(), h_rewards, {reward_error, 0x1p-20});
    check->compare("d_log_probs", d_log_probs.whole(), h_d,
                   {smallest, 2 * reward_error + 0x1p-20 + unit_roundoff(dtype)});
  };
  uint64_t workspace_bytes = 0;
  must(eqp_unpaired_loss_workspace_size(log_probs, &workspace_bytes), "unpaired_loss");
  runner.run(subject, workspace_bytes);
}

void measure_groups(Runner& runner, int64_t groups, int64_t members) {
  Subject subject;
  subject.op = "group_advantage";
  if (!runner.wants(subject.op)) return;
  const int64_t samples = groups * members;
  DeviceTensor rewards(EQP_F32, {samples});
  rewards.fill(0, 2, 1);
  const DeviceTensor advantages(EQP_F32, {samples}), mean(EQP_F32, {groups}),
      deviation(EQP_F32, {groups});
  eqp_group_advantage_options options;
  eqp_group_advantage_options_init(&options);
  options.group_size = members;
  subject.shape = shape_text({groups, members});
  subject.dtype = EQP_F32;
  subject.small = true;
  subject.traffic.reads = {span(rewards)};
  subject.traffic.writes = {span(advantages), span(mean), span(deviation)};
  subject.call = [&](const eqp_launch* launch) {
    return eqp_group_advantage(&options, rewards, nullptr, nullptr, nullptr, nullptr, advantages,
                               mean, deviation, nullptr, launch);
  };
  subject.compare = [&](Check* check) {
    HostTensor r = rewards.whole(), a(EQP_F32, {samples}), m(EQP_F32, {groups}),
               d(EQP_F32, {groups});
    must(eqp_group_advantage(&options, r, nullptr, nullptr, nullptr, nullptr, a, m, d, nullptr,
                             nullptr),
         "group_advantage on the CPU");
    // Rewards are at most 2 and a group's deviation is about half of that.
    const Tolerance tolerance{4 * sum_tolerance(members), 4 * sum_tolerance(members)};
    check->compare("group_mean", mean.whole(), m, tolerance);
    check->compare("group_std", deviation.whole(), d, tolerance);
    check->compare("advantages", advantages.whole(), a, tolerance);
  };
  uint64_t workspace_bytes = 0;
  must(eqp_group_advantage_workspace_size(rewards, &workspace_bytes), "group_advantage");
  runner.run(subject, workspace_bytes);
}

}  // namespace

void measure_losses(Runner& runner, eqp_dtype dtype) {
  for (const auto& [rows, tokens] : {std::pair<int64_t, int64_t>{64, 512}, {1024, 8}}) {
    measure_pair_loss(runner, dtype, rows, tokens);
    measure_policy_loss(runner, dtype, rows, tokens);
    measure_unpaired_loss(runner, dtype, rows, tokens);
  }
}

void measure_group_advantage(Runner& runner) {
  measure_groups(runner, 1024, 8);
  measure_groups(runner, 64, 512);
}

}  // namespace eqp::bench

#include "contract/legal_call.h"

#include <cstring>

#include "equipoise/equipoise.h"

namespace eqp::test {

LegalCall::LegalCall(Backend& backend, const Op& op, Random& random, bool all_present, Scale scale)
    : op_(op), backend_(backend), random_(random), buffers_(op.arguments.size()) {
  layout_ = Layout{random.below(3) * 5, random.below(3)};
  options_bytes.assign(op.options_bytes + 64, 0);
  op.options_init(options_bytes.data());
  launch.size = sizeof(launch);
  const std::string entry = op.entry;
  const eqp_dtype low_or_f32 = random.chance(0.5) ? EQP_F32 : EQP_BF16;
  const eqp_dtype index = random.chance(0.5) ? EQP_I32 : EQP_I64;
  const eqp_dtype mask = random.chance(0.5) ? EQP_BOOL : EQP_U8;
  const int64_t rows = scale.rows * (2 + random.below(4)),
                columns = scale.columns * (2 + random.below(9));
  if (entry.find("token_log_probs") == 0) {
    add("logits", low_or_f32, {rows, columns}, 1, -4, 4);
    add("targets", index, {rows}, 1, 0, static_cast<double>(columns) - 0.01);
    for (const Argument& argument : op.arguments) {
      const std::string name = argument.name;
      if (name == "logits" || name == "targets") continue;
      if (name == "d_logits")
        add("d_logits", low_or_f32, {rows, columns}, 1, 0, 0);
      else if (name == "bias")
        add("bias", EQP_F32, {columns}, 1, -1, 1);
      else
        add(argument.name, EQP_F32, {rows}, 1, 1, 3);
    }
  } else if (entry == "group_advantage") {
    const eqp_dtype real = random.chance(0.5) ? EQP_F32 : EQP_F64;
    const int64_t samples = 6, functions = 1 + random.below(3), groups = 3;
    add("rewards", real, {samples, functions}, 1, -1, 2);
    add("weights", real, {functions}, 1, 0.5, 1);
    add("offsets", index, {groups + 1}, 1, 0, 0);
    fill("offsets", {0, 3, 4, 6});
    add("lengths", random.chance(0.5) ? EQP_I32 : EQP_I64, {samples}, 1, 0, 50);
    add("baselines", real, {samples}, 1, -1, 2);
    add("advantages", real, {samples}, 1, 0, 0);
    add("group_mean", real, {groups}, 1, 0, 0);
    add("group_std", real, {groups}, 1, 0, 0);
    add("metrics", real, {EQP_ADVANTAGE_METRIC_COUNT + 2 * functions}, 1, 0, 0);
  } else if (entry == "pair_loss") {
    const eqp_dtype real = random.chance(0.3) ? EQP_F64 : low_or_f32,
                    out = real == EQP_F64 ? EQP_F64 : EQP_F32;
    const int64_t rejected = 2 + random.below(7);
    for (const char* side : {"chosen", "rejected"}) {
      const std::vector<int64_t> shape = {rows, std::string(side) == "chosen" ? columns : rejected};
      add((std::string("policy_") + side).c_str(), real, shape, 1, -3, 0);
      add((std::string("reference_") + side).c_str(), real, shape, 1, -3, 0);
      add((std::string("mask_") + side).c_str(), mask, shape, 1, 0, 1.99);
      add((std::string("d_policy_") + side).c_str(), real, shape, 1, 0, 0);
      add((std::string("rewards_") + side).c_str(), out, {rows}, 1, 0, 0);
    }
    add("loss", out, {1}, 1, 0, 0);
    add("pair_losses", out, {rows}, 1, 0, 0);
    add("pair_weights", out, {rows}, 1, 0, 2);
    add("metrics", out, {EQP_PAIR_METRIC_COUNT}, 1, 0, 0);
  } else if (entry == "policy_loss") {
    const eqp_dtype real = random.chance(0.3) ? EQP_F64 : low_or_f32,
                    out = real == EQP_F64 ? EQP_F64 : EQP_F32;
    const std::vector<int64_t> shape = {rows, columns};
    for (const char* name :
         {"log_probs", "old_log_probs", "reference_log_probs", "sampler_log_probs"})
      add(name, real, shape, 1, -3, 0);
    add("advantages", out, random.chance(0.5) ? shape : std::vector<int64_t>{rows}, 1, -1, 1);
    add("mask", mask, shape, 1, 0, 1.99);
    add("truncated", mask, {rows}, 1, 0, 1.99);
    add("sequence_weights", out, {rows}, 1, 0, 2);
    add("entropy", out, shape, 1, 0, 3);
    add("entropy_threshold", out, {1}, 1, 1, 1);
    add("loss", out, {1}, 1, 0, 0);
    add("sequence_losses", out, {rows}, 1, 0, 0);
    add("metrics", out, {EQP_POLICY_METRIC_COUNT}, 1, 0, 0);
    add("d_log_probs", real, shape, 1, 0, 0);
    add("d_entropy", out, shape, 1, 0, 0);
  } else if (entry == "unpaired_loss") {
    const eqp_dtype real = random.chance(0.3) ? EQP_F64 : low_or_f32,
                    out = real == EQP_F64 ? EQP_F64 : EQP_F32;
    const std::vector<int64_t> shape = {rows, columns}, kl_shape = {rows + 1, columns + 2};
    for (const char* name : {"log_probs", "reference_log_probs", "d_log_probs"})
      add(name, real, shape, 1, -3, 0);
    for (const char* name : {"kl_log_probs", "kl_reference_log_probs"})
      add(name, real, kl_shape, 1, -3, 0);
    add("mask", mask, shape, 1, 0, 1.99);
    add("kl_mask", mask, kl_shape, 1, 0, 1.99);
    add("labels", mask, {rows}, 1, 0, 1.99);
    for (const char* name : {"row_weights", "row_losses", "rewards"})
      add(name, out, {rows}, 1, 0, 2);
    for (const char* name : {"reward_mean", "new_reward_mean"}) add(name, EQP_F64, {2}, 1, 0, 9);
    add("loss", out, {1}, 1, 0, 0);
    add("metrics", out, {EQP_UNPAIRED_METRIC_COUNT}, 1, 0, 0);
  } else {
    const bool lines = entry.find("input_diversity") == 0 || entry == "translation_invariance";
    const bool flat = !lines && random.chance(0.3);
    const std::vector<int64_t> shape =
        flat ? std::vector<int64_t>{2, 3, columns} : std::vector<int64_t>{2, 3, rows, columns};
    for (const Argument& argument : op.arguments) {
      const std::string name = argument.name;
      if (name == "streams")
        add("streams", EQP_I64, {2}, 1, 0, 100);
      else if (name == "offsets") {
        add("offsets", index, {3}, 1, 0, 0);
        fill("offsets", {0, 1, 2});
      } else if (name == "step_sizes")
        add("step_sizes", EQP_F32, {2}, 1, 0, 0.1);
      else if (name == "norms")
        add("norms", EQP_F32, {2, EQP_NORM_COUNT}, 1, 0, 0);
      else if (name == "mask")
        add("mask", mask, shape, flat ? 1 : 2, 0, 1.99);
      else if (name == "codes")
        add("codes", EQP_U8, shape, flat ? 1 : 2, 0, 0);
      else
        add(argument.name, name == "momentum" ? EQP_F32 : low_or_f32, shape, flat ? 1 : 2, 0, 1);
    }
  }
  for (size_t i = 0; i < op.arguments.size(); ++i) {
    tensors.push_back(*buffers_[i].tensor());
    present.push_back(op.arguments[i].required || all_present || random.chance(0.6));
  }
  // Arguments that are only legal together.
  const auto absent_together = [&](const char* one, const char* other) {
    const size_t a = static_cast<size_t>(op.index_of(one)),
                 b = static_cast<size_t>(op.index_of(other));
    present[b] = present[a];
  };
  const auto set_present = [&](const char* name) {
    present[static_cast<size_t>(op.index_of(name))] = true;
  };
  if (entry == "policy_loss") {
    absent_together("entropy", "entropy_threshold");
    absent_together("entropy", "d_entropy");
  }
  if (entry == "unpaired_loss") set_present("kl_log_probs");
  if (entry == "pair_loss") absent_together("reference_chosen", "reference_rejected");
  if (entry == "token_log_probs_backward") {
    set_present("d_log_probs");
    if (present[static_cast<size_t>(op.index_of("d_entropy"))]) set_present("entropy");
  }
  if (entry == "group_advantage") {
    set_present("offsets");
    choose_estimator(random.below(3), all_present);
  }
  if (entry == "eight_bit") {
    set_present("original");
    set_present("codes");
  }
}

// The options of a group_advantage that reads the inputs that are present, or leaves them out.
void LegalCall::choose_estimator(int64_t variant, bool all_present) {
  auto& o = options<eqp_group_advantage_options>();
  const bool given = all_present || variant == 1;
  present[static_cast<size_t>(op_.index_of("baselines"))] = given;
  present[static_cast<size_t>(op_.index_of("lengths"))] = all_present || variant == 2;
  if (given) o.baseline = EQP_ADVANTAGE_BASELINE_GIVEN;
  o.scale = variant == 2 || all_present ? EQP_ADVANTAGE_SCALE_WHITEN
            : given                     ? EQP_ADVANTAGE_SCALE_NONE
                                        : EQP_ADVANTAGE_SCALE_GROUP;
}

void LegalCall::use_defaults() {
  op_.options_init(options_bytes.data());
  if (std::string(op_.entry) != "group_advantage") return;
  present[static_cast<size_t>(op_.index_of("baselines"))] = false;
  present[static_cast<size_t>(op_.index_of("lengths"))] = false;
}

void LegalCall::add(const char* argument, eqp_dtype dtype, const std::vector<int64_t>& shape,
                    int contiguous_dims, double low, double high) {
  Buffer& buffer = buffers_[static_cast<size_t>(op_.index_of(argument))];
  buffer = Buffer(&backend_, dtype, shape, layout_, contiguous_dims);
  for (int64_t i = 0; i < buffer.size(); ++i) buffer.set(i, random_.uniform(low, high));
}

void LegalCall::fill(const char* argument, const std::vector<double>& values) {
  Buffer& buffer = buffers_[static_cast<size_t>(op_.index_of(argument))];
  for (int64_t i = 0; i < buffer.size(); ++i) buffer.set(i, values[static_cast<size_t>(i)]);
}

void LegalCall::upload() {
  for (Buffer& buffer : buffers_) buffer.upload();
}

eqp_status LegalCall::call() {
  std::vector<const eqp_tensor*> arguments;
  for (size_t i = 0; i < tensors.size(); ++i)
    arguments.push_back(present[i] ? &tensors[i] : nullptr);
  return op_.invoke(backend_.entries(), options_bytes.data(), arguments.data(), &launch);
}

std::string LegalCall::damage(bool nothing_written) {
  std::string text;
  for (size_t i = 0; i < buffers_.size() && text.empty(); ++i) {
    const bool unchanged = nothing_written || !present[i] || op_.arguments[i].role == Role::kInput;
    text = buffers_[i].download(unchanged);
    if (!text.empty()) text = std::string(op_.arguments[i].name) + ": " + text;
  }
  for (Buffer& buffer : buffers_) buffer.restore();
  return text;
}

}  // namespace eqp::test

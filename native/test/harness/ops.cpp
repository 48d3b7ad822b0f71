#include "harness/ops.h"

#include <stdexcept>

#include "harness/entries.h"

namespace eqp::test {
namespace {

constexpr Role kIn = Role::kInput;
constexpr Role kOut = Role::kOutput;

template <class Options, void (*init)(Options*)>
void init_options(void* options) {
  init(static_cast<Options*>(options));
}

template <class Options>
const Options* as(const void* options) {
  return static_cast<const Options*>(options);
}

template <auto Entries::*query>
eqp_status workspace(const Entries& entries, const void* /*options*/, const eqp_tensor* first,
                     uint64_t* bytes) {
  return (entries.*query)(first, bytes);
}

std::vector<Op> make_ops() {
  std::vector<Op> list;
  list.push_back(
      {"token_log_probs_forward",
       {{"logits", kIn, true},
        {"bias", kIn, false},
        {"targets", kIn, true},
        {"log_probs", kOut, true},
        {"log_sum_exp", kOut, false},
        {"log_sum_exp_2x", kOut, false},
        {"entropy", kOut, false}},
       sizeof(eqp_token_log_probs_options),
       init_options<eqp_token_log_probs_options, eqp_token_log_probs_options_init>,
       [](const Entries& e, const void* o, const eqp_tensor* const* t, const eqp_launch* launch) {
         return e.token_log_probs_forward(as<eqp_token_log_probs_options>(o), t[0], t[1], t[2],
                                          t[3], t[4], t[5], t[6], launch);
       },
       workspace<&Entries::token_log_probs_workspace_size>});
  list.push_back(
      {"token_log_probs_backward",
       {{"logits", kIn, true},
        {"bias", kIn, false},
        {"targets", kIn, true},
        {"log_sum_exp", kIn, true},
        {"entropy", kIn, false},
        {"d_log_probs", kIn, false},
        {"d_entropy", kIn, false},
        {"d_logits", kOut, true}},
       sizeof(eqp_token_log_probs_options),
       init_options<eqp_token_log_probs_options, eqp_token_log_probs_options_init>,
       [](const Entries& e, const void* o, const eqp_tensor* const* t, const eqp_launch* launch) {
         return e.token_log_probs_backward(as<eqp_token_log_probs_options>(o), t[0], t[1], t[2],
                                           t[3], t[4], t[5], t[6], t[7], launch);
       },
       workspace<&Entries::token_log_probs_workspace_size>});
  list.push_back(
      {"group_advantage",
       {{"rewards", kIn, true},
        {"weights", kIn, false},
        {"offsets", kIn, false},
        {"lengths", kIn, false},
        {"baselines", kIn, false},
        {"advantages", kOut, true},
        {"group_mean", kOut, false},
        {"group_std", kOut, false},
        {"metrics", kOut, false}},
       sizeof(eqp_group_advantage_options),
       init_options<eqp_group_advantage_options, eqp_group_advantage_options_init>,
       [](const Entries& e, const void* o, const eqp_tensor* const* t, const eqp_launch* launch) {
         return e.group_advantage(as<eqp_group_advantage_options>(o), t[0], t[1], t[2], t[3], t[4],
                                  t[5], t[6], t[7], t[8], launch);
       },
       workspace<&Entries::group_advantage_workspace_size>});
  list.push_back(
      {"pair_loss",
       {{"policy_chosen", kIn, true},
        {"policy_rejected", kIn, true},
        {"reference_chosen", kIn, false},
        {"reference_rejected", kIn, false},
        {"mask_chosen", kIn, true},
        {"mask_rejected", kIn, true},
        {"pair_weights", kIn, false},
        {"loss", kOut, true},
        {"pair_losses", kOut, false},
        {"rewards_chosen", kOut, false},
        {"rewards_rejected", kOut, false},
        {"metrics", kOut, false},
        {"d_policy_chosen", kOut, false},
        {"d_policy_rejected", kOut, false}},
       sizeof(eqp_pair_loss_options),
       init_options<eqp_pair_loss_options, eqp_pair_loss_options_init>,
       [](const Entries& e, const void* o, const eqp_tensor* const* t, const eqp_launch* launch) {
         return e.pair_loss(as<eqp_pair_loss_options>(o), t[0], t[1], t[2], t[3], t[4], t[5], t[6],
                            t[7], t[8], t[9], t[10], t[11], t[12], t[13], launch);
       },
       [](const Entries& e, const void* o, const eqp_tensor* first, uint64_t* bytes) {
         return e.pair_loss_workspace_size(as<eqp_pair_loss_options>(o), first, bytes);
       }});
  list.push_back(
      {"policy_loss",
       {{"log_probs", kIn, true},
        {"old_log_probs", kIn, false},
        {"reference_log_probs", kIn, false},
        {"sampler_log_probs", kIn, false},
        {"advantages", kIn, true},
        {"mask", kIn, true},
        {"truncated", kIn, false},
        {"sequence_weights", kIn, false},
        {"entropy", kIn, false},
        {"entropy_threshold", kIn, false},
        {"loss", kOut, true},
        {"sequence_losses", kOut, false},
        {"metrics", kOut, false},
        {"d_log_probs", kOut, false},
        {"d_entropy", kOut, false}},
       sizeof(eqp_policy_loss_options),
       init_options<eqp_policy_loss_options, eqp_policy_loss_options_init>,
       [](const Entries& e, const void* o, const eqp_tensor* const* t, const eqp_launch* launch) {
         return e.policy_loss(as<eqp_policy_loss_options>(o), t[0], t[1], t[2], t[3], t[4], t[5],
                              t[6], t[7], t[8], t[9], t[10], t[11], t[12], t[13], t[14], launch);
       },
       workspace<&Entries::policy_loss_workspace_size>});
  list.push_back(
      {"unpaired_loss",
       {{"log_probs", kIn, true},
        {"reference_log_probs", kIn, false},
        {"mask", kIn, true},
        {"labels", kIn, true},
        {"row_weights", kIn, false},
        {"kl_log_probs", kIn, false},
        {"kl_reference_log_probs", kIn, false},
        {"kl_mask", kIn, false},
        {"reward_mean", kIn, false},
        {"loss", kOut, true},
        {"row_losses", kOut, false},
        {"rewards", kOut, false},
        {"metrics", kOut, false},
        {"new_reward_mean", kOut, false},
        {"d_log_probs", kOut, false}},
       sizeof(eqp_unpaired_loss_options),
       init_options<eqp_unpaired_loss_options, eqp_unpaired_loss_options_init>,
       [](const Entries& e, const void* o, const eqp_tensor* const* t, const eqp_launch* launch) {
         return e.unpaired_loss(as<eqp_unpaired_loss_options>(o), t[0], t[1], t[2], t[3], t[4],
                                t[5], t[6], t[7], t[8], t[9], t[10], t[11], t[12], t[13], t[14],
                                launch);
       },
       workspace<&Entries::unpaired_loss_workspace_size>});
  list.push_back(
      {"linf_step",
       {{"pixels", kIn, true},
        {"original", kIn, true},
        {"gradient", kIn, true},
        {"momentum", Role::kInOut, false},
        {"previous", kIn, false},
        {"mask", kIn, false},
        {"offsets", kIn, false},
        {"step_sizes", kIn, false},
        {"out", kOut, true}},
       sizeof(eqp_linf_step_options),
       init_options<eqp_linf_step_options, eqp_linf_step_options_init>,
       [](const Entries& e, const void* o, const eqp_tensor* const* t, const eqp_launch* launch) {
         return e.linf_step(as<eqp_linf_step_options>(o), t[0], t[1], t[2], t[3], t[4], t[5], t[6],
                            t[7], t[8], launch);
       },
       workspace<&Entries::linf_step_workspace_size>});
  list.push_back(
      {"l2_step",
       {{"pixels", kIn, true},
        {"original", kIn, true},
        {"gradient", kIn, true},
        {"mask", kIn, false},
        {"offsets", kIn, false},
        {"step_sizes", kIn, false},
        {"out", kOut, true}},
       sizeof(eqp_l2_step_options),
       init_options<eqp_l2_step_options, eqp_l2_step_options_init>,
       [](const Entries& e, const void* o, const eqp_tensor* const* t, const eqp_launch* launch) {
         return e.l2_step(as<eqp_l2_step_options>(o), t[0], t[1], t[2], t[3], t[4], t[5], t[6],
                          launch);
       },
       workspace<&Entries::l2_step_workspace_size>});
  list.push_back(
      {"uniform_start",
       {{"original", kIn, true},
        {"streams", kIn, false},
        {"mask", kIn, false},
        {"offsets", kIn, false},
        {"out", kOut, true}},
       sizeof(eqp_uniform_start_options),
       init_options<eqp_uniform_start_options, eqp_uniform_start_options_init>,
       [](const Entries& e, const void* o, const eqp_tensor* const* t, const eqp_launch* launch) {
         return e.uniform_start(as<eqp_uniform_start_options>(o), t[0], t[1], t[2], t[3], t[4],
                                launch);
       },
       workspace<&Entries::uniform_start_workspace_size>});
  list.push_back(
      {"image_norms",
       {{"values", kIn, true},
        {"minus", kIn, false},
        {"mask", kIn, false},
        {"offsets", kIn, false},
        {"norms", kOut, true}},
       sizeof(eqp_image_norms_options),
       init_options<eqp_image_norms_options, eqp_image_norms_options_init>,
       [](const Entries& e, const void* o, const eqp_tensor* const* t, const eqp_launch* launch) {
         return e.image_norms(as<eqp_image_norms_options>(o), t[0], t[1], t[2], t[3], t[4], launch);
       },
       workspace<&Entries::image_norms_workspace_size>});
  list.push_back(
      {"eight_bit",
       {{"pixels", kIn, true},
        {"original", kIn, false},
        {"out", kOut, false},
        {"codes", kOut, false}},
       sizeof(eqp_eight_bit_options),
       init_options<eqp_eight_bit_options, eqp_eight_bit_options_init>,
       [](const Entries& e, const void* o, const eqp_tensor* const* t, const eqp_launch* launch) {
         return e.eight_bit(as<eqp_eight_bit_options>(o), t[0], t[1], t[2], t[3], launch);
       },
       nullptr});
  list.push_back(
      {"gaussian_noise",
       {{"images", kIn, true}, {"streams", kIn, false}, {"out", kOut, true}},
       sizeof(eqp_gaussian_noise_options),
       init_options<eqp_gaussian_noise_options, eqp_gaussian_noise_options_init>,
       [](const Entries& e, const void* o, const eqp_tensor* const* t, const eqp_launch* launch) {
         return e.gaussian_noise(as<eqp_gaussian_noise_options>(o), t[0], t[1], t[2], launch);
       },
       nullptr});
  list.push_back(
      {"input_diversity_forward",
       {{"images", kIn, true}, {"streams", kIn, false}, {"out", kOut, true}},
       sizeof(eqp_input_diversity_options),
       init_options<eqp_input_diversity_options, eqp_input_diversity_options_init>,
       [](const Entries& e, const void* o, const eqp_tensor* const* t, const eqp_launch* launch) {
         return e.input_diversity_forward(as<eqp_input_diversity_options>(o), t[0], t[1], t[2],
                                          launch);
       },
       nullptr});
  list.push_back(
      {"input_diversity_backward",
       {{"d_out", kIn, true}, {"streams", kIn, false}, {"d_images", kOut, true}},
       sizeof(eqp_input_diversity_options),
       init_options<eqp_input_diversity_options, eqp_input_diversity_options_init>,
       [](const Entries& e, const void* o, const eqp_tensor* const* t, const eqp_launch* launch) {
         return e.input_diversity_backward(as<eqp_input_diversity_options>(o), t[0], t[1], t[2],
                                           launch);
       },
       nullptr});
  list.push_back(
      {"translation_invariance",
       {{"gradient", kIn, true}, {"out", kOut, true}},
       sizeof(eqp_translation_invariance_options),
       init_options<eqp_translation_invariance_options, eqp_translation_invariance_options_init>,
       [](const Entries& e, const void* o, const eqp_tensor* const* t, const eqp_launch* launch) {
         return e.translation_invariance(as<eqp_translation_invariance_options>(o), t[0], t[1],
                                         launch);
       },
       nullptr});
  return list;
}

}  // namespace

int Op::index_of(const std::string& argument) const {
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (argument == arguments[i].name) return static_cast<int>(i);
  }
  throw std::logic_error(std::string(entry) + " has no argument " + argument);
}

const std::vector<Op>& ops() {
  static const std::vector<Op> list = make_ops();
  return list;
}

const Op& op_named(const std::string& entry) {
  for (const Op& op : ops()) {
    if (entry == op.entry) return op;
  }
  throw std::logic_error("no op is named " + entry);
}

eqp_status Backend::finish(const eqp_launch* launch) { return entries().check(launch); }

const Entries& library_entries() {
  static const Entries entries = {
#define EQP_TEST_ENTRY(entry) &::eqp_##entry,
      EQP_TEST_ENTRIES(EQP_TEST_ENTRY)
#undef EQP_TEST_ENTRY
  };
  return entries;
}

}  // namespace eqp::test

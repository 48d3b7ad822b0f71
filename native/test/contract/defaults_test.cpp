// What eqp_<op>_options_init fills in: the defaults that the headers document.
#include <cmath>

#include "equipoise/equipoise.h"
#include "harness/check.h"

namespace eqp::test {
namespace {

void expect(const char* field, double expected, double found) {
  EQP_CHECK(expected == found, "%s: expected %.9g, found %.9g", field, expected, found);
}

}  // namespace

EQP_TEST(defaults_of_token_log_probs) {
  eqp_token_log_probs_options options;
  eqp_token_log_probs_options_init(&options);
  expect("size", sizeof(options), options.size);
  expect("temperature", 1, static_cast<double>(options.temperature));
  expect("ignore_index", -100, static_cast<double>(options.ignore_index));
  expect("logit_scale", 1, static_cast<double>(options.logit_scale));
  expect("soft_cap", 0, static_cast<double>(options.soft_cap));
}

EQP_TEST(defaults_of_pair_loss) {
  eqp_pair_loss_options options;
  eqp_pair_loss_options_init(&options);
  expect("size", sizeof(options), options.size);
  expect("terms", 1, options.terms);
  for (int k = 0; k < EQP_PAIR_LOSS_MAX_TERMS; ++k) {
    expect("kinds", k == 0 ? EQP_PAIR_LOSS_SIGMOID : 0, options.kinds[k]);
    expect("weights", 1, options.weights[k]);
  }
  expect("beta", 0.1, options.beta);
  expect("label_smoothing", 0, options.label_smoothing);
  expect("divergence", EQP_PAIR_DIVERGENCE_REVERSE_KL, options.divergence);
  expect("divergence_alpha", 0.5, options.divergence_alpha);
  expect("ld_alpha", 1, options.ld_alpha);
  expect("simpo_gamma", 0.5, options.simpo_gamma);
  expect("simpo_alpha", 0, options.simpo_alpha);
  expect("discopop_tau", 0.05, options.discopop_tau);
}

EQP_TEST(defaults_of_policy_loss) {
  eqp_policy_loss_options options;
  eqp_policy_loss_options_init(&options);
  expect("size", sizeof(options), options.size);
  expect("normalizer", EQP_POLICY_NORMALIZER_GRPO, options.normalizer);
  expect("surrogate", EQP_POLICY_SURROGATE_CLIP, options.surrogate);
  expect("importance", EQP_POLICY_IMPORTANCE_TOKEN, options.importance);
  expect("kl", EQP_POLICY_KL_K3, options.kl);
  expect("kl_unbiased", 0, options.kl_unbiased);
  expect("sampler_correction", EQP_SAMPLER_CORRECTION_NONE, options.sampler_correction);
  expect("sampler_level", EQP_POLICY_IMPORTANCE_TOKEN, options.sampler_level);
  expect("epsilon_low", 0.2, options.epsilon_low);
  expect("epsilon_high", 0.2, options.epsilon_high);
  expect("dual_clip", HUGE_VAL, options.dual_clip);
  expect("sapo_tau_positive", 1, options.sapo_tau_positive);
  expect("sapo_tau_negative", 1.05, options.sapo_tau_negative);
  expect("vespo_k_positive", 2, options.vespo_k_positive);
  expect("vespo_lambda_positive", 3, options.vespo_lambda_positive);
  expect("vespo_k_negative", 3, options.vespo_k_negative);
  expect("vespo_lambda_negative", 2, options.vespo_lambda_negative);
  expect("entropy_coefficient", 0, options.entropy_coefficient);
  expect("off_policy_threshold", HUGE_VAL, options.off_policy_threshold);
  expect("sampler_min", 0, options.sampler_min);
  expect("sampler_max", 3, options.sampler_max);
  expect("kl_beta", 0, options.kl_beta);
  expect("negative_log_prob_floor", -HUGE_VAL, options.negative_log_prob_floor);
  expect("max_completion_length", 0, options.max_completion_length);
  expect("total_tokens", 0, options.total_tokens);
  expect("total_sequences", 0, options.total_sequences);
  expect("total_kept_tokens", 0, options.total_kept_tokens);
}

EQP_TEST(defaults_of_unpaired_loss) {
  eqp_unpaired_loss_options options;
  eqp_unpaired_loss_options_init(&options);
  expect("size", sizeof(options), options.size);
  expect("kind", EQP_UNPAIRED_LOSS_KTO, options.kind);
  expect("update_reward_mean", 1, options.update_reward_mean);
  expect("reserved", 0, options.reserved);
  expect("beta", 0.1, options.beta);
  expect("desirable_weight", 1, options.desirable_weight);
  expect("undesirable_weight", 1, options.undesirable_weight);
}

EQP_TEST(defaults_of_group_advantage) {
  eqp_group_advantage_options options;
  eqp_group_advantage_options_init(&options);
  expect("size", sizeof(options), options.size);
  expect("scale", EQP_ADVANTAGE_SCALE_GROUP, options.scale);
  expect("baseline", EQP_ADVANTAGE_BASELINE_MEAN, options.baseline);
  expect("aggregation", EQP_ADVANTAGE_AGGREGATION_SUM_THEN_NORMALIZE, options.aggregation);
  expect("singleton", EQP_ADVANTAGE_SINGLETON_ZERO, options.singleton);
  expect("ddof", 1, options.ddof);
  expect("epsilon", 1e-4, options.epsilon);
  expect("variance_epsilon", 0, options.variance_epsilon);
  expect("group_size", 0, static_cast<double>(options.group_size));
}

EQP_TEST(defaults_of_perturbation) {
  const double eight_codes = static_cast<double>(0x1.010102p-5f);  // 8 / 255 rounded to f32
  eqp_linf_step_options step;
  eqp_linf_step_options_init(&step);
  expect("size", sizeof(step), step.size);
  expect("direction", EQP_DESCEND, step.direction);
  expect("epsilon", eight_codes, static_cast<double>(step.epsilon));
  expect("step_size", eight_codes / 4, static_cast<double>(step.step_size));
  expect("lower", 0, static_cast<double>(step.lower));
  expect("upper", 1, static_cast<double>(step.upper));
  expect("momentum_decay", 1, static_cast<double>(step.momentum_decay));
  expect("blend", 0.75, static_cast<double>(step.blend));
  expect("pixel_space.channels", 0, step.pixel_space.channels);
  expect("pixel_space.copies", 0, step.pixel_space.copies);

  eqp_l2_step_options l2;
  eqp_l2_step_options_init(&l2);
  expect("size", sizeof(l2), l2.size);
  expect("direction", EQP_DESCEND, l2.direction);
  expect("epsilon", 1, static_cast<double>(l2.epsilon));
  expect("step_size", static_cast<double>(0.2f), static_cast<double>(l2.step_size));
  expect("lower", 0, static_cast<double>(l2.lower));
  expect("upper", 1, static_cast<double>(l2.upper));

  eqp_image_norms_options norms;
  eqp_image_norms_options_init(&norms);
  expect("size", sizeof(norms), norms.size);
  expect("quantity", EQP_DIFFERENCE, norms.quantity);

  eqp_uniform_start_options start;
  eqp_uniform_start_options_init(&start);
  expect("size", sizeof(start), start.size);
  expect("epsilon", eight_codes, static_cast<double>(start.epsilon));
  expect("lower", 0, static_cast<double>(start.lower));
  expect("upper", 1, static_cast<double>(start.upper));
  expect("seed", 0, static_cast<double>(start.seed));
  expect("stream", 0, static_cast<double>(start.stream));

  eqp_eight_bit_options grid;
  eqp_eight_bit_options_init(&grid);
  expect("size", sizeof(grid), grid.size);
  expect("epsilon", HUGE_VAL, static_cast<double>(grid.epsilon));
  expect("lower", 0, static_cast<double>(grid.lower));
  expect("upper", 1, static_cast<double>(grid.upper));
}

EQP_TEST(defaults_of_image_transforms) {
  eqp_gaussian_noise_options noise;
  eqp_gaussian_noise_options_init(&noise);
  expect("size", sizeof(noise), noise.size);
  expect("signal", 1, static_cast<double>(noise.signal));
  expect("deviation", static_cast<double>(0.1f), static_cast<double>(noise.deviation));
  expect("lower", -HUGE_VAL, static_cast<double>(noise.lower));
  expect("upper", HUGE_VAL, static_cast<double>(noise.upper));
  expect("seed", 0, static_cast<double>(noise.seed));
  expect("stream", 0, static_cast<double>(noise.stream));
  expect("pixel_space.channels", 0, noise.pixel_space.channels);

  eqp_input_diversity_options diversity;
  eqp_input_diversity_options_init(&diversity);
  expect("size", sizeof(diversity), diversity.size);
  expect("interpolation", EQP_BILINEAR, diversity.interpolation);
  expect("resize_rate", 0.9, diversity.resize_rate);
  expect("probability", 0.5, diversity.probability);
  expect("seed", 0, static_cast<double>(diversity.seed));
  expect("stream", 0, static_cast<double>(diversity.stream));
  expect("step", 0, static_cast<double>(diversity.step));

  eqp_translation_invariance_options blur;
  eqp_translation_invariance_options_init(&blur);
  expect("size", sizeof(blur), blur.size);
  expect("kernel", EQP_BLUR_GAUSSIAN, blur.kernel);
  expect("length", 15, blur.length);
  expect("deviations", 3, static_cast<double>(blur.deviations));
}

}  // namespace eqp::test

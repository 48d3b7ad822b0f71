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
}

EQP_TEST(defaults_of_pair_loss) {
  eqp_pair_loss_options options;
  eqp_pair_loss_options_init(&options);
  expect("size", sizeof(options), options.size);
  expect("kind", EQP_PAIR_LOSS_SIGMOID, options.kind);
  expect("beta", 0.1, options.beta);
  expect("label_smoothing", 0, options.label_smoothing);
}

EQP_TEST(defaults_of_policy_loss) {
  eqp_policy_loss_options options;
  eqp_policy_loss_options_init(&options);
  expect("size", sizeof(options), options.size);
  expect("normalizer", EQP_POLICY_NORMALIZER_GRPO, options.normalizer);
  expect("epsilon_low", 0.2, options.epsilon_low);
  expect("epsilon_high", 0.2, options.epsilon_high);
  expect("kl_beta", 0, options.kl_beta);
  expect("negative_log_prob_floor", -HUGE_VAL, options.negative_log_prob_floor);
  expect("max_completion_length", 0, options.max_completion_length);
  expect("total_tokens", 0, options.total_tokens);
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
  expect("pixel_space.channels", 0, step.pixel_space.channels);

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

}  // namespace eqp::test

// Sentences of the headers that hold a number or say what is accepted, each with its case; what is
// refused is in refusals_test.cpp, what is computed in conformance.
#include <cmath>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "contract/legal_call.h"
#include "equipoise/equipoise.h"
#include "harness/check.h"
#include "harness/entries.h"

namespace eqp::test {
namespace {

Backend& cpu() {
  static const std::unique_ptr<Backend> backend = make_cpu_backend();
  return *backend;
}

// Contiguous, on the CPU.
eqp_tensor describe(const void* data, eqp_dtype dtype, const std::vector<int64_t>& shape) {
  eqp_tensor t{};
  t.data = const_cast<void*>(data);
  t.dtype = dtype;
  t.device_type = EQP_CPU;
  t.ndim = static_cast<int32_t>(shape.size());
  int64_t stride = 1;
  for (size_t d = shape.size(); d-- > 0;) {
    t.shape[d] = shape[d];
    t.stride[d] = stride;
    stride *= shape[d];
  }
  return t;
}

// The bytes of a tensor's elements, in order.
std::vector<unsigned char> bytes_of(const eqp_tensor& t) {
  std::vector<unsigned char> bytes;
  const size_t size = static_cast<size_t>(dtype_bytes(t.dtype));
  std::vector<int64_t> at(static_cast<size_t>(t.ndim), 0);
  for (;;) {
    int64_t offset = 0;
    for (int32_t d = 0; d < t.ndim; ++d) {
      if (t.shape[d] == 0) return bytes;
      offset += at[static_cast<size_t>(d)] * t.stride[d];
    }
    const unsigned char* const from =
        static_cast<const unsigned char*>(t.data) + offset * static_cast<int64_t>(size);
    bytes.insert(bytes.end(), from, from + size);
    int32_t d = t.ndim - 1;
    while (d >= 0 && ++at[static_cast<size_t>(d)] == t.shape[d]) at[static_cast<size_t>(d--)] = 0;
    if (d < 0) return bytes;
  }
}

// What a call with these options wrote.
std::vector<std::vector<unsigned char>> outputs(LegalCall& call, const void* options) {
  call.upload();
  std::vector<const eqp_tensor*> arguments;
  for (size_t i = 0; i < call.tensors.size(); ++i)
    arguments.push_back(call.present[i] ? &call.tensors[i] : nullptr);
  const eqp_status status =
      call.op().invoke(cpu().entries(), options, arguments.data(), &call.launch);
  EQP_CHECK(status == EQP_OK, "%s: %s", call.op().entry, eqp_last_error());
  std::vector<std::vector<unsigned char>> all;
  for (size_t i = 0; i < call.tensors.size(); ++i) {
    if (call.present[i] && call.op().arguments[i].role != Role::kInput)
      all.push_back(bytes_of(call.tensors[i]));
  }
  call.damage(false);
  return all;
}

std::vector<double> advantages(const eqp_group_advantage_options& options,
                               const std::vector<double>& rewards, int64_t functions,
                               const std::vector<double>& baselines = {},
                               eqp_dtype dtype = EQP_F64) {
  const int64_t samples = static_cast<int64_t>(rewards.size()) / functions;
  std::vector<float> narrow(rewards.begin(), rewards.end());
  const eqp_tensor r =
      describe(dtype == EQP_F64 ? static_cast<const void*>(rewards.data()) : narrow.data(), dtype,
               {samples, functions});
  const eqp_tensor b = describe(baselines.data(), EQP_F64, {samples});
  std::vector<double> out(static_cast<size_t>(samples));
  std::vector<float> narrow_out(out.size());
  const eqp_tensor a = describe(
      dtype == EQP_F64 ? static_cast<void*>(out.data()) : narrow_out.data(), dtype, {samples});
  const eqp_status status =
      eqp_group_advantage(&options, &r, nullptr, nullptr, nullptr, baselines.empty() ? nullptr : &b,
                          &a, nullptr, nullptr, nullptr, nullptr);
  EQP_CHECK(status == EQP_OK, "%s", eqp_last_error());
  if (dtype == EQP_F32) out.assign(narrow_out.begin(), narrow_out.end());
  return out;
}

void expect_numbers(const char* what, const std::vector<double>& expected,
                    const std::vector<double>& found, double tolerance = 0) {
  for (size_t i = 0; i < expected.size(); ++i) {
    EQP_CHECK(fabs(expected[i] - found[i]) <= tolerance, "%s: expected %.17g, found %.17g at %d",
              what, expected[i], found[i], static_cast<int>(i));
  }
}

}  // namespace

// types.h: "NULL: all defaults", "4 to 4096", "fields beyond it take their defaults".
EQP_TEST(options_of_every_accepted_size_are_the_defaults) {
  Random random(11);
  for (const Op& op : ops()) {
    LegalCall call(cpu(), op, random, true);
    call.use_defaults();
    const auto expected = outputs(call, call.options_bytes.data());
    EQP_CHECK(outputs(call, nullptr) == expected, "%s: NULL options are not the defaults",
              op.entry);
    std::vector<unsigned char> options(4096, 0);
    memcpy(options.data(), call.options_bytes.data(), op.options_bytes);
    for (const uint32_t size : {4u, static_cast<uint32_t>(op.options_bytes), 4096u}) {
      memcpy(options.data(), &size, sizeof(size));
      EQP_CHECK(outputs(call, options.data()) == expected,
                "%s: options of %u bytes are not the defaults", op.entry, size);
    }
  }
}

// types.h, of eqp_tensor.
EQP_TEST(what_of_a_descriptor_does_not_matter) {
  float pixels[4] = {0.25f, 0.5f, 0.75f, 1}, gradient[4] = {1, -1, 1, -1}, out[4] = {};
  eqp_tensor x = describe(pixels, EQP_F32, {1, 1, 4}), g = describe(gradient, EQP_F32, {1, 1, 4}),
             o = describe(out, EQP_F32, {1, 1, 4});
  for (eqp_tensor* t : {&x, &g, &o}) {
    t->shape[3] = -7;
    t->stride[3] = INT64_MAX;
    t->stride[0] = t->stride[1] = -5;  // of dimensions of size 1
  }
  EQP_CHECK(eqp_linf_step(nullptr, &x, &x, &g, nullptr, nullptr, nullptr, nullptr, nullptr, &o,
                          nullptr) == EQP_OK,
            "%s", eqp_last_error());
  EQP_CHECK(out[0] < pixels[0] && out[1] > pixels[1], "found %g, %g", static_cast<double>(out[0]),
            static_cast<double>(out[1]));
  for (eqp_tensor* t : {&x, &g, &o}) {
    t->shape[2] = 0;
    t->data = nullptr;
  }
  EQP_CHECK(eqp_linf_step(nullptr, &x, &x, &g, nullptr, nullptr, nullptr, nullptr, nullptr, &o,
                          nullptr) == EQP_OK,
            "%s", eqp_last_error());
}

// "(CUDA: f16, too)": not on the CPU.
EQP_TEST(the_cpu_has_no_half_precision) {
  Random random(3);
  for (const Op& op : ops()) {
    LegalCall call(cpu(), op, random, true);
    bool any = false;
    for (eqp_tensor& t : call.tensors) {
      if (t.dtype != EQP_F32 && t.dtype != EQP_BF16 && t.dtype != EQP_F64) continue;
      t.dtype = EQP_F16;
      any = true;
    }
    EQP_CHECK(!any || call.invoke() != EQP_OK, "%s took f16", op.entry);
    const std::string damage = call.damage(true);
    EQP_CHECK(damage.empty(), "%s: a refused call wrote %s", op.entry, damage.c_str());
  }
}

EQP_TEST(workspace_queries_check_their_options) {
  float nothing = 0;
  const eqp_tensor log_probs = describe(&nothing, EQP_F32, {1, 1});
  uint64_t bytes = 7;
  eqp_pair_loss_options options;
  eqp_pair_loss_options_init(&options);
  options.size = 0;
  EQP_CHECK(eqp_pair_loss_workspace_size(&options, &log_probs, &bytes) == EQP_INVALID_ARGUMENT &&
                bytes == 7,
            "expected a refusal of size 0 that writes nothing, found '%s'", eqp_last_error());
}

// pair_loss.h: "Terms that sort need 96 bytes per pair on every device"; unpaired_loss.h: "with more
// than 5120 rows 24 KiB and 8 bytes a row".
EQP_TEST(bytes_of_workspaces) {
  eqp_pair_loss_options options;
  eqp_pair_loss_options_init(&options);
  float nothing = 0;
  for (const int64_t pairs : {1, 7, 1000}) {
    eqp_tensor log_probs = describe(&nothing, EQP_F32, {pairs, 1});
    uint64_t bytes = 1, on_cuda = 1, plain_on_cuda = 1;
    options.kinds[0] = EQP_PAIR_LOSS_SIGMOID;
    EQP_CHECK(eqp_pair_loss_workspace_size(&options, &log_probs, &bytes) == EQP_OK && bytes == 0,
              "found %d", static_cast<int>(bytes));
    log_probs.device_type = EQP_CUDA;
    EQP_CHECK(eqp_pair_loss_workspace_size(&options, &log_probs, &plain_on_cuda) == EQP_OK, "%s",
              eqp_last_error());
    for (const eqp_pair_loss_kind kind : {EQP_PAIR_LOSS_AOT, EQP_PAIR_LOSS_AOT_UNPAIRED}) {
      options.kinds[0] = kind;
      log_probs.device_type = EQP_CPU;
      EQP_CHECK(eqp_pair_loss_workspace_size(&options, &log_probs, &bytes) == EQP_OK &&
                    bytes == 96 * static_cast<uint64_t>(pairs),
                "found %d", static_cast<int>(bytes));
      log_probs.device_type = EQP_CUDA;
      EQP_CHECK(eqp_pair_loss_workspace_size(&options, &log_probs, &on_cuda) == EQP_OK &&
                    on_cuda == plain_on_cuda + 96 * static_cast<uint64_t>(pairs),
                "found %d", static_cast<int>(on_cuda));
    }
  }
  uint64_t usual = 0;
  for (const int64_t rows : {1, 5120, 5121, 100000}) {
    eqp_tensor log_probs = describe(&nothing, EQP_F32, {rows, 1});
    uint64_t bytes = 1;
    EQP_CHECK(eqp_unpaired_loss_workspace_size(&log_probs, &bytes) == EQP_OK && bytes == 0,
              "found %d", static_cast<int>(bytes));
    log_probs.device_type = EQP_CUDA;
    EQP_CHECK(eqp_unpaired_loss_workspace_size(&log_probs, &bytes) == EQP_OK, "%s",
              eqp_last_error());
    if (rows == 1) usual = bytes;
    const uint64_t expected = rows <= 5120 ? usual : 24 * 1024 + 8 * static_cast<uint64_t>(rows);
    EQP_CHECK(bytes == expected, "%d rows: expected %d, found %d", static_cast<int>(rows),
              static_cast<int>(expected), static_cast<int>(bytes));
  }
}

// pair_loss.h: "with a SIMPO term beta q, else with an ORPO term beta m, whatever the terms weigh".
EQP_TEST(rewards_with_simpo_and_orpo_terms) {
  const double chosen[2] = {-1, -0.5}, rejected[2] = {-2, -3};
  const unsigned char mask[2] = {1, 1};
  const double mean_chosen = -0.75, mean_rejected = -2.5, beta = 0.3, alpha = 0.25;
  const auto alpha_po = [&](double m) { return (1 - exp(-alpha * m)) / alpha; };
  struct Case {
    std::vector<eqp_pair_loss_kind> kinds;
    double simpo_alpha, of_chosen, of_rejected;
  };
  const Case cases[] = {
      {{EQP_PAIR_LOSS_SIGMOID}, 0, 2 * mean_chosen, 2 * mean_rejected},
      {{EQP_PAIR_LOSS_ORPO}, 0, mean_chosen, mean_rejected},
      {{EQP_PAIR_LOSS_SIMPO}, alpha, alpha_po(mean_chosen), alpha_po(mean_rejected)},
      {{EQP_PAIR_LOSS_SIMPO, EQP_PAIR_LOSS_ORPO}, 0, mean_chosen, mean_rejected},
      {{EQP_PAIR_LOSS_SIMPO, EQP_PAIR_LOSS_ORPO},
       alpha,
       alpha_po(mean_chosen),
       alpha_po(mean_rejected)},
      {{EQP_PAIR_LOSS_ORPO, EQP_PAIR_LOSS_SIMPO},
       alpha,
       alpha_po(mean_chosen),
       alpha_po(mean_rejected)},
  };
  for (const Case& each : cases) {
    for (const double weight_of_last : {1.0, 0.0}) {
      eqp_pair_loss_options options;
      eqp_pair_loss_options_init(&options);
      options.beta = beta;
      options.simpo_alpha = each.simpo_alpha;
      options.terms = static_cast<int32_t>(each.kinds.size());
      for (size_t k = 0; k < each.kinds.size(); ++k) options.kinds[k] = each.kinds[k];
      options.weights[options.terms - 1] = weight_of_last;
      double loss = 0, reward_chosen = 0, reward_rejected = 0, metrics[EQP_PAIR_METRIC_COUNT] = {};
      const eqp_tensor c = describe(chosen, EQP_F64, {1, 2}),
                       r = describe(rejected, EQP_F64, {1, 2}),
                       m = describe(mask, EQP_BOOL, {1, 2}), l = describe(&loss, EQP_F64, {1}),
                       rc = describe(&reward_chosen, EQP_F64, {1}),
                       rr = describe(&reward_rejected, EQP_F64, {1}),
                       ms = describe(metrics, EQP_F64, {EQP_PAIR_METRIC_COUNT});
      const eqp_status status =
          eqp_pair_loss(&options, &c, &r, nullptr, nullptr, &m, &m, nullptr, &l, nullptr, &rc, &rr,
                        &ms, nullptr, nullptr, nullptr);
      EQP_CHECK(status == EQP_OK, "%s", eqp_last_error());
      const double expected_chosen = beta * each.of_chosen,
                   expected_rejected = beta * each.of_rejected;
      expect_numbers("rewards and margin",
                     {expected_chosen, expected_rejected, expected_chosen - expected_rejected},
                     {reward_chosen, reward_rejected, metrics[EQP_PAIR_METRIC_MARGIN]}, 1e-15);
    }
  }
}

// group_advantage.h: "A = c (counted samples) / max(1, those with r != 0)".
EQP_TEST(nonzero_scale_without_a_reward) {
  const double nan = __builtin_nan("");
  eqp_group_advantage_options options;
  eqp_group_advantage_options_init(&options);
  options.scale = EQP_ADVANTAGE_SCALE_NONZERO;
  options.group_size = 2;
  for (const eqp_advantage_baseline baseline :
       {EQP_ADVANTAGE_BASELINE_MEAN, EQP_ADVANTAGE_BASELINE_OTHERS,
        EQP_ADVANTAGE_BASELINE_SECOND}) {
    options.baseline = baseline;
    expect_numbers("no reward", {0, 0, 0, 0}, advantages(options, {0, 0, 0, 0}, 1));
    expect_numbers("no reward, one missing", {0, 0, 0, 0}, advantages(options, {0, nan, 0, 0}, 1));
    expect_numbers("all missing", {0, 0}, advantages(options, {nan, nan}, 1));
  }
  options.baseline = EQP_ADVANTAGE_BASELINE_MEAN;
  expect_numbers("one reward of four", {4 * 0.5, -4 * 0.5, 0, 0},
                 advantages(options, {1, 0, 0, 0}, 1));
  expect_numbers("two of three counted", {1.5 * 1, -1.5 * 1, 0, 0},
                 advantages(options, {3, 1, nan, 0}, 1));
  options.baseline = EQP_ADVANTAGE_BASELINE_GIVEN;
  expect_numbers("no reward beside baselines", {-0.5 * 4, 0, 0.25 * 4, -1 * 4},
                 advantages(options, {0, 0, 0, 0}, 1, {0.5, 0, -0.25, 1}));
}

// group_advantage.h: "NORMALIZE_THEN_SUM rounds r to it after every function, in their order".
EQP_TEST(sums_of_normalised_rewards_are_rounded_after_every_function) {
  eqp_group_advantage_options options;
  eqp_group_advantage_options_init(&options);
  options.aggregation = EQP_ADVANTAGE_AGGREGATION_NORMALIZE_THEN_SUM;
  options.scale = EQP_ADVANTAGE_SCALE_NONE;
  options.group_size = 3;
  options.epsilon = 0.01;
  const std::vector<double> rewards = {1, 0.3, 0.7, 0, 0.9, 0.1, 2, 0.2, 0.6};  // [3, 3]
  float r[3] = {0, 0, 0};
  for (int k = 0; k < 3; ++k) {
    double mean = 0, square = 0, column[3];
    for (int i = 0; i < 3; ++i) {
      column[i] = static_cast<double>(static_cast<float>(rewards[static_cast<size_t>(3 * i + k)]));
      mean += column[i] / 3;
    }
    for (const double x : column) square += (x - mean) * (x - mean);
    for (int i = 0; i < 3; ++i) {
      const double term = (column[i] - mean) / (sqrt(square / 2) + 0.01);
      r[i] = static_cast<float>(static_cast<double>(r[i]) + term);
    }
  }
  const double mean =
      (static_cast<double>(r[0]) + static_cast<double>(r[1]) + static_cast<double>(r[2])) / 3;
  std::vector<double> expected;
  for (const float x : r)
    expected.push_back(static_cast<double>(static_cast<float>(static_cast<double>(x) - mean)));
  // The doubles' own rounding may move a float by one unit in the last place near a tie.
  expect_numbers("GDPO in f32", expected, advantages(options, rewards, 3, {}, EQP_F32), 1.2e-7);
  // Two functions that cancel: what is left of the terms' rounding is no difference.
  options.scale = EQP_ADVANTAGE_SCALE_WHITEN;
  const std::vector<double> opposite = {0.125, 0.875, 0.375,
                                        0.625, 0.75,  0.25};  // [3, 2], sums of 1
  expect_numbers("cancelling", {0, 0, 0}, advantages(options, opposite, 2, {}, EQP_F32));
  expect_numbers("cancelling", {0, 0, 0}, advantages(options, opposite, 2, {}, EQP_F64));
}

// policy_loss.h: what is allowed at the ends of the ranges.
EQP_TEST(policy_options_at_the_ends_of_their_ranges) {
  const double inf = __builtin_inf();
  const std::vector<std::pair<const char*, std::function<void(eqp_policy_loss_options&)>>> legal = {
      {"an infinite upper bound", [&](eqp_policy_loss_options& o) { o.epsilon_high = inf; }},
      {"epsilons of 0", [&](eqp_policy_loss_options& o) { o.epsilon_low = o.epsilon_high = 0; }},
      {"epsilon_low 1", [&](eqp_policy_loss_options& o) { o.epsilon_low = 1; }},
      {"a GMPO bound above 1",
       [&](eqp_policy_loss_options& o) {
         o.surrogate = EQP_POLICY_SURROGATE_GMPO;
         o.epsilon_low = 2.5;
       }},
      {"dual_clip 1", [&](eqp_policy_loss_options& o) { o.dual_clip = 1; }},
      {"k of 0",
       [&](eqp_policy_loss_options& o) {
         o.surrogate = EQP_POLICY_SURROGATE_VESPO;
         o.vespo_k_positive = o.vespo_k_negative = 0;
       }},
      {"a floor of 0", [&](eqp_policy_loss_options& o) { o.negative_log_prob_floor = 0; }},
      {"a negative bonus", [&](eqp_policy_loss_options& o) { o.entropy_coefficient = -0.5; }},
      {"a threshold of -Inf", [&](eqp_policy_loss_options& o) { o.off_policy_threshold = -inf; }},
      {"no upper limit",
       [&](eqp_policy_loss_options& o) {
         o.sampler_correction = EQP_SAMPLER_CORRECTION_MASK;
         o.sampler_max = inf;
       }},
      {"one token of dr_grpo",
       [&](eqp_policy_loss_options& o) {
         o.normalizer = EQP_POLICY_NORMALIZER_DR_GRPO;
         o.max_completion_length = 1;
       }},
  };
  for (const auto& [what, edit] : legal) {
    Random random(404);
    LegalCall call(cpu(), op_named("policy_loss"), random, true);
    edit(call.options<eqp_policy_loss_options>());
    const eqp_tensor& advantage =
        call.tensors[static_cast<size_t>(call.op().index_of("advantages"))];
    if (call.options<eqp_policy_loss_options>().surrogate == EQP_POLICY_SURROGATE_GMPO &&
        advantage.ndim == 2)
      continue;
    EQP_CHECK(call.invoke() == EQP_OK, "%s: %s", what, eqp_last_error());
  }
}

// pair_loss.h: "|a - 1| < 1e-6 is REVERSE_KL".
EQP_TEST(alpha_divergences_next_to_the_reverse_kl) {
  const double chosen[1] = {-1}, rejected[1] = {-3}, reference[1] = {-1.5};
  const unsigned char mask[1] = {1};
  const auto loss_of = [&](eqp_pair_divergence divergence, double alpha) {
    eqp_pair_loss_options options;
    eqp_pair_loss_options_init(&options);
    options.divergence = divergence;
    options.divergence_alpha = alpha;
    double loss = 0;
    const eqp_tensor c = describe(chosen, EQP_F64, {1, 1}), r = describe(rejected, EQP_F64, {1, 1}),
                     ref = describe(reference, EQP_F64, {1, 1}),
                     m = describe(mask, EQP_BOOL, {1, 1}), l = describe(&loss, EQP_F64, {1});
    EQP_CHECK(eqp_pair_loss(&options, &c, &r, &ref, &ref, &m, &m, nullptr, &l, nullptr, nullptr,
                            nullptr, nullptr, nullptr, nullptr, nullptr) == EQP_OK,
              "%s", eqp_last_error());
    return loss;
  };
  const double reverse = loss_of(EQP_PAIR_DIVERGENCE_REVERSE_KL, 0.5);
  for (const double alpha : {1.0, 1 + 0.9e-6, 1 - 0.9e-6})
    EQP_CHECK(loss_of(EQP_PAIR_DIVERGENCE_ALPHA, alpha) == reverse, "alpha %.9g", alpha);
  for (const double alpha : {1 + 1.1e-6, 1 - 1.1e-6})
    EQP_CHECK(loss_of(EQP_PAIR_DIVERGENCE_ALPHA, alpha) != reverse, "alpha %.9g", alpha);
}

// gaussian_noise.h: "so |z| < 5.77".
EQP_TEST(normal_numbers_are_bounded) {
  const int64_t count = 1 << 20;
  std::vector<float> zeros(count, 0.0f), z(count);
  eqp_gaussian_noise_options options;
  eqp_gaussian_noise_options_init(&options);
  options.deviation = 1;
  const eqp_tensor from = describe(zeros.data(), EQP_F32, {1, 1, count}),
                   to = describe(z.data(), EQP_F32, {1, 1, count});
  float most = 0;
  for (options.seed = 0; options.seed < 4; ++options.seed) {
    EQP_CHECK(eqp_gaussian_noise(&options, &from, nullptr, &to, nullptr) == EQP_OK, "%s",
              eqp_last_error());
    for (const float each : z) most = fabsf(each) > most ? fabsf(each) : most;
  }
  EQP_CHECK(most > 4.5f && most < 5.77f, "found %g", static_cast<double>(most));
}

// perturbation.h: "an original that is k/255 rounded to f32 reaches every code of the exact ball".
EQP_TEST(originals_on_the_grid_reach_every_code_of_their_ball) {
  float original[256], pixels[256];
  unsigned char codes[256];
  const eqp_tensor o = describe(original, EQP_F32, {1, 1, 256}),
                   p = describe(pixels, EQP_F32, {1, 1, 256}),
                   c = describe(codes, EQP_U8, {1, 1, 256});
  for (const int levels : {1, 2, 8, 16, 100}) {
    for (const int direction : {-1, 1}) {
      for (int k = 0; k < 256; ++k) {
        original[k] = static_cast<float>(k) / 255.0f;
        pixels[k] = direction < 0 ? -1.0f : 2.0f;
      }
      eqp_eight_bit_options options;
      eqp_eight_bit_options_init(&options);
      options.epsilon = static_cast<float>(levels) / 255.0f;
      EQP_CHECK(eqp_eight_bit(&options, &p, &o, nullptr, &c, nullptr) == EQP_OK, "%s",
                eqp_last_error());
      for (int k = 0; k < 256; ++k) {
        const int reached = k + direction * levels;
        const int expected = reached < 0 ? 0 : reached > 255 ? 255 : reached;
        EQP_CHECK(codes[k] == expected, "code %d by %d: expected %d, found %d", k,
                  direction * levels, expected, codes[k]);
      }
    }
  }
}

// token_log_probs.h: "vocab >= 1"; no rows are legal.
EQP_TEST(a_vocabulary_has_a_token) {
  float number = 0;
  int64_t target = 0;
  const eqp_tensor none = describe(&number, EQP_F32, {1, 0}), one = describe(&target, EQP_I64, {1}),
                   out = describe(&number, EQP_F32, {1});
  EQP_CHECK(eqp_token_log_probs_forward(nullptr, &none, nullptr, &one, &out, nullptr, nullptr,
                                        nullptr, nullptr) == EQP_INVALID_ARGUMENT &&
                strstr(eqp_last_error(), "logits: expected a vocabulary of at least 1") != nullptr,
            "found '%s'", eqp_last_error());
  const eqp_tensor rows = describe(nullptr, EQP_F32, {0, 5}),
                   targets = describe(nullptr, EQP_I64, {0}),
                   nothing = describe(nullptr, EQP_F32, {0});
  EQP_CHECK(eqp_token_log_probs_forward(nullptr, &rows, nullptr, &targets, &nothing, nullptr,
                                        nullptr, nullptr, nullptr) == EQP_OK,
            "%s", eqp_last_error());
}

}  // namespace eqp::test

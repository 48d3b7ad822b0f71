// The options of every op: their defaults, what is refused, and that none of the headers' fields is forgotten.
#include <cctype>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "contract/refusal.h"
#include "harness/check.h"
#include "harness/policy_options.h"
#include "ops/options/group_advantage.h"
#include "ops/options/pair_loss.h"
#include "ops/options/perturbation.h"
#include "ops/options/policy_loss.h"
#include "ops/options/token_log_probs.h"
#include "ops/options/unpaired_loss.h"

namespace eqp::test {
namespace {

constexpr double kInf = HUGE_VAL;
const double kNaN = std::nan("");

std::string header_text(const std::string& name) {
  const std::ifstream file(std::string(EQP_INCLUDE_FOLDER "/equipoise/") + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The fields of a struct of a header and what it says of each: "type name; /* comment */".
std::map<std::string, std::string> documented_fields(const std::string& header,
                                                     const std::string& name) {
  const std::string text = header_text(header);
  const size_t begin = text.find("typedef struct " + name + " {"),
               end = text.find("} " + name + ";");
  EQP_CHECK(begin != std::string::npos && end != std::string::npos, "%s: expected a struct %s",
            header.c_str(), name.c_str());
  std::map<std::string, std::string> fields;
  if (begin == std::string::npos || end == std::string::npos) return fields;
  std::string last;
  size_t at = text.find('{', begin) + 1;
  while (at < end) {
    const size_t comment = text.find("/*", at), semicolon = text.find(';', at);
    if (comment < semicolon) {
      const size_t close = text.find("*/", comment);
      if (!last.empty()) fields[last] += text.substr(comment + 2, close - comment - 2);
      at = close + 2;
      continue;
    }
    if (semicolon >= end) break;
    size_t stop = semicolon;
    const size_t bracket = text.find('[', at);
    if (bracket < stop) stop = bracket;
    size_t start = stop;
    while (std::isalnum(static_cast<unsigned char>(text[start - 1])) || text[start - 1] == '_')
      --start;
    last = text.substr(start, stop - start);
    fields[last];
    at = semicolon + 1;
  }
  return fields;
}

// Whether a comment names the default: "default 0.1", "default -Inf: off", "0 (default): none".
bool documents(const std::string& comment, double preset) {
  static const std::multimap<std::string, double> names = {
#define EQP_NAMED(name, value, ...) {#name, value}, {"EQP_" #name, value},
      EQP_PAIR_DIVERGENCES(EQP_NAMED) EQP_UNPAIRED_LOSS_KINDS(EQP_NAMED)
          EQP_POLICY_NORMALIZERS(EQP_NAMED) EQP_POLICY_SURROGATES(EQP_NAMED)
              EQP_POLICY_IMPORTANCES(EQP_NAMED) EQP_POLICY_KLS(EQP_NAMED)
                  EQP_SAMPLER_CORRECTIONS(EQP_NAMED) EQP_ADVANTAGE_SCALES(EQP_NAMED)
                      EQP_ADVANTAGE_BASELINES(EQP_NAMED) EQP_ADVANTAGE_AGGREGATIONS(EQP_NAMED)
                          EQP_ADVANTAGE_SINGLETONS(EQP_NAMED) EQP_DIRECTIONS(EQP_NAMED)
                              EQP_IMAGE_QUANTITIES(EQP_NAMED) EQP_INTERPOLATIONS(EQP_NAMED)
#define EQP_NAMED_BLUR(name, value, ...) {"EQP_BLUR_" #name, value},
                                  EQP_BLUR_KERNELS(EQP_NAMED_BLUR)};
#undef EQP_NAMED
#undef EQP_NAMED_BLUR
  std::stringstream words(comment);
  std::string before, word;
  while (words >> word) {
    std::string value;
    if (word.find("(default)") == 0) value = before;
    if (before == "default") value = word;
    before = word;
    if (value.empty()) continue;
    while (std::strchr(":;,.", value.back()) != nullptr) value.pop_back();
    const auto [first, last] = names.equal_range(value);
    for (auto named = first; named != last; ++named) {
      if (named->second == preset) return true;
    }
    const size_t slash = value.find('/');
    const double number = std::strtod(value.c_str(), nullptr);
    const bool is_number = std::strchr("+-.0123456789", value[0]) != nullptr;
    const double divisor = slash == std::string::npos ? 1 : std::stod(value.substr(slash + 1));
    if (is_number && number / divisor == preset) return true;
  }
  return false;
}

struct Row {
  const char* field;
  double preset;
  std::vector<double> refused;  // beside a legal call's other options
};

// `by_hand`: fields that other tests look at.
template <class Options, size_t kCount>
void check(const std::vector<const char*>& entries, const char* header, const std::string& type,
           void (*init)(Options*), const Field<Options> (&fields)[kCount],
           const std::vector<Row>& rows, const std::set<std::string>& by_hand = {}) {
  Context context(type);
  Options options;
  memset(static_cast<void*>(&options), 0xff, sizeof(options));
  init(&options);
  EQP_CHECK(options.size == sizeof(options), "size: found %u", options.size);
  std::map<std::string, const Field<Options>*> known;
  for (const Field<Options>& field : fields) known[field.name] = &field;
  std::set<std::string> looked_at = by_hand;
  looked_at.insert("size");
  for (const Row& row : rows) {
    looked_at.insert(row.field);
    const Field<Options>* const field = known[row.field];
    EQP_CHECK(field != nullptr, "%s: expected in the table of the op", row.field);
    if (field == nullptr) continue;
    const double preset = field->type == FieldType::kFloat
                              ? static_cast<double>(static_cast<float>(row.preset))
                              : row.preset;
    const double found = read_field(options, *field);
    EQP_CHECK(found == preset, "%s: expected the default %.9g, found %.9g", row.field, preset,
              found);
    EQP_CHECK((field->expected == nullptr) == row.refused.empty(),
              "%s: expected values that are refused if any are, found %d", row.field,
              static_cast<int>(row.refused.size()));
    for (const char* entry : entries) {
      for (const double value : row.refused) {
        refuse(op_named(entry), format("%s = %g", row.field, value), format(": %s: ", row.field),
               [&](LegalCall& call) {
                 write_field(&call.options<Options>(), *field, value);
                 return true;
               });
      }
    }
  }
  for (const auto& [name, comment] : documented_fields(header, type)) {
    EQP_CHECK(looked_at.count(name) == 1, "%s: expected a row in this test", name.c_str());
    looked_at.erase(name);
    for (const Row& row : rows) {
      if (name != row.field || name == "reserved") continue;
      EQP_CHECK(documents(comment, row.preset), "%s: expected the default %.9g in '%s' of %s",
                row.field, row.preset, comment.c_str(), header);
    }
  }
  EQP_CHECK(looked_at.empty(), "%s: expected a field of the header",
            looked_at.empty() ? "" : looked_at.begin()->c_str());
}

const std::vector<double> kNotPositive = {0, -1, kNaN, kInf};
const std::vector<double> kNegative = {-1e-3, kNaN, kInf};
const std::vector<double> kInfinite = {kNaN, kInf, -kInf};

}  // namespace

EQP_TEST(options_of_token_log_probs) {
  check({"token_log_probs_forward", "token_log_probs_backward"}, "token_log_probs.h",
        "eqp_token_log_probs_options", eqp_token_log_probs_options_init, kTokenLogProbsFields,
        {{"temperature", 1, {0, -1, kNaN, kInf, 2.9e-39}},
         {"ignore_index", -100, {}},
         {"logit_scale", 1, kNotPositive},
         {"soft_cap", 0, {-1, kNaN, kInf, 1e-45}}});
}

EQP_TEST(options_of_pair_loss) {
  check({"pair_loss"}, "pair_loss.h", "eqp_pair_loss_options", eqp_pair_loss_options_init,
        kPairLossFields,
        {{"terms", 1, {0, 9, -1}},
         {"beta", 0.1, kNotPositive},
         {"label_smoothing", 0, {-0.1, 0.5, 1, kNaN}},
         {"divergence", EQP_PAIR_DIVERGENCE_REVERSE_KL, EQP_NONE_OF(EQP_PAIR_DIVERGENCES)},
         {"reserved", 0, {1}},
         {"divergence_alpha", 0.5, kInfinite},
         {"ld_alpha", 1, {-0.1, 1.1, kNaN}},
         {"simpo_gamma", 0.5, kInfinite},
         {"simpo_alpha", 0, {kNaN, kInf, 0.25}},
         {"discopop_tau", 0.05, kNotPositive}},
        {"kinds", "weights"});
  eqp_pair_loss_options options;
  eqp_pair_loss_options_init(&options);
  for (int k = 0; k < EQP_PAIR_LOSS_MAX_TERMS; ++k) {
    const eqp_pair_loss_kind kind = k == 0 ? static_cast<int>(EQP_PAIR_LOSS_SIGMOID) : 0;
    EQP_CHECK(options.kinds[k] == kind, "kinds[%d]: found %d", k, options.kinds[k]);
    EQP_CHECK(options.weights[k] == 1, "weights[%d]: found %g", k, options.weights[k]);
  }
  for (const double kind : EQP_NONE_OF(EQP_PAIR_LOSS_KINDS)) {
    refuse(op_named("pair_loss"), format("kind %g", kind), ": kinds[0]: ", [&](LegalCall& call) {
      call.options<eqp_pair_loss_options>().kinds[0] = static_cast<int32_t>(kind);
      return true;
    });
  }
}

EQP_TEST(options_of_unpaired_loss) {
  check({"unpaired_loss"}, "unpaired_loss.h", "eqp_unpaired_loss_options",
        eqp_unpaired_loss_options_init, kUnpairedLossFields,
        {{"kind", EQP_UNPAIRED_LOSS_KTO, EQP_NONE_OF(EQP_UNPAIRED_LOSS_KINDS)},
         {"update_reward_mean", 1, {-1, 2}},
         {"reserved", 0, {1}},
         {"beta", 0.1, kNotPositive},
         {"desirable_weight", 1, kInfinite},
         {"undesirable_weight", 1, kInfinite}});
}

EQP_TEST(options_of_policy_loss) {
  std::vector<Row> rows;
  for (const OptionValues& option : policy_options())
    rows.push_back({option.field, option.preset, option.refused});
  check({"policy_loss"}, "policy_loss.h", "eqp_policy_loss_options", eqp_policy_loss_options_init,
        kPolicyLossFields, rows);
}

EQP_TEST(options_of_group_advantage) {
  std::vector<double> scales = EQP_NONE_OF(EQP_ADVANTAGE_SCALES);
  // A legal call has baselines.
  scales.insert(scales.end(), {EQP_ADVANTAGE_SCALE_GROUP, EQP_ADVANTAGE_SCALE_BATCH});
  check({"group_advantage"}, "group_advantage.h", "eqp_group_advantage_options",
        eqp_group_advantage_options_init, kGroupAdvantageFields,
        {{"scale", EQP_ADVANTAGE_SCALE_GROUP, scales},
         {"baseline", EQP_ADVANTAGE_BASELINE_MEAN, EQP_NONE_OF(EQP_ADVANTAGE_BASELINES)},
         {"aggregation", EQP_ADVANTAGE_AGGREGATION_SUM_THEN_NORMALIZE,
          EQP_NONE_OF(EQP_ADVANTAGE_AGGREGATIONS)},
         {"singleton", EQP_ADVANTAGE_SINGLETON_ZERO, EQP_NONE_OF(EQP_ADVANTAGE_SINGLETONS)},
         {"ddof", 1, {-1, 2}},
         {"epsilon", 1e-4, {-1e-9, kNaN, kInf}},
         {"variance_epsilon", 0, {-1e-9, kNaN, kInf}},
         {"group_size", 0, {1, -1}}});
}

EQP_TEST(options_of_perturbations) {
  const std::vector<double> lower = {2, kNaN, -kInf}, upper = {kNaN, kInf};
  check({"linf_step"}, "perturbation.h", "eqp_linf_step_options", eqp_linf_step_options_init,
        kLinfStepFields,
        {{"direction", EQP_DESCEND, EQP_NONE_OF(EQP_DIRECTIONS)},
         {"epsilon", 8 / 255.0, kNegative},
         {"step_size", 2 / 255.0, kNegative},
         {"lower", 0, lower},
         {"upper", 1, upper},
         {"momentum_decay", 1, kNegative},
         {"blend", 0.75, {-0.5, 1.5, kNaN}}},
        {"pixel_space"});
  check({"l2_step"}, "perturbation.h", "eqp_l2_step_options", eqp_l2_step_options_init,
        kL2StepFields,
        {{"direction", EQP_DESCEND, EQP_NONE_OF(EQP_DIRECTIONS)},
         {"epsilon", 1, kNegative},
         {"step_size", 0.2, kNegative},
         {"lower", 0, lower},
         {"upper", 1, upper}},
        {"pixel_space"});
  check({"uniform_start"}, "perturbation.h", "eqp_uniform_start_options",
        eqp_uniform_start_options_init, kUniformStartFields,
        {{"epsilon", 8 / 255.0, kNegative},
         {"lower", 0, lower},
         {"upper", 1, upper},
         {"seed", 0, {}},
         {"stream", 0, {}}},
        {"pixel_space"});
  check({"eight_bit"}, "perturbation.h", "eqp_eight_bit_options", eqp_eight_bit_options_init,
        kEightBitFields,
        {{"epsilon", kInf, {-0.1, kNaN}}, {"lower", 0, lower}, {"upper", 1, upper}},
        {"pixel_space"});
  check({"image_norms"}, "perturbation.h", "eqp_image_norms_options", eqp_image_norms_options_init,
        kImageNormsFields, {{"quantity", EQP_DIFFERENCE, EQP_NONE_OF(EQP_IMAGE_QUANTITIES)}},
        {"pixel_space"});
}

EQP_TEST(options_of_image_transforms) {
  check({"gaussian_noise"}, "gaussian_noise.h", "eqp_gaussian_noise_options",
        eqp_gaussian_noise_options_init, kGaussianNoiseFields,
        {{"signal", 1, kInfinite},
         {"deviation", 0.1, kNegative},
         {"lower", -kInf, {kNaN}},
         {"upper", kInf, {kNaN}},
         {"seed", 0, {}},
         {"stream", 0, {}}},
        {"pixel_space"});
  check({"input_diversity_forward", "input_diversity_backward"}, "input_diversity.h",
        "eqp_input_diversity_options", eqp_input_diversity_options_init, kInputDiversityFields,
        {{"interpolation", EQP_BILINEAR, EQP_NONE_OF(EQP_INTERPOLATIONS)},
         {"resize_rate", 0.9, {0, -0.5, 1.1, kNaN}},
         {"probability", 0.5, {-0.1, 1.1, kNaN}},
         {"seed", 0, {}},
         {"stream", 0, {}},
         {"step", 0, {0x1p63}}});
  check({"translation_invariance"}, "translation_invariance.h",
        "eqp_translation_invariance_options", eqp_translation_invariance_options_init,
        kTranslationInvarianceFields,
        {{"kernel", EQP_BLUR_GAUSSIAN, EQP_NONE_OF(EQP_BLUR_KERNELS)},
         {"length", 15, {0, -1, 2, 14, 33}},
         {"deviations", 3, {0, -1, 13, kNaN}}});
}

}  // namespace eqp::test

// Options, surrogates, levels of the importance and optional tensors of eqp_policy_loss in pairs: every value
// of one meets every value of another, once where the call has a lean form and once where it need not.
#define EQP_ISA portable  // of the predicate that is asked here
#include <map>

#include "conformance/covering.h"
#include "conformance/policy_loss_case.h"
#include "harness/check.h"
#include "harness/policy_options.h"
#include "math/policy_loss.h"
#include "ops/options/policy_loss.h"

namespace eqp::test {
namespace {

// The default first. The form comes from surrogate and importance together, max_completion_length from the
// normaliser: they have no others.
std::map<std::string, std::vector<double>> values_by_field() {
  std::map<std::string, std::vector<double>> values;
  for (const OptionValues& option : policy_options()) {
    values[option.field] = {option.preset};
    values[option.field].insert(values[option.field].end(), option.others.begin(),
                                option.others.end());
  }
  return values;
}

struct Form {
  eqp_policy_surrogate surrogate;
  eqp_policy_importance importance;
};

bool weighs_sequences(eqp_policy_surrogate surrogate) {
  return surrogate == EQP_POLICY_SURROGATE_VESPO || surrogate == EQP_POLICY_SURROGATE_GMPO;
}

std::vector<Form> forms() {
  std::vector<Form> forms;
  for (const eqp_policy_surrogate surrogate : {EQP_POLICY_SURROGATES(EQP_VALUE)}) {
    for (const eqp_policy_importance importance : {EQP_POLICY_IMPORTANCES(EQP_VALUE)}) {
      const Form form = {surrogate, importance};
      if (weighs_sequences(form.surrogate) && form.importance != EQP_POLICY_IMPORTANCE_TOKEN)
        continue;
      forms.push_back(form);
    }
  }
  return forms;
}

constexpr int64_t kShapes[][2] = {{5, 11}, {9, 40}, {0, 3}, {3, 0}, {1, 1}, {17, 33}};
constexpr int kShapeCount = 6;
// A choice of two that is no option.
const std::pair<const char*, bool PolicySetup::*> kGiven[] = {
    {"reference", &PolicySetup::reference}, {"sampler", &PolicySetup::sampler},
    {"entropy", &PolicySetup::entropy},     {"threshold", &PolicySetup::threshold},
    {"truncated", &PolicySetup::truncated}, {"weights", &PolicySetup::weights},
    {"per_token", &PolicySetup::per_token}};

class Space {
 public:
  Space() : forms_(forms()), values_(values_by_field()) {
    add("form", static_cast<int>(forms_.size()));
    for (const Field<eqp_policy_loss_options>& field : kPolicyLossFields) {
      const auto values = values_.find(field.name);
      EQP_CHECK(values != values_.end(), "%s: expected values to be tested", field.name);
      if (values == values_.end() || values->second.size() < 2) continue;
      EQP_CHECK(values->second[0] == field.preset, "%s: expected the default %g first", field.name,
                field.preset);
      fields_.push_back(&field);
      add(field.name, static_cast<int>(values->second.size()));
    }
    for (const auto& given : kGiven) add(given.first, 2);
    for (const char* other : {"old", "outputs", "mask of bytes"}) add(other, 2);
    add("shape", kShapeCount);
  }

  const std::vector<Factor>& factors() const { return factors_; }

  PolicySetup setup(const Choices& row) const {
    PolicySetup s;
    size_t at = 0;
    eqp_policy_loss_options& o = s.options;
    eqp_policy_loss_options_init(&o);
    const Form& form = forms_[static_cast<size_t>(row[at++])];
    o.surrogate = form.surrogate;
    o.importance = form.importance;
    for (const Field<eqp_policy_loss_options>* field : fields_) {
      write_field(&o, *field, values_.at(field->name)[static_cast<size_t>(row[at++])]);
    }
    o.max_completion_length = o.normalizer == EQP_POLICY_NORMALIZER_DR_GRPO ? 17 : 0;
    for (const auto& given : kGiven) s.*given.second = row[at++] == 1;
    s.old = row[at++] == 0;
    s.all_outputs = row[at++] == 0;
    s.mask_dtype = row[at++] == 0 ? EQP_BOOL : EQP_U8;
    s.sequences = kShapes[row[at]][0];
    s.tokens = kShapes[row[at]][1];
    return s;
  }

  // Gives what the options of a row ask for; whether the rest is legal, too.
  bool mend(Choices& row) const {
    const PolicySetup s = setup(row);
    const eqp_policy_loss_options& o = s.options;
    if (o.kl_beta > 0) give(row, "reference");
    if (o.sampler_correction != EQP_SAMPLER_CORRECTION_NONE) give(row, "sampler");
    if (o.entropy_coefficient != 0 || s.threshold) give(row, "entropy");
    const bool vespo = o.surrogate == EQP_POLICY_SURROGATE_VESPO;
    const bool dapo = o.normalizer == EQP_POLICY_NORMALIZER_DAPO;
    const bool bonus = o.entropy_coefficient != 0;
    const bool of_part = o.total_sequences > 0 || (o.total_tokens > 0 && s.threshold);
    const bool corrects = o.sampler_correction != EQP_SAMPLER_CORRECTION_NONE;
    return !(o.dual_clip < HUGE_VAL && o.surrogate != EQP_POLICY_SURROGATE_CLIP) &&
           !(vespo && corrects && o.sampler_level != EQP_POLICY_IMPORTANCE_TOKEN) &&
           !(dapo ? o.total_sequences != 0 : o.total_tokens != 0) &&
           !(o.total_kept_tokens != 0 && !bonus) &&
           !(bonus && of_part && o.total_kept_tokens == 0) &&
           !(s.per_token && o.surrogate == EQP_POLICY_SURROGATE_GMPO);
  }

 private:
  void add(const char* name, int values) { factors_.push_back({name, values}); }
  void give(Choices& row, const std::string& name) const {
    for (size_t i = 0; i < factors_.size(); ++i) {
      if (factors_[i].name == name) row[i] = 1;
    }
  }

  std::vector<Form> forms_;
  std::map<std::string, std::vector<double>> values_;
  std::vector<const Field<eqp_policy_loss_options>*> fields_;
  std::vector<Factor> factors_;
};

bool is_lean(const PolicySetup& s) {
  static const char present = 0;
  PolicyLoss call;
  call.options = s.options;
  if (s.sampler) call.sampler_log_probs.data = const_cast<char*>(&present);
  if (s.entropy) call.entropy.data = const_cast<char*>(&present);
  return portable::is_lean(call);
}

bool is_accepted(Suite& suite, const PolicySetup& s) {
  Case call(suite.backend, suite.report, "policy_loss", text_of(s));
  add_tensors(call, s, make_problem(s, 1), {1});
  std::string text;
  return call.run_refused(&text) == EQP_OK;
}

void run_rows(Suite& suite, bool lean, uint64_t seed) {
  const Space space;
  const Covering covering = cover_pairs(space.factors(), [&](Choices& row) {
    return space.mend(row) && (!lean || is_lean(space.setup(row)));
  });
  const Layout layouts[] = {{0, 0}, {3, 1}, {16, 0}, {0, 3}, {61, 2}};
  for (const Choices& row : covering.rows) {
    for (const eqp_dtype dtype : {EQP_F32, EQP_F64, EQP_BF16, EQP_F16}) {
      PolicySetup s = space.setup(row);
      s.dtype = dtype;
      s.layout = layouts[++seed % 5];
      run_case(suite, s, seed);
    }
  }
  if (lean) return;
  // What has no row is refused by the call itself, not forgotten here.
  for (const Covering::Pair& pair : covering.never) {
    Choices row(space.factors().size(), 0);
    row[pair.first] = pair.first_value;
    row[pair.second] = pair.second_value;
    space.mend(row);
    const PolicySetup s = space.setup(row);
    EQP_CHECK(row[pair.first] != pair.first_value || row[pair.second] != pair.second_value ||
                  !is_accepted(suite, s),
              "%s %d with %s %d: expected a row, the call is legal",
              space.factors()[pair.first].name.c_str(), pair.first_value,
              space.factors()[pair.second].name.c_str(), pair.second_value);
  }
}

}  // namespace

void conform_policy_pairs(Suite& suite) {
  run_rows(suite, true, 3000);
  run_rows(suite, false, 4000);
}

}  // namespace eqp::test

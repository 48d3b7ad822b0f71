// What pair losses cannot be asked for together.
#include <functional>

#include "contract/legal_call.h"
#include "equipoise/pair_loss.h"
#include "harness/check.h"

namespace eqp::test {
namespace {

// Edits a legal call without references and weights, which no kind refuses, and expects a refusal
// whose text holds `about`; with about "" that the call is legal.
void attempt(const std::string& what, const std::string& about,
             const std::function<void(LegalCall&, eqp_pair_loss_options&)>& edit) {
  static const std::unique_ptr<Backend> cpu = make_cpu_backend();
  Context context("eqp_pair_loss, " + what);
  Random random(404);
  LegalCall call(*cpu, op_named("pair_loss"), random, true);
  const auto present = [&](const char* name) {
    return static_cast<size_t>(call.op().index_of(name));
  };
  for (const char* name : {"reference_chosen", "reference_rejected", "pair_weights"})
    call.present[present(name)] = false;
  edit(call, call.options<eqp_pair_loss_options>());
  const eqp_status status = call.invoke();
  const std::string text = eqp_last_error();
  const std::string damage = call.damage(!about.empty());
  EQP_CHECK(damage.empty(), "found %s", damage.c_str());
  EQP_CHECK((status == EQP_OK) == about.empty(), "found status %d: %s", status, text.c_str());
  EQP_CHECK(about.empty() || text.find(about) != std::string::npos,
            "expected a text about '%s', found '%s'", about.c_str(), text.c_str());
}

void add_term(eqp_pair_loss_options& o, eqp_pair_loss_kind kind) { o.kinds[o.terms++] = kind; }

}  // namespace

EQP_TEST(pair_loss_kinds_and_what_they_take) {
#define EQP_TEST_KIND(name, value, smoothing, any_divergence, reference, sorts)             \
  attempt(#name " with label smoothing",                                                    \
          (sorts)       ? "workspace"                                                       \
          : (smoothing) ? ""                                                                \
                        : "label_smoothing: expected 0 for " #name,                         \
          [](LegalCall&, eqp_pair_loss_options& o) {                                        \
            o.kinds[0] = value;                                                             \
            o.label_smoothing = 0.1;                                                        \
          });                                                                               \
  attempt(#name " with a divergence",                                                       \
          (any_divergence) ? "" : "divergence: expected REVERSE_KL for " #name,             \
          [](LegalCall&, eqp_pair_loss_options& o) {                                        \
            o.kinds[0] = value;                                                             \
            o.label_smoothing = (smoothing) == 2 ? 0.1 : 0.0;                               \
            o.divergence = EQP_PAIR_DIVERGENCE_JS;                                          \
          });                                                                               \
  if (!(reference)) {                                                                       \
    attempt(#name " with a reference", "reference_chosen: expected NULL for " #name,        \
            [](LegalCall& call, eqp_pair_loss_options& o) {                                 \
              o.kinds[0] = value;                                                           \
              for (const char* side : {"reference_chosen", "reference_rejected"})           \
                call.present[static_cast<size_t>(call.op().index_of(side))] = true;         \
            });                                                                             \
  }                                                                                         \
  if (sorts) {                                                                              \
    attempt(#name " with weights", "pair_weights: expected NULL for " #name,                \
            [](LegalCall& call, eqp_pair_loss_options& o) {                                 \
              o.kinds[0] = value;                                                           \
              call.present[static_cast<size_t>(call.op().index_of("pair_weights"))] = true; \
            });                                                                             \
    attempt(#name " without workspace", "launch: expected a workspace of at least",         \
            [](LegalCall&, eqp_pair_loss_options& o) { o.kinds[0] = value; });              \
  }
  EQP_PAIR_LOSS_KINDS(EQP_TEST_KIND)
#undef EQP_TEST_KIND
}

EQP_TEST(pair_loss_terms) {
  attempt("EXO_PAIR without smoothing", "label_smoothing: expected a number > 0 for EXO_PAIR",
          [](LegalCall&, eqp_pair_loss_options& o) { o.kinds[0] = EQP_PAIR_LOSS_EXO_PAIR; });
  attempt("smoothing that one of two terms uses", "", [](LegalCall&, eqp_pair_loss_options& o) {
    add_term(o, EQP_PAIR_LOSS_IPO);
    o.label_smoothing = 0.1;
  });
  attempt("a divergence that one of two terms takes",
          "divergence: expected REVERSE_KL for NCA_PAIR", [](LegalCall&, eqp_pair_loss_options& o) {
            add_term(o, EQP_PAIR_LOSS_NCA_PAIR);
            o.divergence = EQP_PAIR_DIVERGENCE_ALPHA;
          });
  attempt("a kind beyond the terms", "kinds[1]: expected 0",
          [](LegalCall&, eqp_pair_loss_options& o) { o.kinds[1] = EQP_PAIR_LOSS_IPO; });
  attempt("an infinite weight", "weights[1]: expected a finite number",
          [](LegalCall&, eqp_pair_loss_options& o) {
            add_term(o, EQP_PAIR_LOSS_IPO);
            o.weights[1] = __builtin_inf();
          });
  attempt("simpo_alpha without a SIMPO term",
          "simpo_alpha: expected 0 without a SIMPO term, found 0.25",
          [](LegalCall&, eqp_pair_loss_options& o) {
            o.kinds[0] = EQP_PAIR_LOSS_ORPO;
            o.simpo_alpha = 0.25;
          });
  attempt("simpo_alpha with a SIMPO term of several", "", [](LegalCall&, eqp_pair_loss_options& o) {
    add_term(o, EQP_PAIR_LOSS_SIMPO);
    o.simpo_alpha = 0.25;
  });
  for (double eqp_pair_loss_options::*number :
       {&eqp_pair_loss_options::simpo_gamma, &eqp_pair_loss_options::discopop_tau,
        &eqp_pair_loss_options::divergence_alpha}) {
    attempt("a number that no term reads", "",
            [&](LegalCall&, eqp_pair_loss_options& o) { o.*number = 0.75; });
  }
  attempt("a set reserved field", "reserved: expected 0",
          [](LegalCall&, eqp_pair_loss_options& o) { o.reserved = 1; });
}

}  // namespace eqp::test

#include "conformance/conformance.h"

#include <cstdio>
#include <cstdlib>

#include "harness/check.h"

namespace eqp::test {

bool ConformanceRun::take_argument(int argc, char** argv, int* i) {
  const std::string flag = argv[*i];
  if (*i + 1 == argc) return false;
  const char* const value = argv[*i + 1];
  char* end = nullptr;
  if (flag == "--csv") {
    csv = value;
  } else if (flag == "--filter") {
    filter = value;
  } else if (flag == "--sample") {
    sample.one_in = strtoll(value, &end, 10);
    if (*end != 0 || sample.one_in < 1) return false;
  } else if (flag == "--seed") {
    sample.seed = strtoull(value, &end, 10);
    if (*end != 0) return false;
  } else {
    return false;
  }
  ++*i;
  return true;
}

bool run_conformance(Backend& backend, const ConformanceRun& run) {
  struct Family {
    const char* op;  // base name of the sources
    const char* name;
    void (*run)(Suite&);
  };
  const Family families[] = {
      {"token_log_probs", "token_log_probs", conform_token_log_probs},
      {"pair_loss", "pair_loss", conform_pair_loss},
      {"policy_loss", "policy_loss", conform_policy_loss},
      {"unpaired_loss", "unpaired_loss", conform_unpaired_loss},
      {"group_advantage", "group_advantage", conform_group_advantage},
      {"linf_step", "linf_step", conform_linf_step},
      {"l2_step", "l2_step", conform_l2_step},
      {"uniform_start", "uniform_start", conform_uniform_start},
      {"eight_bit", "eight_bit", conform_eight_bit},
      {"image_norms", "image_norms", conform_image_norms},
      {"gaussian_noise", "gaussian_noise", conform_gaussian_noise},
      {"input_diversity", "input_diversity", conform_input_diversity},
      {"translation_invariance", "translation_invariance", conform_translation_invariance},
  };
  const std::string reason = backend.skip_reason();
  if (!reason.empty()) {
    record_skip("backend " + backend.name(), reason);
    return true;
  }
  Report report(run.sample);
  Suite suite{backend, report, run.large_cases};
  for (const Family& family : families) {
    if (std::string(family.name).find(run.filter) == std::string::npos && run.filter != family.op) {
      continue;
    }
    const int64_t before = failures();
    begin_group();
    family.run(suite);
    printf("%s %s over %s\n", failures() == before ? "passed" : "FAILED", family.name,
           backend.name().c_str());
    fflush(stdout);
  }
  backend.use_schedule(0);
  report.print(backend.name());
  if (!run.csv.empty()) {
    EQP_CHECK(report.write_csv(run.csv, backend.name()), "expected to write %s", run.csv.c_str());
  }
  EQP_CHECK(report.cases() > 0, "expected cases for '%s', found none", run.filter.c_str());
  return report.cases() > 0;
}

std::vector<Layout> each_shifted_alone(const std::string& entry) {
  std::vector<Layout> layouts;
  for (size_t i = 0; i < op_named(entry).arguments.size(); ++i) {
    layouts.push_back(Layout{64, 0, static_cast<int64_t>(i)});
  }
  return layouts;
}

void expect_data_error(Suite& suite, Case& call, const std::string& argument) {
  std::string text;
  if (suite.backend.validates_before_writing()) {
    const eqp_status status = call.run_refused(&text);
    EQP_CHECK(status == EQP_INVALID_DATA, "expected EQP_INVALID_DATA, found status %d: %s", status,
              text.c_str());
    EQP_CHECK(text.find(argument) != std::string::npos, "expected a text that names %s, found '%s'",
              argument.c_str(), text.c_str());
    return;
  }
  const eqp_status status = call.run_poisoned(&text);
  EQP_CHECK(status == EQP_INVALID_DATA,
            "expected EQP_INVALID_DATA from the check, found status %d: %s", status, text.c_str());
}

}  // namespace eqp::test

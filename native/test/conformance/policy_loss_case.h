// One call of eqp_policy_loss: what is in it, and its comparison with the oracle.
#pragma once

#include "conformance/conformance.h"
#include "conformance/policy_loss_oracle.h"

namespace eqp::test {

constexpr double kPolicyThreshold = 0.5;  // of the entropy, exact in every dtype

enum class PolicyData {
  kUsual,
  kExtreme,
  kOnPolicy,
  kNotANumber,
  kNearReference,
  kFarReference,
  kGrid
};

struct PolicySetup {
  eqp_dtype dtype = EQP_F32;
  int64_t sequences = 5, tokens = 11;
  Layout layout;
  PolicyData data = PolicyData::kUsual;
  double unmasked = 0.8;
  bool old = true, reference = true, per_token = false, weights = false, all_outputs = true;
  bool sampler = false, truncated = false, entropy = false, threshold = false;
  eqp_dtype mask_dtype = EQP_BOOL;
  eqp_policy_loss_options options;
};

std::string text_of(const PolicySetup& setup);
PolicyProblem make_problem(const PolicySetup& setup, uint64_t seed);
void add_tensors(Case& call, const PolicySetup& setup, const PolicyProblem& problem,
                 const std::vector<int64_t>& scalar);
// Every output against the oracle.
void run_case(Suite& suite, const PolicySetup& setup, uint64_t seed);

// Every option with every surrogate and importance, lean and general, and with every other option.
void conform_policy_pairs(Suite& suite);

}  // namespace eqp::test

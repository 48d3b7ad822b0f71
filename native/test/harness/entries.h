// The whole ABI as a table, so that a test can run over another library of the same contract.
#pragma once

#include "equipoise/equipoise.h"

namespace eqp::test {

// X(entry): every op of the ABI, by the name after "eqp_".
#define EQP_TEST_ENTRIES(X)         \
  X(token_log_probs_forward)        \
  X(token_log_probs_backward)       \
  X(group_advantage)                \
  X(pair_loss)                      \
  X(policy_loss)                    \
  X(unpaired_loss)                  \
  X(linf_step)                      \
  X(l2_step)                        \
  X(uniform_start)                  \
  X(eight_bit)                      \
  X(image_norms)                    \
  X(gaussian_noise)                 \
  X(input_diversity_forward)        \
  X(input_diversity_backward)       \
  X(translation_invariance)         \
  X(token_log_probs_workspace_size) \
  X(group_advantage_workspace_size) \
  X(pair_loss_workspace_size)       \
  X(policy_loss_workspace_size)     \
  X(unpaired_loss_workspace_size)   \
  X(linf_step_workspace_size)       \
  X(l2_step_workspace_size)         \
  X(uniform_start_workspace_size)   \
  X(image_norms_workspace_size)     \
  X(check)

// The entries with their ABI signatures.
struct Entries {
#define EQP_TEST_MEMBER(entry) decltype(&::eqp_##entry) entry;
  EQP_TEST_ENTRIES(EQP_TEST_MEMBER)
#undef EQP_TEST_MEMBER
};

}  // namespace eqp::test

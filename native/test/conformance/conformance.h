// The conformance suite: the same cases and oracles for every backend.
#pragma once

#include <string>
#include <vector>

#include "conformance/case.h"
#include "conformance/report.h"
#include "harness/backend.h"
#include "harness/numbers.h"

namespace eqp::test {

struct Suite {
  Backend& backend;
  Report& report;
  // Also the sizes that are hard for a device alone, in every dtype: 2^20 columns, more rows (or
  // images) than the 65 535 that a 16-bit grid dimension holds.
  bool large_cases;
};

void conform_token_log_probs(Suite& suite);
void conform_pair_loss(Suite& suite);
void conform_policy_loss(Suite& suite);
void conform_unpaired_loss(Suite& suite);
void conform_group_advantage(Suite& suite);
void conform_linf_step(Suite& suite);
void conform_l2_step(Suite& suite);
void conform_uniform_start(Suite& suite);
void conform_eight_bit(Suite& suite);
void conform_image_norms(Suite& suite);
void conform_gaussian_noise(Suite& suite);
void conform_input_diversity(Suite& suite);
void conform_translation_invariance(Suite& suite);

struct ConformanceRun {
  std::string csv;     // where the table is written, "" for nowhere
  std::string filter;  // families whose name contains it
  bool large_cases = false;
  Sample sample;

  // Whether argv[*i] is "--csv FILE", "--filter TEXT", "--sample N" or "--seed N", which is taken then.
  bool take_argument(int argc, char** argv, int* i);
};

// Runs the families over the backend, prints the table and writes it. False when nothing ran although
// the backend is not skipped.
bool run_conformance(Backend& backend, const ConformanceRun& run);

// A call whose data break the contract: a backend that validates first refuses it with
// EQP_INVALID_DATA, names `argument` and writes nothing; another one reports it after the call.
void expect_data_error(Suite& suite, Case& call, const std::string& argument);

// Each argument of the op one element behind a boundary on which all others lie, rows and planes of
// whole vectors too: a path for aligned tensors must look at every one of them. Rows and planes of a
// multiple of 16 elements stay aligned.
std::vector<Layout> each_shifted_alone(const std::string& entry);

// Central difference of f at 0, by Richardson extrapolation of two steps; for checking oracles.
template <class Function>
long double derivative_at_zero(const Function& f, long double step) {
  const long double coarse = (f(step) - f(-step)) / (2 * step);
  const long double fine = (f(step / 2) - f(-step / 2)) / step;
  return (4 * fine - coarse) / 3;
}

// The forward error of a sum of n terms, relative to the sum of their magnitudes: the probabilistic
// bound lambda sqrt(n) u of Higham & Mary (SIAM J. Sci. Comput. 41, 2019) with lambda = 3, plus 8
// roundings for what happens to the sum before and after.
inline double sum_error(double n, double roundoff) { return (8 + 3 * std::sqrt(n)) * roundoff; }

}  // namespace eqp::test

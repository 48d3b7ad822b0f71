// The oracle of token_log_probs in double precision, with the first-order effect of f32 arithmetic
// on each result, and a naive low-precision computation as the yardstick for bf16 and f16.
#pragma once

#include <cmath>
#include <vector>

#include "conformance/conformance.h"

namespace eqp::test {

constexpr double kLogProbRoundoff = 0x1p-24;  // the contract: every sum in f32

// From logits to y of token_log_probs.h. An empty bias is no bias; soft_cap 0 is no cap.
struct LogitMap {
  double scale = 1, soft_cap = 0;
  std::vector<double> bias;

  bool is_factor() const { return bias.empty() && soft_cap == 0; }
};

// One row in double precision, with the first-order effect of f32 arithmetic on each result.
struct Row {
  bool ignored = false;
  bool nan = false;
  double temperature = 1;
  double scale = 1;
  bool scaled = false;  // a factor that is not 1 stands between y and z, or logits and z
  std::vector<double> z;
  std::vector<double> slope;        // dy/dlogits
  std::vector<double> slope_error;  // relative, of f32 arithmetic
  std::vector<double> map_error;    // of z, by the f32 arithmetic of bias and soft cap
  double maximum = -HUGE_VAL;
  // Of logits times the factor as f32 holds it: what the forward writes, and the backward subtracts
  // from such logits. The factor's rounding then meets differences of logits alone.
  double log_sum_exp_of_factor = NAN;
  double log_sum_exp = NAN, log_sum_exp_2x = NAN, entropy = NAN, log_prob = NAN;
  // Of log-sum-exps before they are rounded to the dtype of their tensor.
  double log_sum_exp_tolerance = 0, log_sum_exp_2x_tolerance = 0, entropy_tolerance = 0,
         log_prob_tolerance = 0;

  double log_p(size_t j) const { return z[j] - log_sum_exp; }
  // What the factor (two roundings) costs an argument of size |z|; nothing when it is 1.
  double scaling(double magnitude) const { return scaled ? 2 * kLogProbRoundoff * magnitude : 0; }
  // The error of z[j], as an argument of an exponential.
  double argument_error(size_t j) const { return scaling(std::fabs(z[j])) + map_error[j]; }
};

// ignored: the row's target is the ignore index; its logits are not read.
Row make_row(const double* logits, int64_t vocab, int64_t target, double temperature,
             const LogitMap& map, bool ignored);

// d_logits[j] of that row, computed from log_sum_exp in f32, or from log_sum_exp_of_factor in f64 (wide).
Expected gradient(const Row& row, int64_t j, int64_t target, double d_log_prob, double d_entropy,
                  bool wide);

// The same computation with every operation rounded to the logits' format, as a naive
// implementation in that format does it: the yardstick for low precision.
struct Naive {
  double log_prob;
  std::vector<double> gradient;
};

Naive naive_row(const Row& row, eqp_dtype dtype, int64_t target, double d_log_prob,
                double d_entropy);

}  // namespace eqp::test

// Written from the formulas of token_log_probs.h, not from the implementation.
#include "conformance/token_log_probs_oracle.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace eqp::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kRoundoff = kLogProbRoundoff;
constexpr double kFunction = 4;  // roundings that one exp or log may cost

// z[j], its slope, and the first-order effect of f32 arithmetic on both.
void map_logit(const LogitMap& map, double logit, size_t j, Row* row) {
  const double before = map.scale * (logit + (map.bias.empty() ? 0 : map.bias[j]));
  double y = before;
  row->slope[j] = map.scale;
  if (map.soft_cap > 0) {
    const double u = before / map.soft_cap;
    y = map.soft_cap * std::tanh(u);
    const double sech = 1 / std::cosh(u);
    row->slope[j] *= sech * sech;
  }
  row->z[j] = y / row->temperature;
  if (map.is_factor() || !std::isfinite(before)) return;
  // logit + bias and its product with the scale.
  const double before_error = 2 * kRoundoff * std::fabs(before);
  if (map.soft_cap == 0) {
    row->map_error[j] = before_error / row->temperature;
    return;
  }
  // u by a rounded inverse; tanh from one exponential, whose error is damped to less than itself,
  // four operations, and the product with the cap.
  const double u_error = before_error + 2 * kRoundoff * std::fabs(before);
  row->map_error[j] =
      (row->slope[j] / map.scale * u_error + (kFunction + 5) * kRoundoff * std::fabs(y)) /
      row->temperature;
  // The slope goes with e^(-2|u|): an argument that is rounded twice more, and five operations.
  row->slope_error[j] = 2 * (u_error + 2 * kRoundoff * std::fabs(before)) / map.soft_cap +
                        (kFunction + 5) * kRoundoff;
}

}  // namespace

Row make_row(const double* logits, int64_t vocab, int64_t target, double temperature,
             const LogitMap& map, bool ignored) {
  Row row;
  row.ignored = ignored;
  row.temperature = temperature;
  row.scaled = temperature != 1 || (map.is_factor() && map.scale != 1);
  row.scale = map.scale;
  if (ignored) {
    row.log_sum_exp = row.log_sum_exp_2x = row.entropy = row.log_prob = 0;
    return row;
  }
  const size_t n = static_cast<size_t>(vocab);
  row.z.resize(n);
  row.slope.resize(n);
  row.slope_error.resize(n);
  row.map_error.resize(n);
  size_t maximum_at = 0;
  for (size_t j = 0; j < n; ++j) {
    map_logit(map, logits[j], j, &row);
    if (row.z[j] > row.z[maximum_at]) maximum_at = j;
    if (std::isnan(row.z[j]) || row.z[j] == kInf) row.nan = true;
    row.maximum = std::max(row.maximum, row.z[j]);
  }
  row.nan = row.nan || row.maximum == -kInf;
  if (row.nan) return row;
  const double m = row.maximum;
  const double m_error = row.argument_error(maximum_at);
  double s = 0, s2 = 0;
  for (double z : row.z) {
    s += std::exp(z - m);
    s2 += std::exp(2 * (z - m));
  }
  row.log_sum_exp = m + std::log(s);
  row.log_sum_exp_of_factor = row.log_sum_exp;
  if (row.scaled) {
    // z of the same y with the factor as f32 holds it.
    const float to_factor = static_cast<float>(map.is_factor() ? map.scale : 1.0);
    const double factor = static_cast<double>(to_factor / static_cast<float>(temperature)) *
                          temperature / static_cast<double>(to_factor);
    double of_factor = 0;
    for (double z : row.z) of_factor += std::exp((z - m) * factor);
    row.log_sum_exp_of_factor = m * factor + std::log(of_factor);
  }
  row.log_sum_exp_2x = 2 * m + std::log(s2);
  row.log_prob = row.z[static_cast<size_t>(target)] - row.log_sum_exp;

  // Errors of the arguments z - m, weighted as they enter each sum.
  double p_argument = 0, q_argument = 0, distance = 0, entropy_argument = 0;
  row.entropy = 0;
  for (size_t j = 0; j < n; ++j) {
    const double z = row.z[j];
    if (z == -kInf) continue;
    const double argument = row.argument_error(j) + m_error + kRoundoff * (m - z);
    const double p = std::exp(z - row.log_sum_exp);
    const double q = std::exp(2 * z - row.log_sum_exp_2x);
    row.entropy -= p * (z - row.log_sum_exp);
    p_argument += p * argument;
    q_argument += q * 2 * argument;
    distance += p * (m - z);
  }
  for (size_t j = 0; j < n; ++j) {
    const double z = row.z[j];
    if (z == -kInf) continue;
    const double argument = row.argument_error(j) + m_error + kRoundoff * (m - z);
    const double p = std::exp(z - row.log_sum_exp);
    entropy_argument +=
        p * std::fabs(z - row.log_sum_exp + row.entropy) * (argument + 6 * kRoundoff);
  }
  // ln s: a sum of positive terms, each with one exp, then one log.
  const double sum = sum_error(static_cast<double>(n), kRoundoff) + kFunction * kRoundoff;
  const double log_s = p_argument + sum + kFunction * kRoundoff * std::log(s);
  const double log_s2 = q_argument + sum + kFunction * kRoundoff * std::log(s2);
  row.log_sum_exp_tolerance = log_s + m_error;
  row.log_sum_exp_2x_tolerance = log_s2 + 2 * m_error;
  // (z_t - m) - ln s: no rounding of the size of the logits themselves.
  const double z_t = row.z[static_cast<size_t>(target)];
  row.log_prob_tolerance = log_s + kRoundoff * (m - z_t) + kRoundoff * std::fabs(row.log_prob) +
                           row.argument_error(static_cast<size_t>(target)) + m_error;
  // entropy = ln s + sum p (m - z): both parts are positive, so nothing cancels.
  row.entropy_tolerance = entropy_argument + sum * (1 + distance) +
                          kFunction * kRoundoff * std::log(s) +
                          4 * kRoundoff * (distance + row.entropy);
  return row;
}

// What rounding log_sum_exp to f32, or not, leaves of ln p[j].
static double log_p_error(const Row& row, size_t j, bool wide) {
  const double of_difference = 2 * kRoundoff * std::fabs(row.log_p(j));
  if (!wide) return row.argument_error(j) + kRoundoff * std::fabs(row.log_sum_exp) + of_difference;
  return row.scaling(row.maximum - row.z[j]) + row.map_error[j] + of_difference;
}

Expected gradient(const Row& row, int64_t j, int64_t target, double d_log_prob, double d_entropy,
                  bool wide) {
  if (row.ignored || (d_log_prob == 0 && d_entropy == 0)) return {0, 0};
  if (row.nan) return {kNaN, 0};
  const size_t index = static_cast<size_t>(j);
  const double one = j == target ? 1 : 0;
  // By the chain rule, what stands before the map costs what the formula without it does.
  const double t = row.temperature / row.slope[index];
  // Of the probability, and of the exponential that the slope is made of.
  const double underflow = 0x1p-126 * (std::fabs(d_log_prob) + 128 * std::fabs(d_entropy)) * 4 *
                           row.scale / row.temperature;
  if (row.z[index] == -kInf)
    return {d_log_prob * one / t, 4 * kRoundoff * std::fabs(d_log_prob) / t};
  const double log_p = row.log_p(index);
  const double p = std::exp(log_p);
  const double bend = log_p + row.entropy;
  const double value = (d_log_prob * (one - p) - d_entropy * p * bend) / t;
  const double argument_error = log_p_error(row, index, wide);
  const double p_error = p == 0 ? 0 : p * std::expm1(argument_error + kFunction * kRoundoff);
  // The entropy that the call is given is rounded to f32 itself.
  const double bend_error = argument_error + kRoundoff * (std::fabs(row.entropy) + std::fabs(bend));
  const double error = std::fabs(d_log_prob) * (p_error + 2 * kRoundoff * (one + p)) +
                       std::fabs(d_entropy) * (p_error * std::fabs(bend) + p * bend_error +
                                               3 * kRoundoff * p * std::fabs(bend));
  return {value,
          error / t + (4 * kRoundoff + row.slope_error[index]) * std::fabs(value) + underflow};
}

Naive naive_row(const Row& row, eqp_dtype dtype, int64_t target, double d_log_prob,
                double d_entropy) {
  const auto r = [dtype](double x) { return round_to(dtype, x); };
  const size_t n = row.z.size();
  double sum = 0, entropy = 0;
  std::vector<double> z(n);
  for (size_t j = 0; j < n; ++j) {
    z[j] = r(row.z[j]);
    sum += r(std::exp(r(z[j] - r(row.maximum))));
  }
  const double log_sum = r(r(row.maximum) + r(std::log(r(sum))));
  for (size_t j = 0; j < n; ++j) entropy -= r(r(std::exp(r(z[j] - log_sum))) * r(z[j] - log_sum));
  entropy = r(entropy);
  Naive naive{r(z[static_cast<size_t>(target)] - log_sum), std::vector<double>(n)};
  for (size_t j = 0; j < n; ++j) {
    const double log_p = r(z[j] - log_sum);
    const double p = r(std::exp(log_p));
    const double one = static_cast<int64_t>(j) == target ? 1 : 0;
    const double value = r(d_log_prob * r(one - p)) - r(r(d_entropy * p) * r(log_p + entropy));
    naive.gradient[j] = r(r(value) / row.temperature * row.slope[j]);
  }
  return naive;
}

}  // namespace eqp::test

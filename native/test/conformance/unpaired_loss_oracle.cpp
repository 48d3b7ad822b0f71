#include "conformance/unpaired_loss_oracle.h"

#include <algorithm>

#include "conformance/conformance.h"

namespace eqp::test {
namespace {

// Stands for an infinite sum, so that limits are taken by the formulas themselves.
constexpr Real kHuge = 1e200L;

struct Sums {
  Bounded log_prob, ratio;
};

// A sum of terms: as much error as sum_error says of their magnitudes, none when it is infinite.
Bounded bounded_sum(Real value, Real magnitude, Real roundings) {
  if (std::isinf(value)) return {value > 0 ? kHuge : -kHuge, 0};
  return {value, roundings * magnitude};
}

Sums sums_of_row(const UnpairedProblem::Answers& answers, int64_t row, Real roundoff) {
  Real policy = 0, reference = 0, of_policy = 0, of_ratio = 0;
  for (int64_t t = 0; t < answers.tokens; ++t) {
    const size_t at = static_cast<size_t>(row * answers.tokens + t);
    if (!answers.mask.empty() && answers.mask[at] == 0) continue;
    policy += answers.policy[at];
    of_policy += fabsl(answers.policy[at]);
    const Real other = answers.reference.empty() ? 0 : static_cast<Real>(answers.reference[at]);
    reference += other;
    of_ratio += fabsl(answers.policy[at] - other);
  }
  // A lane adds 16 terms before they go on in doubles.
  const double n = static_cast<double>(answers.tokens);
  const Real roundings = static_cast<Real>(
      sum_error(std::min(32.0, n), static_cast<double>(roundoff)) + sum_error(n, 0x1p-53));
  return {bounded_sum(policy, of_policy, roundings),
          bounded_sum(policy - reference, of_ratio, roundings)};
}

// Numbers added one by one in double.
class RunningSum {
 public:
  void add(const Bounded& x) {
    value_ += x.value;
    error_ += x.error;
    magnitude_ += fabsl(x.value);
    count_ += 1;
  }
  Bounded sum() const {
    return {value_, error_ + static_cast<Real>(sum_error(count_, 0x1p-53)) * magnitude_};
  }
  double count() const { return count_; }

 private:
  Real value_ = 0, error_ = 0, magnitude_ = 0;
  double count_ = 0;
};

Bounded kl_of(const UnpairedProblem::Answers& mismatched, Real roundoff) {
  if (mismatched.rows == 0) return {0, 0};
  RunningSum sum;
  for (int64_t i = 0; i < mismatched.rows; ++i) sum.add(sums_of_row(mismatched, i, roundoff).ratio);
  Bounded kl = sum.sum() * Bounded(1 / static_cast<Real>(mismatched.rows));
  if (kl.value < 0) kl.value = 0;
  return kl;
}

struct Formula {
  Bounded loss, slope;
};

Formula formula(eqp_unpaired_loss_kind kind, const Bounded& x) {
  const Bounded rest = apply(real_sigmoid, -x);
  if (kind == EQP_UNPAIRED_LOSS_BCO) return {-apply(real_log_sigmoid, x), -rest};
  return {rest, -(rest * apply(real_sigmoid, x))};
}

}  // namespace

Real unpaired_loss_of(const eqp_unpaired_loss_options& options, Real log_ratio, bool desirable,
                      Real weight, Real reference_point) {
  const Real reward = options.beta * log_ratio;
  const Real class_weight = desirable ? options.desirable_weight : options.undesirable_weight;
  const Real x = desirable ? reward - reference_point : reference_point - reward;
  const Real f = options.kind == EQP_UNPAIRED_LOSS_BCO ? log1pl(expl(-x)) : 1 - 1 / (1 + expl(-x));
  return weight * class_weight * f;
}

UnpairedOracle unpaired_oracle(const UnpairedProblem& problem,
                               const eqp_unpaired_loss_options& options, Real roundoff) {
  UnpairedOracle oracle;
  const Bounded beta = static_cast<Real>(options.beta);
  RunningSum finite, total;
  std::vector<Bounded> ratios;
  for (int64_t i = 0; i < problem.answers.rows; ++i) {
    const Sums sums = sums_of_row(problem.answers, i, roundoff);
    UnpairedOracle::Row row;
    row.log_prob = sums.log_prob;
    row.reward = beta * sums.ratio;
    row.left_out = std::isnan(sums.ratio.value);
    row.is_finite = fabsl(sums.ratio.value) < kHuge;
    if (row.is_finite) finite.add(row.reward);
    ratios.push_back(sums.ratio);
    oracle.rows.push_back(row);
  }
  oracle.kl = kl_of(problem.mismatched, roundoff);
  oracle.reward_mean = Bounded(problem.reward_mean);
  oracle.reward_count = problem.reward_count;
  if (options.update_reward_mean != 0 && finite.count() > 0) {
    const Real k = finite.count(), n = problem.reward_count;
    const Bounded of_batch = finite.sum() * Bounded(1 / k);
    oracle.reward_mean =
        oracle.reward_mean + (of_batch - oracle.reward_mean) * rounded(k / (n + k), 0);
    oracle.reward_count = static_cast<double>(n + k);
  }
  const Bounded point = options.kind == EQP_UNPAIRED_LOSS_KTO   ? beta * oracle.kl
                        : options.kind == EQP_UNPAIRED_LOSS_BCO ? oracle.reward_mean
                                                                : Bounded(0);
  Real counted = 0;
  for (const UnpairedOracle::Row& row : oracle.rows) counted += row.left_out ? 0 : 1;
  for (size_t i = 0; i < oracle.rows.size(); ++i) {
    UnpairedOracle::Row& row = oracle.rows[i];
    if (row.left_out) {
      row.loss = Bounded(std::nanl(""));
      continue;
    }
    const bool desirable = problem.labels[i] != 0;
    const Bounded weight =
        Bounded(problem.weights.empty() ? 1 : static_cast<Real>(problem.weights[i])) *
        Bounded(desirable ? options.desirable_weight : options.undesirable_weight);
    const Bounded x = row.reward - point;
    const Formula f = formula(options.kind, desirable ? x : -x);
    row.loss = weight * f.loss;
    row.slope = weight * f.slope * Bounded(desirable ? 1 : -1) * beta * rounded(1 / counted, 0);
    total.add(row.loss);
  }
  oracle.loss = problem.answers.rows == 0 ? Bounded(0) : total.sum() * rounded(1 / counted, 0);
  return oracle;
}

}  // namespace eqp::test

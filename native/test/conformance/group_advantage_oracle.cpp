#include "conformance/group_advantage_oracle.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "conformance/conformance.h"

namespace eqp::test {
namespace {

using Real = long double;
constexpr Real kInf = std::numeric_limits<Real>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// The contract asks for f64 whatever the dtype.
constexpr Real kArithmetic = 0x1p-53L;

// A number and the error that its computation may have.
struct Value {
  Real exact = 0, error = 0;
};

struct Member {
  bool counted = false;
  Value r;
};

struct Statistics {
  int64_t counted = 0;
  bool infinite = false, equal = true;
  Value mean, deviation;
  Real largest_error = 0, magnitude = 0;  // of the members; sum of magnitudes
};

Real roundings(int64_t n) {
  return static_cast<Real>(sum_error(static_cast<double>(n), static_cast<double>(kArithmetic)));
}

// of_sums: the members are sums of several rewards, which rounding may tell apart.
Statistics statistics_of(const std::vector<Member>& members, int ddof, bool of_sums = false) {
  Statistics s;
  Real sum = 0, low = kInf, high = -kInf;
  for (const Member& m : members) {
    if (!m.counted) continue;
    ++s.counted;
    s.infinite = s.infinite || !std::isfinite(m.r.exact);
    sum += m.r.exact;
    s.magnitude += fabsl(m.r.exact);
    s.largest_error = std::max(s.largest_error, m.r.error);
    low = std::min(low, m.r.exact);
    high = std::max(high, m.r.exact);
  }
  if (s.counted == 0) return s;
  const Real n = static_cast<Real>(s.counted);
  s.equal = low == high || (of_sums && !s.infinite && high - low <= 2 * s.largest_error);
  s.mean = {s.equal ? low : sum / n, s.largest_error + roundings(s.counted) * s.magnitude / n};
  Real squares = 0, error_squares = 0;
  for (const Member& m : members) {
    if (!m.counted) continue;
    const Real d = m.r.exact - s.mean.exact;
    const Real e = m.r.error + s.mean.error + kArithmetic * fabsl(d);
    squares += d * d;
    error_squares += e * e;
  }
  if (s.equal) return s;
  const Real freedom = n - static_cast<Real>(ddof);
  s.deviation.exact = sqrtl(squares / freedom);
  // The deviation is a norm: it moves by at most the norm of the errors.
  s.deviation.error =
      sqrtl(error_squares / freedom) + (roundings(s.counted) + 4 * kArithmetic) * s.deviation.exact;
  return s;
}

Value minus(const Value& a, const Value& b) {
  const Real d = a.exact - b.exact;
  return {d, a.error + b.error + kArithmetic * fabsl(d)};
}

Value over(const Value& a, const Value& divisor) {
  const Real quotient = a.exact / divisor.exact, relative = divisor.error / divisor.exact;
  return {quotient, (a.error / divisor.exact + fabsl(quotient) * (relative + 2 * kArithmetic)) *
                        (1 + 2 * relative)};
}

Value plus_epsilon(const Value& a, double epsilon) {
  const Real sum = a.exact + static_cast<Real>(epsilon);
  return {sum, a.error + kArithmetic * sum};
}

class Solver {
 public:
  explicit Solver(const AdvantageProblem& problem)
      : p_(problem), o_(problem.options), storage_(unit_roundoff(problem.dtype)) {}

  AdvantageSolution solve() {
    std::vector<std::vector<Member>> given = split([&](int64_t i) { return weighted(i); });
    describe(given);
    std::vector<std::vector<Member>> r = given;
    if (o_.aggregation == EQP_ADVANTAGE_AGGREGATION_NORMALIZE_THEN_SUM) r = normalised();
    batch_ = statistics_of(joined(r), o_.ddof);
    for (const Member& m : joined(r)) nonzero_ += m.counted && m.r.exact != 0 ? 1 : 0;
    int64_t first = 0;
    for (const std::vector<Member>& group : r) {
      centre(group, first);
      first += static_cast<int64_t>(group.size());
    }
    if (o_.scale == EQP_ADVANTAGE_SCALE_WHITEN) whiten();
    for (const Member& m : out_) {
      if (!m.counted) {
        solution_.advantages.push_back({0, 0});
      } else if (!std::isfinite(m.r.exact)) {
        solution_.advantages.push_back({kNaN, 0});
      } else {
        solution_.advantages.push_back(rounded(m.r));
      }
    }
    return solution_;
  }

 private:
  double reward(int64_t i, int64_t k) const {
    return p_.rewards[static_cast<size_t>(i * p_.functions + k)];
  }
  Real weight(int64_t k) const {
    return p_.weights.empty() ? 1 : static_cast<Real>(p_.weights[static_cast<size_t>(k)]);
  }
  Real length(int64_t i) const {
    return p_.lengths.empty() ? 1 : static_cast<Real>(p_.lengths[static_cast<size_t>(i)]);
  }

  // The last rounding. An error of f64 before it matters where the exact value is just beside the
  // middle between two numbers of the dtype: the 1/256 more.
  Expected rounded(const Value& v) const {
    return {static_cast<double>(v.exact),
            static_cast<double>(v.error + storage_ * fabsl(v.exact) * (1 + 0x1p-8L))};
  }

  Member weighted(int64_t i) const {
    Member m;
    for (int64_t k = 0; k < p_.functions; ++k) {
      if (std::isnan(reward(i, k))) continue;
      const Real term = weight(k) * static_cast<Real>(reward(i, k));
      m.counted = true;
      m.r.exact += term;
      if (p_.functions > 1 || !p_.weights.empty())
        m.r.error += static_cast<Real>(p_.functions + 1) * kArithmetic * fabsl(term);
    }
    return m;
  }

  Member of_function(int64_t i, int64_t k) const {
    return {!std::isnan(reward(i, k)), {static_cast<Real>(reward(i, k)), 0}};
  }

  template <class Make>
  std::vector<std::vector<Member>> split(const Make& make) const {
    std::vector<std::vector<Member>> groups;
    int64_t i = 0;
    for (const int64_t size : p_.group_sizes) {
      groups.emplace_back();
      for (int64_t j = 0; j < size; ++j) groups.back().push_back(make(i++));
    }
    return groups;
  }
  static std::vector<Member> joined(const std::vector<std::vector<Member>>& groups) {
    std::vector<Member> all;
    for (const auto& group : groups) all.insert(all.end(), group.begin(), group.end());
    return all;
  }

  // r of NORMALIZE_THEN_SUM, rounded to the dtype after each function.
  std::vector<std::vector<Member>> normalised() const {
    std::vector<Member> r(static_cast<size_t>(p_.samples()));
    for (int64_t k = 0; k < p_.functions; ++k) {
      int64_t first = 0;
      for (const auto& group : split([&](int64_t i) { return of_function(i, k); })) {
        const Statistics s = statistics_of(group, o_.ddof);
        for (size_t j = 0; j < group.size(); ++j) {
          if (!group[j].counted) continue;
          Member& m = r[static_cast<size_t>(first) + j];
          m.counted = true;
          if (s.infinite) m.r.exact = kInf;
          if (s.infinite || s.equal) continue;
          const Value z = over(minus(group[j].r, s.mean), plus_epsilon(s.deviation, o_.epsilon));
          m.r.exact += weight(k) * z.exact;
          m.r.error += fabsl(weight(k)) * (z.error + 2 * kArithmetic * fabsl(z.exact)) +
                       2 * storage_ * (fabsl(m.r.exact) + fabsl(weight(k) * z.exact));
        }
        first += static_cast<int64_t>(group.size());
      }
    }
    for (Member& m : r) {
      if (std::isfinite(m.r.exact) && fabsl(m.r.exact) <= m.r.error)
        m.r.exact = 0;  // cancelled: the contract says 0
    }
    return split([&](int64_t i) { return r[static_cast<size_t>(i)]; });
  }

  void describe(const std::vector<std::vector<Member>>& groups) {
    int64_t counted = 0, equal = 0;
    const auto push = [&](std::vector<Expected>& mean, std::vector<Expected>& deviation,
                          const Statistics& s) {
      mean.push_back(s.counted == 0 ? Expected(kNaN, 0) : rounded(s.mean));
      deviation.push_back(s.counted == 0 ? Expected(kNaN, 0) : rounded(s.deviation));
    };
    for (const auto& group : groups) {
      const Statistics s = statistics_of(group, o_.ddof, p_.functions > 1);
      push(solution_.group_mean, solution_.group_std, s);
      counted += s.counted > 0 ? 1 : 0;
      equal += s.counted > 0 && s.equal ? 1 : 0;
    }
    std::vector<Expected>& metrics = solution_.metrics;
    push(metrics, metrics, statistics_of(joined(groups), o_.ddof));
    metrics.push_back(counted == 0 ? Expected(kNaN, 0)
                                   : rounded({static_cast<Real>(equal) / static_cast<Real>(counted),
                                              kArithmetic}));
    for (int64_t k = 0; k < p_.functions; ++k) {
      const Statistics s =
          statistics_of(joined(split([&](int64_t i) { return of_function(i, k); })), o_.ddof);
      push(metrics, metrics, s);
      solution_.infinite = solution_.infinite || s.infinite;
    }
  }

  Value divisor(const Statistics& group) const {
    switch (o_.scale) {
      case EQP_ADVANTAGE_SCALE_GROUP:
        return plus_epsilon(group.deviation, o_.epsilon);
      case EQP_ADVANTAGE_SCALE_BATCH:
        return plus_epsilon(batch_.deviation, o_.epsilon);
      case EQP_ADVANTAGE_SCALE_NONZERO: {
        const Real ratio =
            static_cast<Real>(std::max<int64_t>(nonzero_, 1)) / static_cast<Real>(batch_.counted);
        return {ratio, kArithmetic * ratio};
      }
      default:
        return {1, 0};
    }
  }

  // c over the divisor of one group; `first` is its first sample.
  void centre(const std::vector<Member>& group, int64_t first) {
    const bool of_sums =
        p_.functions > 1 && o_.aggregation == EQP_ADVANTAGE_AGGREGATION_SUM_THEN_NORMALIZE;
    const Statistics s = statistics_of(group, o_.ddof, of_sums);
    const bool given = o_.baseline == EQP_ADVANTAGE_BASELINE_GIVEN;
    const bool broken = o_.scale == EQP_ADVANTAGE_SCALE_BATCH ? batch_.infinite : s.infinite;
    const bool alone = s.counted == 1 && !given;
    Statistics figures = s;
    if (alone) figures.deviation = {1, 0};
    const Value by = divisor(figures);
    Value baseline = s.mean;
    Real factor = 1, second = -kInf, largest = -kInf, tokens = 0;
    size_t top = 0;
    if (o_.baseline == EQP_ADVANTAGE_BASELINE_OTHERS)
      factor = static_cast<Real>(s.counted) / static_cast<Real>(s.counted - 1);
    if (o_.baseline == EQP_ADVANTAGE_BASELINE_LENGTHS) {
      Real sum = 0, magnitude = 0;
      for (size_t j = 0; j < group.size(); ++j) {
        if (!group[j].counted) continue;
        const Real l = length(first + static_cast<int64_t>(j));
        tokens += l;
        sum += l * group[j].r.exact;
        magnitude += l * fabsl(group[j].r.exact - s.mean.exact);
      }
      baseline = {sum / tokens,
                  s.largest_error + s.mean.error +
                      roundings(s.counted) * (magnitude / tokens + fabsl(sum / tokens))};
    }
    for (size_t j = 0; j < group.size(); ++j) {
      if (!group[j].counted) continue;
      const Real r = group[j].r.exact;
      if (r > largest) top = j;
      second = std::max(second, std::min(r, largest));
      largest = std::max(largest, r);
    }
    for (size_t j = 0; j < group.size(); ++j) {
      Member m = group[j];
      if (given && m.counted) {
        const double b = p_.baselines[static_cast<size_t>(first) + j];
        m.r = over(minus(m.r, {static_cast<Real>(b), 0}), by);
        if (!std::isfinite(m.r.exact)) m.r = {kInf, 0};
      } else if (broken) {
        m.r = {kInf, 0};
      } else if (alone) {
        if (o_.singleton == EQP_ADVANTAGE_SINGLETON_ZERO) {
          m.r = {0, 0};
          m.counted = m.counted && o_.baseline != EQP_ADVANTAGE_BASELINE_OTHERS;
        } else {
          m.r = over(m.r, by);
        }
      } else if (s.equal || (o_.baseline == EQP_ADVANTAGE_BASELINE_LENGTHS && tokens == 0)) {
        m.r = {0, 0};
      } else if (o_.baseline == EQP_ADVANTAGE_BASELINE_SECOND) {
        // Rounded sums may change who is largest where that makes no difference.
        const Real error = 2 * s.largest_error;
        m.r = over(j == top ? Value{largest - second, error + kArithmetic * (largest - second)}
                            : Value{0, error},
                   by);
      } else {
        const Value c = minus(m.r, baseline);
        m.r = over({factor * c.exact, factor * c.error + 3 * kArithmetic * fabsl(factor * c.exact)},
                   by);
      }
      out_.push_back(m);
    }
  }

  void whiten() {
    Real tokens = 0, sum = 0, magnitude = 0, error = 0, low = kInf, high = -kInf;
    int64_t counted = 0;
    bool infinite = false;
    for (size_t i = 0; i < out_.size(); ++i) {
      Member& m = out_[i];
      if (!m.counted) continue;
      ++counted;
      infinite = infinite || !std::isfinite(m.r.exact);
      m.r.error += storage_ * fabsl(m.r.exact);  // c is kept in the dtype
      const Real l = length(static_cast<int64_t>(i));
      tokens += l;
      sum += l * m.r.exact;
      magnitude += l * fabsl(m.r.exact);
      error += l * m.r.error;
      low = std::min(low, m.r.exact);
      high = std::max(high, m.r.exact);
    }
    const bool zero = low == high || tokens == 0;
    Value mean = {0, 0}, deviation = {0, 0};
    if (!zero) {
      mean = {sum / tokens, (error + roundings(counted) * magnitude) / tokens};
      Real squares = 0, error_squares = 0;
      for (size_t i = 0; i < out_.size(); ++i) {
        if (!out_[i].counted) continue;
        const Real l = length(static_cast<int64_t>(i));
        const Value d = minus(out_[i].r, mean);
        squares += l * d.exact * d.exact;
        error_squares += l * d.error * d.error;
      }
      const Real freedom = tokens - static_cast<Real>(o_.ddof);
      // sqrt(x^2 + e) moves by no more than x.
      if (freedom > 0) {
        deviation = {sqrtl(squares / freedom + static_cast<Real>(o_.variance_epsilon)),
                     sqrtl(error_squares / freedom)};
      } else {
        deviation.exact = sqrtl(static_cast<Real>(o_.variance_epsilon));
      }
      deviation.error += (roundings(counted) + 4 * kArithmetic) * deviation.exact;
    }
    const Value by = plus_epsilon(deviation, o_.epsilon);
    for (Member& m : out_) {
      if (!m.counted) continue;
      if (infinite) {
        m.r = {kInf, 0};
      } else {
        m.r = zero || by.exact == 0 ? Value{0, 0} : over(minus(m.r, mean), by);
      }
    }
  }

  const AdvantageProblem& p_;
  const eqp_group_advantage_options& o_;
  const Real storage_;
  Statistics batch_;
  int64_t nonzero_ = 0;
  std::vector<Member> out_;
  AdvantageSolution solution_;
};

}  // namespace

AdvantageSolution solve(const AdvantageProblem& problem) { return Solver(problem).solve(); }

}  // namespace eqp::test

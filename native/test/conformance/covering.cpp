#include "conformance/covering.h"

#include "harness/numbers.h"

namespace eqp::test {
namespace {

constexpr int kCandidates = 24;  // rows of which the best is taken
constexpr int kAttempts = 400;   // until a pair is given up

class Pairs {
 public:
  explicit Pairs(const std::vector<Factor>& factors) {
    size_t values = 0;
    for (const Factor& factor : factors) {
      first_.push_back(values);
      values += static_cast<size_t>(factor.values);
    }
    values_ = values;
    covered_.assign(values * values, false);
  }
  size_t at(size_t first, int first_value, size_t second, int second_value) const {
    return (first_[first] + static_cast<size_t>(first_value)) * values_ + first_[second] +
           static_cast<size_t>(second_value);
  }
  bool covered(size_t pair) const { return covered_[pair]; }
  void cover(size_t pair) { covered_[pair] = true; }

  int uncovered_in(const Choices& row) const {
    int count = 0;
    each(row, [&](size_t pair) { count += covered_[pair] ? 0 : 1; });
    return count;
  }
  void cover_all_of(const Choices& row) {
    each(row, [&](size_t pair) { covered_[pair] = true; });
  }

 private:
  template <class Visit>
  void each(const Choices& row, const Visit& visit) const {
    for (size_t i = 0; i < row.size(); ++i) {
      for (size_t j = i + 1; j < row.size(); ++j) visit(at(i, row[i], j, row[j]));
    }
  }
  std::vector<size_t> first_;
  size_t values_;
  std::vector<bool> covered_;
};

}  // namespace

Covering cover_pairs(const std::vector<Factor>& factors,
                     const std::function<bool(Choices&)>& mend) {
  Covering covering;
  Pairs pairs(factors);
  Random random(77);
  const auto best_row_with = [&](size_t i, int a, size_t j, int b) {
    Choices best;
    int most = 0;
    for (int attempt = 0, found = 0; attempt < kAttempts && found < kCandidates; ++attempt) {
      Choices row;
      // Many choices at their first value, so that what they must not meet is seldom there.
      const double others = random.uniform(0, 1);
      for (const Factor& factor : factors)
        row.push_back(random.chance(others) ? static_cast<int>(random.below(factor.values)) : 0);
      row[i] = a;
      row[j] = b;
      if (!mend(row) || row[i] != a || row[j] != b) continue;
      ++found;
      const int count = pairs.uncovered_in(row);
      if (count > most) {
        most = count;
        best = row;
      }
    }
    return best;
  };
  for (size_t i = 0; i < factors.size(); ++i) {
    for (size_t j = i + 1; j < factors.size(); ++j) {
      for (int a = 0; a < factors[i].values; ++a) {
        for (int b = 0; b < factors[j].values; ++b) {
          const size_t pair = pairs.at(i, a, j, b);
          if (pairs.covered(pair)) continue;
          const Choices row = best_row_with(i, a, j, b);
          if (row.empty()) {
            pairs.cover(pair);
            covering.never.push_back({i, j, a, b});
          } else {
            pairs.cover_all_of(row);
            covering.rows.push_back(row);
          }
        }
      }
    }
  }
  return covering;
}

}  // namespace eqp::test

// Rows of choices in which every pair of values of two factors occurs.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace eqp::test {

struct Factor {
  std::string name;
  int values;
};

// A choice of each factor, from 0.
using Choices = std::vector<int>;

struct Covering {
  std::vector<Choices> rows;
  // Two factors and their values that no legal row has.
  struct Pair {
    size_t first, second;
    int first_value, second_value;
  };
  std::vector<Pair> never;
};

// `mend` may change other choices of a row, so that it becomes legal, and says whether it is. Greedy: each
// row takes the first pair that is not covered and, of several random rows with it, the one with most
// other such pairs; a pair that no row of many has is one of `never`. A function of its arguments alone.
Covering cover_pairs(const std::vector<Factor>& factors, const std::function<bool(Choices&)>& mend);

}  // namespace eqp::test

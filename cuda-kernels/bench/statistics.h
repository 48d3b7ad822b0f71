// What is said of repeated timings.
#pragma once

#include <cstdint>
#include <vector>

namespace eqp::bench {

struct Spread {
  double median = 0, minimum = 0, maximum = 0;
  int64_t count = 0;
};

// The median of an even number of values is the mean of the two in the middle. No values: zeros.
Spread spread_of(std::vector<double> values);

}  // namespace eqp::bench

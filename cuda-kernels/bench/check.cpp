#include "check.h"

#include <algorithm>
#include <cmath>

namespace eqp::bench {
namespace {

double error_over(double found, double expected, const Tolerance& tolerance) {
  if (found == expected || (std::isnan(found) && std::isnan(expected))) return 0;
  const double error = std::fabs(found - expected);
  if (!std::isfinite(error)) return HUGE_VAL;
  const double allowed = tolerance.absolute + tolerance.relative * std::fabs(expected);
  return allowed > 0 ? error / allowed : HUGE_VAL;
}

}  // namespace

void Check::compare(const std::string& what, const HostTensor& found, const HostTensor& expected,
                    const Tolerance& tolerance) {
  int64_t outside = 0, first_outside = -1;
  for (int64_t i = 0; i < found.size(); ++i) {
    const double over = error_over(found.get(i), expected.get(i), tolerance);
    if (over <= 1) {
      worst_ = std::max(worst_, over);
    } else if (outside++ == 0) {
      first_outside = i;
    }
  }
  compared_ += found.size();
  const double allowed = tolerance.outside_share * static_cast<double>(found.size());
  if (static_cast<double>(outside) <= allowed || !failure_.empty()) return;
  failure_ = what + "[" + std::to_string(first_outside) + "]: expected " +
             std::to_string(expected.get(first_outside)) + " (CPU backend), found " +
             std::to_string(found.get(first_outside)) + "; " + std::to_string(outside) + " of " +
             std::to_string(found.size()) + " elements lie outside the tolerance";
}

double sum_tolerance(int64_t n) {
  return 2 * (8 + 3 * std::sqrt(static_cast<double>(n))) * 0x1p-24;
}

}  // namespace eqp::bench

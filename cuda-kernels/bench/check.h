// The comparison of the device with the CPU backend that comes before every timing.
#pragma once

#include <string>

#include "tensors.h"

namespace eqp::bench {

// |found - expected| <= absolute + relative |expected|. outside_share: of the elements that may lie
// outside, where the formula jumps within the rounding error of its argument.
struct Tolerance {
  double absolute = 0, relative = 0, outside_share = 0;
};

class Check {
 public:
  void compare(const std::string& what, const HostTensor& found, const HostTensor& expected,
               const Tolerance& tolerance);
  bool good() const { return failure_.empty() && compared_ > 0; }
  // The largest error of the elements that do not lie outside, as a multiple of its tolerance.
  double error_over_tolerance() const { return worst_; }
  std::string failure() const { return compared_ == 0 ? "nothing was compared" : failure_; }

 private:
  int64_t compared_ = 0;
  double worst_ = 0;
  std::string failure_;
};

// The error bound that the conformance suite uses for an f32 sum of n terms, relative to the sum of
// their magnitudes; twice it, because here both sides have it.
double sum_tolerance(int64_t n);

}  // namespace eqp::bench

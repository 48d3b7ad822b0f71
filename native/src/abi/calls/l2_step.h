// What l2_step hands to a backend.
#pragma once

#include "abi/views.h"
#include "equipoise/perturbation.h"

namespace eqp {

struct L2Step {
  eqp_l2_step_options options;
  Images pixels, original, gradient, out;
  Images mask;  // may be absent
  ImageRows rows;
  const float* step_sizes;  // may be null
  Stream stream;
};

}  // namespace eqp

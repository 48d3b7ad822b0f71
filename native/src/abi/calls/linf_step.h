// What linf_step hands to a backend.
#pragma once

#include "abi/views.h"
#include "equipoise/perturbation.h"

namespace eqp {

struct LinfStep {
  eqp_linf_step_options options;
  Images pixels, original, gradient, out;
  Images momentum, previous, mask;  // may be absent
  ImageRows rows;
  const float* step_sizes;  // may be null
  Stream stream;
};

}  // namespace eqp

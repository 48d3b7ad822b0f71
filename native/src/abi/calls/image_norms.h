// What image_norms hands to a backend.
#pragma once

#include "abi/views.h"
#include "equipoise/perturbation.h"

namespace eqp {

struct ImageNorms {
  eqp_image_norms_options options;
  Images values;
  Images minus, mask;  // may be absent
  ImageRows rows;
  Matrix norms;
  Stream stream;
};

}  // namespace eqp

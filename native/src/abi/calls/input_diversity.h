// What input_diversity hands to a backend.
#pragma once

#include "abi/views.h"
#include "equipoise/input_diversity.h"

namespace eqp {

// Forward: in = images, out = out. Backward: in = d_out, out = d_images.
struct InputDiversity {
  eqp_input_diversity_options options;
  Images in, out;
  int32_t height, width;
  const int64_t* streams;  // may be null
  Stream stream;
};

}  // namespace eqp

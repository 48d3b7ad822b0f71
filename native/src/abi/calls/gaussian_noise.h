// What gaussian_noise hands to a backend.
#pragma once

#include "abi/views.h"
#include "equipoise/gaussian_noise.h"

namespace eqp {

struct GaussianNoise {
  eqp_gaussian_noise_options options;
  Images images, out;
  const int64_t* streams;  // may be null
  Stream stream;
};

}  // namespace eqp

// What uniform_start hands to a backend.
#pragma once

#include "abi/views.h"
#include "equipoise/perturbation.h"

namespace eqp {

struct UniformStart {
  eqp_uniform_start_options options;
  Images original, out;
  Images mask;  // may be absent
  ImageRows rows;
  const int64_t* streams;  // may be null
  Stream stream;
};

}  // namespace eqp

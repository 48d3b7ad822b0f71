// What eight_bit hands to a backend.
#pragma once

#include "abi/views.h"
#include "equipoise/perturbation.h"

namespace eqp {

struct EightBit {
  eqp_eight_bit_options options;
  Images pixels, original /* may be absent */, out /* may be absent */, codes /* may be absent */;
  Stream stream;
};

}  // namespace eqp

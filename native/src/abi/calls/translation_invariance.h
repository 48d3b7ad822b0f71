// What translation_invariance hands to a backend.
#pragma once

#include "abi/views.h"
#include "equipoise/translation_invariance.h"

namespace eqp {

struct TranslationInvariance {
  eqp_translation_invariance_options options;
  Images gradient, out;
  int64_t height, width;
  Stream stream;
};

}  // namespace eqp

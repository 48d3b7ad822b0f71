// The weights of the blur of translation invariance; they sum to 1.
#pragma once

#include "equipoise/translation_invariance.h"
#include "math/elementary.h"

namespace eqp {
namespace EQP_ISA {

struct BlurWeights {
  int half;  // the kernel reaches from -half to half
  float weight[EQP_BLUR_MAX_LENGTH];
};

EQP_HD double blur_value(const eqp_translation_invariance_options& options, int i, int half) {
  if (options.kernel == EQP_BLUR_UNIFORM || half == 0) return 1;
  if (options.kernel == EQP_BLUR_LINEAR) return 1 - abs(static_cast<double>(i)) / (half + 1);
  const double z = static_cast<double>(i) * static_cast<double>(options.deviations) / half;
  return exp(-0.5 * z * z);
}

EQP_HD BlurWeights blur_weights(const eqp_translation_invariance_options& options) {
  BlurWeights weights = {};
  weights.half = options.length / 2;
  double value[EQP_BLUR_MAX_LENGTH] = {};
  double sum = 0;
  for (int i = 0; i < options.length; ++i) {
    value[i] = blur_value(options, i - weights.half, weights.half);
    sum += value[i];
  }
  for (int i = 0; i < options.length; ++i) weights.weight[i] = static_cast<float>(value[i] / sum);
  return weights;
}

}  // namespace EQP_ISA
}  // namespace eqp

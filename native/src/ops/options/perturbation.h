// Fields of the options of the ops on images; pixel_space is checked against the images.
#pragma once

#include "equipoise/gaussian_noise.h"
#include "equipoise/input_diversity.h"
#include "equipoise/perturbation.h"
#include "equipoise/translation_invariance.h"
#include "ops/fields.h"

namespace eqp {

constexpr const char* kLower = "a finite number, at most upper";
constexpr const char* kUpper = "a finite number";

#define EQP_BOUNDS_FIELDS                          \
  EQP_FIELD(upper, 1, kUpper, is_finite(o.upper)), \
      EQP_FIELD(lower, 0, kLower, is_finite(o.lower) && o.lower <= o.upper)

#define EQP_OPTIONS eqp_linf_step_options
inline constexpr Field<EQP_OPTIONS> kLinfStepFields[] = {
    EQP_CHOICE(direction, EQP_DESCEND, EQP_DIRECTIONS),
    EQP_FIELD(epsilon, 8 / 255.0, kNotNegative, is_not_negative(o.epsilon)),
    EQP_FIELD(step_size, 2 / 255.0, kNotNegative, is_not_negative(o.step_size)),
    EQP_FIELD(momentum_decay, 1, kNotNegative, is_not_negative(o.momentum_decay)),
    EQP_FIELD(blend, 0.75, "0 <= value <= 1", o.blend >= 0 && o.blend <= 1),
    EQP_BOUNDS_FIELDS,
};
#undef EQP_OPTIONS
inline eqp_linf_step_options linf_step_defaults() { return defaults_of(kLinfStepFields); }

#define EQP_OPTIONS eqp_l2_step_options
inline constexpr Field<EQP_OPTIONS> kL2StepFields[] = {
    EQP_CHOICE(direction, EQP_DESCEND, EQP_DIRECTIONS),
    EQP_FIELD(epsilon, 1, kNotNegative, is_not_negative(o.epsilon)),
    EQP_FIELD(step_size, 0.2, kNotNegative, is_not_negative(o.step_size)),
    EQP_BOUNDS_FIELDS,
};
#undef EQP_OPTIONS
inline eqp_l2_step_options l2_step_defaults() { return defaults_of(kL2StepFields); }

#define EQP_OPTIONS eqp_uniform_start_options
inline constexpr Field<EQP_OPTIONS> kUniformStartFields[] = {
    EQP_FIELD(epsilon, 8 / 255.0, kNotNegative, is_not_negative(o.epsilon)),
    EQP_BOUNDS_FIELDS,
    EQP_FREE_FIELD(seed, 0),
    EQP_FREE_FIELD(stream, 0),
};
#undef EQP_OPTIONS
inline eqp_uniform_start_options uniform_start_defaults() {
  return defaults_of(kUniformStartFields);
}

#define EQP_OPTIONS eqp_eight_bit_options
inline constexpr Field<EQP_OPTIONS> kEightBitFields[] = {
    EQP_FIELD(epsilon, HUGE_VAL, "a number >= 0", o.epsilon >= 0),
    EQP_BOUNDS_FIELDS,
};
#undef EQP_OPTIONS
inline eqp_eight_bit_options eight_bit_defaults() { return defaults_of(kEightBitFields); }

#define EQP_OPTIONS eqp_image_norms_options
inline constexpr Field<EQP_OPTIONS> kImageNormsFields[] = {
    EQP_CHOICE(quantity, EQP_DIFFERENCE, EQP_IMAGE_QUANTITIES),
};
#undef EQP_OPTIONS
inline eqp_image_norms_options image_norms_defaults() { return defaults_of(kImageNormsFields); }

#define EQP_OPTIONS eqp_gaussian_noise_options
inline constexpr Field<EQP_OPTIONS> kGaussianNoiseFields[] = {
    EQP_FIELD(signal, 1, kFinite, is_finite(o.signal)),
    EQP_FIELD(deviation, 0.1, kNotNegative, is_not_negative(o.deviation)),
    EQP_FIELD(upper, HUGE_VAL, "a number", o.upper == o.upper),
    EQP_FIELD(lower, -HUGE_VAL, "a number, at most upper", o.lower <= o.upper),
    EQP_FREE_FIELD(seed, 0),
    EQP_FREE_FIELD(stream, 0),
};
#undef EQP_OPTIONS
inline eqp_gaussian_noise_options gaussian_noise_defaults() {
  return defaults_of(kGaussianNoiseFields);
}

#define EQP_OPTIONS eqp_input_diversity_options
inline constexpr Field<EQP_OPTIONS> kInputDiversityFields[] = {
    EQP_CHOICE(interpolation, EQP_BILINEAR, EQP_INTERPOLATIONS),
    EQP_FIELD(resize_rate, 0.9, "more than 0 and at most 1 (images are shrunk, their size stays)",
              o.resize_rate > 0 && o.resize_rate <= 1),
    EQP_FIELD(probability, 0.5, "0 <= value <= 1", o.probability >= 0 && o.probability <= 1),
    EQP_FREE_FIELD(seed, 0),
    EQP_FREE_FIELD(stream, 0),
    EQP_FIELD(step, 0, "less than 2^63", o.step < uint64_t{1} << 63),
};
#undef EQP_OPTIONS
inline eqp_input_diversity_options input_diversity_defaults() {
  return defaults_of(kInputDiversityFields);
}

#define EQP_OPTIONS eqp_translation_invariance_options
inline constexpr Field<EQP_OPTIONS> kTranslationInvarianceFields[] = {
    EQP_CHOICE(kernel, EQP_BLUR_GAUSSIAN, EQP_BLUR_KERNELS),
    EQP_FIELD(length, 15, "an odd number from 1 to 31",
              o.length % 2 == 1 && o.length >= 1 && o.length <= EQP_BLUR_MAX_LENGTH),
    EQP_FIELD(deviations, 3, "more than 0 and at most 12", o.deviations > 0 && o.deviations <= 12),
};
#undef EQP_OPTIONS
inline eqp_translation_invariance_options translation_invariance_defaults() {
  return defaults_of(kTranslationInvarianceFields);
}

#undef EQP_BOUNDS_FIELDS

}  // namespace eqp

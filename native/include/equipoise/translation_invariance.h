/* Translation invariance (TI-FGSM, arXiv 1904.02884): the gradient of an attack, blurred with one
 * symmetric kernel per channel plane.
 *
 *   out[y, x] = sum_{i, j = -h..h} w[i] w[j] gradient[y + i, x + j],   zeros outside of the image
 *   h = (length - 1)/2,  w = v / sum(v)
 *   gaussian:  v[i] = exp(-z^2/2),  z = i deviations/h      (i/h in [-1, 1]; h = 0: v = 1)
 *   uniform:   v[i] = 1
 *   linear:    v[i] = 1 - |i| / (h + 1)
 *
 * the kernels of torchattacks' TIFGSM (nsig = deviations). The blur is its own transpose.
 *
 * Tensors are [images, channels, height, width], f32|bf16 (CUDA: f16, too); each channel plane
 * contiguous, any image and channel stride; they may be empty. w is computed in f64 and rounded to
 * f32; sums in f32 along y, then along x, rounded once to the dtype. NaN and Inf spread over the
 * window, as far as the kernel reaches. No workspace. */
#ifndef EQUIPOISE_TRANSLATION_INVARIANCE_H
#define EQUIPOISE_TRANSLATION_INVARIANCE_H

#include "equipoise/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, value) */
#define EQP_BLUR_KERNELS(X) \
  X(GAUSSIAN, 1)            \
  X(UNIFORM, 2)             \
  X(LINEAR, 3)

typedef int32_t eqp_blur_kernel;
#define EQP_BLUR_KERNEL_CONSTANT(name, value, ...) EQP_BLUR_##name = value,
enum { EQP_BLUR_KERNELS(EQP_BLUR_KERNEL_CONSTANT) };
#undef EQP_BLUR_KERNEL_CONSTANT

#define EQP_BLUR_MAX_LENGTH 31

typedef struct eqp_translation_invariance_options {
  uint32_t size;          /* sizeof(eqp_translation_invariance_options) */
  eqp_blur_kernel kernel; /* default EQP_BLUR_GAUSSIAN */
  int32_t length;         /* odd, 1 to EQP_BLUR_MAX_LENGTH; default 15 */
  float deviations;       /* of the Gaussian at the kernel's edge; > 0, at most 12; default 3 */
} eqp_translation_invariance_options;

EQP_API void eqp_translation_invariance_options_init(eqp_translation_invariance_options* options);

/* gradient, out: one shape and dtype, disjoint memory. */
EQP_API eqp_status eqp_translation_invariance(const eqp_translation_invariance_options* options,
                                              const eqp_tensor* gradient, const eqp_tensor* out,
                                              const eqp_launch* launch);

#ifdef __cplusplus
}
#endif
#endif

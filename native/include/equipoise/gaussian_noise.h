/* Normal noise on images, and the noise of a diffusion process.
 *
 *   out = min(max(signal image + deviation z, lower), upper)
 *
 * z is standard normal (Box & Muller 1958) from the uniform numbers u of eqp_uniform_start, keyed in
 * the same way by (seed, stream + image, element within the image): for the elements 2k and 2k + 1
 *
 *   z[2k]     = sqrt(-2 ln(1 - u[2k])) cos(2 pi u[2k + 1])
 *   z[2k + 1] = sqrt(-2 ln(1 - u[2k])) sin(2 pi u[2k + 1])
 *
 * so |z| < 5.77. z is within 4 ulp of these formulas and has the same bits on every backend, for
 * every instruction set and for every way of batching the images: no step of it is contracted.
 *
 * Images are [images, channels, height, width] (or [images, channels, n]), f32|bf16 (CUDA: f16,
 * too); each channel plane contiguous, any image and channel stride; they may be empty. deviation,
 * lower and upper are in pixel units and are converted per channel through pixel_space; signal and z
 * act on the tensor's own values. NaN pixels stay NaN. For packed patches, add the noise before the
 * images are packed: pixel_space.copies above 1 are refused. */
#ifndef EQUIPOISE_GAUSSIAN_NOISE_H
#define EQUIPOISE_GAUSSIAN_NOISE_H

#include "equipoise/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eqp_gaussian_noise_options {
  uint32_t size;   /* sizeof(eqp_gaussian_noise_options) */
  float signal;    /* finite; default 1 */
  float deviation; /* >= 0, finite; default 0.1 */
  float lower;     /* default -Inf: no bound */
  float upper;     /* default +Inf; lower <= upper */
  uint64_t seed;   /* default 0 */
  uint64_t stream; /* of the first image; default 0 */
  eqp_pixel_space pixel_space;
} eqp_gaussian_noise_options;

EQP_API void eqp_gaussian_noise_options_init(eqp_gaussian_noise_options* options);

/* images, out: one shape and dtype; may be the same memory. streams [images] i64 overrides
 * stream + image, or NULL. */
EQP_API eqp_status eqp_gaussian_noise(const eqp_gaussian_noise_options* options,
                                      const eqp_tensor* images, const eqp_tensor* streams,
                                      const eqp_tensor* out, const eqp_launch* launch);

/* signal and deviation of the diffusion process that VCD (arXiv 2311.16922) and POVID (arXiv
 * 2402.11411) take from image generation, for a tensor as the model sees it (normalised, identity
 * pixel_space), with sigmoid s:
 *
 *   beta_t = s(-6 + 12 t/999) (5e-3 - 1e-5) + 1e-5,   abar_t = prod_{k <= t} (1 - beta_k)
 *   *signal = sqrt(abar_t),  *deviation = sqrt(1 - abar_t)
 *
 * step: t in [0, 999]; both use 500. Computed in f64, rounded to f32. */
EQP_API eqp_status eqp_diffusion_scales(int32_t step, float* signal, float* deviation);

#ifdef __cplusplus
}
#endif
#endif

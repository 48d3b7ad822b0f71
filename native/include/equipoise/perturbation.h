/* Steps of adversarial image perturbation. Images are [images, channels, height, width] (or
 * [images, channels, n]), f32|bf16; each channel plane contiguous, any image and channel stride.
 * epsilon, step_size, lower and upper are in pixel units ([0, 1]) and are converted per channel
 * through pixel_space: the same options serve raw and normalised tensors. Images may be empty. */
#ifndef EQUIPOISE_PERTURBATION_H
#define EQUIPOISE_PERTURBATION_H

#include "equipoise/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t eqp_direction;
#define EQP_DESCEND (-1) /* minimise the objective whose gradient is given */
#define EQP_ASCEND 1     /* maximise it */

/* One L-infinity step, projection and clamp in one pass (I-FGSM/PGD, arXiv 1706.06083; momentum:
 * MI-FGSM, arXiv 1710.06081).
 *
 *   without momentum: s = sign(gradient)
 *   with momentum:  momentum <- decay momentum + gradient / mean_image |gradient| ; s = sign(momentum)
 *   y = pixels + direction step_size s
 *   out = min(max(y, max(original - epsilon, lower)), min(original + epsilon, upper))
 *
 * all per channel in the tensor's pixel space; sign(0) = 0. An image whose gradient is all zero
 * adds 0 to its momentum. NaN gradients give NaN pixels: an attack must not go on silently. */
typedef struct eqp_linf_step_options {
  uint32_t size;           /* sizeof(eqp_linf_step_options) */
  eqp_direction direction; /* default EQP_DESCEND */
  float epsilon;           /* >= 0, finite; default 8/255 */
  float step_size;         /* >= 0, finite; default 2/255 */
  float lower;             /* default 0 */
  float upper;             /* default 1; lower <= upper */
  float momentum_decay;    /* >= 0; default 1; unused without a momentum tensor */
  eqp_pixel_space pixel_space;
} eqp_linf_step_options;

EQP_API void eqp_linf_step_options_init(eqp_linf_step_options* options);
EQP_API eqp_status eqp_linf_step_workspace_size(const eqp_tensor* pixels, uint64_t* bytes);

/* pixels, original, gradient, out: one shape and dtype; momentum: same shape, f32, read and
 * written, or NULL. out may be the same memory as pixels. */
EQP_API eqp_status eqp_linf_step(const eqp_linf_step_options* options, const eqp_tensor* pixels,
                                 const eqp_tensor* original, const eqp_tensor* gradient,
                                 const eqp_tensor* momentum, const eqp_tensor* out,
                                 const eqp_launch* launch);

/* Random start: out = clamp(original + epsilon (2u - 1)), u uniform in [0, 1). Philox4x32-10
 * (Random123, SC'11): key = seed, counter = (element / 4, stream + image), lane = element mod 4,
 * element counted within the image in CHW order; u = (bits >> 8) 2^-24. The same u on every backend
 * and for every way of batching the images. */
typedef struct eqp_uniform_start_options {
  uint32_t size;   /* sizeof(eqp_uniform_start_options) */
  float epsilon;   /* >= 0, finite; default 8/255 */
  float lower;     /* default 0 */
  float upper;     /* default 1 */
  uint64_t seed;   /* default 0 */
  uint64_t stream; /* of the first image; default 0 */
  eqp_pixel_space pixel_space;
} eqp_uniform_start_options;

EQP_API void eqp_uniform_start_options_init(eqp_uniform_start_options* options);

/* original, out: one shape and dtype; may be the same memory. streams [images] i64 overrides
 * stream + image, or NULL. */
EQP_API eqp_status eqp_uniform_start(const eqp_uniform_start_options* options,
                                     const eqp_tensor* original, const eqp_tensor* streams,
                                     const eqp_tensor* out, const eqp_launch* launch);

/* Projection onto the 8-bit grid: code = round_half_even(255 pixel), moved to the nearest code
 * inside [original - epsilon, original + epsilon] and [lower, upper] (all in pixel units, each
 * bound widened by 1/1024 of a code: an original that is k/255 rounded to f32 reaches every code of
 * the exact ball). When no code lies in both, the code nearest to the original that lies in [lower,
 * upper]. out = code/255 back in the tensor's space: a value that a PNG holds exactly. NaN pixels
 * become code 0 in codes and NaN in out. */
typedef struct eqp_eight_bit_options {
  uint32_t size; /* sizeof(eqp_eight_bit_options) */
  float epsilon; /* >= 0; +Inf (default): no ball */
  float lower;   /* default 0 */
  float upper;   /* default 1 */
  eqp_pixel_space pixel_space;
} eqp_eight_bit_options;

EQP_API void eqp_eight_bit_options_init(eqp_eight_bit_options* options);

/* pixels, original (may be NULL with epsilon = +Inf), out (may be NULL, may be pixels): one shape
 * and dtype; codes: same shape, u8, or NULL; not both out and codes NULL. */
EQP_API eqp_status eqp_eight_bit(const eqp_eight_bit_options* options, const eqp_tensor* pixels,
                                 const eqp_tensor* original, const eqp_tensor* out,
                                 const eqp_tensor* codes, const eqp_launch* launch);

#ifdef __cplusplus
}
#endif
#endif

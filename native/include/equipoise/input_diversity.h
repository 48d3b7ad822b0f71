/* Input diversity (DI-FGSM, arXiv 1803.06978): each image is, with some probability, shrunk to a
 * random size and padded with zeros back to its own, at a random position. Linear in the images, so
 * the gradient goes back through the adjoint.
 *
 * Images are [images, channels, height, width], f32|bf16 (CUDA: f16, too), sides up to 32 767; each
 * channel plane contiguous, any image and channel stride; they may be empty.
 *
 * The draw, per image, from four random numbers r_0..r_3 in [0, 2^32): Philox4x32-10, key = seed,
 * counter = (2^63 + step, stream + image); no counter of uniform_start or gaussian_noise.
 *
 *   applied  <=>  (r_0 >> 8) 2^-24 < probability; otherwise the image is copied
 *   low(s)   = max(1, floor(resize_rate s))                 s = height, width; product in f64
 *   h = low(height) + floor(r_1 (height - low(height) + 1) 2^-32),  w likewise from the same r_1
 *   top = floor(r_2 (height - h + 1) 2^-32),  left = floor(r_3 (width - w + 1) 2^-32)
 *
 * So square images stay square, and every size and position between the ends can come: torchattacks
 * draws one size for the whole batch and never the largest size nor the last position.
 *
 * With y, x in [0, h) x [0, w):
 *
 *   bilinear:  out[top + y, left + x] = image at ((y + 1/2) height/h - 1/2, (x + 1/2) width/w - 1/2),
 *              linearly between the four neighbours (PyTorch's align_corners = False)
 *   nearest:   out[top + y, left + x] = image[floor(y height/h), floor(x width/w)]
 *   out = 0 elsewhere
 *
 * Positions and weights are exact rationals, rounded once to f32; sums in f32, rounded once to the
 * dtype, with the same bits on every backend. A pixel of weight 0 is not looked at, so NaN and Inf
 * stay where they belong. */
#ifndef EQUIPOISE_INPUT_DIVERSITY_H
#define EQUIPOISE_INPUT_DIVERSITY_H

#include "equipoise/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, value): BILINEAR as torchattacks, NEAREST as the paper's own code */
#define EQP_INTERPOLATIONS(X) \
  X(BILINEAR, 1)              \
  X(NEAREST, 2)

typedef int32_t eqp_interpolation;
#define EQP_INTERPOLATION_CONSTANT(name, value, ...) EQP_##name = value,
enum { EQP_INTERPOLATIONS(EQP_INTERPOLATION_CONSTANT) };
#undef EQP_INTERPOLATION_CONSTANT

typedef struct eqp_input_diversity_options {
  uint32_t size;                   /* sizeof(eqp_input_diversity_options) */
  eqp_interpolation interpolation; /* default EQP_BILINEAR */
  double resize_rate;              /* (0, 1]: smallest size over the image's; default 0.9 */
  double probability;              /* [0, 1]; default 0.5 */
  uint64_t seed;                   /* default 0 */
  uint64_t stream;                 /* of the first image; default 0 */
  uint64_t step; /* which draw of the stream, below 2^63: an attack's step; default 0 */
} eqp_input_diversity_options;

EQP_API void eqp_input_diversity_options_init(eqp_input_diversity_options* options);

/* images, out: one shape and dtype, disjoint memory. streams [images] i64 overrides stream + image,
 * or NULL. */
EQP_API eqp_status eqp_input_diversity_forward(const eqp_input_diversity_options* options,
                                               const eqp_tensor* images, const eqp_tensor* streams,
                                               const eqp_tensor* out, const eqp_launch* launch);

/* d_images = the forward's transpose applied to d_out, for the same options and streams. A pixel
 * that no output looks at gets 0. */
EQP_API eqp_status eqp_input_diversity_backward(const eqp_input_diversity_options* options,
                                                const eqp_tensor* d_out, const eqp_tensor* streams,
                                                const eqp_tensor* d_images,
                                                const eqp_launch* launch);

#ifdef __cplusplus
}
#endif
#endif

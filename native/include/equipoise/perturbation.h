/* Steps of adversarial image perturbation.
 *
 * Images are [images, channels, height, width] or [images, channels, n], f32|bf16 (CUDA: f16, too);
 * each channel plane contiguous, any image and channel stride; they may be empty.
 *
 * Packed patches: the rows of dimension 0 need not be whole images. With offsets [images + 1]
 * (i32|i64, starting at 0, non-decreasing, ending at the rows; an image at least where there are rows)
 * image i is the rows offsets[i] to offsets[i + 1] - 1, so one batch holds images of several sizes. Patches
 * [patches, channels * copies * n] as Qwen2-VL packs them are the tensor
 * [patches, channels, copies, n] with pixel_space.copies set. Offsets NULL: a row is an image.
 *
 * Units: epsilon, step sizes, lower and upper are in pixel units ([0, 1]); pixel_space converts
 * them per channel, so the same options serve raw and normalised tensors. Norms and means are those
 * of pixels, too: a gradient with respect to the tensor counts as gradient / std, a difference of
 * tensors as difference * std. A step on normalised or packed tensors is the step on the image.
 *
 * mask: u8|bool of the shape of the images (dimension 1 may be 1), or NULL. Where it is 0, the
 * gradient counts as 0 and out is the original's bits; with copies the first one is read.
 *
 * Errors: EQP_INVALID_DATA for offsets that break the rules (CPU: before anything is written; CUDA:
 * reported by eqp_check, and out holds NaN). Results do not depend on the number of threads. */
#ifndef EQUIPOISE_PERTURBATION_H
#define EQUIPOISE_PERTURBATION_H

#include "equipoise/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, value): minimise or maximise the objective whose gradient is given */
#define EQP_DIRECTIONS(X) \
  X(DESCEND, -1)          \
  X(ASCEND, 1)

typedef int32_t eqp_direction;
#define EQP_DIRECTION_CONSTANT(name, value, ...) EQP_##name = value,
enum { EQP_DIRECTIONS(EQP_DIRECTION_CONSTANT) };
#undef EQP_DIRECTION_CONSTANT

/* One L-infinity step, projection and clamp in one pass (I-FGSM/PGD, arXiv 1706.06083; momentum:
 * MI-FGSM, arXiv 1710.06081; previous: APGD, arXiv 2003.01690).
 *
 *   P(y) = min(max(min(max(y, original - epsilon), original + epsilon), lower), upper)
 *   without momentum: s = sign(gradient)
 *   with momentum:    momentum <- decay momentum + gradient / mean_image |gradient|
 *                     s = sign(momentum)
 *   z   = P(pixels + direction step_size s)
 *   out = z, or with previous P(pixels + blend (z - pixels) + (1 - blend) (pixels - previous))
 *
 * all per channel in the tensor's pixel space; sign(0) = 0. The mean is over the image's pixels
 * whose mask is not 0. An image whose gradient is all zero adds 0 to its momentum. NaN gradients
 * give NaN pixels: an attack must not go on silently. Where an original lies further than epsilon
 * outside [lower, upper], no pixel is in both: the bounds win. Where rounding to bf16 or f16 would
 * leave the ball or the bounds, the neighbour on the side of the original is taken. */
typedef struct eqp_linf_step_options {
  uint32_t size;           /* sizeof(eqp_linf_step_options) */
  eqp_direction direction; /* default EQP_DESCEND */
  float epsilon;           /* >= 0, finite; default 8/255 */
  float step_size;         /* >= 0, finite; default 2/255; unused with step_sizes */
  float lower;             /* default 0 */
  float upper;             /* default 1; both finite, lower <= upper */
  float momentum_decay;    /* >= 0, finite; default 1; unused without a momentum tensor */
  float blend;             /* 0 to 1; default 0.75; unused without previous */
  eqp_pixel_space pixel_space;
} eqp_linf_step_options;

EQP_API void eqp_linf_step_options_init(eqp_linf_step_options* options);
EQP_API eqp_status eqp_linf_step_workspace_size(const eqp_tensor* pixels, uint64_t* bytes);

/* pixels, original, gradient, out: one shape and dtype; previous: same shape and dtype, or NULL;
 * momentum: same shape, f32, read and written, or NULL; step_sizes [images] f32 >= 0 (pixel units),
 * or NULL. out may be the same memory as pixels. EQP_INVALID_DATA (CPU, nothing written): a step size
 * that is negative or not finite, offsets that break the rules. */
EQP_API eqp_status eqp_linf_step(const eqp_linf_step_options* options, const eqp_tensor* pixels,
                                 const eqp_tensor* original, const eqp_tensor* gradient,
                                 const eqp_tensor* momentum, const eqp_tensor* previous,
                                 const eqp_tensor* mask, const eqp_tensor* offsets,
                                 const eqp_tensor* step_sizes, const eqp_tensor* out,
                                 const eqp_launch* launch);

/* One L2 step, projection and clamp, with g and the norms of one image in pixel units
 * (PGD-L2, arXiv 1706.06083):
 *
 *   d   = pixels + direction step_size g / ||g|| - original
 *   out = min(max(original + d min(1, epsilon / ||d||), lower), upper)
 *
 * A zero gradient moves nothing; NaN or infinite gradients give NaN in the whole image. Norms are
 * summed in f64; ||d||^2 = ||pixels - original||^2 + 2 direction step_size <pixels - original, g> /
 * ||g|| + step_size^2. Inside the ball up to the rounding of the dtype. */
typedef struct eqp_l2_step_options {
  uint32_t size;           /* sizeof(eqp_l2_step_options) */
  eqp_direction direction; /* default EQP_DESCEND */
  float epsilon;           /* >= 0, finite; default 1 */
  float step_size;         /* >= 0, finite; default 0.2; unused with step_sizes */
  float lower;             /* default 0 */
  float upper;             /* default 1; both finite, lower <= upper */
  eqp_pixel_space pixel_space;
} eqp_l2_step_options;

EQP_API void eqp_l2_step_options_init(eqp_l2_step_options* options);
EQP_API eqp_status eqp_l2_step_workspace_size(const eqp_tensor* pixels, uint64_t* bytes);

/* pixels, original, gradient, out: one shape and dtype; step_sizes [images] f32 >= 0, or NULL. out
 * may be the same memory as pixels. EQP_INVALID_DATA as for eqp_linf_step. */
EQP_API eqp_status eqp_l2_step(const eqp_l2_step_options* options, const eqp_tensor* pixels,
                               const eqp_tensor* original, const eqp_tensor* gradient,
                               const eqp_tensor* mask, const eqp_tensor* offsets,
                               const eqp_tensor* step_sizes, const eqp_tensor* out,
                               const eqp_launch* launch);

/* Random start: out = clamp(original + epsilon (2u - 1)), u uniform in [0, 1). Philox4x32-10
 * (Random123, SC'11): key = seed, counter = (element / 4, stream + image), lane = element mod 4,
 * element counted within the image, in the tensor's order, copies once; u = (bits >> 8) 2^-24. The
 * same u on every backend and for every way of batching the images. */
typedef struct eqp_uniform_start_options {
  uint32_t size;   /* sizeof(eqp_uniform_start_options) */
  float epsilon;   /* >= 0, finite; default 8/255 */
  float lower;     /* default 0 */
  float upper;     /* default 1; both finite, lower <= upper */
  uint64_t seed;   /* default 0 */
  uint64_t stream; /* of the first image; default 0 */
  eqp_pixel_space pixel_space;
} eqp_uniform_start_options;

EQP_API void eqp_uniform_start_options_init(eqp_uniform_start_options* options);
EQP_API eqp_status eqp_uniform_start_workspace_size(const eqp_tensor* original, uint64_t* bytes);

/* original, out: one shape and dtype; may be the same memory. streams [images] i64 overrides
 * stream + image, or NULL. */
EQP_API eqp_status eqp_uniform_start(const eqp_uniform_start_options* options,
                                     const eqp_tensor* original, const eqp_tensor* streams,
                                     const eqp_tensor* mask, const eqp_tensor* offsets,
                                     const eqp_tensor* out, const eqp_launch* launch);

/* Projection onto the 8-bit grid: code = round_half_even(255 pixel), moved to the nearest code
 * inside [original - epsilon, original + epsilon] and [lower, upper] (all in pixel units, each
 * bound widened by 1/1024 of a code: an original that is k/255 rounded to f32 reaches every code of
 * the exact ball). When no code lies in both, the code nearest to the original that lies in [lower,
 * upper]. out = code/255 back in the tensor's space: a value that a PNG holds exactly. NaN pixels
 * become code 0 in codes and NaN in out. Elementwise: equal copies stay equal. */
typedef struct eqp_eight_bit_options {
  uint32_t size; /* sizeof(eqp_eight_bit_options) */
  float epsilon; /* >= 0; +Inf (default): no ball */
  float lower;   /* default 0 */
  float upper;   /* default 1; both finite, lower <= upper */
  eqp_pixel_space pixel_space;
} eqp_eight_bit_options;

EQP_API void eqp_eight_bit_options_init(eqp_eight_bit_options* options);

/* pixels, original (may be NULL with epsilon = +Inf), out (may be NULL, may be pixels): one shape
 * and dtype; codes: same shape, u8, or NULL; not both out and codes NULL. */
EQP_API eqp_status eqp_eight_bit(const eqp_eight_bit_options* options, const eqp_tensor* pixels,
                                 const eqp_tensor* original, const eqp_tensor* out,
                                 const eqp_tensor* codes, const eqp_launch* launch);

/* What is measured: how v becomes pixel units, and what copies mean. */
/* X(NAME, value)
 *   DIFFERENCE  v std; the first copy counts
 *   GRADIENT    v / std; copies are added */
#define EQP_IMAGE_QUANTITIES(X) \
  X(DIFFERENCE, 0)              \
  X(GRADIENT, 1)

typedef int32_t eqp_image_quantity;
#define EQP_IMAGE_QUANTITY_CONSTANT(name, value, ...) EQP_##name = value,
enum { EQP_IMAGE_QUANTITIES(EQP_IMAGE_QUANTITY_CONSTANT) };
#undef EQP_IMAGE_QUANTITY_CONSTANT

/* Norms of every image: with v = values - minus (minus NULL: values) in pixel units, over the pixels
 * whose mask is not 0,
 *
 *   norms[i] = { sum |v|, sqrt(sum v^2), max |v| }
 *
 * summed in f64 in a fixed tree. No pixels: 0; NaN anywhere in the image: NaN. */
typedef struct eqp_image_norms_options {
  uint32_t size;               /* sizeof(eqp_image_norms_options) */
  eqp_image_quantity quantity; /* default EQP_DIFFERENCE */
  eqp_pixel_space pixel_space;
} eqp_image_norms_options;

#define EQP_NORM_L1 0
#define EQP_NORM_L2 1
#define EQP_NORM_LINF 2
#define EQP_NORM_COUNT 3

EQP_API void eqp_image_norms_options_init(eqp_image_norms_options* options);
EQP_API eqp_status eqp_image_norms_workspace_size(const eqp_tensor* values, uint64_t* bytes);

/* values, minus (may be NULL): one shape and dtype; norms [images, EQP_NORM_COUNT] f32, rows
 * contiguous. */
EQP_API eqp_status eqp_image_norms(const eqp_image_norms_options* options, const eqp_tensor* values,
                                   const eqp_tensor* minus, const eqp_tensor* mask,
                                   const eqp_tensor* offsets, const eqp_tensor* norms,
                                   const eqp_launch* launch);

#ifdef __cplusplus
}
#endif
#endif

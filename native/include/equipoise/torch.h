/* LibTorch adapter: the ops of equipoise.h on at::Tensor, in one call each.
 *
 * A tensor argument is the address of an at::Tensor. NULL stands for an absent optional argument.
 * An output may be an undefined at::Tensor: it is then allocated like the inputs and assigned; a
 * defined output is checked and written. Nothing is ever copied to make a tensor fit: layout, dtype
 * and device are those that equipoise.h documents, on the tensors' real metadata.
 *
 * This library contains no LibTorch header and links no LibTorch: eqp_torch_load takes the
 * functions it needs from one given libtorch_cpu file and refuses another version than the pinned
 * one. All functions are thread-safe; each call needs its tensors undisturbed while it runs. */
#ifndef EQUIPOISE_TORCH_H
#define EQUIPOISE_TORCH_H

#include "equipoise/gaussian_noise.h"
#include "equipoise/group_advantage.h"
#include "equipoise/input_diversity.h"
#include "equipoise/pair_loss.h"
#include "equipoise/perturbation.h"
#include "equipoise/policy_loss.h"
#include "equipoise/token_log_probs.h"
#include "equipoise/translation_invariance.h"
#include "equipoise/types.h"
#include "equipoise/unpaired_loss.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The LibTorch this adapter is made for; another one is refused by eqp_torch_load. */
#define EQP_TORCH_MAJOR 2
#define EQP_TORCH_MINOR 10

/* Binds LibTorch. libtorch_cpu is the absolute path of the library already loaded into this
 * process; one the address of a c10::Scalar 1.0 that lives as long as the process. Must succeed
 * before any other function; repeating it with the same path does nothing.
 *
 * Where that LibTorch uses OpenMP, its threads become libequipoise's executor (eqp_set_executor,
 * eqp_torch_shares_threads), and OpenBLAS's where LibTorch uses OpenBLAS 0.3.27 or later: two pools
 * on the same processors disturb each other. A host that wants its own executor installs it
 * afterwards, for OpenBLAS by openblas_set_threads_callback_function. */
EQP_API eqp_status eqp_torch_load(const char* libtorch_cpu, const void* one);

/* Version of this adapter, e.g. "0.1.0"; must equal eqp_library_version(). */
EQP_API const char* eqp_torch_library_version(void);

/* 1 when eqp_torch_load found LibTorch's OpenMP and made it libequipoise's executor, else 0. */
EQP_API int32_t eqp_torch_shares_threads(void);

/* Text of this thread's last failed eqp_torch_ call. */
EQP_API const char* eqp_torch_last_error(void);

/* Waits for the CUDA streams on which ops of this library have run, in any thread, one after the other,
 * and reports the first errors in data that their kernels flagged since the last report (target out of
 * range, ...): EQP_INVALID_DATA, as eqp_check; those of further streams stay for the next call. Ops on
 * CPU report such errors themselves; without CUDA tensors EQP_OK.
 *
 * Ops run on LibTorch's current stream, with scratch memory from LibTorch's allocator and 16 bytes for
 * such errors that are kept for that stream. CUDA graphs: run an op once on the stream before its calls
 * are captured (the first is refused inside a capture: EQP_INVALID_ARGUMENT), and capture through
 * LibTorch's CUDAGraph, whose memory pool then holds the scratch memory, so that graphs captured on one
 * stream may run side by side. What a graph flags belongs to the stream it was captured on: wait for
 * the graph before you ask here. */
EQP_API eqp_status eqp_torch_check(void);

/* Frees an at::Tensor that this library created on the heap. */
EQP_API void eqp_torch_delete(void* tensor);

/* As eqp_token_log_probs_forward. When gradient mode is on and log_probs (or entropy) is allocated
 * here, it becomes a leaf that requires grad; a log_sum_exp or log_sum_exp_2x allocated here is f64.
 * bias, log_sum_exp, log_sum_exp_2x, entropy may be NULL. */
EQP_API eqp_status eqp_torch_token_log_probs_forward(const eqp_token_log_probs_options* options,
                                                     const void* logits, const void* bias,
                                                     const void* targets, void* log_probs,
                                                     void* log_sum_exp, void* log_sum_exp_2x,
                                                     void* entropy);

/* As eqp_token_log_probs_backward, with d_log_probs and d_entropy taken from the .grad of log_probs
 * and entropy (the leaves made by the forward). At least one of them must have a gradient. */
EQP_API eqp_status eqp_torch_token_log_probs_backward(const eqp_token_log_probs_options* options,
                                                      const void* logits, const void* bias,
                                                      const void* targets, const void* log_probs,
                                                      const void* log_sum_exp, const void* entropy,
                                                      void* d_logits);

/* As eqp_token_log_probs_backward, with d_log_probs and d_entropy given. */
EQP_API eqp_status eqp_torch_token_log_probs_backward_into(
    const eqp_token_log_probs_options* options, const void* logits, const void* bias,
    const void* targets, const void* log_sum_exp, const void* entropy, const void* d_log_probs,
    const void* d_entropy, void* d_logits);

/* As eqp_pair_loss, outside of autograd: gradients are written to the given tensors. Every output
 * but loss may be NULL. */
EQP_API eqp_status eqp_torch_pair_loss_into(const eqp_pair_loss_options* options,
                                            const void* policy_chosen, const void* policy_rejected,
                                            const void* reference_chosen,
                                            const void* reference_rejected, const void* mask_chosen,
                                            const void* mask_rejected, const void* pair_weights,
                                            void* loss, void* pair_losses, void* rewards_chosen,
                                            void* rewards_rejected, void* metrics,
                                            void* d_policy_chosen, void* d_policy_rejected);

/* Differentiable: loss (undefined on entry) becomes a 0-dimensional tensor attached to the graphs
 * of policy_chosen and policy_rejected where they require grad. details (undefined on entry)
 * becomes [EQP_PAIR_METRIC_COUNT + 3 pairs]: metrics, pair_losses, rewards_chosen,
 * rewards_rejected. First order only. */
EQP_API eqp_status eqp_torch_pair_loss(const eqp_pair_loss_options* options,
                                       const void* policy_chosen, const void* policy_rejected,
                                       const void* reference_chosen, const void* reference_rejected,
                                       const void* mask_chosen, const void* mask_rejected,
                                       const void* pair_weights, void* loss, void* details);

/* As eqp_policy_loss, outside of autograd. Every output but loss may be NULL. */
EQP_API eqp_status eqp_torch_policy_loss_into(
    const eqp_policy_loss_options* options, const void* log_probs, const void* old_log_probs,
    const void* reference_log_probs, const void* sampler_log_probs, const void* advantages,
    const void* mask, const void* truncated, const void* sequence_weights, const void* entropy,
    const void* entropy_threshold, void* loss, void* sequence_losses, void* metrics,
    void* d_log_probs, void* d_entropy);

/* Differentiable in log_probs and entropy. details becomes [EQP_POLICY_METRIC_COUNT + sequences]:
 * metrics, sequence_losses. */
EQP_API eqp_status eqp_torch_policy_loss(const eqp_policy_loss_options* options,
                                         const void* log_probs, const void* old_log_probs,
                                         const void* reference_log_probs,
                                         const void* sampler_log_probs, const void* advantages,
                                         const void* mask, const void* truncated,
                                         const void* sequence_weights, const void* entropy,
                                         const void* entropy_threshold, void* loss, void* details);

/* As eqp_unpaired_loss, outside of autograd. Every output but loss may be NULL. */
EQP_API eqp_status eqp_torch_unpaired_loss_into(
    const eqp_unpaired_loss_options* options, const void* log_probs,
    const void* reference_log_probs, const void* mask, const void* labels, const void* row_weights,
    const void* kl_log_probs, const void* kl_reference_log_probs, const void* kl_mask,
    const void* reward_mean, void* loss, void* row_losses, void* rewards, void* metrics,
    void* new_reward_mean, void* d_log_probs);

/* Differentiable in log_probs. details becomes [EQP_UNPAIRED_METRIC_COUNT + 2 rows]: metrics,
 * row_losses, rewards; new_reward_mean (undefined on entry) [2] f64. */
EQP_API eqp_status eqp_torch_unpaired_loss(const eqp_unpaired_loss_options* options,
                                           const void* log_probs, const void* reference_log_probs,
                                           const void* mask, const void* labels,
                                           const void* row_weights, const void* kl_log_probs,
                                           const void* kl_reference_log_probs, const void* kl_mask,
                                           const void* reward_mean, void* loss, void* details,
                                           void* new_reward_mean);

/* As eqp_group_advantage; group_mean, group_std and metrics may be NULL. */
EQP_API eqp_status eqp_torch_group_advantage(const eqp_group_advantage_options* options,
                                             const void* rewards, const void* weights,
                                             const void* offsets, const void* lengths,
                                             const void* baselines, void* advantages,
                                             void* group_mean, void* group_std, void* metrics);

/* As eqp_linf_step, eqp_l2_step, eqp_uniform_start, eqp_eight_bit and eqp_image_norms. */
EQP_API eqp_status eqp_torch_linf_step(const eqp_linf_step_options* options, const void* pixels,
                                       const void* original, const void* gradient, void* momentum,
                                       const void* previous, const void* mask, const void* offsets,
                                       const void* step_sizes, void* out);
EQP_API eqp_status eqp_torch_l2_step(const eqp_l2_step_options* options, const void* pixels,
                                     const void* original, const void* gradient, const void* mask,
                                     const void* offsets, const void* step_sizes, void* out);
EQP_API eqp_status eqp_torch_uniform_start(const eqp_uniform_start_options* options,
                                           const void* original, const void* streams,
                                           const void* mask, const void* offsets, void* out);
EQP_API eqp_status eqp_torch_image_norms(const eqp_image_norms_options* options, const void* values,
                                         const void* minus, const void* mask, const void* offsets,
                                         void* norms);
EQP_API eqp_status eqp_torch_eight_bit(const eqp_eight_bit_options* options, const void* pixels,
                                       const void* original, void* out, void* codes);

/* As eqp_gaussian_noise, eqp_input_diversity_forward, eqp_input_diversity_backward and
 * eqp_translation_invariance. */
EQP_API eqp_status eqp_torch_gaussian_noise(const eqp_gaussian_noise_options* options,
                                            const void* images, const void* streams, void* out);
EQP_API eqp_status eqp_torch_input_diversity_forward(const eqp_input_diversity_options* options,
                                                     const void* images, const void* streams,
                                                     void* out);
EQP_API eqp_status eqp_torch_input_diversity_backward(const eqp_input_diversity_options* options,
                                                      const void* d_out, const void* streams,
                                                      void* d_images);
EQP_API eqp_status eqp_torch_translation_invariance(
    const eqp_translation_invariance_options* options, const void* gradient, void* out);

#ifdef __cplusplus
}
#endif
#endif

// What an op hands to a backend after validation, and the table through which it is dispatched.
//
// Every struct is plain data whose pointers, shapes and dtypes the op has already checked; a
// backend validates nothing but values inside tensors. libequipoise_cuda is compiled against this
// header too.
#pragma once

#include "equipoise/equipoise.h"

namespace eqp {

// A [rows, columns] view with inner stride 1. data == nullptr: the optional tensor was not given.
struct Matrix {
  void* data = nullptr;
  eqp_dtype dtype = 0;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t row_stride = 0;  // in elements
};

// A contiguous vector; data == nullptr: not given.
struct Vector {
  void* data = nullptr;
  eqp_dtype dtype = 0;
  int64_t size = 0;
};

// An image batch: planes[i][c] are `copies` times `plane` contiguous elements. Where the op takes
// offsets, `images` counts the rows of dimension 0.
struct Images {
  void* data = nullptr;
  eqp_dtype dtype = 0;
  int32_t copies = 1;
  int64_t images = 0;
  int64_t channels = 0;
  int64_t plane = 0;
  int64_t image_stride = 0;
  int64_t channel_stride = 0;
};

// Where a device backend runs; of it the CPU backend uses the workspace alone.
struct Stream {
  void* stream = nullptr;
  void* workspace = nullptr;
  uint64_t workspace_size = 0;
  int32_t device_index = 0;
};

struct TokenLogProbsForward {
  eqp_token_log_probs_options options;
  Matrix logits;
  Vector bias;  // may be absent: zeros
  Vector targets;
  float* log_probs;
  float* log_sum_exp;     // may be null
  float* log_sum_exp_2x;  // may be null
  float* entropy;         // may be null
  Stream stream;
};

struct TokenLogProbsBackward {
  eqp_token_log_probs_options options;
  Matrix logits;
  Vector bias;  // may be absent: zeros
  Vector targets;
  const float* log_sum_exp;
  const float* entropy;      // may be null when d_entropy is
  const float* d_log_probs;  // may be null
  const float* d_entropy;    // may be null
  Matrix d_logits;
  Stream stream;
};

struct GroupAdvantage {
  eqp_group_advantage_options options;
  Matrix rewards;
  Vector weights;         // may be absent: ones
  Vector offsets;         // may be absent: equal groups of options.group_size
  Vector lengths;         // may be absent: ones
  const void* baselines;  // given with that baseline only
  int64_t groups;
  void* advantages;
  void* group_mean;  // may be null
  void* group_std;   // may be null
  void* metrics;     // may be null
  Stream stream;
};

struct PairLoss {
  eqp_pair_loss_options options;
  struct Side {  // chosen or rejected
    Matrix policy;
    Matrix reference;  // may be absent
    Matrix mask;
    Matrix d_policy;  // may be absent
    void* rewards;    // may be null
  } chosen, rejected;
  const void* pair_weights;  // may be null
  bool has_sft, sorts;  // a term of kind SFT; a term that sorts, for which there is a workspace
  void* loss;
  void* pair_losses;  // may be null
  void* metrics;      // may be null
  Stream stream;
};

struct PolicyLoss {
  eqp_policy_loss_options options;
  Matrix log_probs;
  Matrix old_log_probs;        // may be absent
  Matrix reference_log_probs;  // may be absent
  Matrix sampler_log_probs;    // may be absent
  Matrix advantages;           // columns == 1 and row_stride == 1 when one per sequence
  bool advantages_per_token;
  Matrix mask;
  const uint8_t* truncated;       // may be null
  Vector sequence_weights;        // may be absent
  Matrix entropy;                 // may be absent
  const void* entropy_threshold;  // may be null
  void* loss;
  void* sequence_losses;  // may be null
  void* metrics;          // may be null
  Matrix d_log_probs;     // may be absent
  Matrix d_entropy;       // may be absent
  Stream stream;
};

struct UnpairedLoss {
  eqp_unpaired_loss_options options;
  struct Answers {
    Matrix log_probs;  // may be absent of the mismatched ones
    Matrix reference;  // may be absent
    Matrix mask;       // may be absent of the mismatched ones: every token
  } answers, mismatched;
  const uint8_t* labels;
  const void* row_weights;    // may be null
  const double* reward_mean;  // {m, n}; may be null
  void* loss;
  void* row_losses;         // may be null
  void* rewards;            // may be null
  void* metrics;            // may be null
  double* new_reward_mean;  // may be null
  Matrix d_log_probs;       // may be absent
  Stream stream;
};

// Which rows of dimension 0 make an image.
struct ImageRows {
  Vector offsets;  // absent: a row is an image
  int64_t images = 0;
};

struct LinfStep {
  eqp_linf_step_options options;
  Images pixels, original, gradient, out;
  Images momentum, previous, mask;  // may be absent
  ImageRows rows;
  const float* step_sizes;  // may be null
  Stream stream;
};

struct L2Step {
  eqp_l2_step_options options;
  Images pixels, original, gradient, out;
  Images mask;  // may be absent
  ImageRows rows;
  const float* step_sizes;  // may be null
  Stream stream;
};

struct UniformStart {
  eqp_uniform_start_options options;
  Images original, out;
  Images mask;  // may be absent
  ImageRows rows;
  const int64_t* streams;  // may be null
  Stream stream;
};

struct EightBit {
  eqp_eight_bit_options options;
  Images pixels, original /* may be absent */, out /* may be absent */, codes /* may be absent */;
  Stream stream;
};

struct ImageNorms {
  eqp_image_norms_options options;
  Images values;
  Images minus, mask;  // may be absent
  ImageRows rows;
  Matrix norms;
  Stream stream;
};

struct GaussianNoise {
  eqp_gaussian_noise_options options;
  Images images, out;
  const int64_t* streams;  // may be null
  Stream stream;
};

// Forward: in = images, out = out. Backward: in = d_out, out = d_images.
struct InputDiversity {
  eqp_input_diversity_options options;
  Images in, out;
  int32_t height, width;
  const int64_t* streams;  // may be null
  Stream stream;
};

struct TranslationInvariance {
  eqp_translation_invariance_options options;
  Images gradient, out;
  int64_t height, width;
  Stream stream;
};

// X(member, argument struct): the one list of backend entries.
#define EQP_BACKEND_ENTRIES(X)                       \
  X(token_log_probs_forward, TokenLogProbsForward)   \
  X(token_log_probs_backward, TokenLogProbsBackward) \
  X(group_advantage, GroupAdvantage)                 \
  X(pair_loss, PairLoss)                             \
  X(policy_loss, PolicyLoss)                         \
  X(unpaired_loss, UnpairedLoss)                     \
  X(linf_step, LinfStep)                             \
  X(l2_step, L2Step)                                 \
  X(uniform_start, UniformStart)                     \
  X(eight_bit, EightBit)                             \
  X(image_norms, ImageNorms)                         \
  X(gaussian_noise, GaussianNoise)                   \
  X(input_diversity_forward, InputDiversity)         \
  X(input_diversity_backward, InputDiversity)        \
  X(translation_invariance, TranslationInvariance)

// One per CPU instruction set and one for CUDA. A null entry means that the backend lacks the op.
struct Backend {
  const char* name;
#define EQP_BACKEND_MEMBER(member, arguments) eqp_status (*member)(const arguments&);
  EQP_BACKEND_ENTRIES(EQP_BACKEND_MEMBER)
#undef EQP_BACKEND_MEMBER
};

// The CPU backend in use, or nullptr when EQP_CPU_VARIANT is wrong (recorded as `op`'s error).
const Backend* cpu_backend(const char* op);

// The CUDA backend, loaded at the first call, or nullptr (recorded as `op`'s error).
const Backend* cuda_backend(const char* op);

// Bytes of workspace that every CUDA op needs, whatever the shape: 16 for its error flags, which
// the caller zeroes once before the first use, the rest for partial results.
constexpr uint64_t kCudaWorkspaceBytes = 64 * 1024;

// Bytes of a CUDA workspace before a double per row of unpaired_loss.
constexpr uint64_t kUnpairedPartialBytes = 24 * 1024;

// Bytes of workspace per pair (on CUDA after those) for pair losses that sort.
constexpr uint64_t kPairSortBytes = 96;

// What libequipoise_cuda exports, one symbol: its backend table, or nullptr and one line of text.
struct CudaLibrary {
  int32_t abi_version;
  const Backend* backend;  // nullptr when no device can be used
  const char* status;      // one line of text, static storage
  eqp_status (*check)(const Stream& stream, const char** text);
};
// Records the calling thread's last error in libequipoise and returns the status.
using ErrorRecorder = eqp_status (*)(eqp_status status, const char* op, const char* text);
using CudaLibraryEntry = const CudaLibrary* (*)(ErrorRecorder record);
#define EQP_CUDA_LIBRARY_ENTRY "eqp_cuda_library"

}  // namespace eqp

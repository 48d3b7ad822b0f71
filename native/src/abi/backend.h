// The table through which an op is dispatched to a backend after validation.
//
// What it hands over is a struct of calls/<op>.h: plain data whose pointers, shapes and dtypes the op
// has already checked, so that a backend validates nothing but values inside tensors. They are only
// declared here: what changes one op recompiles that op alone. libequipoise_cuda is compiled against
// these headers too.
#pragma once

#include "abi/views.h"

namespace eqp {

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

#define EQP_DECLARE_ARGUMENTS(member, arguments) struct arguments;
EQP_BACKEND_ENTRIES(EQP_DECLARE_ARGUMENTS)
#undef EQP_DECLARE_ARGUMENTS

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

// Bytes of workspace that every CUDA op needs, whatever the shape: 16 for error flags, unless the launch
// names others, the rest for partial results.
constexpr uint64_t kCudaWorkspaceBytes = 64 * 1024;

// What libequipoise_cuda exports, one symbol: its backend table, or nullptr and one line of text.
struct CudaLibrary {
  int32_t abi_version;
  const Backend* backend;  // nullptr when no device can be used
  const char* status;      // one line of text, static storage
  eqp_status (*check)(const Stream& stream, const char** text);
  bool (*is_capturing)(void* stream);
};
// Records the calling thread's last error in libequipoise and returns the status.
using ErrorRecorder = eqp_status (*)(eqp_status status, const char* op, const char* text);
using CudaLibraryEntry = const CudaLibrary* (*)(ErrorRecorder record);
#define EQP_CUDA_LIBRARY_ENTRY "eqp_cuda_library"

}  // namespace eqp

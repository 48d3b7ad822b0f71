// How a kernel file is written once and compiled twice: by nvcc for devices, and by the host
// compiler (-DEQP_CUDA_MODEL) for the execution model in test/model, which proves it without a
// device.
#pragma once

#define EQP_SCALAR_ONLY
#define EQP_ISA cuda

#if defined(EQP_CUDA_MODEL)
#include "model/device_language.h"
#define EQP_LAUNCH(kernel, grid, block, stream, ...) \
  ::eqp::model::launch(stream, #kernel, dim3(grid), dim3(block), kernel, __VA_ARGS__)
// A marker of its own per declaration, as the device has memory of its own per declaration.
#define EQP_SHARED(type, name, count)                                \
  static const char name##_declaration = 0;                          \
  type* const name = static_cast<type*>(::eqp::model::shared_memory( \
      &name##_declaration, static_cast<int64_t>(sizeof(type) * (count))))
#define EQP_KERNEL extern "C" void
#define EQP_KERNEL_OF_FEW_BLOCKS extern "C" void
#define EQP_GRID_CONSTANT const
#define EQP_KERNEL_OF_MANY_REGISTERS extern "C" void
#define EQP_HD_MEMBER
#define EQP_DEVICE static EQP_DEVICE_MEMBER
#define EQP_DEVICE_MEMBER inline __attribute__((always_inline))
#else
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#define EQP_LAUNCH(kernel, grid, block, stream, ...) \
  kernel<<<dim3(grid), dim3(block), 0, static_cast<cudaStream_t>(stream)>>>(__VA_ARGS__)
#define EQP_SHARED(type, name, count) __shared__ type name[count]
#define EQP_KERNEL extern "C" __global__ void __launch_bounds__(::eqp::cuda::kThreads)
// Of kernels whose grids do not fill a chip, and of those that would spill otherwise: registers (up to
// 128) rather than occupancy.
#define EQP_KERNEL_OF_FEW_BLOCKS \
  extern "C" __global__ void __launch_bounds__(::eqp::cuda::kThreads, 2)
// The same with up to 255.
#define EQP_KERNEL_OF_MANY_REGISTERS \
  extern "C" __global__ void __launch_bounds__(::eqp::cuda::kThreads, 1)
// Of a parameter that is indexed: it stays in constant memory instead of moving to local memory.
#define EQP_GRID_CONSTANT const __grid_constant__
#define EQP_HD_MEMBER __host__ __device__
#define EQP_DEVICE static EQP_DEVICE_MEMBER
#define EQP_DEVICE_MEMBER __device__ __forceinline__
#endif

#include "abi/backend.h"

namespace eqp {
namespace cuda {

// Threads per block of every kernel: 8 warps. Occupancy is bounded by registers (README, static
// table).
constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;

// Blocks of a grid for `items` independent pieces of work, one per block and round. Beyond the
// limit blocks take several; results never depend on how many blocks there are.
inline unsigned grid_for(int64_t items) {
#if defined(EQP_CUDA_MODEL)
  const int64_t limit = model::max_blocks();
#else
  const int64_t limit = 1 << 20;
#endif
  return static_cast<unsigned>(items < limit ? items : limit);
}

// Makes a device the calling thread's current one for a while, by pushing its primary context: neither
// the thread's own choice nor the devices that it never used are touched. Forgets errors of earlier calls.
class DeviceScope {
 public:
  explicit DeviceScope(int device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

  // Why the device cannot be used, in the thread's buffer; nullptr when it can.
  const char* problem() const { return problem_; }

 private:
  int device_;
  bool pushed_ = false;
  const char* problem_ = nullptr;
};

// Selects the tensors' device for one op and collects what went wrong. In graph capture nothing
// here synchronises or allocates.
class LaunchScope {
 public:
  LaunchScope(const char* op, const Stream& stream);
  LaunchScope(const LaunchScope&) = delete;
  LaunchScope& operator=(const LaunchScope&) = delete;

  bool ready() const { return status_ == EQP_OK; }
  // The status to return: of the device's selection, or of the launches made since.
  eqp_status finish();

 private:
  const char* op_;
  DeviceScope device_;
  eqp_status status_ = EQP_OK;
};

// Expands launch(float), launch(bf16) or launch(f16); the op has refused every other dtype.
#define EQP_BY_DTYPE(dtype, launch)   \
  do {                                \
    if ((dtype) == EQP_F32) {         \
      launch(float);                  \
    } else if ((dtype) == EQP_BF16) { \
      launch(bf16);                   \
    } else {                          \
      launch(f16);                    \
    }                                 \
  } while (0)

#define EQP_BY_DTYPE_AND_F64(dtype, launch) \
  do {                                      \
    if ((dtype) == EQP_F64) {               \
      launch(double);                       \
    } else {                                \
      EQP_BY_DTYPE(dtype, launch);          \
    }                                       \
  } while (0)

// Records `text` as the thread's last error in libequipoise.
eqp_status record_error(eqp_status status, const char* op, const char* text);

// Errors in data, collected until eqp_check reads and clears them.
struct DataErrors {
  unsigned flags;     // kTargetOutOfRange, ...
  unsigned position;  // one more than the greatest row (saturated) with an error; 0: none
  unsigned reserved[2];
};
constexpr unsigned kTargetOutOfRange = 1;
constexpr unsigned kOffsetsInvalid = 2;
constexpr unsigned kLengthsInvalid = 4;
constexpr unsigned kStepSizeInvalid = 8;
constexpr unsigned kRewardMeanInvalid = 16;

inline DataErrors* data_errors(const Stream& stream) {
  return static_cast<DataErrors*>(stream.errors);
}
// Partial results of the running op lie in the workspace, behind the place of its own errors.
template <class T>
T* partials(const Stream& stream) {
  return reinterpret_cast<T*>(static_cast<char*>(stream.workspace) + sizeof(DataErrors));
}
constexpr int64_t kPartialBytes = static_cast<int64_t>(kCudaWorkspaceBytes - sizeof(DataErrors));

#if defined(__CUDACC__) || defined(EQP_CUDA_MODEL)
EQP_DEVICE void flag_data_error(DataErrors* errors, unsigned flag, int64_t position) {
  atomicOr(&errors->flags, flag);
  atomicMax(&errors->position,
            position < 0xfffffffe ? static_cast<unsigned>(position) + 1 : 0xffffffffu);
}
#endif

}  // namespace cuda
}  // namespace eqp

#include "model_test/kernels.h"

#include "launch.h"
#include "model/model.h"
#include "reduce.h"
#include "vector.h"

#define EQP_DYNAMIC_SHARED(type, name) \
  type* const name = static_cast<type*>(::eqp::model::dynamic_shared_memory())

namespace eqp::model_test {
namespace {

using cuda::kAllLanes;

// Device memory of n elements, initialised or not.
template <class T>
class Memory {
 public:
  explicit Memory(int64_t n, bool initialised = true, const char* name = "data")
      : data_(static_cast<T*>(
            model::allocate(name, n * static_cast<int64_t>(sizeof(T)), sizeof(T)))) {
    if (!initialised) return;
    for (int64_t i = 0; i < n; ++i) data_[i] = static_cast<T>(static_cast<float>(i));
    model::mark_initialised(data_, n * static_cast<int64_t>(sizeof(T)));
  }
  ~Memory() { model::release(data_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  T* get() const { return data_; }

 private:
  T* data_;
};

// --- bounds -------------------------------------------------------------------------------------
EQP_KERNEL read_past_end(const float* from, float* to, int n, bool bug) {
  const int i = static_cast<int>(threadIdx.x);
  if (bug ? i <= n : i < n) to[i % n] = from[i];
}
void run_read_past_end(bool bug) {
  Memory<float> from(40), to(40, false);
  EQP_LAUNCH(read_past_end, 1, 64, nullptr, from.get(), to.get(), bug ? 40 : 40, bug);
}

EQP_KERNEL write_past_end(float* to, int n, bool bug) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < n) to[bug ? i + 1 : i] = 1.0f;
}
void run_write_past_end(bool bug) {
  Memory<float> to(40, false);
  EQP_LAUNCH(write_past_end, 1, 64, nullptr, to.get(), 40, bug);
}

EQP_KERNEL read_before_begin(const float* from, float* to, bool bug) {
  const int i = static_cast<int>(threadIdx.x);
  to[i] = from[i - (bug ? 1 : 0)];
}
void run_read_before_begin(bool bug) {
  Memory<float> from(32), to(32, false);
  EQP_LAUNCH(read_before_begin, 1, 32, nullptr, from.get(), to.get(), bug);
}

EQP_KERNEL touch_padding(float* rows, bool bug) { rows[threadIdx.x + (bug ? 1 : 0)] = 0.0f; }
void run_touch_padding(bool bug) {
  Memory<float> rows(40);
  model::forbid(rows.get() + 32, 8 * 4, true);
  EQP_LAUNCH(touch_padding, 1, 32, nullptr, rows.get(), bug);
}

EQP_KERNEL shared_past_end(float* to, bool bug) {
  EQP_SHARED(float, first, 32);
  EQP_SHARED(float, second, 32);
  const int i = static_cast<int>(threadIdx.x);
  second[i] = 1.0f;
  first[bug ? i + 64 : i] = 2.0f;
  to[i] = second[i];
}
void run_shared_past_end(bool bug) {
  Memory<float> to(32, false);
  EQP_LAUNCH(shared_past_end, 1, 32, nullptr, to.get(), bug);
}

EQP_KERNEL dynamic_shared_past_end(float* to, bool bug) {
  EQP_DYNAMIC_SHARED(float, scratch);
  const int i = static_cast<int>(threadIdx.x);
  scratch[i + (bug ? 1 : 0)] = 1.0f;
  to[i] = 0.0f;
}
void run_dynamic_shared_past_end(bool bug) {
  Memory<float> to(32, false);
  model::run("dynamic_shared_past_end", dim3(1), dim3(32), 32 * 4,
             [&] { dynamic_shared_past_end(to.get(), bug); });
}

EQP_KERNEL wild_pointer(float* to, uintptr_t address, bool bug) {
  if (bug) to = reinterpret_cast<float*>(address);
  to[threadIdx.x] = 1.0f;
}
void run_wild_pointer(bool bug) {
  Memory<float> to(32, false);
  static float host_memory[32];
  EQP_LAUNCH(wild_pointer, 1, 32, nullptr, to.get(), reinterpret_cast<uintptr_t>(host_memory), bug);
}

// --- alignment ----------------------------------------------------------------------------------
EQP_KERNEL misaligned_vector(const float* from, float* to) {
  float x[4];
  cuda::load_pack(from, x);
  to[threadIdx.x] = x[0];
}
void run_misaligned_vector(bool bug) {
  Memory<float> from(8), to(32, false);
  EQP_LAUNCH(misaligned_vector, 1, 32, nullptr, from.get() + (bug ? 1 : 0), to.get());
}

// --- initialisation -----------------------------------------------------------------------------
EQP_KERNEL uninitialised_shared(float* to, bool bug) {
  EQP_SHARED(float, scratch, 64);
  const unsigned i = threadIdx.x;
  scratch[i] = 1.0f;
  __syncthreads();
  to[i] = scratch[bug ? i + 1 : (i + 1) % 32];
}
void run_uninitialised_shared(bool bug) {
  Memory<float> to(32, false);
  EQP_LAUNCH(uninitialised_shared, 1, 32, nullptr, to.get(), bug);
}

EQP_KERNEL read_output(float* to, bool bug) {
  if (!bug) to[threadIdx.x] = 0.0f;
  to[threadIdx.x] += 1.0f;
}
void run_read_output(bool bug) {
  Memory<float> to(32, false);
  EQP_LAUNCH(read_output, 1, 32, nullptr, to.get(), bug);
}

// --- races --------------------------------------------------------------------------------------
EQP_KERNEL missing_barrier(float* to, bool bug) {
  EQP_SHARED(float, scratch, 64);
  const unsigned i = threadIdx.x;
  scratch[i] = static_cast<float>(i);
  if (!bug) __syncthreads();
  to[i] = scratch[63 - i];
}
void run_missing_barrier(bool bug) {
  Memory<float> to(64, false);
  EQP_LAUNCH(missing_barrier, 1, 64, nullptr, to.get(), bug);
}

// The right values come out whatever the order, because every thread writes the same number.
EQP_KERNEL benign_write_race(float* to, bool bug) {
  if (bug || threadIdx.x == 0) to[0] = 1.0f;
}
void run_benign_write_race(bool bug) {
  Memory<float> to(1, false);
  EQP_LAUNCH(benign_write_race, 1, 64, nullptr, to.get(), bug);
}

EQP_KERNEL write_after_read(float* to, bool bug) {
  EQP_SHARED(float, scratch, 64);
  const unsigned i = threadIdx.x;
  for (int round = 0; round < 2; ++round) {
    scratch[i] = static_cast<float>(round);
    __syncthreads();
    to[i] = scratch[63 - i];
    if (!bug) __syncthreads();
  }
}
void run_write_after_read(bool bug) {
  Memory<float> to(64, false);
  EQP_LAUNCH(write_after_read, 1, 64, nullptr, to.get(), bug);
}

EQP_KERNEL missing_warp_barrier(float* to, bool bug) {
  EQP_SHARED(float, scratch, 32);
  const unsigned i = threadIdx.x;
  scratch[i] = static_cast<float>(i);
  if (!bug) __syncwarp();
  to[i] = scratch[31 - i];
}
void run_missing_warp_barrier(bool bug) {
  Memory<float> to(32, false);
  EQP_LAUNCH(missing_warp_barrier, 1, 32, nullptr, to.get(), bug);
}

// A shuffle moves registers; it orders no memory.
EQP_KERNEL shuffle_as_barrier(float* to, bool bug) {
  EQP_SHARED(float, scratch, 32);
  const unsigned i = threadIdx.x;
  scratch[i] = static_cast<float>(i);
  const float mine = __shfl_xor_sync(kAllLanes, 1.0f, 1);
  if (!bug) __syncwarp();
  to[i] = scratch[31 - i] * mine;
}
void run_shuffle_as_barrier(bool bug) {
  Memory<float> to(32, false);
  EQP_LAUNCH(shuffle_as_barrier, 1, 32, nullptr, to.get(), bug);
}

// A warp barrier does not order other warps.
EQP_KERNEL warp_barrier_for_block(float* to, bool bug) {
  EQP_SHARED(float, scratch, 64);
  const unsigned i = threadIdx.x;
  scratch[i] = static_cast<float>(i);
  if (bug) {
    __syncwarp();
  } else {
    __syncthreads();
  }
  to[i] = scratch[63 - i];
}
void run_warp_barrier_for_block(bool bug) {
  Memory<float> to(64, false);
  EQP_LAUNCH(warp_barrier_for_block, 1, 64, nullptr, to.get(), bug);
}

EQP_KERNEL block_race(float* to, bool bug) {
  if (threadIdx.x == 0) to[bug ? 0 : blockIdx.x] = 1.0f;
}
void run_block_race(bool bug) {
  Memory<float> to(4, false);
  EQP_LAUNCH(block_race, 4, 32, nullptr, to.get(), bug);
}

// One block reads what another writes: legal only in two launches.
EQP_KERNEL block_communication(float* to, bool first, bool second) {
  if (first && blockIdx.x == 0 && threadIdx.x == 0) to[0] = 1.0f;
  if (second && blockIdx.x == 1 && threadIdx.x == 0) to[1] = to[0];
}
void run_block_communication(bool bug) {
  Memory<float> to(2);
  EQP_LAUNCH(block_communication, 2, 32, nullptr, to.get(), true, bug);
  if (!bug) EQP_LAUNCH(block_communication, 2, 32, nullptr, to.get(), false, true);
}

EQP_KERNEL atomic_and_plain(unsigned* flag, bool bug) {
  if (bug && threadIdx.x == 40) {
    *flag = 1;
  } else {
    atomicOr(flag, 1u);
  }
}
void run_atomic_and_plain(bool bug) {
  Memory<unsigned> flag(1);
  EQP_LAUNCH(atomic_and_plain, 1, 64, nullptr, flag.get(), bug);
}

// --- divergence ---------------------------------------------------------------------------------
EQP_KERNEL barrier_in_branch(float* to, bool bug) {
  if (!bug || threadIdx.x < 32) __syncthreads();
  to[threadIdx.x] = 1.0f;
}
void run_barrier_in_branch(bool bug) {
  Memory<float> to(64, false);
  EQP_LAUNCH(barrier_in_branch, 1, 64, nullptr, to.get(), bug);
}

EQP_KERNEL return_before_barrier(float* to, bool bug) {
  if (bug && threadIdx.x >= 48) return;
  __syncthreads();
  to[threadIdx.x] = 1.0f;
}
void run_return_before_barrier(bool bug) {
  Memory<float> to(64, false);
  EQP_LAUNCH(return_before_barrier, 1, 64, nullptr, to.get(), bug);
}

EQP_KERNEL two_barriers(float* to, bool bug) {
  if (bug && threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  to[threadIdx.x] = 1.0f;
}
void run_two_barriers(bool bug) {
  Memory<float> to(64, false);
  EQP_LAUNCH(two_barriers, 1, 64, nullptr, to.get(), bug);
}

// --- masks --------------------------------------------------------------------------------------
EQP_KERNEL mask_without_caller(float* to, bool bug) {
  to[threadIdx.x] = __shfl_xor_sync(bug ? 0x0000ffffu : kAllLanes, 1.0f, 1);
}
void run_mask_without_caller(bool bug) {
  Memory<float> to(32, false);
  EQP_LAUNCH(mask_without_caller, 1, 32, nullptr, to.get(), bug);
}

EQP_KERNEL mask_with_exited(float* to, bool bug) {
  if (threadIdx.x >= 24) return;
  to[threadIdx.x] = __shfl_xor_sync(bug ? kAllLanes : 0x00ffffffu, 1.0f, 1);
}
void run_mask_with_exited(bool bug) {
  Memory<float> to(32, false);
  EQP_LAUNCH(mask_with_exited, 1, 32, nullptr, to.get(), bug);
}

EQP_KERNEL shuffle_in_branch(float* to, bool bug) {
  float value = 1.0f;
  if (!bug || threadIdx.x < 16) value = __shfl_xor_sync(kAllLanes, value, 1);
  to[threadIdx.x] = value;
}
void run_shuffle_in_branch(bool bug) {
  Memory<float> to(32, false);
  EQP_LAUNCH(shuffle_in_branch, 1, 32, nullptr, to.get(), bug);
}

EQP_KERNEL different_operations(float* to, bool bug) {
  float value = 1.0f;
  if (bug && threadIdx.x < 16) {
    value = __shfl_down_sync(kAllLanes, value, 1);
  } else {
    value = __shfl_xor_sync(kAllLanes, value, 1);
  }
  to[threadIdx.x] = value;
}
void run_different_operations(bool bug) {
  Memory<float> to(32, false);
  EQP_LAUNCH(different_operations, 1, 32, nullptr, to.get(), bug);
}

EQP_KERNEL source_outside_mask(float* to, bool bug) {
  if (threadIdx.x >= 16) return;
  to[threadIdx.x] = __shfl_sync(0x0000ffffu, 1.0f, bug ? 20 : 3);
}
void run_source_outside_mask(bool bug) {
  Memory<float> to(32, false);
  EQP_LAUNCH(source_outside_mask, 1, 32, nullptr, to.get(), bug);
}

EQP_KERNEL too_wide(float* to) { to[0] = 1.0f; }
void run_too_many_threads(bool bug) {
  Memory<float> to(1);
  EQP_LAUNCH(too_wide, 1, bug ? 1025 : 1, nullptr, to.get());
}

}  // namespace

const std::vector<Specimen>& specimens() {
  static const std::vector<Specimen> all = {
      {"read past the end", "read out of bounds", run_read_past_end},
      {"write past the end", "write out of bounds", run_write_past_end},
      {"read before the beginning", "read out of bounds", run_read_before_begin},
      {"padding between rows touched", "outside every element", run_touch_padding},
      {"shared memory past its end", "out of bounds", run_shared_past_end},
      {"dynamic shared memory past its end", "out of bounds", run_dynamic_shared_past_end},
      {"host memory from a kernel", "belongs to no allocation", run_wild_pointer},
      {"16-byte access at 4 bytes", "misaligned", run_misaligned_vector},
      {"uninitialised shared memory", "uninitialised", run_uninitialised_shared},
      {"output read before it is written", "uninitialised", run_read_output},
      {"barrier missing between write and read", "race|uninitialised", run_missing_barrier},
      {"same value written by all threads", "race", run_benign_write_race},
      {"barrier missing between read and next write", "race", run_write_after_read},
      {"__syncwarp missing", "race|uninitialised", run_missing_warp_barrier},
      {"shuffle taken for a barrier", "race|uninitialised", run_shuffle_as_barrier},
      {"__syncwarp taken for __syncthreads", "race|uninitialised", run_warp_barrier_for_block},
      {"blocks write one address", "race", run_block_race},
      {"blocks communicate inside a launch", "race", run_block_communication},
      {"atomic and plain writes mixed", "race", run_atomic_and_plain},
      {"__syncthreads in a branch", "barrier divergence", run_barrier_in_branch},
      {"return before __syncthreads", "barrier divergence", run_return_before_barrier},
      {"two different __syncthreads", "barrier divergence", run_two_barriers},
      {"mask without its caller", "mask misuse", run_mask_without_caller},
      {"mask with an exited lane", "mask misuse|deadlock", run_mask_with_exited},
      {"shuffle in a branch", "mask misuse|deadlock", run_shuffle_in_branch},
      {"lanes in different operations", "mask misuse", run_different_operations},
      {"shuffle from outside the mask", "mask misuse", run_source_outside_mask},
      {"more threads than a block may have", "invalid launch", run_too_many_threads},
  };
  return all;
}

}  // namespace eqp::model_test

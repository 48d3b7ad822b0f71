// The part of CUDA C++ that the kernels use, for the host compiler.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <vector_types.h>

#include <functional>
#include <tuple>

namespace eqp::model {

// The built-in variables of the thread that runs now.
struct Builtins {
  uint3 thread_index;
  uint3 block_index;
  dim3 block_dim;
  dim3 grid_dim;
};
extern Builtins builtins;

enum class Collective { kShuffle, kShuffleUp, kShuffleDown, kShuffleXor, kBallot, kSyncWarp };
constexpr const char* kCollectiveNames[] = {"__shfl_sync",     "__shfl_up_sync", "__shfl_down_sync",
                                            "__shfl_xor_sync", "a vote",         "__syncwarp"};

uint64_t collective(Collective operation, unsigned mask, uint64_t value, int argument, int width);
void synchronise_block(int line);
void* shared_memory(const void* declaration, int64_t bytes);
int64_t max_blocks();
void* dynamic_shared_memory();
float approximate(double exact);
unsigned atomic_or(unsigned* address, unsigned value);
unsigned atomic_max(unsigned* address, unsigned value);
void run_grid(const char* kernel, dim3 grid, dim3 block, int64_t dynamic_shared_bytes,
              void (*thread)(const void*), const void* argument);

// thread() is called once in every thread. It stays where the caller has it, on the host's stack,
// which is how the model knows the kernel's arguments from stray host memory.
template <class Thread>
void run(const char* kernel, dim3 grid, dim3 block, int64_t dynamic_shared_bytes,
         const Thread& thread) {
  run_grid(
      kernel, grid, block, dynamic_shared_bytes,
      [](const void* argument) { (*static_cast<const Thread*>(argument))(); }, &thread);
}

// Whether the stream is captured; the work then belongs to the graph. In runtime.cpp.
bool record(void* stream, std::function<void()> launch);

// A launch of the library on a stream (runtime.h). The arguments are copied at once, as CUDA does.
template <class... Parameters, class... Arguments>
void launch(void* stream, const char* name, dim3 grid, dim3 block, void (*kernel)(Parameters...),
            const Arguments&... arguments) {
  const std::tuple<Parameters...> copies(arguments...);
  const auto now = [=] {
    // All that the threads read is on the launcher's stack, also when a graph holds the launch.
    const std::tuple<Parameters...> on_the_stack = copies;
    void (*const function)(Parameters...) = kernel;
    run(name, grid, block, 0, [&] { std::apply(function, on_the_stack); });
  };
  if (!record(stream, now)) now();
}

template <class T>
T shuffle(Collective operation, unsigned mask, T value, int argument, int width) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles move 32 or 64 bits");
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof(T));
  bits = collective(operation, mask, bits, argument, width);
  memcpy(&value, &bits, sizeof(T));
  return value;
}

}  // namespace eqp::model

#define threadIdx (::eqp::model::builtins.thread_index)
#define blockIdx (::eqp::model::builtins.block_index)
#define blockDim (::eqp::model::builtins.block_dim)
#define gridDim (::eqp::model::builtins.grid_dim)

#define __syncthreads() ::eqp::model::synchronise_block(__LINE__)

template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32) {
  return ::eqp::model::shuffle(::eqp::model::Collective::kShuffle, mask, value, lane, width);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  return ::eqp::model::shuffle(::eqp::model::Collective::kShuffleUp, mask, value,
                               static_cast<int>(delta), width);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  return ::eqp::model::shuffle(::eqp::model::Collective::kShuffleDown, mask, value,
                               static_cast<int>(delta), width);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32) {
  return ::eqp::model::shuffle(::eqp::model::Collective::kShuffleXor, mask, value, lanes, width);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return static_cast<unsigned>(
      ::eqp::model::collective(::eqp::model::Collective::kBallot, mask, predicate != 0, 0, 32));
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) == mask;
}
inline void __syncwarp(unsigned mask = 0xffffffffu) {
  ::eqp::model::collective(::eqp::model::Collective::kSyncWarp, mask, 0, 0, 32);
}
inline unsigned atomicOr(unsigned* address, unsigned value) {
  return ::eqp::model::atomic_or(address, value);
}
inline unsigned atomicMax(unsigned* address, unsigned value) {
  return ::eqp::model::atomic_max(address, value);
}
inline void __stwb(uint4* to, uint4 value) { *to = value; }
inline uint64_t __umul64hi(uint64_t a, uint64_t b) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(a) * b) >> 64);
}

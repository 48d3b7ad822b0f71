// The host execution model: runs CUDA kernels compiled by the host compiler, one fiber per thread,
// and watches every access.
//
// Kernel files are compiled with -fsanitize=thread but linked without it: the compiler then calls
// __tsan_readN / __tsan_writeN before each access to memory, and hooks.cpp defines these functions.
// What is checked, and how:
//   bounds         every device allocation is registered; an access elsewhere is a finding
//   alignment      an access of n bytes must lie on a multiple of n, as on the device
//   initialisation shared memory and fresh device memory must be written before they are read
//   races          two accesses of different threads to one granule, one of them a plain write, need a
//                  __syncthreads (same block) or a __syncwarp (same warp) between them; blocks of one
//                  launch are never ordered. Shuffles and votes order nothing, as on the device.
//   divergence     every thread of the block reaches the same __syncthreads; no thread leaves before
//   masks          the lanes named by a *_sync mask are alive, call the same operation with the same
//                  mask, contain the caller, and a shuffle reads from one of them
//   traffic        bytes, 32-byte sectors of each warp request, shared-memory bank conflicts
// The first finding ends the launch. Not thread-safe: one model per process, used by one thread.
#pragma once

#include <stdint.h>

#include <string>
#include <vector>

#include "model/device_language.h"

namespace eqp::model {

// The order in which ready threads run. Blocks run one after another: forward, or shuffled by
// kRandom.
enum class Order { kForward, kReverse, kDepthFirst, kRandom };

struct Schedule {
  Order order = Order::kForward;
  uint64_t seed = 1;
  uint32_t preempt_one_in = 0;   // a thread is put aside before one access in this many; 0: never
  bool fuzz_fast_math = false;   // approximate functions return up to 2 ulp more or less
  int64_t max_blocks = 1 << 20;  // of a grid: fewer make every kernel's loop over its work turn
  bool count_traffic = false;    // fills the sector and bank figures of Launch
};
void set_schedule(const Schedule& schedule);

// A launch that ran to its end.
struct Launch {
  std::string kernel;
  int64_t blocks = 0;
  int threads = 0;
  int64_t shared_bytes = 0;   // static and dynamic, of one block
  int64_t accesses = 0;       // of all threads to device and shared memory
  int64_t read_bytes = 0;     // distinct bytes of device memory that were read
  int64_t written_bytes = 0;  // distinct bytes of device memory that were written
  int64_t requests = 0;       // of a warp to device memory
  int64_t read_sectors = 0;   // 32-byte sectors over all requests
  int64_t written_sectors = 0;
  int64_t wide_requests = 0;   // requests in which a lane moves 16 bytes
  int64_t bank_conflicts = 0;  // extra passes over shared memory
};
const std::vector<Launch>& launches();
void clear_launches();

// What a kernel did wrong, one line each. Empty when all is well.
const std::vector<std::string>& findings();
void clear_findings();

// Device memory. `granule` is the size of the elements kept in it: accesses are checked in these
// units. Fresh memory is unreadable until it is written by a kernel or declared by
// mark_initialised.
void* allocate(const char* name, int64_t bytes, int granule);
void release(void* memory);
void mark_initialised(const void* memory, int64_t bytes);
void forbid(const void* memory, int64_t bytes, bool on);  // padding that no kernel may touch

// Limits of the modelled device.
constexpr int kMaxThreads = 1024;
constexpr int64_t kMaxSharedBytes = 48 * 1024;

}  // namespace eqp::model

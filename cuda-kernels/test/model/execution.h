// State of the running launch, shared by the scheduler (execution.cpp), the access checks
// (hooks.cpp) and the traffic count (traffic.cpp).
#pragma once

#include "model/fiber.h"
#include "model/memory.h"
#include "model/model.h"

namespace eqp::model {

struct Thread {
  enum class State : uint8_t { kReady, kCollective, kBarrier, kDone };
  void* stack_pointer = nullptr;
  State state = State::kReady;
  uint3 index = {};
  // The collective it waits in, and its result.
  Collective operation = Collective::kShuffle;
  unsigned mask = 0;
  int argument = 0;
  int width = 32;
  uint64_t value = 0;
  uint64_t result = 0;
};

// Lanes of one warp, a bit each.
struct Warp {
  unsigned waiting = 0;  // in a collective
  unsigned done = 0;
  uint32_t syncs = 0;  // complete __syncwarps
};

struct Execution {
  bool running = false;
  Schedule schedule;
  uint64_t random = 1;
  uint32_t launch = 0;       // number of the running launch, from 1
  uint32_t first_block = 1;  // number of its first block
  uint32_t block = 0;        // number of the running block
  uint32_t barrier = 0;      // __syncthreads passed by the running block
  Warp warp[kMaxThreads / 32];
  int at_barrier = 0;    // threads that wait in __syncthreads
  int barrier_line = 0;  // of the first of them
  int threads = 0;
  int current = 0;
  Thread thread[kMaxThreads];
  Launch record;
  Region shared;  // the running block's shared memory
  uintptr_t stacks = 0;
  uintptr_t launcher_frame = 0;  // the host's stack at the launch: the arguments lie above it
};
extern Execution execution;

constexpr uintptr_t kStackBytes = 64 * 1024;
constexpr uintptr_t kArgumentBytes = 64 * 1024;

uint64_t next_random();

// Records the finding and leaves the launch: does not return.
[[noreturn]] void report(const std::string& text);

// Called by the hooks: puts the current thread aside and runs others.
void preempt();

// "allocation 'logits', byte 12 of 64" or why there is none.
std::string describe(uintptr_t address);

// Notes one access of the current thread for the traffic figures.
void count_access(const void* program_counter, uintptr_t address, int size, bool write,
                  bool shared);
// Adds the finished block to the launch's record.
void finish_block_traffic();

// Checks one access of the current thread to shared or device memory.
void check_access(Region* region, uintptr_t address, int64_t size, bool write, bool atomic);

}  // namespace eqp::model

// Launches, blocks, the scheduler and everything that makes threads wait for each other.
#include "model/execution.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <numeric>

namespace eqp::model {

Execution execution;
Builtins builtins;

namespace {

void* scheduler_stack_pointer = nullptr;
void (*thread_body)(const void*) = nullptr;
const void* thread_argument = nullptr;
std::vector<int> ready;
size_t ready_begin = 0;
std::vector<std::string> found;
std::vector<Launch> finished_launches;
std::map<const void*, int64_t> shared_offsets;  // of the running block, by declaration
int64_t static_shared_bytes = 0;
int64_t dynamic_shared_bytes = 0;
bool aborted = false;

// Shared memory of one block: static declarations grow from the start, dynamic memory has the rest.
constexpr int64_t kArenaBytes = 2 * kMaxSharedBytes;
constexpr int64_t kDynamicOffset = kMaxSharedBytes + 256;
alignas(256) char shared_arena[kArenaBytes];

void thread_main() {
  thread_body(thread_argument);
  execution.thread[execution.current].state = Thread::State::kDone;
  execution.warp[execution.current / 32].done |= 1u << execution.current % 32;
  eqp_model_switch(&execution.thread[execution.current].stack_pointer, scheduler_stack_pointer);
  abort();  // a finished thread is never resumed
}

void wait_for_others() {
  eqp_model_switch(&execution.thread[execution.current].stack_pointer, scheduler_stack_pointer);
}

// Threads that can run lie in ready[ready_begin...].
int pick_ready() {
  size_t chosen = ready.size() - 1;
  if (execution.schedule.order == Order::kForward || execution.schedule.order == Order::kReverse) {
    const int first = ready[ready_begin++];
    if (ready_begin == ready.size()) {
      ready.clear();
      ready_begin = 0;
    }
    return first;
  }
  if (execution.schedule.order == Order::kRandom) chosen = next_random() % ready.size();
  std::swap(ready[chosen], ready.back());
  const int thread = ready.back();
  ready.pop_back();
  return thread;
}

void make_ready(int thread) {
  execution.thread[thread].state = Thread::State::kReady;
  ready.push_back(thread);
}

std::string thread_text(int thread) {
  char text[96];
  snprintf(text, sizeof(text), "block (%u,%u,%u) thread (%u,%u,%u)", builtins.block_index.x,
           builtins.block_index.y, builtins.block_index.z, execution.thread[thread].index.x,
           execution.thread[thread].index.y, execution.thread[thread].index.z);
  return text;
}

// Nobody can run and not everybody is done.
std::string deadlock_text() {
  int done = 0, barrier = 0, collective = 0, example = 0;
  for (int i = 0; i < execution.threads; ++i) {
    const Thread& thread = execution.thread[i];
    done += thread.state == Thread::State::kDone;
    barrier += thread.state == Thread::State::kBarrier;
    if (thread.state == Thread::State::kCollective) {
      ++collective;
      example = i;
    }
  }
  char text[256];
  if (collective == 0) {
    snprintf(text, sizeof(text),
             "barrier divergence: %d threads wait in __syncthreads, %d have left the kernel",
             barrier, done);
    return text;
  }
  snprintf(text, sizeof(text),
           "deadlock: %s waits in %s with mask 0x%08x for lanes that never come (%d threads in "
           "__syncthreads, %d have left the kernel)",
           thread_text(example).c_str(),
           kCollectiveNames[static_cast<int>(execution.thread[example].operation)],
           execution.thread[example].mask, barrier, done);
  return text;
}

void add_finding(const std::string& text) {
  aborted = true;
  if (found.size() < 100) found.push_back(execution.record.kernel + ": " + text);
}

// Gives [offset, offset + bytes) of the arena to a declaration, with no bytes written yet.
void declare_shared(int64_t offset, int64_t bytes) {
  memset(shared_arena + offset, 0xFB, static_cast<size_t>(bytes));
  for (int64_t i = offset / 4; i < (offset + bytes + 3) / 4; ++i) {
    execution.shared.granules[static_cast<size_t>(i)] = Granule{};
  }
}

// Takes everything behind `offset` that is static back: the next block may declare less.
void forbid_shared(int64_t offset) {
  for (int64_t i = offset / 4; i < (static_shared_bytes + 3) / 4; ++i) {
    execution.shared.granules[static_cast<size_t>(i)].forbidden = true;
  }
}

void run_block(dim3 block) {
  execution.barrier = 0;
  std::fill(std::begin(execution.warp), std::end(execution.warp), Warp{});
  execution.at_barrier = 0;
  for (const auto& [declaration, offset] : shared_offsets) forbid_shared(offset);
  shared_offsets.clear();
  static_shared_bytes = 0;
  if (dynamic_shared_bytes > 0) declare_shared(kDynamicOffset, dynamic_shared_bytes);
  ready_begin = 0;
  ready.resize(static_cast<size_t>(execution.threads));
  std::iota(ready.begin(), ready.end(), 0);
  if (execution.schedule.order == Order::kReverse) std::reverse(ready.begin(), ready.end());
  for (int i = 0; i < execution.threads; ++i) {
    Thread& thread = execution.thread[i];
    thread = Thread{};
    thread.index.x = static_cast<unsigned>(i) % block.x;
    thread.index.y = static_cast<unsigned>(i) / block.x % block.y;
    thread.index.z = static_cast<unsigned>(i) / block.x / block.y;
    thread.stack_pointer = make_fiber(
        reinterpret_cast<char*>(execution.stacks) + static_cast<uintptr_t>(i) * kStackBytes,
        kStackBytes, thread_main);
  }
  while (!ready.empty() && !aborted) {
    const int next = pick_ready();
    execution.current = next;
    builtins.thread_index = execution.thread[next].index;
    execution.running = true;
    eqp_model_switch(&scheduler_stack_pointer, execution.thread[next].stack_pointer);
    execution.running = false;
  }
  if (aborted) return;
  for (int i = 0; i < execution.threads; ++i) {
    if (execution.thread[i].state != Thread::State::kDone) {
      add_finding(deadlock_text());
      return;
    }
  }
  finish_block_traffic();
}

// Two lanes that wait for each other must have called the same.
void check_same_call(int lane, int other) {
  const int warp_begin = execution.current / 32 * 32;
  const Thread& a = execution.thread[warp_begin + lane];
  const Thread& b = execution.thread[warp_begin + other];
  if (a.operation == b.operation && a.mask == b.mask && a.width == b.width) return;
  char text[192];
  snprintf(text, sizeof(text),
           "mask misuse: lane %d calls %s with mask 0x%08x while lane %d waits in %s with mask "
           "0x%08x",
           lane, kCollectiveNames[static_cast<int>(a.operation)], a.mask, other,
           kCollectiveNames[static_cast<int>(b.operation)], b.mask);
  report(text);
}

void complete_collective(int warp_begin, unsigned mask) {
  const Thread* const lanes = execution.thread + warp_begin;
  for (int lane = 0; lane < 32; ++lane) {
    if ((mask >> lane & 1) != 0) check_same_call(execution.current % 32, lane);
  }
  unsigned ballot = 0;
  for (int lane = 0; lane < 32; ++lane) {
    if ((mask >> lane & 1) != 0 && lanes[lane].value != 0) ballot |= 1u << lane;
  }
  for (int lane = 0; lane < 32; ++lane) {
    if ((mask >> lane & 1) == 0) continue;
    Thread& thread = execution.thread[warp_begin + lane];
    const int segment = lane / thread.width * thread.width;
    int source = lane;
    switch (thread.operation) {
      case Collective::kShuffle:
        source = segment + (thread.argument & (thread.width - 1));
        break;
      case Collective::kShuffleUp:
        if (lane - thread.argument >= segment) source = lane - thread.argument;
        break;
      case Collective::kShuffleDown:
        if (lane + thread.argument < segment + thread.width) source = lane + thread.argument;
        break;
      case Collective::kShuffleXor:
        source = lane ^ thread.argument;
        if (source >= segment + thread.width) source = lane;
        break;
      case Collective::kBallot:
      case Collective::kSyncWarp:
        break;
    }
    if ((mask >> (source & 31) & 1) == 0 || source < 0 || source > 31) {
      char text[160];
      snprintf(text, sizeof(text),
               "mask misuse: lane %d reads lane %d in %s, which mask 0x%08x does not name", lane,
               source, kCollectiveNames[static_cast<int>(thread.operation)], mask);
      report(text);
    }
    thread.result = thread.operation == Collective::kBallot ? ballot : lanes[source].value;
  }
  if (lanes[__builtin_ctz(mask)].operation == Collective::kSyncWarp) {
    const int lanes_there = std::min(32, execution.threads - warp_begin);
    const unsigned there = lanes_there == 32 ? ~0u : (1u << lanes_there) - 1;
    const unsigned alive = there & ~execution.warp[warp_begin / 32].done;
    // A partial __syncwarp orders only some lanes; it gets no credit (none of our kernels needs
    // it).
    if ((mask & alive) == alive) ++execution.warp[warp_begin / 32].syncs;
  }
  execution.warp[warp_begin / 32].waiting &= ~mask;
  for (int lane = 0; lane < 32; ++lane) {
    if ((mask >> lane & 1) != 0) make_ready(warp_begin + lane);
  }
}

}  // namespace

uint64_t next_random() {  // xorshift64*
  uint64_t& x = execution.random;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  return (x * 2685821657736338717ull) >> 11;
}

void report(const std::string& text) {
  execution.running = false;
  add_finding(thread_text(execution.current) + ": " + text);
  void* abandoned = nullptr;
  eqp_model_switch(&abandoned, scheduler_stack_pointer);
  abort();
}

void preempt() {
  make_ready(execution.current);
  wait_for_others();
}

uint64_t collective(Collective operation, unsigned mask, uint64_t value, int argument, int width) {
  const int self = execution.current;
  const int warp_begin = self / 32 * 32;
  const int lane = self % 32;
  Thread& thread = execution.thread[self];
  thread.operation = operation;
  thread.mask = mask;
  thread.value = value;
  thread.argument = argument;
  thread.width = width;
  char text[192];
  if (width < 1 || width > 32 || (width & (width - 1)) != 0) {
    snprintf(text, sizeof(text), "%s: width %d is not a power of two up to 32",
             kCollectiveNames[static_cast<int>(operation)], width);
    report(text);
  }
  if ((mask >> lane & 1) == 0) {
    snprintf(text, sizeof(text),
             "mask misuse: lane %d calls %s with mask 0x%08x, which does not name it", lane,
             kCollectiveNames[static_cast<int>(operation)], mask);
    report(text);
  }
  Warp& warp = execution.warp[self / 32];
  const int lanes_there = std::min(32, execution.threads - warp_begin);
  const unsigned missing = lanes_there == 32 ? 0 : ~((1u << lanes_there) - 1);
  if ((mask & (warp.done | missing)) != 0) {
    const int other = __builtin_ctz(mask & (warp.done | missing));
    snprintf(text, sizeof(text), "mask misuse: %s with mask 0x%08x names lane %d, which %s",
             kCollectiveNames[static_cast<int>(operation)], mask, other,
             other >= lanes_there ? "does not exist" : "has left the kernel");
    report(text);
  }
  if ((mask & warp.waiting) != 0) check_same_call(lane, __builtin_ctz(mask & warp.waiting));
  warp.waiting |= 1u << lane;
  const bool complete = (warp.waiting & mask) == mask;
  thread.state = Thread::State::kCollective;
  if (complete) complete_collective(warp_begin, mask);
  wait_for_others();
  return thread.result;
}

void synchronise_block(int line) {
  Thread& self = execution.thread[execution.current];
  self.state = Thread::State::kBarrier;
  if (execution.at_barrier == 0) execution.barrier_line = line;
  if (execution.barrier_line != line) {
    char text[128];
    snprintf(text, sizeof(text),
             "barrier divergence: __syncthreads of line %d meets that of line %d", line,
             execution.barrier_line);
    report(text);
  }
  if (++execution.at_barrier == execution.threads) {
    execution.at_barrier = 0;
    ++execution.barrier;
    const bool reverse = execution.schedule.order == Order::kReverse;
    for (int i = 0; i < execution.threads; ++i) {
      make_ready(reverse ? execution.threads - 1 - i : i);
    }
  }
  wait_for_others();
}

void* shared_memory(const void* declaration, int64_t bytes) {
  const auto known = shared_offsets.find(declaration);
  if (known != shared_offsets.end()) return shared_arena + known->second;
  const int64_t offset = static_shared_bytes == 0 ? 0 : (static_shared_bytes + 15) / 16 * 16;
  static_shared_bytes = offset + bytes;
  if (static_shared_bytes + dynamic_shared_bytes > kMaxSharedBytes)
    report("more than 48 KiB of shared memory");
  // Declarations lie back to back as on the device; the gap between them is nobody's.
  declare_shared(offset, bytes);
  execution.record.shared_bytes =
      std::max(execution.record.shared_bytes, static_shared_bytes + dynamic_shared_bytes);
  shared_offsets[declaration] = offset;
  return shared_arena + offset;
}

void* dynamic_shared_memory() { return shared_arena + kDynamicOffset; }

float approximate(double exact) {
  float value = static_cast<float>(exact);
  if (execution.running && execution.schedule.fuzz_fast_math && isfinite(value) && value != 0 &&
      exact != 1) {  // 2^0 is exact
    // A function of the value, as a device's unit is: the order of threads changes nothing.
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    bits = (bits ^ (bits >> 15)) * 0x2c1b3c6du;
    bits = (bits ^ (bits >> 12)) * 0x297a2d39u;
    const int steps = static_cast<int>((bits >> 16) % 5) - 2;
    const float toward = steps > 0 ? HUGE_VALF : -HUGE_VALF;
    for (int i = 0; i < abs(steps); ++i) value = nextafterf(value, toward);
  }
  return fabsf(value) < 1.17549435e-38f ? copysignf(0.0f, value) : value;  // .ftz
}

void run_grid(const char* kernel, dim3 grid, dim3 block, int64_t shared,
              void (*thread)(const void*), const void* argument) {
  if (execution.stacks == 0) {
    void* const stacks = mmap(nullptr, kMaxThreads * kStackBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stacks == MAP_FAILED) abort();
    execution.stacks = reinterpret_cast<uintptr_t>(stacks);
    execution.shared.name = "shared memory";
    execution.shared.begin = reinterpret_cast<uintptr_t>(shared_arena);
    execution.shared.end = execution.shared.begin + kArenaBytes;
    execution.shared.granule = 4;
    execution.shared.shared = true;
    execution.shared.granules.resize(kArenaBytes / 4);
    for (Granule& granule : execution.shared.granules) granule.forbidden = true;
  }
  aborted = false;
  execution.launcher_frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  execution.record = Launch{};
  execution.record.kernel = kernel;
  execution.record.shared_bytes = shared;
  dynamic_shared_bytes = shared;
  const uint64_t threads = static_cast<uint64_t>(block.x) * block.y * block.z;
  const uint64_t blocks = static_cast<uint64_t>(grid.x) * grid.y * grid.z;
  if (threads == 0 || threads > kMaxThreads || blocks == 0 || grid.x > 0x7fffffffu ||
      grid.y > 65535 || grid.z > 65535 || block.z > 64 || shared > kMaxSharedBytes) {
    char text[160];
    snprintf(text, sizeof(text),
             "invalid launch: grid (%u,%u,%u) block (%u,%u,%u) shared memory %lld", grid.x, grid.y,
             grid.z, block.x, block.y, block.z, static_cast<long long>(shared));
    add_finding(text);
    return;
  }
  for (size_t i = kDynamicOffset / 4; i < execution.shared.granules.size(); ++i) {
    execution.shared.granules[i].forbidden = true;
  }
  execution.threads = static_cast<int>(threads);
  execution.record.threads = execution.threads;
  execution.record.blocks = static_cast<int64_t>(blocks);
  ++execution.launch;
  execution.first_block = execution.block + 1;
  thread_body = thread;
  thread_argument = argument;
  builtins.grid_dim = grid;
  builtins.block_dim = block;
  std::vector<uint32_t> order(blocks);
  std::iota(order.begin(), order.end(), 0u);
  if (execution.schedule.order == Order::kReverse) std::reverse(order.begin(), order.end());
  if (execution.schedule.order == Order::kRandom) {
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[next_random() % i]);
  }
  for (const uint32_t index : order) {
    builtins.block_index.x = index % grid.x;
    builtins.block_index.y = index / grid.x % grid.y;
    builtins.block_index.z = index / grid.x / grid.y;
    ++execution.block;
    run_block(block);
    if (aborted) return;
  }
  finished_launches.push_back(execution.record);
}

int64_t max_blocks() { return execution.schedule.max_blocks; }

void set_schedule(const Schedule& schedule) {
  execution.schedule = schedule;
  execution.random = schedule.seed * 0x9E3779B97F4A7C15ull + 1;
  if (execution.random == 0) execution.random = 1;
}

const std::vector<Launch>& launches() { return finished_launches; }
void clear_launches() { finished_launches.clear(); }
const std::vector<std::string>& findings() { return found; }
void clear_findings() { found.clear(); }

}  // namespace eqp::model

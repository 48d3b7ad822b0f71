#include "torch/openmp.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

#include <atomic>

#include "equipoise/runtime.h"

namespace eqp::torch {
namespace {

// As compilers call them for `#pragma omp parallel`; libgomp and LLVM's libomp have them.
struct OpenMp {
  void (*parallel)(void (*body)(void*), void* argument, unsigned threads, unsigned flags) = nullptr;
  int (*thread)() = nullptr;
  int (*threads)() = nullptr;
};

OpenMp open_mp;
std::atomic<bool> busy{false};

struct Loop {
  int64_t tasks;
  eqp_task task;
  void* argument;
};

// The team may be smaller than asked for: one thread inside another parallel loop.
void run_share(void* of_loop) {
  const Loop& loop = *static_cast<const Loop*>(of_loop);
  const int64_t team = open_mp.threads();
  for (int64_t i = open_mp.thread(); i < loop.tasks; i += team) loop.task(loop.argument, i);
}

// Every calling thread has a team of its own, so concurrent callers would start more threads than
// were asked for: one has helpers, the others work alone.
void run(void*, int64_t tasks, eqp_task task, void* argument) {
  if (busy.exchange(true, std::memory_order_acquire)) {
    for (int64_t i = 0; i < tasks; ++i) task(argument, i);
    return;
  }
  Loop loop = {tasks, task, argument};
  open_mp.parallel(run_share, &loop, static_cast<unsigned>(tasks), 0);
  busy.store(false, std::memory_order_release);
}

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  void* const symbol = dlsym(library, name);
  memcpy(&function, &symbol, sizeof(function));
  return symbol != nullptr;
}

}  // namespace

bool share_threads(void* libtorch_cpu) {
  OpenMp found;
  if (!find(libtorch_cpu, "GOMP_parallel", found.parallel) ||
      !find(libtorch_cpu, "omp_get_thread_num", found.thread) ||
      !find(libtorch_cpu, "omp_get_num_threads", found.threads)) {
    return false;
  }
  open_mp = found;
  return eqp_set_executor(run, nullptr) == EQP_OK;
}

}  // namespace eqp::torch

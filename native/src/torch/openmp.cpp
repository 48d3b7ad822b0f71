#include "torch/openmp.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <atomic>
#include <mutex>
#include <vector>

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

// As OpenBLAS's cblas.h has them since 0.3.27. Job i is job(i, data + i * element_bytes, more).
using BlasJob = void (*)(int number, void* data, int more);
using BlasThreads = void (*)(int sync, BlasJob job, int jobs, size_t element_bytes, void* data,
                             int more);

struct BlasCall {
  BlasJob job;
  int jobs;
  size_t element_bytes;
  char* data;
  int more;
  bool done;

  void run(int number) const { job(number, data + number * element_bytes, more); }
};

// The jobs of a matrix product wait for each other, spinning: each needs a thread of its own. All
// members of a team see the same size, so either all run their job or none does.
void run_job(void* of_call) {
  BlasCall& call = *static_cast<BlasCall*>(of_call);
  if (open_mp.threads() < call.jobs) return;
  const int number = open_mp.thread();
  if (number < call.jobs) call.run(number);
  if (number == 0) call.done = true;
}

struct BlasThread {
  const BlasCall* call;
  int number;
  pthread_t thread;
};

void* run_thread(void* of_thread) {
  const BlasThread& thread = *static_cast<BlasThread*>(of_thread);
  thread.call->run(thread.number);
  return nullptr;
}

// Within a parallel loop of LibTorch's the team is one thread: new threads then, which is slow and
// rare, for the products of such loops are small.
void run_on_new_threads(const BlasCall& call) {
  std::vector<BlasThread> others(static_cast<size_t>(call.jobs - 1));
  for (int i = 1; i < call.jobs; ++i) {
    BlasThread& other = others[static_cast<size_t>(i - 1)];
    other.call = &call;
    other.number = i;
    // Started jobs wait for this one, so there is no way back: try until the system has a thread.
    while (pthread_create(&other.thread, nullptr, run_thread, &other) != 0) {
      const timespec millisecond = {0, 1000000};
      nanosleep(&millisecond, nullptr);
    }
  }
  call.run(0);
  for (const BlasThread& other : others) pthread_join(other.thread, nullptr);
}

// Jobs of two calls would share OpenBLAS's buffers, one per number: one call at a time.
std::mutex blas_call;

void run_blas(int, BlasJob job, int jobs, size_t element_bytes, void* data, int more) {
  BlasCall call = {job, jobs, element_bytes, static_cast<char*>(data), more, false};
  const std::lock_guard<std::mutex> one(blas_call);
  if (jobs == 1) {
    call.run(0);
    return;
  }
  open_mp.parallel(run_job, &call, static_cast<unsigned>(jobs), 0);
  if (!call.done) run_on_new_threads(call);
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
  void (*set_blas_threads)(BlasThreads) = nullptr;
  if (find(libtorch_cpu, "openblas_set_threads_callback_function", set_blas_threads)) {
    set_blas_threads(run_blas);
  }
  return eqp_set_executor(run, nullptr) == EQP_OK;
}

}  // namespace eqp::torch

// A small pool: the range of tasks is cut into one contiguous slice per thread before anything
// starts; workers block on a condition variable and never spin; the caller works too, and takes
// slices that no worker has picked up yet, so a worker that wakes late costs nothing. Results
// cannot depend on any of this, because tasks are fixed by the op, not by the number of threads.
//
//   - concurrent callers: one uses the workers, the others run their tasks themselves;
//   - fork: the child starts with no workers and creates its own at its first large call;
//   - exit: workers are detached and own nothing; the library is never unloaded (-z nodelete).
#include "abi/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <atomic>

#include "abi/error.h"

namespace eqp {
namespace {

constexpr uint64_t kSmallBytes = 256 * 1024;
constexpr int32_t kMaxThreads = 1024;
constexpr size_t kWorkerStackBytes = 512 * 1024;

struct Job {
  eqp_task task = nullptr;
  void* argument = nullptr;
  int64_t tasks = 0;
  int32_t slices = 0;
  int32_t next_slice = 0;  // the first slice that nobody has claimed
  int32_t unfinished = 0;  // slices that are not done
};

void run_slice(const Job& job, int32_t slice) {
  // 128-bit products: tasks may be any int64.
  const auto begin = static_cast<int64_t>(static_cast<__int128>(job.tasks) * slice / job.slices);
  const auto end =
      static_cast<int64_t>(static_cast<__int128>(job.tasks) * (slice + 1) / job.slices);
  for (int64_t i = begin; i < end; ++i) job.task(job.argument, i);
}

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;  // guards everything below
pthread_cond_t work_ready = PTHREAD_COND_INITIALIZER;
pthread_cond_t work_done = PTHREAD_COND_INITIALIZER;
Job current;
bool busy = false;    // a caller owns `current`
int32_t workers = 0;  // threads that exist
eqp_executor executor = nullptr;
void* executor_context = nullptr;
bool fork_handlers_installed = false;

std::atomic<int32_t> wanted_threads{0};  // 0: not asked yet

int32_t available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  const int count = CPU_COUNT(&set);
  return count < 1 ? 1 : count > kMaxThreads ? kMaxThreads : count;
}

void* worker_main(void*) {
  pthread_mutex_lock(&mutex);
  for (;;) {
    while (current.next_slice >= current.slices) pthread_cond_wait(&work_ready, &mutex);
    const Job job = current;
    const int32_t slice = current.next_slice++;
    pthread_mutex_unlock(&mutex);
    run_slice(job, slice);
    pthread_mutex_lock(&mutex);
    if (--current.unfinished == 0) pthread_cond_signal(&work_done);
  }
  return nullptr;
}

void before_fork() { pthread_mutex_lock(&mutex); }
void after_fork_parent() { pthread_mutex_unlock(&mutex); }
void after_fork_child() {
  // Only the forking thread exists here: forget the workers and any job of another thread.
  mutex = PTHREAD_MUTEX_INITIALIZER;
  work_ready = PTHREAD_COND_INITIALIZER;
  work_done = PTHREAD_COND_INITIALIZER;
  current = Job();
  busy = false;
  workers = 0;
}

// Creates workers until there are `count`; fewer is not an error, the caller takes their slices.
// Called with the mutex held.
void grow(int32_t count) {
  if (!fork_handlers_installed) {
    fork_handlers_installed = pthread_atfork(before_fork, after_fork_parent, after_fork_child) == 0;
  }
  if (workers >= count) return;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return;
  pthread_attr_setstacksize(&attributes, kWorkerStackBytes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  // Workers take no signals: a host such as the JVM expects its own threads to get them.
  sigset_t all, previous;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &previous);
  pthread_t thread;
  while (workers < count && pthread_create(&thread, &attributes, worker_main, nullptr) == 0) {
    ++workers;
  }
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  pthread_attr_destroy(&attributes);
}

void run_on_workers(Job job) {
  job.unfinished = job.slices;
  pthread_mutex_lock(&mutex);
  if (busy) {
    pthread_mutex_unlock(&mutex);
    for (int64_t i = 0; i < job.tasks; ++i) job.task(job.argument, i);
    return;
  }
  busy = true;
  grow(job.slices - 1);
  current = job;
  current.next_slice = 1;  // slice 0 is the caller's
  for (int32_t i = 1; i < job.slices; ++i) pthread_cond_signal(&work_ready);
  int32_t slice = 0;
  for (;;) {
    pthread_mutex_unlock(&mutex);
    run_slice(job, slice);
    pthread_mutex_lock(&mutex);
    --current.unfinished;
    if (current.next_slice >= current.slices) break;
    slice = current.next_slice++;
  }
  while (current.unfinished > 0) pthread_cond_wait(&work_done, &mutex);
  current = Job();
  busy = false;
  pthread_mutex_unlock(&mutex);
}

}  // namespace

int32_t num_threads() {
  int32_t threads = wanted_threads.load(std::memory_order_relaxed);
  if (threads == 0) {
    threads = available_processors();
    int32_t unset = 0;
    if (!wanted_threads.compare_exchange_strong(unset, threads)) threads = unset;
  }
  return threads;
}

eqp_status set_num_threads(int32_t threads) {
  if (threads < 1 || threads > kMaxThreads) {
    return fail(EQP_INVALID_ARGUMENT, "eqp_set_num_threads", "threads: expected 1 to %d, found %d",
                kMaxThreads, threads);
  }
  wanted_threads.store(threads);
  return EQP_OK;
}

void set_executor(eqp_executor run, void* context) {
  pthread_mutex_lock(&mutex);
  executor = run;
  executor_context = context;
  pthread_mutex_unlock(&mutex);
}

void parallel(int64_t tasks, uint64_t bytes, eqp_task task, void* argument) {
  const int32_t threads = num_threads();
  if (tasks > 1 && threads > 1 && bytes >= kSmallBytes) {
    Job job;
    job.task = task;
    job.argument = argument;
    job.tasks = tasks;
    job.slices = static_cast<int32_t>(tasks < threads ? tasks : threads);
    pthread_mutex_lock(&mutex);
    const eqp_executor run = executor;
    void* const context = executor_context;
    pthread_mutex_unlock(&mutex);
    if (run == nullptr) {
      run_on_workers(job);
    } else {
      run(
          context, job.slices,
          [](void* of_job, int64_t slice) {
            run_slice(*static_cast<const Job*>(of_job), static_cast<int32_t>(slice));
          },
          &job);
    }
    return;
  }
  for (int64_t i = 0; i < tasks; ++i) task(argument, i);
}

}  // namespace eqp

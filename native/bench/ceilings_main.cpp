// equipoise_ceilings: how near the ops come to the memory.
//
//   equipoise_ceilings [--mib 1024] [--repeats 9] [--threads 1,2] [--clock wall|cpu]
//
// --clock cpu counts the processor time of the calling thread instead of wall time: for one thread
// on a machine that others use too.
//
// Every op is timed against hand-written kernels with the same mix of read and write streams, over
// the same bytes, interleaved in one process; the ceiling is the fastest of its kernels
// (instruction sets, stores, prefetching), a ratio is ceiling time / op time, both
// medians. The output is CSV: op, dtype, threads, variant, MiB moved, op ms, op GB/s, ceiling
// kernel, ceiling ms, ratio.
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "ceilings.h"
#include "equipoise/equipoise.h"

namespace eqp {
#if defined(EQP_BENCH_X86)
namespace baseline {
extern const ceilings::Kernels ceiling_kernels;
}
namespace avx2 {
extern const ceilings::Kernels ceiling_kernels;
}
namespace avx512 {
extern const ceilings::Kernels ceiling_kernels;
}
#else
namespace generic {
extern const ceilings::Kernels ceiling_kernels;
}
#endif
}  // namespace eqp

namespace {

std::vector<const ceilings::Kernels*> runnable_kernels() {
  std::vector<const ceilings::Kernels*> all;
#if defined(EQP_BENCH_X86)
  all = {&eqp::baseline::ceiling_kernels, &eqp::avx2::ceiling_kernels,
         &eqp::avx512::ceiling_kernels};
#else
  all = {&eqp::generic::ceiling_kernels};
#endif
  const std::string names = std::string(",") + eqp_cpu_variants() + ",";
  std::vector<const ceilings::Kernels*> runnable;
  for (const auto* kernels : all) {
    if (names.find(std::string(",") + kernels->name + ",") != std::string::npos)
      runnable.push_back(kernels);
  }
  return runnable;
}

// Zeroed pages, touched, in huge pages where the system gives them: for op and ceiling alike.
void* allocate(size_t bytes) {
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::fprintf(stderr, "cannot allocate %zu MiB\n", bytes >> 20);
    std::exit(1);
  }
  madvise(memory, bytes, MADV_HUGEPAGE);
  std::memset(memory, 0, bytes);
  return memory;
}

volatile float sink;

// Splits [0, n) over threads in multiples of 64 elements and waits.
void on_threads(int threads, int64_t n, const std::function<void(int64_t, int64_t)>& piece) {
  std::vector<std::thread> others;
  const auto bound = [&](int t) { return n / 64 * t / threads * 64; };
  for (int t = 1; t < threads; ++t) others.emplace_back(piece, bound(t), bound(t + 1) - bound(t));
  piece(0, bound(1));
  for (std::thread& other : others) other.join();
}

bool processor_clock = false;

double now_ms() {
  timespec t;
  clock_gettime(processor_clock ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
}

struct Timed {
  std::string name;
  std::function<void()> run;
  std::vector<double> ms = {};
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Runs all in turn, `repeats` times after one round that does not count; entry 0 is the op.
void report(const char* op, const char* dtype, int threads, double bytes, int repeats,
            std::vector<Timed> all) {
  for (int round = -1; round < repeats; ++round) {
    for (Timed& timed : all) {
      const double begin = now_ms();
      timed.run();
      if (round >= 0) timed.ms.push_back(now_ms() - begin);
    }
  }
  const double op_ms = median(all[0].ms);
  size_t best = 1;
  for (size_t i = 2; i < all.size(); ++i) {
    if (median(all[i].ms) < median(all[best].ms)) best = i;
  }
  const double ceiling_ms = median(all[best].ms);
  std::printf("%s,%s,%d,%s,%.0f,%.2f,%.2f,%s,%.2f,%.3f\n", op, dtype, threads, eqp_cpu_variant(),
              bytes / 1048576, op_ms, bytes / op_ms * 1e-6, all[best].name.c_str(), ceiling_ms,
              ceiling_ms / op_ms);
  std::fflush(stdout);
}

eqp_tensor tensor(void* data, eqp_dtype dtype, std::vector<int64_t> shape) {
  eqp_tensor t{};
  t.data = data;
  t.dtype = dtype;
  t.device_type = EQP_CPU;
  t.ndim = static_cast<int32_t>(shape.size());
  int64_t stride = 1;
  for (size_t d = shape.size(); d-- > 0;) {
    t.shape[d] = shape[d];
    t.stride[d] = stride;
    stride *= shape[d];
  }
  return t;
}

void must(eqp_status status) {
  if (status == EQP_OK) return;
  std::fprintf(stderr, "%s\n", eqp_last_error());
  std::exit(1);
}

void fill_logits(void* data, eqp_dtype dtype, int64_t count) {
  uint32_t state = 1;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    const float value = static_cast<float>(state >> 8) * (12.0f / 16777216.0f) - 6.0f;
    if (dtype == EQP_F32) {
      static_cast<float*>(data)[i] = value;
    } else {
      uint32_t bits;
      std::memcpy(&bits, &value, sizeof(bits));
      static_cast<uint16_t*>(data)[i] = static_cast<uint16_t>(bits >> 16);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  int64_t mib = 1024;
  int repeats = 9;
  std::vector<int> thread_counts = {1, 2};
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (i + 1 == argc) {
      std::fprintf(stderr, "%s needs a value\n", name.c_str());
      return 2;
    }
    if (name == "--mib") {
      mib = std::max(1, std::atoi(argv[i + 1]));
    } else if (name == "--repeats") {
      repeats = std::max(1, std::atoi(argv[i + 1]));
    } else if (name == "--clock") {
      processor_clock = std::string(argv[i + 1]) == "cpu";
    } else if (name == "--threads") {
      thread_counts.clear();
      for (char* next = std::strtok(argv[i + 1], ","); next != nullptr;
           next = std::strtok(nullptr, ",")) {
        thread_counts.push_back(std::max(1, std::atoi(next)));
      }
    } else {
      std::fprintf(stderr, "unknown option %s; known are --mib, --repeats, --threads, --clock\n",
                   name.c_str());
      return 2;
    }
  }
  must(eqp_initialize());
  const std::vector<const ceilings::Kernels*> kernels = runnable_kernels();
  std::printf("op,dtype,threads,variant,mib,op_ms,op_gb_per_s,ceiling,ceiling_ms,ratio\n");
  // Four streams of a quarter of twice the working set: at least `mib` for every op.
  const int64_t stream_bytes = mib * 1048576 / 2;
  float* stream[4];
  for (auto& s : stream) s = static_cast<float*>(allocate(static_cast<size_t>(stream_bytes)));
  // Two streams side by side hold the logits of the forward: one read of `mib`.
  float* const logits_memory = static_cast<float*>(allocate(static_cast<size_t>(2 * stream_bytes)));
  const int64_t vocab = 151936;

  for (eqp_dtype dtype : {EQP_F32, EQP_BF16}) {
    const char* const dtype_name = dtype == EQP_F32 ? "f32" : "bf16";
    const int64_t element = dtype == EQP_F32 ? 4 : 2;
    for (int threads : thread_counts) {
      must(eqp_set_num_threads(threads));
      {  // one read
        const int64_t rows = 2 * stream_bytes / (vocab * element);
        const int64_t floats = rows * vocab * element / 4 / 64 * 64;
        fill_logits(logits_memory, dtype, rows * vocab);
        std::vector<int64_t> targets(static_cast<size_t>(rows), 7);
        std::vector<float> out(static_cast<size_t>(rows)), lse(out), entropy(out);
        const eqp_tensor x = tensor(logits_memory, dtype, {rows, vocab}),
                         t = tensor(targets.data(), EQP_I64, {rows});
        const eqp_tensor y = tensor(out.data(), EQP_F32, {rows}),
                         l = tensor(lse.data(), EQP_F32, {rows});
        const eqp_tensor h = tensor(entropy.data(), EQP_F32, {rows});
        const auto ceiling = [&] {
          std::vector<Timed> all(1);
          for (const auto* k : kernels) {
            for (int way = 0; way < 2; ++way) {
              all.push_back(
                  {std::string("read ") + k->name + ceilings::kWayNames[way], [&, k, way] {
                     on_threads(threads, floats, [&](int64_t begin, int64_t n) {
                       sink = k->read[way](logits_memory + begin, n);
                     });
                   }});
            }
          }
          return all;
        };
        std::vector<Timed> all = ceiling();
        all[0] = {"op", [&] {
                    must(eqp_token_log_probs_forward(nullptr, &x, nullptr, &t, &y, &l, nullptr,
                                                     nullptr, nullptr));
                  }};
        report("token_log_probs_forward", dtype_name, threads, static_cast<double>(floats) * 4,
               repeats, all);
        all = ceiling();
        all[0] = {"op", [&] {
                    must(eqp_token_log_probs_forward(nullptr, &x, nullptr, &t, &y, &l, nullptr, &h,
                                                     nullptr));
                  }};
        report("token_log_probs_forward+entropy", dtype_name, threads,
               static_cast<double>(floats) * 4, repeats, all);
      }
      {  // one read, one write; then in place
        const int64_t rows = stream_bytes / (vocab * element);
        const int64_t floats = rows * vocab * element / 4 / 64 * 64;
        fill_logits(stream[0], dtype, rows * vocab);
        std::vector<int64_t> targets(static_cast<size_t>(rows), 7);
        std::vector<float> lse(static_cast<size_t>(rows), 20.0f),
            g(static_cast<size_t>(rows), 0.5f);
        const eqp_tensor x = tensor(stream[0], dtype, {rows, vocab}),
                         d = tensor(stream[1], dtype, {rows, vocab});
        const eqp_tensor t = tensor(targets.data(), EQP_I64, {rows}),
                         l = tensor(lse.data(), EQP_F32, {rows});
        const eqp_tensor dl = tensor(g.data(), EQP_F32, {rows});
        std::vector<Timed> all = {{"op", [&] {
                                     must(eqp_token_log_probs_backward(nullptr, &x, nullptr, &t, &l,
                                                                       nullptr, &dl, nullptr, &d,
                                                                       nullptr));
                                   }}};
        for (const auto* k : kernels) {
          for (int way = 0; way < ceilings::kWays; ++way) {
            all.push_back({std::string("copy ") + k->name + ceilings::kWayNames[way], [&, k, way] {
                             on_threads(threads, floats, [&](int64_t begin, int64_t n) {
                               k->copy[way](stream[0] + begin, stream[1] + begin, n);
                             });
                           }});
          }
        }
        report("token_log_probs_backward", dtype_name, threads, static_cast<double>(floats) * 8,
               repeats, all);
        all = {{"op", [&] {
                  must(eqp_token_log_probs_backward(nullptr, &x, nullptr, &t, &l, nullptr, &dl,
                                                    nullptr, &x, nullptr));
                }}};
        for (const auto* k : kernels) {
          for (int way = 0; way < 2; ++way) {
            all.push_back(
                {std::string("update ") + k->name + ceilings::kWayNames[way], [&, k, way] {
                   on_threads(threads, floats, [&](int64_t begin, int64_t n) {
                     k->update[way](stream[1] + begin, n);
                   });
                 }});
          }
        }
        report("token_log_probs_backward_in_place", dtype_name, threads,
               static_cast<double>(floats) * 8, repeats, all);
      }
      {  // three reads, one write
        const int64_t plane = 224 * 224, images = stream_bytes / (3 * plane * element);
        const int64_t floats = images * 3 * plane * element / 4 / 64 * 64;
        for (int s = 0; s < 3; ++s) fill_logits(stream[s], dtype, images * 3 * plane);
        const std::vector<int64_t> shape = {images, 3, 224, 224};
        const eqp_tensor a = tensor(stream[0], dtype, shape), b = tensor(stream[1], dtype, shape);
        const eqp_tensor c = tensor(stream[2], dtype, shape), out = tensor(stream[3], dtype, shape);
        std::vector<Timed> all = {{"op", [&] {
                                     must(eqp_linf_step(nullptr, &a, &b, &c, nullptr, nullptr,
                                                        nullptr, nullptr, nullptr, &out, nullptr));
                                   }}};
        for (const auto* k : kernels) {
          for (int way = 0; way < ceilings::kWays; ++way) {
            all.push_back({std::string("3r1w ") + k->name + ceilings::kWayNames[way], [&, k, way] {
                             on_threads(threads, floats, [&](int64_t begin, int64_t n) {
                               k->three_to_one[way](stream[0] + begin, stream[1] + begin,
                                                    stream[2] + begin, stream[3] + begin, n);
                             });
                           }});
          }
        }
        report("linf_step", dtype_name, threads, static_cast<double>(floats) * 16, repeats, all);
      }
    }
  }
  return 0;
}

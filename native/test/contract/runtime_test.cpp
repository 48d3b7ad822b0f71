// Versions, variants, threads, executors, errors per thread, and offsets beyond 31 bits.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "contract/legal_call.h"
#include "equipoise/equipoise.h"
#include "harness/check.h"

namespace eqp::test {
namespace {

// Runs f in a child process, because the variant is chosen once per process; its exit code.
template <class Function>
int in_child(const Function& f) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) _exit(f());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

}  // namespace

EQP_TEST(versions) {
  EQP_CHECK(eqp_abi_version() == EQP_ABI_VERSION, "expected %d, found %d", EQP_ABI_VERSION,
            eqp_abi_version());
  int major = -1, minor = -1, patch = -1;
  EQP_CHECK(sscanf(eqp_library_version(), "%d.%d.%d", &major, &minor, &patch) == 3, "found '%s'",
            eqp_library_version());
}

// Must run before anything in this process chooses a variant; main() sees to that.
EQP_TEST(variants_are_forced_by_the_environment) {
  const std::string listed = eqp_cpu_variants();
  size_t begin = 0;
  int variants = 0;
  std::string last;
  while (begin <= listed.size()) {
    const size_t end = listed.find(',', begin);
    last = listed.substr(begin, end == std::string::npos ? end : end - begin);
    const int code = in_child([&] {
      setenv("EQP_CPU_VARIANT", last.c_str(), 1);
      return eqp_initialize() == EQP_OK && last == eqp_cpu_variant() ? 0 : 1;
    });
    EQP_CHECK(code == 0, "expected the variant '%s' to run when it is asked for", last.c_str());
    ++variants;
    if (end == std::string::npos) break;
    begin = end + 1;
  }
  EQP_CHECK(variants >= 1, "expected at least one variant, found '%s'", listed.c_str());
  const int fastest = in_child([&] {
    unsetenv("EQP_CPU_VARIANT");
    return last == eqp_cpu_variant() ? 0 : 1;
  });
  EQP_CHECK(fastest == 0, "expected the last of '%s' without EQP_CPU_VARIANT", listed.c_str());
  const int unknown = in_child([&] {
    setenv("EQP_CPU_VARIANT", "mmx", 1);
    if (eqp_initialize() != EQP_INVALID_ARGUMENT) return 1;
    if (strstr(eqp_last_error(), "EQP_CPU_VARIANT") == nullptr ||
        strstr(eqp_last_error(), "mmx") == nullptr)
      return 2;
    if (strstr(eqp_last_error(), listed.c_str()) == nullptr) return 3;
    if (strcmp(eqp_cpu_variant(), "") != 0) return 4;
    const auto backend = make_cpu_backend();
    Random random(1);
    for (const Op& op : ops()) {
      LegalCall call(*backend, op, random, true);
      if (call.invoke() != EQP_INVALID_ARGUMENT ||
          strstr(eqp_last_error(), "EQP_CPU_VARIANT") == nullptr)
        return 5;
      if (!call.damage(true).empty()) return 6;
    }
    return 0;
  });
  EQP_CHECK(unknown == 0,
            "expected an unknown variant to be refused everywhere with a text, found problem %d",
            unknown);
}

EQP_TEST(numbers_of_threads) {
  for (const int32_t bad : {0, -1, 1025, INT32_MAX, INT32_MIN}) {
    const int32_t before = eqp_num_threads();
    EQP_CHECK(eqp_set_num_threads(bad) == EQP_INVALID_ARGUMENT, "expected %d threads to be refused",
              bad);
    EQP_CHECK(strstr(eqp_last_error(), "threads") != nullptr, "found '%s'", eqp_last_error());
    EQP_CHECK(eqp_num_threads() == before, "expected the number to stay %d", before);
  }
  for (const int32_t good : {1, 2, 1024, 3}) {
    EQP_CHECK(eqp_set_num_threads(good) == EQP_OK && eqp_num_threads() == good,
              "expected %d threads", good);
  }
}

EQP_TEST(an_executor_gets_every_task_once) {
  static std::vector<int> hits;
  static int64_t calls = 0;
  const auto run = [](void*, int64_t tasks, eqp_task task, void* argument) {
    ++calls;
    std::vector<int> seen(static_cast<size_t>(tasks), 0);
    for (int64_t i = tasks - 1; i >= 0; --i) {
      ++seen[static_cast<size_t>(i)];
      task(argument, i);
    }
    hits.insert(hits.end(), seen.begin(), seen.end());
  };
  const auto backend = make_cpu_backend();
  const std::vector<int64_t> shape = {64, 4099};
  std::vector<Buffer> buffers;
  for (int i = 0; i < 3; ++i)
    buffers.emplace_back(backend.get(), EQP_F32, std::vector<int64_t>{1, 1, 64, 4099}, Layout{}, 2);
  for (Buffer& buffer : buffers) {
    for (int64_t i = 0; i < buffer.size(); ++i) buffer.set(i, 0.5);
    buffer.upload();
  }
  eqp_set_num_threads(4);
  EQP_CHECK(eqp_set_executor(run, nullptr) == EQP_OK, "expected an executor to be accepted");
  const eqp_status status =
      eqp_linf_step(nullptr, buffers[0].tensor(), buffers[0].tensor(), buffers[1].tensor(), nullptr,
                    nullptr, nullptr, nullptr, nullptr, buffers[2].tensor(), nullptr);
  EQP_CHECK(status == EQP_OK, "found %d: %s", status, eqp_last_error());
  EQP_CHECK(calls > 0, "expected a large call to use the executor");
  EQP_CHECK(eqp_set_executor(nullptr, nullptr) == EQP_OK, "expected NULL to restore the pool");
  eqp_set_num_threads(1);
}

EQP_TEST(the_last_error_belongs_to_its_thread) {
  eqp_set_num_threads(0);
  const std::string mine = eqp_last_error();
  std::string fresh = "not asked", other;
  std::thread([&] {
    fresh = eqp_last_error();
    eqp_set_num_threads(5000);
    other = eqp_last_error();
  }).join();
  EQP_CHECK(fresh.empty(), "expected no error in a new thread, found '%s'", fresh.c_str());
  EQP_CHECK(mine == eqp_last_error() && mine != other, "expected '%s' to stay, found '%s'",
            mine.c_str(), eqp_last_error());
  eqp_set_num_threads(1);
  EQP_CHECK(mine == eqp_last_error(), "expected a successful call to leave the text alone");
}

// Rows further apart than 2^31 elements, in memory of which only the rows themselves exist.
EQP_TEST(offsets_beyond_31_bits) {
  const int64_t rows = 3, vocab = 1000, stride = (INT64_C(1) << 31) + 16;
  const size_t bytes = static_cast<size_t>((rows - 1) * stride + vocab) * 2;
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    record_skip("offsets_beyond_31_bits", format("no address space of %zu bytes", bytes));
    return;
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < vocab; ++j) {
      store_element(static_cast<char*>(memory) + (i * stride + j) * 2, EQP_BF16,
                    i == 1 && j == 7 ? 20.0 : 0.0);
    }
  }
  int64_t targets[rows] = {0, 7, 999};
  float log_probs[rows] = {}, log_sum_exp[rows] = {};
  const auto vector = [&](void* data, eqp_dtype dtype) {
    eqp_tensor t{};
    t.data = data;
    t.dtype = dtype;
    t.device_type = EQP_CPU;
    t.ndim = 1;
    t.shape[0] = rows;
    t.stride[0] = 1;
    return t;
  };
  eqp_tensor logits = vector(memory, EQP_BF16);
  logits.ndim = 2;
  logits.shape[1] = vocab;
  logits.stride[0] = stride;
  logits.stride[1] = 1;
  const eqp_tensor t = vector(targets, EQP_I64), lp = vector(log_probs, EQP_F32),
                   lse = vector(log_sum_exp, EQP_F32);
  const eqp_status forward = eqp_token_log_probs_forward(nullptr, &logits, nullptr, &t, &lp, &lse,
                                                         nullptr, nullptr, nullptr);
  EQP_CHECK(forward == EQP_OK, "found %d: %s", forward, eqp_last_error());
  const double uniform = -std::log(1000.0);
  EQP_CHECK(std::fabs(log_probs[0] - uniform) < 1e-5 && std::fabs(log_probs[2] - uniform) < 1e-5,
            "found %g, %g", static_cast<double>(log_probs[0]), static_cast<double>(log_probs[2]));
  EQP_CHECK(std::fabs(log_probs[1]) < 1e-5, "found %g", static_cast<double>(log_probs[1]));
  float ones[rows] = {1, 1, 1};
  const eqp_tensor d = vector(ones, EQP_F32);
  const eqp_status backward = eqp_token_log_probs_backward(nullptr, &logits, nullptr, &t, &lse,
                                                           nullptr, &d, nullptr, &logits, nullptr);
  EQP_CHECK(backward == EQP_OK, "found %d: %s", backward, eqp_last_error());
  const double last = load_element(static_cast<char*>(memory) + (2 * stride + 999) * 2, EQP_BF16);
  EQP_CHECK(std::fabs(last - 0.999) < 0.004, "found %g", last);
  munmap(memory, bytes);
}

// Outputs larger than the caches are written past them, except in place: both ways must give the
// same bits, and neither may touch the bytes beside the output.
EQP_TEST(large_outputs_have_the_bits_of_in_place_calls) {
  const int64_t guard = 64;
  for (const eqp_dtype dtype : {EQP_F32, EQP_BF16}) {
    const int64_t bytes = dtype_bytes(dtype);
    const int64_t rows = 3, vocab = (40 << 20) / bytes / rows + 13,
                  elements = rows * vocab;  // over 32 MiB
    std::vector<unsigned char> logits(static_cast<size_t>(elements * bytes)),
        out(logits.size() + 2 * guard, 0xa5);
    Random random(12);
    for (int64_t i = 0; i < elements; ++i) {
      const float x = static_cast<float>(static_cast<int64_t>(random.bits() >> 48) - 32768) * 1e-4f;
      const uint16_t upper = [&] {
        uint32_t b;
        memcpy(&b, &x, 4);
        return static_cast<uint16_t>(b >> 16);
      }();
      memcpy(&logits[static_cast<size_t>(i * bytes)],
             dtype == EQP_F32 ? static_cast<const void*>(&x) : &upper, static_cast<size_t>(bytes));
    }
    std::vector<float> log_sum_exp(rows, 17.0f), ones(rows, 1.0f);
    std::vector<int64_t> targets = {0, vocab / 2, vocab - 1};
    const auto describe = [&](void* data, eqp_dtype of, std::vector<int64_t> shape) {
      eqp_tensor t{};
      t.data = data;
      t.dtype = of;
      t.device_type = EQP_CPU;
      t.ndim = static_cast<int32_t>(shape.size());
      for (size_t d = 0; d < shape.size(); ++d) {
        t.shape[d] = shape[d];
        t.stride[d] = d + 1 == shape.size() ? 1 : vocab;
      }
      return t;
    };
    const eqp_tensor z = describe(logits.data(), dtype, {rows, vocab}),
                     t = describe(targets.data(), EQP_I64, {rows});
    const eqp_tensor lse = describe(log_sum_exp.data(), EQP_F32, {rows}),
                     d = describe(ones.data(), EQP_F32, {rows});
    for (const int64_t offset : {int64_t{0}, bytes}) {  // aligned and not
      std::fill(out.begin(), out.end(), static_cast<unsigned char>(0xa5));
      unsigned char* const to = out.data() + guard / 2 + offset;
      const eqp_tensor g = describe(to, dtype, {rows, vocab});
      eqp_status status = eqp_token_log_probs_backward(nullptr, &z, nullptr, &t, &lse, nullptr, &d,
                                                       nullptr, &g, nullptr);
      EQP_CHECK(status == EQP_OK, "found %d: %s", status, eqp_last_error());
      std::vector<unsigned char> in_place = logits;
      const eqp_tensor same = describe(in_place.data(), dtype, {rows, vocab});
      status = eqp_token_log_probs_backward(nullptr, &same, nullptr, &t, &lse, nullptr, &d, nullptr,
                                            &same, nullptr);
      EQP_CHECK(status == EQP_OK, "found %d: %s", status, eqp_last_error());
      EQP_CHECK(memcmp(in_place.data(), to, in_place.size()) == 0, "%s: gradients differ",
                dtype_text(dtype));

      const eqp_tensor pixels = describe(logits.data(), dtype, {1, rows, vocab});
      const eqp_tensor stepped = describe(to, dtype, {1, rows, vocab});
      status = eqp_linf_step(nullptr, &pixels, &pixels, &pixels, nullptr, nullptr, nullptr, nullptr,
                             nullptr, &stepped, nullptr);
      EQP_CHECK(status == EQP_OK, "found %d: %s", status, eqp_last_error());
      in_place = logits;
      const eqp_tensor image = describe(in_place.data(), dtype, {1, rows, vocab});
      status = eqp_linf_step(nullptr, &image, &pixels, &pixels, nullptr, nullptr, nullptr, nullptr,
                             nullptr, &image, nullptr);
      EQP_CHECK(status == EQP_OK, "found %d: %s", status, eqp_last_error());
      EQP_CHECK(memcmp(in_place.data(), to, in_place.size()) == 0, "%s: steps differ",
                dtype_text(dtype));
      bool untouched = true;
      for (unsigned char* at = out.data(); at < to; ++at) untouched = untouched && *at == 0xa5;
      for (unsigned char* at = to + in_place.size(); at < out.data() + out.size(); ++at)
        untouched = untouched && *at == 0xa5;
      EQP_CHECK(untouched, "%s: bytes beside the output were written", dtype_text(dtype));
    }
  }
}

}  // namespace eqp::test

// concurrency [rounds]: several threads call ops of a size that uses the pool while others change
// the number of threads and the executor; every result must be the bits of the quiet run. Built
// with -fsanitize=thread this also shows that none of it races.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "equipoise/equipoise.h"
#include "harness/check.h"
#include "harness/numbers.h"

namespace eqp::test {
namespace {

constexpr int64_t kRows = 96, kVocab = 1021;

eqp_tensor tensor(void* data, eqp_dtype dtype, std::initializer_list<int64_t> shape) {
  eqp_tensor t{};
  t.data = data;
  t.dtype = dtype;
  t.device_type = EQP_CPU;
  t.ndim = static_cast<int32_t>(shape.size());
  int d = 0;
  for (int64_t size : shape) t.shape[d++] = size;
  int64_t stride = 1;
  for (d = t.ndim - 1; d >= 0; --d) {
    t.stride[d] = stride;
    stride *= t.shape[d];
  }
  return t;
}

// One caller's tensors; the same inputs for every caller.
struct Caller {
  std::vector<float> logits, gradient, pixels, log_probs, log_sum_exp, ones;
  std::vector<int32_t> targets;

  Caller()
      : logits(kRows * kVocab),
        gradient(kRows * kVocab),
        pixels(kRows * kVocab),
        log_probs(kRows),
        log_sum_exp(kRows),
        ones(kRows, 1.0f),
        targets(kRows) {
    Random random(8);
    for (float& x : logits) x = static_cast<float>(random.normal());
    for (int32_t& t : targets) t = static_cast<int32_t>(random.below(kVocab));
  }

  eqp_status run() {
    const eqp_tensor z = tensor(logits.data(), EQP_F32, {kRows, kVocab}),
                     t = tensor(targets.data(), EQP_I32, {kRows});
    const eqp_tensor lp = tensor(log_probs.data(), EQP_F32, {kRows}),
                     lse = tensor(log_sum_exp.data(), EQP_F32, {kRows});
    const eqp_tensor d = tensor(ones.data(), EQP_F32, {kRows}),
                     g = tensor(gradient.data(), EQP_F32, {kRows, kVocab});
    eqp_status status =
        eqp_token_log_probs_forward(nullptr, &z, nullptr, &t, &lp, &lse, nullptr, nullptr, nullptr);
    if (status == EQP_OK)
      status = eqp_token_log_probs_backward(nullptr, &z, nullptr, &t, &lse, nullptr, &d, nullptr,
                                            &g, nullptr);
    const eqp_tensor image = tensor(logits.data(), EQP_F32, {1, 1, kRows, kVocab});
    const eqp_tensor slope = tensor(gradient.data(), EQP_F32, {1, 1, kRows, kVocab});
    const eqp_tensor out = tensor(pixels.data(), EQP_F32, {1, 1, kRows, kVocab});
    if (status == EQP_OK)
      status = eqp_linf_step(nullptr, &image, &image, &slope, nullptr, nullptr, nullptr, nullptr,
                             nullptr, &out, nullptr);
    return status;
  }

  bool same_bits(const Caller& other) const {
    return memcmp(log_probs.data(), other.log_probs.data(), kRows * 4) == 0 &&
           memcmp(gradient.data(), other.gradient.data(), gradient.size() * 4) == 0 &&
           memcmp(pixels.data(), other.pixels.data(), pixels.size() * 4) == 0;
  }
};

void backwards(void*, int64_t tasks, eqp_task task, void* argument) {
  for (int64_t i = tasks - 1; i >= 0; --i) task(argument, i);
}

}  // namespace
}  // namespace eqp::test

int main(int argc, char** argv) {
  using namespace eqp::test;
  const int rounds = argc > 1 ? atoi(argv[1]) : 40;
  eqp_set_num_threads(1);
  Caller quiet;
  EQP_CHECK(quiet.run() == EQP_OK, "the quiet run: %s", eqp_last_error());
  eqp_set_num_threads(3);
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0}, refused{0}, calls{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 3; ++c) {
    callers.emplace_back([&] {
      Caller mine;
      for (int i = 0; i < rounds; ++i) {
        if (mine.run() != EQP_OK) ++refused;
        if (!mine.same_bits(quiet)) ++wrong;
        ++calls;
        // An error in the middle: its text must be this thread's own.
        eqp_set_num_threads(-1 - i);
        const std::string number = std::to_string(-1 - i);
        if (strstr(eqp_last_error(), number.c_str()) == nullptr) ++wrong;
      }
    });
  }
  std::thread threads([&] {
    for (int i = 0; !done; ++i) {
      eqp_set_num_threads(1 + i % 5);
      if (eqp_num_threads() < 1) ++wrong;
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
  });
  std::thread executors([&] {
    for (int i = 0; !done; ++i) {
      eqp_set_executor(i % 2 == 0 ? &backwards : nullptr, nullptr);
      std::this_thread::sleep_for(std::chrono::microseconds(700));
    }
  });
  for (std::thread& caller : callers) caller.join();
  done = true;
  threads.join();
  executors.join();
  eqp_set_executor(nullptr, nullptr);
  EQP_CHECK(calls == 3 * rounds, "expected %d calls, found %d", 3 * rounds, calls.load());
  EQP_CHECK(refused == 0, "%d calls were refused", refused.load());
  EQP_CHECK(wrong == 0, "%d results differ from the quiet run", wrong.load());
  printf("concurrency: %d calls from 3 threads\n", calls.load());
  return finish_tests();
}

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <numeric>
#include <thread>
#include <vector>

#include "harness/backend.h"
#include "harness/numbers.h"

namespace eqp::test {
namespace {

// A host executor that runs the tasks in a shuffled order, split over two threads.
void shuffled_executor(void* context, int64_t tasks, eqp_task task, void* argument) {
  std::vector<int64_t> order(static_cast<size_t>(tasks));
  std::iota(order.begin(), order.end(), 0);
  Random& random = *static_cast<Random*>(context);
  for (int64_t i = tasks - 1; i > 0; --i) {
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(random.below(i + 1))]);
  }
  const size_t half = order.size() / 2;
  std::thread other([&] {
    for (size_t i = 0; i < half; ++i) task(argument, order[i]);
  });
  for (size_t i = half; i < order.size(); ++i) task(argument, order[i]);
  other.join();
}

class CpuBackend final : public Backend {
 public:
  ~CpuBackend() override {
    eqp_set_executor(nullptr, nullptr);
    eqp_set_num_threads(1);
  }
  std::string name() const override { return std::string("cpu-") + eqp_cpu_variant(); }
  std::string skip_reason() const override {
    return eqp_initialize() == EQP_OK ? "" : eqp_last_error();
  }
  bool supports(const std::string& entry, eqp_dtype dtype) const override {
    if (dtype == EQP_F32) return true;
    if (dtype == EQP_BF16) return entry != "group_advantage";
    if (dtype == EQP_F64) {
      return entry == "group_advantage" || entry == "pair_loss" || entry == "policy_loss" ||
             entry == "unpaired_loss";
    }
    return false;
  }
  eqp_device_type device_type() const override { return EQP_CPU; }
  bool is_host_memory() const override { return true; }
  void* allocate(size_t bytes) override {
    void* memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
  }
  void release(void* memory) override { std::free(memory); }
  void copy_to(void* device, const void* host, size_t bytes) override {
    memcpy(device, host, bytes);
  }
  void copy_from(void* host, const void* device, size_t bytes) override {
    memcpy(host, device, bytes);
  }
  int schedules() const override { return 5; }
  std::string use_schedule(int index) override {
    eqp_set_executor(nullptr, nullptr);
    if (index == 4) {
      eqp_set_num_threads(3);
      eqp_set_executor(&shuffled_executor, &random_);
      return "3 threads, shuffled executor";
    }
    const int threads = index == 0 ? 1 : index;  // 1, 1 again, 2, 3
    eqp_set_num_threads(threads);
    return std::to_string(threads) + (threads == 1 ? " thread" : " threads") +
           (index == 1 ? " again" : "");
  }
  bool validates_before_writing() const override { return true; }

 private:
  Random random_{20240229};
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend() { return std::make_unique<CpuBackend>(); }

}  // namespace eqp::test

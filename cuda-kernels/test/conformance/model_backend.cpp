#include "conformance/model_backend.h"

#include <cstring>

#include "model/model.h"

namespace eqp::test {
namespace {

using model::Order;
using model::Schedule;

Schedule schedule_of(Order order, uint64_t seed, uint32_t preempt_one_in, int64_t max_blocks) {
  Schedule schedule;
  schedule.order = order;
  schedule.seed = seed;
  schedule.preempt_one_in = preempt_one_in;
  schedule.max_blocks = max_blocks;
  return schedule;
}

struct NamedSchedule {
  const char* name;
  Schedule schedule;
};

const NamedSchedule kSchedules[] = {
    {"threads in order", schedule_of(Order::kForward, 1, 0, 1 << 20)},
    {"threads and blocks reversed, 2 blocks", schedule_of(Order::kReverse, 1, 0, 2)},
    {"one thread as far as it goes", schedule_of(Order::kDepthFirst, 1, 0, 1 << 20)},
    {"random order, pre-emption", schedule_of(Order::kRandom, 20240229, 13, 1 << 20)},
};

class ModelBackend final : public Backend {
 public:
  explicit ModelBackend(ModelRun run) : run_(run) {}

  std::string name() const override {
    return run_ == ModelRun::kFuzz ? "cuda-model-fuzz" : "cuda-model";
  }
  bool supports(const std::string& entry, eqp_dtype dtype) const override {
    return cuda_supports(entry, dtype);
  }
  int64_t largest_case_elements() const override {
    return run_ == ModelRun::kShort ? 82'000 : 1 << 20;
  }
  eqp_device_type device_type() const override { return EQP_CUDA; }
  void* allocate(size_t bytes) override {
    return model::allocate("tensor or workspace", static_cast<int64_t>(bytes), 1);
  }
  void release(void* memory) override { model::release(memory); }
  void copy_to(void* device, const void* host, size_t bytes) override {
    if (bytes == 0) return;
    memcpy(device, host, bytes);
    model::mark_initialised(device, static_cast<int64_t>(bytes));
  }
  void copy_from(void* host, const void* device, size_t bytes) override {
    memcpy(host, device, bytes);
  }
  void guard(void* memory, size_t bytes, bool on) override {
    model::forbid(memory, static_cast<int64_t>(bytes), on);
  }

  int schedules() const override {
    if (run_ == ModelRun::kFuzz) return 1;
    return run_ == ModelRun::kShort ? 2 : static_cast<int>(std::size(kSchedules));
  }
  std::string use_schedule(int index) override {
    const NamedSchedule& named = kSchedules[run_ == ModelRun::kFuzz ? 3 : index];
    Schedule schedule = named.schedule;
    schedule.fuzz_fast_math = run_ == ModelRun::kFuzz;
    model::set_schedule(schedule);
    return named.name;
  }
  bool validates_before_writing() const override { return false; }

 private:
  ModelRun run_;
};

}  // namespace

std::unique_ptr<Backend> make_model_backend(ModelRun run) {
  return std::make_unique<ModelBackend>(run);
}

}  // namespace eqp::test

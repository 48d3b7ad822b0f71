#include "timer.h"

#include <algorithm>
#include <chrono>

namespace eqp::bench {
namespace {

constexpr int kWarmUpRounds = 3;
// Small caches too get a buffer whose writing takes longer than the host needs to enqueue an op.
constexpr int64_t kLeastFillerBytes = 128 << 20;

class Event {
 public:
  Event() { must(cudaEventCreate(&event_), "creating an event"); }
  ~Event() {
    if (event_ != nullptr) cudaEventDestroy(event_);
  }
  Event(Event&& other) noexcept : event_(other.event_) { other.event_ = nullptr; }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(cudaStream_t stream) { must(cudaEventRecord(event_, stream), "recording an event"); }
  double microseconds_since(const Event& start) const {
    float milliseconds = 0;
    must(cudaEventElapsedTime(&milliseconds, start.event_, event_), "reading an event");
    return static_cast<double>(milliseconds) * 1e3;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

struct Interval {
  Event start, stop;
};

}  // namespace

Timer::Timer(const Device& device)
    : cache_filler_(std::max(kLeastFillerBytes, 2 * device.l2_bytes)) {
  must(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "creating a stream");
}

Timer::~Timer() { cudaStreamDestroy(stream_); }

void Timer::make_cache_cold() {
  must(
      cudaMemsetAsync(cache_filler_.data(), 1, static_cast<size_t>(cache_filler_.bytes()), stream_),
      "writing the buffer that fills the cache");
}

std::vector<Spread> Timer::in_turn(const std::vector<Contestant>& contestants, int iterations) {
  std::vector<std::vector<Interval>> intervals(contestants.size());
  for (int round = -kWarmUpRounds; round < iterations; ++round) {
    for (size_t c = 0; c < contestants.size(); ++c) {
      Interval interval;
      make_cache_cold();
      interval.start.record(stream_);
      contestants[c].run(stream_);
      interval.stop.record(stream_);
      if (round >= 0) intervals[c].push_back(std::move(interval));
    }
  }
  must(cudaStreamSynchronize(stream_), "waiting for the timed launches");
  std::vector<Spread> spreads;
  for (const std::vector<Interval>& all : intervals) {
    std::vector<double> us;
    for (const Interval& interval : all)
      us.push_back(interval.stop.microseconds_since(interval.start));
    spreads.push_back(spread_of(us));
  }
  return spreads;
}

Spread Timer::call_to_result(const Contestant& contestant, int iterations) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> us;
  for (int round = -kWarmUpRounds; round < iterations; ++round) {
    make_cache_cold();
    must(cudaStreamSynchronize(stream_), "waiting for the cold cache");
    const Clock::time_point start = Clock::now();
    contestant.run(stream_);
    must(cudaStreamSynchronize(stream_), "waiting for a result");
    if (round >= 0)
      us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  return spread_of(us);
}

}  // namespace eqp::bench

// How anything is timed here.
#pragma once

#include <cuda_runtime.h>

#include <functional>
#include <vector>

#include "ceilings.h"
#include "device.h"
#include "statistics.h"

namespace eqp::bench {

class Timer {
 public:
  explicit Timer(const Device& device);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  cudaStream_t stream() const { return stream_; }

  // Microseconds on the device. All run in turn, `iterations` times after a warm-up, each behind a
  // buffer of at least twice the L2 cache that is written first, and between two events. Nothing
  // waits for the device meanwhile, so that the events measure no gap of the host's.
  std::vector<Spread> in_turn(const std::vector<Contestant>& contestants, int iterations);
  // Microseconds of the caller: from the call until its result is there, the cache cold too.
  Spread call_to_result(const Contestant& contestant, int iterations);

 private:
  void make_cache_cold();

  cudaStream_t stream_ = nullptr;
  DeviceMemory cache_filler_;
};

}  // namespace eqp::bench

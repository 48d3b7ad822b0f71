// What this device's memory can do: kernels that move the same streams of bytes as an op and do
// nothing else, with 16-byte accesses.
#pragma once

#include <cuda_runtime.h>

#include <functional>
#include <string>
#include <vector>

namespace eqp::bench {

// Something that is timed: an op or a ceiling.
struct Contestant {
  std::string name;
  std::function<void(cudaStream_t)> run;
};

struct Span {
  void* data;
  int64_t bytes;
};

// The tensors that cross the memory bus, each once per span. What a ceiling writes is a copy of
// what it read: the last written streams get the last read ones, so that a tensor that is read and
// written stays as it is when it is the last of both.
struct Traffic {
  std::vector<Span> reads, writes;
  double bytes() const;
};

// Empty when no kernel has this mix of streams (which must be multiples of the smallest one).
std::vector<Contestant> memory_ceilings(const Traffic& traffic, int multiprocessors);
// One launch that does nothing: the least time between two events around a kernel.
Contestant empty_kernel();

}  // namespace eqp::bench

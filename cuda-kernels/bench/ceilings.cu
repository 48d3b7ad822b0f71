#include <algorithm>

#include "ceilings.h"
#include "device.h"

namespace eqp::bench {
namespace {

constexpr int kThreads = 256;
constexpr int kMostStreams = 13;

struct Streams {
  const uint4* from[kMostStreams];
  uint4* to[kMostStreams];
  int64_t words;   // 16-byte words of each stream
  unsigned* sink;  // written never, or nearly never
};

// In assembly, because the compiler may neither drop a load whose value is not used nor join
// accesses. Streaming: .cs, evicted first.
template <bool streaming>
__device__ __forceinline__ uint4 load(const uint4* address) {
  uint4 v;
  const size_t global = __cvta_generic_to_global(address);
  if (streaming) {
    asm volatile("ld.global.cs.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "l"(global));
  } else {
    asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "l"(global));
  }
  return v;
}

template <bool streaming>
__device__ __forceinline__ void store(uint4* address, uint4 v) {
  const size_t global = __cvta_generic_to_global(address);
  if (streaming) {
    asm volatile("st.global.cs.v4.u32 [%0], {%1, %2, %3, %4};"
                 :
                 : "l"(global), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w)
                 : "memory");
  } else {
    asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};"
                 :
                 : "l"(global), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w)
                 : "memory");
  }
}

// One word of every stream at each of `unroll` places: all loads first, then all stores.
template <int reads, int writes, bool streaming, int unroll>
__device__ __forceinline__ unsigned move(const Streams& s, int64_t first, int64_t step) {
  uint4 word[unroll][reads];
#pragma unroll
  for (int u = 0; u < unroll; ++u) {
#pragma unroll
    for (int r = 0; r < reads; ++r) word[u][r] = load<streaming>(s.from[r] + first + u * step);
  }
  unsigned used = 0;
#pragma unroll
  for (int u = 0; u < unroll; ++u) {
#pragma unroll
    for (int w = 0; w < writes; ++w) {
      constexpr int shift = reads - writes;
      store<streaming>(s.to[w] + first + u * step, word[u][w + shift < 0 ? 0 : w + shift]);
    }
    if (writes == 0) used ^= word[u][0].x ^ word[u][0].y ^ word[u][0].z ^ word[u][0].w;
  }
  return used;
}

template <int reads, int writes, bool streaming, int unroll>
__global__ void __launch_bounds__(kThreads) mix_kernel(Streams s) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  unsigned used = 0;
  for (; i + (unroll - 1) * step < s.words; i += unroll * step)
    used ^= move<reads, writes, streaming, unroll>(s, i, step);
  for (; i < s.words; i += step) used ^= move<reads, writes, streaming, 1>(s, i, step);
  if (writes == 0 && used == 0x9e3779b9u) *s.sink = used;
}

__global__ void nothing_kernel() {}

// Words in flight per thread: about eight, as long as registers last.
constexpr int unroll_for(int reads) { return reads >= 4 ? 1 : reads >= 2 ? 2 : 8; }

template <int reads, int writes, bool streaming>
void launch(const Streams& streams, unsigned blocks, cudaStream_t queue) {
  mix_kernel<reads, writes, streaming, unroll_for(reads)><<<blocks, kThreads, 0, queue>>>(streams);
  must(cudaGetLastError(), "launching a ceiling");
}

struct Mix {
  int reads, writes;
  int unroll;
  void (*ordinary)(const Streams&, unsigned, cudaStream_t);
  void (*streaming)(const Streams&, unsigned, cudaStream_t);
};

template <int reads, int writes>
constexpr Mix mix() {
  return {reads, writes, unroll_for(reads), launch<reads, writes, false>,
          launch<reads, writes, true>};
}

// Reads and writes of the ops, in units of their narrowest stream.
constexpr Mix kMixes[] = {
    mix<1, 0>(),  // token_log_probs_forward
    mix<1, 1>(),  // token_log_probs_backward, uniform_start
    mix<3, 1>(),  // linf_step
    mix<5, 2>(),  // linf_step with momentum, f32
    mix<6, 3>(),  // the same with 16-bit pixels and f32 momentum
    mix<8, 5>(),  // eight_bit with codes, f32
    mix<4, 3>(),  // the same with 16-bit pixels
};

int64_t smallest(const Traffic& traffic) {
  int64_t bytes = INT64_MAX;
  for (const Span& span : traffic.reads) bytes = std::min(bytes, span.bytes);
  for (const Span& span : traffic.writes) bytes = std::min(bytes, span.bytes);
  return bytes;
}

// A span of k times the smallest one becomes k streams.
template <class Pointer>
int split(const std::vector<Span>& spans, int64_t unit, Pointer* streams) {
  int count = 0;
  for (const Span& span : spans) {
    for (int64_t part = 0; part < span.bytes / unit && count < kMostStreams; ++part)
      streams[count++] =
          reinterpret_cast<Pointer>(static_cast<char*>(span.data) + part * (unit / 16) * 16);
  }
  return count;
}

unsigned* sink() {
  static const DeviceMemory memory(sizeof(unsigned));
  return static_cast<unsigned*>(memory.data());
}

bool is_copy(const Traffic& traffic) {
  return traffic.reads.size() == 1 && traffic.writes.size() == 1 &&
         traffic.reads[0].bytes == traffic.writes[0].bytes &&
         traffic.reads[0].data != traffic.writes[0].data;
}

Contestant device_copy(const Traffic& traffic) {
  const Span from = traffic.reads[0], to = traffic.writes[0];
  return {"cudaMemcpyAsync", [from, to](cudaStream_t queue) {
            must(cudaMemcpyAsync(to.data, from.data, static_cast<size_t>(to.bytes),
                                 cudaMemcpyDeviceToDevice, queue),
                 "copying on the device");
          }};
}

}  // namespace

double Traffic::bytes() const {
  double sum = 0;
  for (const Span& span : reads) sum += static_cast<double>(span.bytes);
  for (const Span& span : writes) sum += static_cast<double>(span.bytes);
  return sum;
}

std::vector<Contestant> memory_ceilings(const Traffic& traffic, int multiprocessors) {
  const int64_t unit = smallest(traffic);
  Streams streams{};
  streams.words = unit / 16;
  streams.sink = sink();
  const int reads = split(traffic.reads, unit, streams.from);
  const int writes = split(traffic.writes, unit, streams.to);
  std::vector<Contestant> all;
  for (const Mix& mix : kMixes) {
    if (mix.reads != reads || mix.writes != writes) continue;
    const int64_t once = (streams.words + kThreads * mix.unroll - 1) / (kThreads * mix.unroll);
    const int64_t few = std::min<int64_t>(once, 8 * static_cast<int64_t>(multiprocessors));
    const std::string name = std::to_string(reads) + "r" + std::to_string(writes) + "w";
    for (const bool streaming : {false, true}) {
      for (const int64_t blocks : {few, once}) {
        const auto start = streaming ? mix.streaming : mix.ordinary;
        all.push_back(
            {name + (streaming ? " streaming" : "") + (blocks == few ? " loop" : " once"),
             [=](cudaStream_t queue) { start(streams, static_cast<unsigned>(blocks), queue); }});
      }
    }
  }
  if (is_copy(traffic)) all.push_back(device_copy(traffic));
  return all;
}

Contestant empty_kernel() {
  return {"empty kernel", [](cudaStream_t queue) {
            nothing_kernel<<<1, kThreads, 0, queue>>>();
            must(cudaGetLastError(), "launching an empty kernel");
          }};
}

}  // namespace eqp::bench

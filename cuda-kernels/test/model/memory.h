// Shadow memory: what is known about every granule of device and shared memory.
#pragma once

#include <stdint.h>

#include <memory>
#include <string>
#include <vector>

namespace eqp::model {

// The last access of a kind. Several readers that nothing orders are merged, widest scope wins.
struct Access {
  uint32_t block = 0;  // counted over all launches, from 1
  uint16_t thread = 0;
  uint8_t atomic = 0;
  uint8_t scope = 0;  // 0 one thread, 1 lanes of one warp, 2 warps of one block, 3 several blocks
  uint32_t barrier = 0;    // __syncthreads passed
  uint32_t warp_sync = 0;  // __syncwarp passed
};

struct Granule {
  Access reader;
  Access writer;
  uint32_t read_launch = 0;
  uint32_t write_launch = 0;
  bool initialised = false;
  bool forbidden = false;
};

struct Region {
  std::string name;
  uintptr_t begin = 0;
  uintptr_t end = 0;
  int granule = 1;
  bool shared = false;
  std::vector<Granule> granules;
};

// The registered region that holds `address`, or nullptr.
Region* find_region(uintptr_t address);

// Calls visit(granule) for the granules of [address, address + size).
template <class Visit>
void visit_granules(Region* region, uintptr_t address, int64_t size, Visit visit) {
  const auto granule = static_cast<uintptr_t>(region->granule);
  const uintptr_t first = (address - region->begin) / granule;
  const uintptr_t last = (address + static_cast<uintptr_t>(size) - 1 - region->begin) / granule;
  for (uintptr_t i = first; i <= last; ++i) visit(&region->granules[i]);
}

}  // namespace eqp::model

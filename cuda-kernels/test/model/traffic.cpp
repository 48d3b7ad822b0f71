// Groups the accesses of a warp into requests and counts sectors and bank conflicts.
//
// The n-th access of every lane at one place of the code is one request of its warp, as lanes that
// run the same loop coalesce on the device. Counted per block, because requests never cross warps.
#include <algorithm>
#include <unordered_map>

#include "model/execution.h"

namespace eqp::model {
namespace {

struct LaneAccess {
  uintptr_t address;
  int size;
};

struct Site {
  bool write = false;
  bool shared = false;
  std::vector<uint32_t> done;                         // accesses by thread
  std::vector<std::vector<LaneAccess>> requests[32];  // by warp
};

std::unordered_map<const void*, Site> sites;

int64_t count_sectors(const std::vector<LaneAccess>& lanes) {
  std::vector<uintptr_t> sectors;
  for (const LaneAccess& lane : lanes) {
    const uintptr_t last = (lane.address + static_cast<uintptr_t>(lane.size) - 1) / 32;
    for (uintptr_t s = lane.address / 32; s <= last; ++s) sectors.push_back(s);
  }
  std::sort(sectors.begin(), sectors.end());
  return std::unique(sectors.begin(), sectors.end()) - sectors.begin();
}

// 32 banks of 4 bytes serve one distinct word each per pass; lanes that move 8 or 16 bytes are
// served by halves or quarters of the warp.
int64_t count_bank_conflicts(const std::vector<LaneAccess>& lanes) {
  int64_t extra = 0;
  const size_t together = lanes[0].size > 4 ? 128 / static_cast<size_t>(lanes[0].size) : 32;
  for (size_t begin = 0; begin < lanes.size(); begin += together) {
    std::vector<uintptr_t> words;
    for (size_t i = begin; i < std::min(lanes.size(), begin + together); ++i) {
      for (int byte = 0; byte < lanes[i].size; byte += 4) {
        words.push_back((lanes[i].address + static_cast<uintptr_t>(byte)) / 4);
      }
    }
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    int per_bank[32] = {};
    int most = 1;
    for (const uintptr_t word : words) most = std::max(most, ++per_bank[word % 32]);
    extra += most - 1;
  }
  return extra;
}

}  // namespace

void count_access(const void* program_counter, uintptr_t address, int size, bool write,
                  bool shared) {
  Site& site = sites[program_counter];
  site.write = write;
  site.shared = shared;
  if (site.done.empty()) site.done.resize(kMaxThreads);
  auto& requests = site.requests[execution.current / 32];
  const uint32_t index = site.done[static_cast<size_t>(execution.current)]++;
  if (requests.size() <= index) requests.resize(index + 1);
  requests[index].push_back({address, size});
}

void finish_block_traffic() {
  Launch& record = execution.record;
  for (auto& [program_counter, site] : sites) {
    for (const auto& warp : site.requests) {
      for (const auto& request : warp) {
        if (request.empty()) continue;
        if (site.shared) {
          record.bank_conflicts += count_bank_conflicts(request);
          continue;
        }
        ++record.requests;
        (site.write ? record.written_sectors : record.read_sectors) += count_sectors(request);
        record.wide_requests += std::any_of(request.begin(), request.end(),
                                            [](const LaneAccess& lane) { return lane.size == 16; });
      }
    }
  }
  sites.clear();
}

}  // namespace eqp::model

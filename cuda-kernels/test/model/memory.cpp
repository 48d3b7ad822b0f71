#include "model/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>

#include "model/model.h"

namespace eqp::model {
namespace {

std::vector<std::unique_ptr<Region>> regions;  // sorted by begin
Region* last_found = nullptr;

constexpr int64_t kRedZone = 256;      // around every allocation, owned by nobody
constexpr unsigned char kFill = 0xFB;  // NaN in every floating dtype

std::vector<std::unique_ptr<Region>>::iterator lower(uintptr_t address) {
  return std::upper_bound(
      regions.begin(), regions.end(), address,
      [](uintptr_t a, const std::unique_ptr<Region>& r) { return a < r->begin; });
}

// What the hooks cannot see (a library function called by a kernel, the test itself) is seen here.
void check_red_zones(const Region& region) {
  const auto* const before = reinterpret_cast<const unsigned char*>(region.begin) - kRedZone;
  const auto* const behind = reinterpret_cast<const unsigned char*>(region.end);
  for (int64_t i = 0; i < kRedZone; ++i) {
    if (before[i] == kFill && behind[i] == kFill) continue;
    fprintf(stderr, "memory around '%s' was overwritten unseen\n", region.name.c_str());
    abort();
  }
}

template <class Visit>
void visit_range(const void* memory, int64_t bytes, Visit visit) {
  if (bytes <= 0) return;
  const auto address = reinterpret_cast<uintptr_t>(memory);
  Region* const region = find_region(address);
  if (region == nullptr || address + static_cast<uintptr_t>(bytes) > region->end) abort();
  visit_granules(region, address, bytes, visit);
}

}  // namespace

Region* find_region(uintptr_t address) {
  if (last_found != nullptr && address >= last_found->begin && address < last_found->end) {
    return last_found;
  }
  const auto after = lower(address);
  if (after == regions.begin()) return nullptr;
  Region* const region = std::prev(after)->get();
  if (address >= region->end) return nullptr;
  last_found = region;
  return region;
}

void* allocate(const char* name, int64_t bytes, int granule) {
  char* const raw = static_cast<char*>(
      aligned_alloc(256, static_cast<size_t>((bytes + 2 * kRedZone + 255) / 256 * 256)));
  memset(raw, kFill, static_cast<size_t>(bytes + 2 * kRedZone));
  auto region = std::make_unique<Region>();
  region->name = name;
  region->begin = reinterpret_cast<uintptr_t>(raw + kRedZone);
  region->end = region->begin + static_cast<uintptr_t>(bytes);
  region->granule = granule;
  region->granules.resize(static_cast<size_t>((bytes + granule - 1) / granule));
  regions.insert(lower(region->begin), std::move(region));
  last_found = nullptr;
  return raw + kRedZone;
}

void release(void* memory) {
  const auto address = reinterpret_cast<uintptr_t>(memory);
  for (auto it = regions.begin(); it != regions.end(); ++it) {
    if ((*it)->begin != address) continue;
    check_red_zones(**it);
    regions.erase(it);
    last_found = nullptr;
    free(static_cast<char*>(memory) - kRedZone);
    return;
  }
  abort();  // not an allocation: a defect of the test
}

void mark_initialised(const void* memory, int64_t bytes) {
  visit_range(memory, bytes, [](Granule* granule) { granule->initialised = true; });
}

void forbid(const void* memory, int64_t bytes, bool on) {
  visit_range(memory, bytes, [on](Granule* granule) { granule->forbidden = on; });
}

}  // namespace eqp::model

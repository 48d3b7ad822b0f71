// The functions that code compiled with -fsanitize=thread calls before each access to memory.
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>

#include <algorithm>

#include "model/execution.h"

namespace eqp::model {
namespace {

// Read-only data of the loaded libraries: constant tables of kernels, and nothing a kernel may
// write.
struct Range {
  uintptr_t begin, end;
};
std::vector<Range> constants;

int add_constants(dl_phdr_info* info, size_t, void*) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
    constants.push_back({begin, begin + segment.p_memsz});
  }
  return 0;
}

bool is_constant(uintptr_t address) {
  if (constants.empty()) dl_iterate_phdr(add_constants, nullptr);
  return std::any_of(constants.begin(), constants.end(),
                     [address](const Range& r) { return address >= r.begin && address < r.end; });
}

// Whether the access recorded as `before` is ordered before one of the current thread.
bool ordered(const Access& before, int thread) {
  const Execution& now = execution;
  if (before.block < now.first_block) return true;  // an earlier launch, or never
  if (before.block != now.block || before.scope == 3) return false;
  if (before.thread == thread && before.scope == 0) return true;
  if (before.barrier != now.barrier) return true;
  const bool same_warp = before.thread / 32 == thread / 32 && before.scope < 2;
  return same_warp && before.warp_sync != now.warp[thread / 32].syncs;
}

Access current_access(bool atomic) {
  Access access;
  access.block = execution.block;
  access.thread = static_cast<uint16_t>(execution.current);
  access.atomic = atomic;
  access.barrier = execution.barrier;
  access.warp_sync = execution.warp[execution.current / 32].syncs;
  return access;
}

void merge_reader(Access* reader, const Access& now) {
  const bool repeated =
      reader->block == now.block && reader->thread == now.thread && reader->scope == 0;
  if (repeated || ordered(*reader, now.thread)) {
    *reader = now;
    return;
  }
  uint8_t scope = 3;
  if (reader->block == now.block) scope = reader->thread / 32 == now.thread / 32 ? 1 : 2;
  reader->scope = std::max(reader->scope, scope);
}

std::string race_text(const char* kind, const Access& before, uintptr_t address) {
  char text[128];
  if (before.block != execution.block || before.scope == 3) {
    snprintf(text, sizeof(text), "race: this %s of another block of the launch on ", kind);
  } else {
    snprintf(text, sizeof(text), "race: this %s of thread %d with no barrier between on ", kind,
             before.thread);
  }
  return text + describe(address);
}

void on_access(const void* program_counter, const void* pointer, int64_t size, bool write,
               bool natural) {
  if (!execution.running) return;
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  const uintptr_t stack =
      execution.stacks + static_cast<uintptr_t>(execution.current) * kStackBytes;
  if (address - stack < kStackBytes) return;
  if (address - reinterpret_cast<uintptr_t>(&builtins) < sizeof(builtins)) return;
  // The kernel's arguments on their way from the launch into the thread.
  if (!write && address - execution.launcher_frame < kArgumentBytes) return;
  Region* region = &execution.shared;
  if (address < region->begin || address >= region->end) region = find_region(address);
  if (region == nullptr) {
    if (!write && is_constant(address)) return;
    report(std::string(write ? "write" : "read") + " out of bounds: " + describe(address));
  }
  execution.running = false;  // the checks' own containers are not instrumented, but be safe
  ++execution.record.accesses;
  if (natural && address % static_cast<uintptr_t>(size) != 0) {
    char text[96];
    snprintf(text, sizeof(text), "misaligned access of %d bytes: ", static_cast<int>(size));
    report(text + describe(address));
  }
  if (execution.schedule.preempt_one_in != 0 &&
      next_random() % execution.schedule.preempt_one_in == 0) {
    preempt();
  }
  check_access(region, address, size, write, false);
  if (execution.schedule.count_traffic) {
    count_access(program_counter, address, static_cast<int>(size), write, region->shared);
  }
  execution.running = true;
}

}  // namespace

std::string describe(uintptr_t address) {
  const Region* region = &execution.shared;
  if (address < region->begin || address >= region->end) {
    region = find_region(address);
    for (uintptr_t back = 1; region == nullptr && back <= 256; ++back)
      region = find_region(address - back);
  }
  char text[160];
  if (region == nullptr) {
    snprintf(text, sizeof(text), "address %p, which belongs to no allocation",
             reinterpret_cast<void*>(address));
    return text;
  }
  snprintf(text, sizeof(text), "'%s' at byte %llu of %llu", region->name.c_str(),
           static_cast<unsigned long long>(address - region->begin),
           static_cast<unsigned long long>(region->shared ? static_cast<uintptr_t>(kMaxSharedBytes)
                                                          : region->end - region->begin));
  return text;
}

void check_access(Region* region, uintptr_t address, int64_t size, bool write, bool atomic) {
  if (address + static_cast<uintptr_t>(size) > region->end) {
    report(std::string(write ? "write" : "read") + " out of bounds: " + describe(region->end));
  }
  const Access now = current_access(atomic);
  visit_granules(region, address, size, [&](Granule* granule) {
    if (granule->forbidden) {
      report(std::string(write ? "write" : "read") +
             " out of bounds, outside every element: " + describe(address));
    }
    if ((!write || atomic) && !granule->initialised) {
      report("read of uninitialised memory: " + describe(address));
    }
    const bool both_atomic = atomic && granule->writer.atomic;
    if (!both_atomic && !ordered(granule->writer, now.thread)) {
      report(race_text(write ? "write follows a write" : "read follows a write", granule->writer,
                       address));
    }
    if (write && !ordered(granule->reader, now.thread) && !(atomic && granule->reader.atomic)) {
      report(race_text("write follows a read", granule->reader, address));
    }
    if (!region->shared) {
      if (write && granule->write_launch != execution.launch) {
        granule->write_launch = execution.launch;
        execution.record.written_bytes += region->granule;
      }
      if (!write && granule->read_launch != execution.launch) {
        granule->read_launch = execution.launch;
        execution.record.read_bytes += region->granule;
      }
    }
    if (write) {
      granule->writer = now;
      granule->reader = Access{};
      granule->initialised = true;
    } else {
      merge_reader(&granule->reader, now);
    }
  });
}

unsigned atomic_or(unsigned* address, unsigned value) {
  Region* const region = find_region(reinterpret_cast<uintptr_t>(address));
  if (region == nullptr)
    report("atomic out of bounds: " + describe(reinterpret_cast<uintptr_t>(address)));
  check_access(region, reinterpret_cast<uintptr_t>(address), 4, true, true);
  const unsigned before = *address;
  *address = before | value;
  return before;
}

unsigned atomic_max(unsigned* address, unsigned value) {
  Region* const region = find_region(reinterpret_cast<uintptr_t>(address));
  if (region == nullptr)
    report("atomic out of bounds: " + describe(reinterpret_cast<uintptr_t>(address)));
  check_access(region, reinterpret_cast<uintptr_t>(address), 4, true, true);
  const unsigned before = *address;
  *address = before > value ? before : value;
  return before;
}

}  // namespace eqp::model

using eqp::model::on_access;

#define EQP_CALLER __builtin_return_address(0)
#define EQP_HOOKS(size)                                                                      \
  void __tsan_read##size(void* p) { on_access(EQP_CALLER, p, size, false, true); }           \
  void __tsan_write##size(void* p) { on_access(EQP_CALLER, p, size, true, true); }           \
  void __tsan_unaligned_read##size(void* p) { on_access(EQP_CALLER, p, size, false, true); } \
  void __tsan_unaligned_write##size(void* p) { on_access(EQP_CALLER, p, size, true, true); } \
  void __tsan_volatile_read##size(void* p) { on_access(EQP_CALLER, p, size, false, true); }  \
  void __tsan_volatile_write##size(void* p) { on_access(EQP_CALLER, p, size, true, true); }

extern "C" {
EQP_HOOKS(1)
EQP_HOOKS(2)
EQP_HOOKS(4)
EQP_HOOKS(8)
EQP_HOOKS(16)
void __tsan_read_range(void* p, long size) { on_access(EQP_CALLER, p, size, false, false); }
void __tsan_write_range(void* p, long size) { on_access(EQP_CALLER, p, size, true, false); }
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_init() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
}

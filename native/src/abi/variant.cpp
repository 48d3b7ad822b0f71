#include "abi/variant.h"

#include <stdlib.h>
#include <string.h>

#include <atomic>

#include "abi/error.h"

namespace eqp {

// The instruction sets that this build holds, X(name) each, slowest first. Proof builds hold fewer.
#if !defined(EQP_CPU_ISA_LIST)
#if defined(__x86_64__)
#define EQP_CPU_ISA_LIST X(baseline) X(avx2) X(avx512)
#else
#define EQP_CPU_ISA_LIST X(generic)
#endif
#endif

#define X(isa)                  \
  namespace isa {               \
  extern const Backend backend; \
  }
EQP_CPU_ISA_LIST
#undef X

namespace {

[[maybe_unused]] bool can_run_generic() { return true; }
#if defined(__x86_64__)
[[maybe_unused]] bool can_run_baseline() { return can_run_generic(); }
[[maybe_unused]] bool can_run_avx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
[[maybe_unused]] bool can_run_avx512() {
  return can_run_avx2() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
#endif

struct Variant {
  const char* name;
  const Backend* backend;
  bool (*can_run)();
};

#define X(isa) {#isa, &isa::backend, can_run_##isa},
constexpr Variant kVariants[] = {EQP_CPU_ISA_LIST};
#undef X
constexpr int kVariantCount = static_cast<int>(sizeof(kVariants) / sizeof(kVariants[0]));

std::atomic<const Backend*> chosen{nullptr};

}  // namespace

const char* cpu_variants() {
  // Written the same way by every thread that gets here first.
  static char names[64];
  static std::atomic<bool> ready{false};
  if (!ready.load(std::memory_order_acquire)) {
    char text[sizeof(names)] = "";
    for (const Variant& variant : kVariants) {
      if (!variant.can_run()) continue;
      if (text[0] != 0) strcat(text, ",");
      strcat(text, variant.name);
    }
    static std::atomic_flag writing = ATOMIC_FLAG_INIT;
    if (!writing.test_and_set()) {
      memcpy(names, text, sizeof(names));
      ready.store(true, std::memory_order_release);
    } else {
      while (!ready.load(std::memory_order_acquire)) {
      }
    }
  }
  return names;
}

const Backend* cpu_backend(const char* op) {
  const Backend* backend = chosen.load(std::memory_order_acquire);
  if (backend != nullptr) return backend;
  const char* const wanted = getenv("EQP_CPU_VARIANT");
  if (wanted == nullptr || wanted[0] == 0) {
    for (const Variant& variant : kVariants) {
      if (variant.can_run()) backend = variant.backend;
    }
  } else {
    for (const Variant& variant : kVariants) {
      if (strcmp(variant.name, wanted) != 0) continue;
      if (!variant.can_run()) {
        fail(EQP_INVALID_ARGUMENT, op,
             "EQP_CPU_VARIANT: this processor cannot run '%s'; it can run %s", wanted,
             cpu_variants());
        return nullptr;
      }
      backend = variant.backend;
    }
    if (backend == nullptr) {
      fail(EQP_INVALID_ARGUMENT, op, "EQP_CPU_VARIANT: expected one of %s, found '%.64s'",
           cpu_variants(), wanted);
      return nullptr;
    }
  }
  chosen.store(backend, std::memory_order_release);
  return backend;
}

}  // namespace eqp

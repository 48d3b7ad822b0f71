// What a backend must offer so that the conformance suite can run over it.
//
// The suite writes host data, moves it with copy_to, calls an entry of entries(), waits with
// finish() and reads the result with copy_from. It never looks at device memory directly, so the
// same cases run over the CPU variants, a CUDA device and the host execution model of the kernels.
// A new backend is one subclass and one call of run_conformance (conformance/conformance.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "equipoise/runtime.h"
#include "equipoise/types.h"

namespace eqp::test {

struct Entries;  // harness/entries.h

// The entries of the libequipoise that the test is linked with.
const Entries& library_entries();

class Backend {
 public:
  virtual ~Backend() = default;

  // For the table, e.g. "cpu-avx2", "cuda", "cuda-host-model".
  virtual std::string name() const = 0;
  // Why this backend cannot run here; "" when it can. A skipped backend is printed with this text.
  virtual std::string skip_reason() const { return ""; }
  // Whether the entry ("token_log_probs_forward") takes tensors whose first argument has this
  // dtype. Cases of other dtypes are counted as skipped, and the op must refuse them.
  virtual bool supports(const std::string& entry, eqp_dtype dtype) const = 0;
  // Cases with more elements than this are skipped and counted; a slow model says a small number.
  virtual int64_t largest_case_elements() const { return INT64_MAX; }

  virtual eqp_device_type device_type() const = 0;
  virtual int32_t device_index() const { return 0; }
  virtual const Entries& entries() const { return library_entries(); }
  // Whether memory from allocate() can be read by the test itself (used only for poisoning guard
  // bytes under AddressSanitizer).
  virtual bool is_host_memory() const { return false; }

  // Tells a backend that watches accesses that these bytes belong to no element of any tensor (on),
  // or that they are ordinary memory again.
  virtual void guard(void* /*memory*/, size_t /*bytes*/, bool /*on*/) {}

  // Memory on the device, aligned to at least 256 bytes.
  virtual void* allocate(size_t bytes) = 0;
  virtual void release(void* memory) = 0;
  virtual void copy_to(void* device, const void* host, size_t bytes) = 0;
  virtual void copy_from(void* host, const void* device, size_t bytes) = 0;

  // Ways of running the same call whose results must be bitwise equal: thread counts, executors,
  // block orders. use_schedule selects one for the following calls and returns its name; schedule 0
  // is the usual one.
  virtual int schedules() const = 0;
  virtual std::string use_schedule(int index) = 0;

  // True: errors in data give EQP_INVALID_DATA from the entry and nothing is written (CPU).
  // False: the entry gives EQP_OK, the affected rows are NaN and finish() reports the error.
  virtual bool validates_before_writing() const = 0;
  // Waits for the call and reports errors in data.
  virtual eqp_status finish(const eqp_launch* launch);
};

// The CPU backend with the variant that EQP_CPU_VARIANT (or the library's own choice) selected.
std::unique_ptr<Backend> make_cpu_backend();
// What the CUDA kernels take, on a device or over the execution model.
bool cuda_supports(const std::string& entry, eqp_dtype dtype);
// A real CUDA device through libequipoise_cuda; skip_reason() says what is missing. brief: one
// launch of each small case, for runs under a tool that makes launches slow.
std::unique_ptr<Backend> make_cuda_backend(bool brief = false);

}  // namespace eqp::test

// The CPU kernels of one instruction set. Every file of this directory is compiled once per set,
// with EQP_ISA naming it; the only symbols an object defines are the functions declared here.
#pragma once

#include "abi/backend.h"
#include "abi/error.h"
#include "abi/pool.h"
#include "math/vec.h"

namespace eqp {
namespace EQP_ISA {

#define EQP_DECLARE_KERNEL(member, arguments) eqp_status member(const arguments& call);
EQP_BACKEND_ENTRIES(EQP_DECLARE_KERNEL)
#undef EQP_DECLARE_KERNEL

// Runs body(i) for 0 <= i < tasks on the pool; `bytes` is what the whole call touches.
template <class Body>
static void parallel_for(int64_t tasks, uint64_t bytes, const Body& body) {
  parallel(
      tasks, bytes, [](void* argument, int64_t i) { (*static_cast<const Body*>(argument))(i); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

EQP_HD int64_t index_at(const Vector& vector, int64_t i) {
  return vector.dtype == EQP_I64 ? static_cast<const int64_t*>(vector.data)[i]
                                 : int64_t{static_cast<const int32_t*>(vector.data)[i]};
}

template <class E>
EQP_HD const E* row(const Matrix& matrix, int64_t i) {
  return static_cast<const E*>(matrix.data) + i * matrix.row_stride;
}
template <class E>
EQP_HD E* row_out(const Matrix& matrix, int64_t i) {
  return static_cast<E*>(matrix.data) + i * matrix.row_stride;
}

// Outputs at least this large do not fit the caches: they are written past them.
#ifndef EQP_STREAM_BYTES
#define EQP_STREAM_BYTES (32u << 20)  // a test build lowers it, so that small cases stream too
#endif
constexpr uint64_t kStreamBytes = EQP_STREAM_BYTES;

}  // namespace EQP_ISA
}  // namespace eqp

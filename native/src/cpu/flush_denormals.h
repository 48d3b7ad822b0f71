// Within its scope, results below the smallest normal number are 0, and so are such operands. The
// exponentials of logits far below the maximum are of that size: they add nothing to a sum of at least
// 1, and cost a hundred times an ordinary operation.
#pragma once

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace eqp {
namespace EQP_ISA {

class FlushDenormals {
 public:
#if defined(__SSE2__)
  FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | kFlushToZero | kDenormalsAreZero); }
  ~FlushDenormals() { _mm_setcsr(saved_); }

 private:
  static constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
  const unsigned saved_;
#else
  FlushDenormals() {}
  ~FlushDenormals() {}

 public:
#endif
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;
};

}  // namespace EQP_ISA
}  // namespace eqp

// Rows of matrices, each of which a team of threads takes: a warp or the block.
#pragma once

#include "launch.h"
#include "reduce.h"

namespace eqp {
namespace cuda {

template <class T>
EQP_DEVICE const T* row_of(const Matrix& matrix, int64_t row) {
  return static_cast<const T*>(matrix.data) + row * matrix.row_stride;
}
// Null where the matrix was not given.
template <class T>
EQP_DEVICE T* row_out_of(const Matrix& matrix, int64_t row) {
  return matrix.data == nullptr ? nullptr : static_cast<T*>(matrix.data) + row * matrix.row_stride;
}

// The sum over the row's team, in every one of its threads.
template <int kCount>
EQP_DEVICE void team_sum(double (&value)[kCount], int team) {
  if (team == kThreads) {
    block_sum(value);
    return;
  }
#pragma unroll
  for (int k = 0; k < kCount; ++k) value[k] = warp_sum(value[k]);
}

}  // namespace cuda
}  // namespace eqp

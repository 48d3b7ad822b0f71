// What the tensor cores can do: one bf16 GEMM of cuBLAS, which is opened at run time.
#pragma once

#include <string>
#include <vector>

#include "ceilings.h"

namespace eqp::bench {

struct Gemm {
  std::string problem;  // why there is none: cuBLAS was not found, or what it refused
  Contestant contestant;
  double floating_point_operations = 0;
  std::string shape;
};
// C = A B with square bf16 matrices, accumulated in f32.
Gemm make_gemm(int64_t size);

}  // namespace eqp::bench

// Contents of large tensors, made on the device: pseudo-random by element, the same in every run.
#pragma once

#include <cstdint>

#include "equipoise/types.h"

namespace eqp::bench {

// Uniform in [low, high): f32, bf16, f16; whole numbers in [low, high) for i64, u8 and bool.
void fill_uniform(void* data, eqp_dtype dtype, int64_t count, double low, double high,
                  uint32_t seed);

}  // namespace eqp::bench

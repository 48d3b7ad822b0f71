// Philox4x32-10, a counter-based random number generator.
//
// Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC'11. Ten rounds of
// two 32x32 -> 64 bit multiplications; a pure function of (key, counter), so any element of the
// sequence is had without the ones before it and every backend computes the same bits.
#pragma once

#include "math/inline.h"

namespace eqp {
namespace EQP_ISA {

struct Philox4 {
  uint32_t lane[4];
};

// The key of a round; each round has another one.
struct PhiloxKey {
  uint32_t first, second;
};
EQP_HD PhiloxKey philox_key(uint64_t key) {
  return PhiloxKey{static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)};
}
EQP_HD PhiloxKey next_round(PhiloxKey key) {
  return PhiloxKey{key.first + 0x9E3779B9u, key.second + 0xBB67AE85u};
}

EQP_HD void philox_round(PhiloxKey key, uint32_t* c0, uint32_t* c1, uint32_t* c2, uint32_t* c3) {
  const uint64_t first = uint64_t{0xD2511F53u} * *c0;
  const uint64_t second = uint64_t{0xCD9E8D57u} * *c2;
  *c0 = static_cast<uint32_t>(second >> 32) ^ *c1 ^ key.first;
  *c2 = static_cast<uint32_t>(first >> 32) ^ *c3 ^ key.second;
  *c1 = static_cast<uint32_t>(second);
  *c3 = static_cast<uint32_t>(first);
}

EQP_HD Philox4 philox4x32_10(uint64_t key, uint64_t counter_low, uint64_t counter_high) {
  uint32_t c0 = static_cast<uint32_t>(counter_low), c1 = static_cast<uint32_t>(counter_low >> 32);
  uint32_t c2 = static_cast<uint32_t>(counter_high), c3 = static_cast<uint32_t>(counter_high >> 32);
  PhiloxKey round_key = philox_key(key);
  for (int round = 0; round < 10; ++round) {
    philox_round(round_key, &c0, &c1, &c2, &c3);
    round_key = next_round(round_key);
  }
  return Philox4{{c0, c1, c2, c3}};
}

// Uniform in [0, 1) on the grid of 2^-24: every value is a float, without rounding.
EQP_HD float uniform01(uint32_t bits) {
  return static_cast<float>(bits >> 8) * 5.9604644775390625e-08f;
}

}  // namespace EQP_ISA
}  // namespace eqp

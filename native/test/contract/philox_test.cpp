// The tests' own Philox4x32-10 against the known answers that Random123 publishes (kat_vectors).
#include "harness/philox.h"

#include "harness/check.h"

namespace eqp::test {

EQP_TEST(philox_known_answers) {
  struct Known {
    std::array<uint32_t, 4> counter;
    std::array<uint32_t, 2> key;
    std::array<uint32_t, 4> bits;
  };
  const Known known[] = {{{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
                         {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                          {0xffffffff, 0xffffffff},
                          {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
                         {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                          {0xa4093822, 0x299f31d0},
                          {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
  for (const Known& k : known) {
    const auto bits = philox4x32_10(k.counter, k.key);
    for (size_t lane = 0; lane < 4; ++lane) {
      EQP_CHECK(bits[lane] == k.bits[lane], "expected %08x, found %08x", k.bits[lane], bits[lane]);
    }
  }
}

}  // namespace eqp::test

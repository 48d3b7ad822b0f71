// Runs math/elementary_test.cpp where the processor has its instruction set. Apart from it and without
// its flags: with them the compiler may use that instruction set before main has asked for it.
#include <cstdio>
#include <cstring>

#include "equipoise/equipoise.h"
#include "harness/check.h"

namespace eqp::EQP_ISA {
void test_elementary();
}

#define EQP_TEXT_OF(x) #x
#define EQP_TEXT(x) EQP_TEXT_OF(x)

int main() {
  const char* const isa = EQP_TEXT(EQP_ISA);
  if (strstr(eqp_cpu_variants(), isa) == nullptr) {
    printf("SKIPPED: this processor cannot run %s, only %s\n", isa, eqp_cpu_variants());
    return 77;
  }
  eqp::EQP_ISA::test_elementary();
  return eqp::test::finish_tests();
}

// cuda-bench-model: the cases of cuda_bench over the execution model, in shapes that fit its little
// memory: that each op is called rightly, that its results are within the stated tolerance of the
// CPU backend's, and that its mix of streams has a ceiling.
#include <cmath>
#include <cstdio>

#include "cases.h"
#include "check.h"
#include "model/model.h"

namespace {

using namespace eqp::bench;

bool passes(float found, float expected, const Tolerance& tolerance) {
  HostTensor a(EQP_F32, {1}), b(EQP_F32, {1});
  *static_cast<float*>(a.data()) = found;
  *static_cast<float*>(b.data()) = expected;
  Check check;
  check.compare("value", a, b, tolerance);
  return check.good();
}

// A check that cannot fail would let a wrong op be timed.
bool checks_can_fail() {
  const float nan = NAN, infinity = INFINITY;
  return passes(1.05f, 1, {0.1, 0}) && passes(105, 100, {0, 0.1}) && passes(nan, nan, {}) &&
         passes(infinity, infinity, {}) && passes(2, 1, {0.1, 0, 1}) &&
         !passes(1.2f, 1, {0.1, 0}) && !passes(120, 100, {0, 0.1}) && !passes(nan, 1, {9, 9}) &&
         !passes(1, nan, {9, 9}) && !passes(infinity, 1, {9, 9}) && !passes(2, 1, {0.1, 0, 0.5}) &&
         !Check().good();
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options({argv + 1, argv + argc});
  if (!options.error.empty()) {
    std::fprintf(stderr, "cuda-bench-model: %s\n", options.error.c_str());
    return 2;
  }
  if (!checks_can_fail()) {
    std::printf("FAILED: Check lets wrong values pass or right ones fail\n");
    return 1;
  }
  Runner runner(options, use_device(0));
  for (const eqp_dtype dtype : {EQP_F32, EQP_BF16, EQP_F16}) {
    measure_losses(runner, dtype);
    measure_perturbation(runner, dtype);
    measure_token_log_probs(runner, dtype);
  }
  measure_group_advantage(runner);
  return runner.finish();
}

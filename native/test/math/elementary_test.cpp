// exp, log and their kin of src/math in units in the last place, against long double; compiled once
// per instruction set with that set's flags. The bounds are the ones that math/elementary.h states.
#include "math/elementary.h"

#include <cfloat>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "harness/check.h"
#include "harness/numbers.h"
#include "harness/philox.h"
#include "math/philox.h"

#define EQP_TEXT_OF(x) #x
#define EQP_TEXT(x) EQP_TEXT_OF(x)

namespace eqp {
namespace EQP_ISA {

void test_elementary();

namespace {

#if defined(__FMA__)
constexpr double kFloatExpUlps = 1.5;
#else
constexpr double kFloatExpUlps = 2.0;
#endif
constexpr double kPowerUlps = 3.5;
constexpr double kDoubleExpUlps = 1.5;
constexpr double kLogUlps = 1.0;
// Compositions of two of them: the sum of the parts and one more rounding each.
constexpr double kLog1pUlps = 2.5, kSigmoidUlps = 4, kLogSigmoidUlps = 4;

// |actual - exact| in units of the last place of a number of `digits` significant bits.
double ulps(long double actual, long double exact, int digits, int lowest_exponent) {
  if (actual == exact) return 0;
  int exponent = 0;
  frexpl(exact, &exponent);
  if (exponent < lowest_exponent) exponent = lowest_exponent;
  return static_cast<double>(fabsl(actual - exact) / ldexpl(1, exponent - digits));
}
double float_ulps(float actual, long double exact) { return ulps(actual, exact, 24, -125); }
double double_ulps(double actual, long double exact) { return ulps(actual, exact, 53, -1021); }

template <class Function>
float one_lane(const Function& f, float x) {
  f32v v = {};
  for (int i = 0; i < kF32Width; ++i) v[i] = i % 2 == 0 ? x : -1.0f;
  const f32v y = f(v);
  return y[kF32Width - 2];
}
struct TimesExp2 {
  float factor;
  f32v operator()(f32v y) const { return times_exp2(exp2_multiple(factor), y); }
};
f32v exp_vector(f32v x) { return exp(x); }
f32v exp_nonpositive_vector(f32v x) { return exp_nonpositive(x); }
f64v exp_double_vector(f64v x) { return exp(x); }

struct Worst {
  double ulps = 0;
  double at = 0;
  void see(double u, double x) {
    if (u > ulps || u != u) ulps = u, at = x;
  }
};

void expect(const char* what, const Worst& worst, double bound) {
  EQP_CHECK(worst.ulps <= bound,
            "%s of " EQP_TEXT(EQP_ISA) ": expected at most %g ulp, found %.3f at %.17g", what,
            bound, worst.ulps, worst.at);
  printf("%-24s %-10s max %.3f ulp (bound %g) at %.9g\n", what, EQP_TEXT(EQP_ISA), worst.ulps,
         bound, worst.at);
}

void float_exponentials() {
  Worst any, nonpositive;
  // Every 64th float of [2^-30, 89] on both sides, so every exponent and every polynomial interval.
  for (uint32_t bits = 0x30800000; bits < 0x42b20000; bits += 61) {
    float x;
    memcpy(&x, &bits, sizeof(x));
    for (const float argument : {x, -x}) {
      const long double exact = expl(argument);
      if (exact < FLT_MIN || exact > FLT_MAX) continue;
      any.see(float_ulps(one_lane(exp_vector, argument), exact), argument);
      if (argument < 0)
        nonpositive.see(float_ulps(one_lane(exp_nonpositive_vector, argument), exact), argument);
    }
    if (bits % 16 != 0) bits += 7;
  }
  expect("exp f32", any, kFloatExpUlps);
  expect("exp_nonpositive f32", nonpositive, kFloatExpUlps);
  const float inf = HUGE_VALF, nan = __builtin_nanf("");
  for (const float zero : {-inf, -104.0f, -1e30f, -87.4f}) {
    EQP_CHECK(one_lane(exp_vector, zero) == 0.0f && one_lane(exp_nonpositive_vector, zero) == 0.0f,
              "expected exp(%g) = 0, found %g and %g", static_cast<double>(zero),
              static_cast<double>(one_lane(exp_vector, zero)),
              static_cast<double>(one_lane(exp_nonpositive_vector, zero)));
  }
  for (const float one : {0.0f, -0.0f, 1e-30f, -1e-30f, -FLT_TRUE_MIN}) {
    EQP_CHECK(one_lane(exp_vector, one) == 1.0f, "expected exp(%g) = 1", static_cast<double>(one));
    if (one <= 0)
      EQP_CHECK(one_lane(exp_nonpositive_vector, one) == 1.0f, "expected exp(%g) = 1",
                static_cast<double>(one));
  }
  for (const float large : {89.0f, 1e30f, inf}) {
    EQP_CHECK(one_lane(exp_vector, large) == inf, "expected exp(%g) = Inf",
              static_cast<double>(large));
  }
  EQP_CHECK(
      std::isnan(one_lane(exp_vector, nan)) && std::isnan(one_lane(exp_nonpositive_vector, nan)),
      "expected exp(NaN) = NaN");
}

void powers_of_two() {
  test::Random random(5);
  const float inf = HUGE_VALF, nan = __builtin_nanf("");
  for (const float factor : {1.0f, -0.37f, 3e-5f}) {
    Worst worst;
    for (int i = 0; i < 400000; ++i) {
      const float y =
          static_cast<float>(i % 2 == 0 ? random.uniform(-110, 126) : random.normal() * 0.1);
      const long double exact = static_cast<long double>(factor) * exp2l(y);
      worst.see(float_ulps(one_lane(TimesExp2{factor}, y), exact), y);
    }
    // Also at and beside every change of the looked up part.
    for (int k = -64; k <= 64; ++k) {
      for (const float y :
           {std::nextafter(static_cast<float>(k) / 32, -inf), static_cast<float>(k) / 32,
            std::nextafter(static_cast<float>(k) / 32, inf)}) {
        worst.see(
            float_ulps(one_lane(TimesExp2{factor}, y), static_cast<long double>(factor) * exp2l(y)),
            y);
      }
    }
    expect("times_exp2 f32", worst, kPowerUlps);
    for (const float y : {128.0f, 1e6f, 1e30f, inf}) {
      const float found = one_lane(TimesExp2{factor}, y);
      EQP_CHECK(found / factor >= 0x1p126f, "expected at least 2^126 times %g for y = %g, found %g",
                static_cast<double>(factor), static_cast<double>(y), static_cast<double>(found));
    }
    for (const float y : {-128.0f, -1e6f, -1e30f, -inf}) {
      const float found = one_lane(TimesExp2{factor}, y);
      EQP_CHECK(std::fabs(found) <= 0x1p-126f * std::fabs(factor),
                "expected at most 2^-126 times %g for y = %g, found %g",
                static_cast<double>(factor), static_cast<double>(y), static_cast<double>(found));
    }
    EQP_CHECK(std::isnan(one_lane(TimesExp2{factor}, nan)), "expected NaN for NaN");
  }
}

void double_functions() {
  test::Random random(31);
  Worst exponential, logarithm, log_one_plus, ls, s;
  for (int i = 0; i < 400000; ++i) {
    const double x = i % 3 == 0   ? random.uniform(-708, 709)
                     : i % 3 == 1 ? random.uniform(-2, 2)
                                  : random.normal() * 1e-3;
    const double scalar = exp(x);
    f64v v = {};
    v[1] = x;
    const f64v vector = exp_double_vector(v);
    EQP_CHECK(scalar == vector[1], "exp(%.17g): scalar %.17g and vector %.17g differ", x, scalar,
              vector[1]);
    exponential.see(double_ulps(scalar, expl(x)), x);
    const double positive = std::exp(random.uniform(-700, 700)) * (1 + 0.1 * random.uniform());
    const double near_one = 1 + random.normal() * std::exp(random.uniform(-30, -2));
    for (const double y : {positive, near_one}) logarithm.see(double_ulps(log(y), logl(y)), y);
    const double z = std::exp(random.uniform(-40, 3));
    log_one_plus.see(double_ulps(log1p(z), log1pl(z)), z);
    const long double sigmoid_exact = x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x));
    if (x > -700) s.see(double_ulps(sigmoid(x), sigmoid_exact), x);
    const long double ls_exact = x < 0 ? x - log1pl(expl(x)) : -log1pl(expl(-x));
    if (x < 700) ls.see(double_ulps(log_sigmoid(x), ls_exact), x);
  }
  expect("exp f64", exponential, kDoubleExpUlps);
  expect("log f64", logarithm, kLogUlps);
  expect("log1p f64", log_one_plus, kLog1pUlps);
  expect("sigmoid f64", s, kSigmoidUlps);
  expect("log_sigmoid f64", ls, kLogSigmoidUlps);
  const double inf = HUGE_VAL, nan = __builtin_nan("");
  EQP_CHECK(log(0.0) == -inf && log(inf) == inf && std::isnan(log(-1.0)) && std::isnan(log(nan)) &&
                log(1.0) == 0,
            "log at its edges");
  EQP_CHECK(exp(0.0) == 1 && exp(-inf) == 0 && exp(inf) == inf && std::isnan(exp(nan)),
            "exp at its edges");
  EQP_CHECK(log1p(0.0) == 0 && log1p(inf) == inf && std::isnan(log1p(nan)), "log1p at its edges");
  EQP_CHECK(log_sigmoid(inf) == 0 && log_sigmoid(-inf) == -inf && std::isnan(log_sigmoid(nan)),
            "log_sigmoid at its edges");
  EQP_CHECK(
      sigmoid(inf) == 1 && sigmoid(-inf) == 0 && sigmoid(0.0) == 0.5 && std::isnan(sigmoid(nan)),
      "sigmoid at its edges");
}

void philox_is_random123() {
  test::Random random(3);
  for (int i = 0; i < 10000; ++i) {
    const uint64_t key = i == 0 ? 0 : random.bits(), low = i == 0 ? 0 : random.bits(),
                   high = i == 0 ? 0 : random.bits();
    const Philox4 found = philox4x32_10(key, low, high);
    const auto expected =
        test::philox4x32_10({static_cast<uint32_t>(low), static_cast<uint32_t>(low >> 32),
                             static_cast<uint32_t>(high), static_cast<uint32_t>(high >> 32)},
                            {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
    for (size_t lane = 0; lane < 4; ++lane) {
      EQP_CHECK(found.lane[lane] == expected[lane], "lane %zu: expected %08x, found %08x", lane,
                expected[lane], found.lane[lane]);
    }
  }
  EQP_CHECK(uniform01(0) == 0.0f && uniform01(0xff) == 0.0f && uniform01(0x100) == 0x1p-24f &&
                uniform01(0xffffffff) == 1 - 0x1p-24f,
            "uniform01 at its edges");
}

// All 65 536 patterns up; down: each pattern, both neighbours of each, and each midpoint (a tie).
void bfloat16_conversions() {
  for (uint32_t pattern = 0; pattern < 65536; ++pattern) {
    const bfloat16 half{static_cast<uint16_t>(pattern)};
    const float value = to_float(half);
    const uint32_t bits = pattern << 16;
    float expected;
    memcpy(&expected, &bits, sizeof(expected));
    EQP_CHECK(memcmp(&value, &expected, 4) == 0, "pattern %04x", pattern);
    for (const uint32_t low : {0x0000u, 0x0001u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      const uint32_t wide_bits = bits | low;
      float wide;
      memcpy(&wide, &wide_bits, sizeof(wide));
      bfloat16 down;
      assign(&down, wide);
      if (std::isnan(wide)) {
        EQP_CHECK(std::isnan(to_float(down)), "NaN %08x became %04x", wide_bits, down.bits);
        continue;
      }
      uint32_t nearest = pattern;
      if (low > 0x8000u || (low == 0x8000u && pattern % 2 == 1)) ++nearest;
      EQP_CHECK(down.bits == nearest, "%08x: expected %04x, found %04x", wide_bits, nearest,
                down.bits);
      // The vector conversions agree with the scalar one.
      bfloat16 lanes[kF32Width];
      f32v v = {};
      v[kF32Width - 1] = wide;
      store(lanes, v);
      EQP_CHECK(lanes[kF32Width - 1].bits == nearest, "vector, %08x: expected %04x, found %04x",
                wide_bits, nearest, lanes[kF32Width - 1].bits);
    }
    bfloat16 source[kF32Width] = {};
    source[kF32Width - 1] = half;
    const f32v up = load(source);
    const float lane = up[kF32Width - 1];
    EQP_CHECK(memcmp(&lane, &expected, 4) == 0, "vector, pattern %04x", pattern);
  }
}

}  // namespace

void test_elementary() {
  float_exponentials();
  powers_of_two();
  double_functions();
  philox_is_random123();
  bfloat16_conversions();
}

}  // namespace EQP_ISA
}  // namespace eqp

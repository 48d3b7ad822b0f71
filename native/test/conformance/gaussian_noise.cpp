// eqp_gaussian_noise: Box & Muller's formula on the bits of Philox, and one checksum for the bits of
// every backend.
#include "equipoise/gaussian_noise.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "conformance/images.h"
#include "harness/check.h"
#include "harness/philox.h"

namespace eqp::test {
namespace {

constexpr double kRoundoff = 0x1p-24;
// Of z, as the header promises: 4 ulp, each at most 2^-23 of the value.
constexpr double kNormalError = 4 * 0x1p-23;

double normal_of(uint64_t seed, uint64_t stream, uint64_t element) {
  const uint64_t pair = element / 2 * 2;
  const double radius = std::sqrt(-2 * std::log(1 - uniform_of(seed, stream, pair)));
  const double angle = 2 * M_PI * uniform_of(seed, stream, pair + 1);
  return radius * (element % 2 == 0 ? std::cos(angle) : std::sin(angle));
}

struct Setup {
  eqp_dtype dtype = EQP_F32;
  ImageShape shape{2, 3, 5, 7};
  Layout layout;
  bool normalised = false;
  std::vector<double> streams;  // empty: stream + image
  uint64_t seed = 0, stream = 0;
  float signal = 1, deviation = 0.2f, lower = -HUGE_VALF, upper = HUGE_VALF;
};

void run_case(Suite& suite, const Setup& s, uint64_t case_seed) {
  const eqp_pixel_space space =
      s.normalised ? normalised_space(s.shape.channels) : identity_space();
  Random random(case_seed);
  std::vector<double> images;
  for (int64_t e = 0; e < s.shape.size(); ++e) {
    const ChannelSpace c = channel_space(space, s.shape.channel_of(e));
    images.push_back(random.chance(0.02) ? std::nan("")
                                         : round_to(s.dtype, c.value(random.uniform())));
  }
  Case call(
      suite.backend, suite.report, "gaussian_noise",
      text_of(s.shape) +
          format(" seed %llx stream %llx streams %zu signal %g deviation %g "
                 "bounds %g %g normalised %d",
                 static_cast<unsigned long long>(s.seed), static_cast<unsigned long long>(s.stream),
                 s.streams.size(), static_cast<double>(s.signal), static_cast<double>(s.deviation),
                 static_cast<double>(s.lower), static_cast<double>(s.upper), s.normalised),
      s.layout);
  auto& options = call.options<eqp_gaussian_noise_options>();
  options.seed = s.seed;
  options.stream = s.stream;
  options.signal = s.signal;
  options.deviation = s.deviation;
  options.lower = s.lower;
  options.upper = s.upper;
  options.pixel_space = space;
  const int dims = s.shape.contiguous_dims();
  call.add("images", s.dtype, s.shape.dims(), images, dims);
  if (!s.streams.empty()) call.add("streams", EQP_I64, {s.shape.images}, s.streams);
  call.add("out", s.dtype, s.shape.dims(), dims);
  call.also_in_place("out", "images");
  if (!call.run()) return;
  const int64_t per_image = s.shape.channels * s.shape.plane();
  call.expect("out", [&](int64_t e) -> Expected {
    const int64_t image = s.shape.image_of(e);
    const uint64_t stream =
        s.streams.empty()
            ? s.stream + static_cast<uint64_t>(image)
            : static_cast<uint64_t>(static_cast<int64_t>(s.streams[static_cast<size_t>(image)]));
    const ChannelSpace c = channel_space(space, s.shape.channel_of(e));
    const double kept = s.signal * images[static_cast<size_t>(e)];
    const double noise =
        s.deviation / c.std * normal_of(s.seed, stream, static_cast<uint64_t>(e % per_image));
    // Each term is rounded once, the deviation as well, the sum once more; bounds once.
    double tolerance =
        kNormalError * std::fabs(noise) + 3 * kRoundoff * (std::fabs(kept) + std::fabs(noise));
    for (const double bound : {static_cast<double>(s.lower), static_cast<double>(s.upper)}) {
      if (std::isfinite(bound)) tolerance += kRoundoff * c.magnitude(bound);
    }
    if (std::isnan(kept)) return {kept, 0};
    const double low = std::isinf(s.lower) ? -HUGE_VAL : c.value(s.lower);
    const double high = std::isinf(s.upper) ? HUGE_VAL : c.value(s.upper);
    return {std::min(std::max(kept + noise, low), high), tolerance};
  });
}

// signal 0, deviation 1: out = z itself. FNV-1a of its bits, which no backend may change; every
// value is compared with the formula, too.
void check_bits(Suite& suite, const ImageShape& shape, uint64_t seed, uint64_t expected_checksum) {
  Case call(suite.backend, suite.report, "gaussian_noise",
            format("bits of seed %llx", static_cast<unsigned long long>(seed)));
  auto& options = call.options<eqp_gaussian_noise_options>();
  options.seed = seed;
  options.stream = 3;
  options.signal = 0;
  options.deviation = 1;
  call.add("images", EQP_F32, shape.dims(),
           std::vector<double>(static_cast<size_t>(shape.size()), 0), shape.contiguous_dims());
  call.add("out", EQP_F32, shape.dims(), shape.contiguous_dims());
  if (!call.run()) return;
  const int64_t per_image = shape.channels * shape.plane();
  call.expect("out", [&](int64_t e) -> Expected {
    const double z = normal_of(seed, 3 + static_cast<uint64_t>(e / per_image),
                               static_cast<uint64_t>(e % per_image));
    return {z, kNormalError * std::fabs(z)};
  });
  uint64_t checksum = 0xcbf29ce484222325u;
  for (int64_t e = 0; e < shape.size(); ++e) {
    const float z = static_cast<float>(call.at("out").get(e)) + 0.0f;  // -0 is 0
    uint32_t bits = 0;
    memcpy(&bits, &z, sizeof(bits));
    checksum = (checksum ^ bits) * 0x100000001b3u;
  }
  EQP_CHECK(checksum == expected_checksum,
            "expected the same bits from every backend, checksum %llx, found %llx",
            static_cast<unsigned long long>(expected_checksum),
            static_cast<unsigned long long>(checksum));
}

}  // namespace

void conform_gaussian_noise(Suite& suite) {
  check_bits(suite, {3, 2, 5, 7}, 0, 0x4c31273dc6ffaa5cu);
  // Large enough for several threads.
  check_bits(suite, {2, 3, 111, 127}, 0x9e3779b97f4a7c15u, 0x16cfeed891bf5310u);
  uint64_t seed = 9000;
  const Layout layouts[] = {{0, 0}, {3, 1}, {16, 0}, {0, 3}, {61, 2}};
  for (const eqp_dtype dtype : {EQP_F32, EQP_BF16, EQP_F16}) {
    const ImageShape shapes[] = {{0, 3, 4, 4},   {1, 1, 1, 1},   {1, 3, 0, 5},
                                 {3, 3, 5, 7},   {1, 4, 13, 17}, {5, 1, 31, 1},
                                 {2, 3, 16, 16}, {2, 3, 1, 1},   {2, 3, 2, 3, true}};
    for (const ImageShape& shape : shapes) {
      for (const bool normalised : {false, true}) {
        Setup s;
        s.dtype = dtype;
        s.shape = shape;
        s.layout = layouts[++seed % 5];
        s.normalised = normalised;
        s.seed = seed * 0x9e3779b97f4a7c15u;
        s.stream = seed % 2 == 0 ? 0 : ~uint64_t{0};
        s.signal = seed % 3 == 0 ? 0.8630169f : 1;
        if (seed % 4 == 0) {
          s.lower = 0;
          s.upper = 1;
        }
        for (int64_t i = 0; i < shape.images && seed % 2 == 0; ++i)
          s.streams.push_back(i == 1 ? -3 : 1e12 * static_cast<double>(i));
        run_case(suite, s, seed);
      }
    }
    for (const float deviation : {0.0f, 0.5f, 2.0f}) {
      Setup s;
      s.dtype = dtype;
      s.shape = {1, EQP_MAX_CHANNELS + 1, 5, 7};  // values are pixels: any count of channels
      s.deviation = deviation;
      s.lower = 0.25f;
      s.upper = deviation == 0.5f ? HUGE_VALF : 0.75f;
      run_case(suite, s, ++seed);
    }
    for (const Layout& layout : each_shifted_alone("gaussian_noise")) {
      Setup s;
      s.dtype = dtype;
      s.shape = {2, 3, 4, 16};
      s.layout = layout;
      s.streams = {7, -3};
      run_case(suite, s, ++seed);
    }
    Setup several;  // planes of several pieces of work
    several.dtype = dtype;
    several.shape = {1, 2, 1, 32768 + 1};
    run_case(suite, several, ++seed);
    if (!suite.large_cases) continue;
    for (const ImageShape& shape : kLargeShapes) {
      several.shape = shape;
      run_case(suite, several, ++seed);
    }
  }
}

}  // namespace eqp::test

// eqp_uniform_start: the very bits of Philox4x32-10, and the formula of perturbation.h.
#include <algorithm>
#include <cmath>

#include "conformance/images.h"
#include "equipoise/perturbation.h"
#include "harness/check.h"
#include "harness/philox.h"

namespace eqp::test {
namespace {

constexpr double kRoundoff = 0x1p-24;

struct Setup {
  eqp_dtype dtype = EQP_F32;
  ImageShape shape{2, 3, 5, 7};
  Layout layout;
  bool normalised = false;
  Mask mask = Mask::kNone;
  std::vector<double> streams;  // empty: stream + image
  uint64_t seed = 0, stream = 0;
  float epsilon = 8 / 255.0f, lower = 0, upper = 1;
};

void run_case(Suite& suite, const Setup& s, uint64_t case_seed) {
  eqp_pixel_space space = s.normalised ? normalised_space(s.shape.channels) : identity_space();
  space.copies = static_cast<int32_t>(s.shape.copies);
  Random random(case_seed);
  std::vector<double> original;
  for (int64_t e = 0; e < s.shape.size(); ++e) {
    const ChannelSpace c = channel_space(space, s.shape.channel_of(e));
    original.push_back(round_to(s.dtype, c.value(random.uniform(s.lower, s.upper))));
    original.back() = original[static_cast<size_t>(s.shape.first_copy(e))];
  }
  const MaskValues mask = draw_mask(random, s.shape, s.mask);
  Case call(suite.backend, suite.report, "uniform_start",
            text_of(s.shape) +
                format(" seed %llx stream %llx streams %zu epsilon %g normalised %d mask %d",
                       static_cast<unsigned long long>(s.seed),
                       static_cast<unsigned long long>(s.stream), s.streams.size(),
                       static_cast<double>(s.epsilon), s.normalised, static_cast<int>(s.mask)),
            s.layout);
  auto& options = call.options<eqp_uniform_start_options>();
  options.seed = s.seed;
  options.stream = s.stream;
  options.epsilon = s.epsilon;
  options.lower = s.lower;
  options.upper = s.upper;
  options.pixel_space = space;
  const int dims = s.shape.contiguous_dims();
  call.add("original", s.dtype, s.shape.dims(), original, dims);
  if (!s.streams.empty()) call.add("streams", EQP_I64, {s.shape.image_count()}, s.streams);
  if (s.mask != Mask::kNone) call.add("mask", EQP_U8, mask.dims(s.shape), mask.values, dims);
  if (!s.shape.offsets.empty()) {
    call.add("offsets", EQP_I64, {s.shape.image_count() + 1}, s.shape.offset_values());
  }
  call.add("out", s.dtype, s.shape.dims(), dims);
  call.also_in_place("out", "original");
  if (!call.run()) return;
  // Elements are counted within their image, the copies of a pixel once.
  std::vector<uint64_t> counters;
  std::vector<uint64_t> next(static_cast<size_t>(s.shape.image_count()), 0);
  for (int64_t e = 0; e < s.shape.size(); ++e) {
    const int64_t first = s.shape.first_copy(e);
    counters.push_back(first != e ? counters[static_cast<size_t>(first)]
                                  : next[static_cast<size_t>(s.shape.image_of(e))]++);
  }
  call.expect("out", [&](int64_t e) -> Expected {
    const size_t at = static_cast<size_t>(e);
    if (!mask.at(s.shape, e)) return {original[at], 0};
    const int64_t image = s.shape.image_of(e);
    const uint64_t stream =
        s.streams.empty()
            ? s.stream + static_cast<uint64_t>(image)
            : static_cast<uint64_t>(static_cast<int64_t>(s.streams[static_cast<size_t>(image)]));
    const double u = uniform_of(s.seed, stream, counters[at]);
    const ChannelSpace c = channel_space(space, s.shape.channel_of(e));
    const double epsilon = s.epsilon / c.std;
    const double value = original[at] + epsilon * (2 * u - 1);
    const double sizes =
        std::fabs(original[at]) + epsilon + c.magnitude(s.lower) + c.magnitude(s.upper);
    return in_ball(s.dtype, std::min(std::max(value, c.value(s.lower)), c.value(s.upper)),
                   3 * kRoundoff * sizes, std::max(c.value(s.lower), original[at] - epsilon),
                   std::min(c.value(s.upper), original[at] + epsilon));
  });
  for (int64_t e = 0; e < s.shape.size(); ++e) {
    if (!mask.at(s.shape, e)) continue;
    const ChannelSpace space_of = channel_space(space, s.shape.channel_of(e));
    const double length = s.epsilon / space_of.std;
    const float center = static_cast<float>(original[static_cast<size_t>(e)]);
    const float lower = static_cast<float>(space_of.value(s.lower)),
                upper = static_cast<float>(space_of.value(s.upper));
    const double low = static_cast<double>(center - static_cast<float>(length)),
                 high = static_cast<double>(center + static_cast<float>(length)),
                 out = call.at("out").get(e);
    // An original that rounding has put outside the bounds comes back into them.
    if (center < lower || center > upper) continue;
    EQP_CHECK(!(out < low) && !(out > high), "expected a start in [%.9g, %.9g], found %.9g", low,
              high, out);
  }
}

// original 0, epsilon 1, bounds +-1: out = 2u - 1, which f32 holds exactly, so every bit shows.
void check_bits(Suite& suite, uint64_t seed, uint64_t stream, const ImageShape& shape) {
  Case call(suite.backend, suite.report, "uniform_start",
            format("bits of seed %llx stream %llx", static_cast<unsigned long long>(seed),
                   static_cast<unsigned long long>(stream)));
  auto& options = call.options<eqp_uniform_start_options>();
  options.seed = seed;
  options.stream = stream;
  options.epsilon = 1;
  options.lower = -1;
  options.upper = 1;
  call.add("original", EQP_F32, shape.dims(),
           std::vector<double>(static_cast<size_t>(shape.size()), 0), shape.contiguous_dims());
  call.add("out", EQP_F32, shape.dims(), shape.contiguous_dims());
  if (!call.run()) return;
  const int64_t per_image = shape.channels * shape.plane();
  call.expect("out", [&](int64_t e) -> Expected {
    return {2 * uniform_of(seed, stream + static_cast<uint64_t>(e / per_image),
                           static_cast<uint64_t>(e % per_image)) -
                1,
            0};
  });
}

}  // namespace

void conform_uniform_start(Suite& suite) {
  check_bad_offsets<eqp_uniform_start_options>(suite, "uniform_start", {"original"}, "out",
                                               {9, 3, 2, 5});
  const ImageShape bits_shape{3, 2, 5, 7};
  for (const uint64_t seed : {uint64_t{0}, uint64_t{7}, uint64_t{1} << 32, ~uint64_t{0}}) {
    for (const uint64_t stream :
         {uint64_t{0}, uint64_t{0xffffffff}, uint64_t{1} << 40, ~uint64_t{0} - 1}) {
      check_bits(suite, seed, stream, bits_shape);
    }
  }
  check_bits(suite, 11, 3, {2, 3, 211, 127});  // large enough for several threads
  uint64_t seed = 5000;
  const Layout layouts[] = {{0, 0}, {3, 1}, {16, 0}, {0, 3}, {61, 2}};
  for (const eqp_dtype dtype : {EQP_F32, EQP_BF16, EQP_F16}) {
    const ImageShape shapes[] = {{0, 3, 4, 4},   {1, 1, 1, 1},   {1, 3, 0, 5},
                                 {3, 3, 5, 7},   {1, 4, 13, 17}, {5, 1, 31, 1},
                                 {2, 3, 32, 32}, {2, 3, 1, 1},   {2, 3, 2, 3, true}};
    for (const ImageShape& shape : shapes) {
      for (const bool normalised : {false, true}) {
        for (const bool own_streams : {false, true}) {
          Setup s;
          s.dtype = dtype;
          s.shape = shape;
          s.layout = layouts[++seed % 5];
          s.normalised = normalised;
          s.seed = seed * 0x9e3779b97f4a7c15u;
          s.stream = seed % 2 == 0 ? 0 : 12345;
          for (int64_t i = 0; i < shape.images && own_streams; ++i)
            s.streams.push_back(i == 1 ? -3 : 1e12 * static_cast<double>(i));
          run_case(suite, s, seed);
        }
      }
    }
    for (const float epsilon : {0.0f, 0.5f, 2.0f}) {
      Setup s;
      s.dtype = dtype;
      s.epsilon = epsilon;
      s.lower = 0.25f;
      s.upper = 0.75f;
      run_case(suite, s, ++seed);
    }
    for (const Mask mask : {Mask::kNone, Mask::kFull, Mask::kOneChannel, Mask::kNothing}) {
      Setup packed;
      packed.dtype = dtype;
      packed.shape = packed_shape(mask == Mask::kFull ? 196 : 7);
      packed.mask = mask;
      packed.normalised = mask != Mask::kFull;
      packed.seed = ++seed;
      if (mask == Mask::kOneChannel) packed.streams = {5, 6, 1e12};
      run_case(suite, packed, seed);
    }
    for (const Layout& layout : each_shifted_alone("uniform_start")) {
      Setup s;
      s.dtype = dtype;
      s.layout = layout;
      s.shape = {3, 3, 2, 32};
      s.shape.copies = 2;
      s.shape.offsets = {0, 1, 3};
      s.mask = Mask::kFull;
      s.streams = {7, -3};
      run_case(suite, s, ++seed);
    }
    Setup several;  // planes of several pieces of work
    several.dtype = dtype;
    several.shape = {2, 2, 1, 2 * 32768 + 1};
    run_case(suite, several, ++seed);
    if (!suite.large_cases) continue;
    for (const ImageShape& shape : kLargeShapes) {
      several.shape = shape;
      run_case(suite, several, ++seed);
    }
  }
}

}  // namespace eqp::test

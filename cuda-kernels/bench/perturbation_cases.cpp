// The steps of an attack on images: a batch of 1 GiB, and one of the size that an attack has.
#include <algorithm>
#include <cmath>

#include "cases.h"
#include "equipoise/perturbation.h"

namespace eqp::bench {
namespace {

constexpr int64_t kChannels = 3, kSide = 448;
constexpr int64_t kImageElements = kChannels * kSide * kSide;
constexpr int64_t kBatchBytes = 1 << 30;  // of each tensor
constexpr int64_t kAttackedImages = 8;

std::vector<int64_t> images_shape(int64_t images) { return {images, kChannels, kSide, kSide}; }

struct Tensors {
  Tensors(eqp_dtype dtype, int64_t count)
      : images(count),
        pixels(dtype, images_shape(count)),
        original(dtype, images_shape(count)),
        gradient(dtype, images_shape(count)),
        other_gradient(dtype, images_shape(count)),
        out(dtype, images_shape(count)),
        momentum(EQP_F32, images_shape(count)),
        codes(EQP_U8, images_shape(count)) {
    pixels.fill(0, 1, 1);
    original.fill(0, 1, 2);
    gradient.fill(-1, 1, 3);
    momentum.fill(-1, 1, 4);
  }
  static int64_t bytes_per_image(eqp_dtype dtype) {
    return kImageElements * (5 * dtype_bytes(dtype) + 4 + 1);
  }
  Subject subject(const std::string& op) const {
    Subject subject;
    subject.op = op;
    subject.shape = shape_text(images_shape(images));
    subject.dtype = pixels.dtype();
    return subject;
  }

  int64_t images;
  // other_gradient: memory for the ceiling of an op that reads the gradient twice.
  DeviceTensor pixels, original, gradient, other_gradient, out, momentum, codes;
};

Span span(const DeviceTensor& tensor) { return {tensor.data(), tensor.bytes()}; }

// Calls check(image) for the images that are compared.
template <class Function>
void for_checked_images(int64_t images, const Function& check) {
  check(0);
  if (images > 1) check(images - 1);
}

// Pixels lie in [0, 1]; a few f32 roundings of them, and the rounding to their format.
Tolerance pixel_tolerance(eqp_dtype dtype) { return {8 * 0x1p-24, unit_roundoff(dtype)}; }

// Pixels of a ball, f32, whose nearest number of 16 bits lies outside of it are replaced by the neighbour
// inside, which is what a kernel has to write there.
void round_inside(const HostTensor& original, float epsilon, eqp_dtype dtype, HostTensor* pixels) {
  if (dtype == EQP_F32) return;
  float* const values = static_cast<float*>(pixels->data());
  for (int64_t i = 0; i < pixels->size(); ++i) {
    const float center = static_cast<float>(original.get(i));
    const double value = values[i], unit = unit_of(dtype, value);
    const double nearest = std::rint(value / unit) * unit;
    if (nearest > value && nearest > center + epsilon)
      values[i] = static_cast<float>(nearest - unit);
    if (nearest < value && nearest < center - epsilon)
      values[i] = static_cast<float>(nearest + unit);
  }
}

eqp_linf_step_options step_options() {
  eqp_linf_step_options options;
  eqp_linf_step_options_init(&options);
  options.epsilon = 0.5f;  // wide, so that not every pixel ends on the bound
  options.momentum_decay = 0.9f;
  return options;
}

struct Expected {
  std::vector<HostTensor> out, momentum;
};

Expected expected_step(const Tensors& t, bool with_momentum) {
  const eqp_linf_step_options options = step_options();
  Expected expected;
  for_checked_images(t.images, [&](int64_t image) {
    HostTensor pixels = t.pixels.slice(image, 1), original = t.original.slice(image, 1);
    HostTensor gradient = t.gradient.slice(image, 1);
    expected.momentum.push_back(t.momentum.slice(image, 1));
    expected.out.emplace_back(EQP_F32, images_shape(1));
    const eqp_tensor* const momentum = with_momentum ? expected.momentum.back().tensor() : nullptr;
    must(eqp_linf_step(&options, pixels, original, gradient, momentum, nullptr, nullptr, nullptr,
                       nullptr, expected.out.back(), nullptr),
         "linf_step on the CPU");
    round_inside(original, options.epsilon, t.pixels.dtype(), &expected.out.back());
  });
  return expected;
}

void compare_step(const Tensors& t, const Expected& expected, bool with_momentum, Check* check) {
  // The momentum adds gradient / mean, at most 2 here, and the mean is a sum over the image. Which
  // side of zero its rounding falls on decides the step: two f32 sums of at most 16 terms and a
  // rounding are 6e-7, the density at zero is below 1, so 1.2e-6 of the elements; 1e-5 are six of
  // an image's 602 112.
  Tolerance tolerance = pixel_tolerance(t.pixels.dtype());
  if (with_momentum) tolerance.outside_share = 1e-5;
  const Tolerance momentum_tolerance{3 * sum_tolerance(kImageElements), 0x1p-22};
  size_t part = 0;
  for_checked_images(t.images, [&](int64_t image) {
    check->compare("out", t.out.slice(image, 1), expected.out[part], tolerance);
    if (with_momentum)
      check->compare("momentum", t.momentum.slice(image, 1), expected.momentum[part],
                     momentum_tolerance);
    ++part;
  });
}

void measure_step(Runner& runner, const Tensors& t, bool with_momentum) {
  Subject subject = t.subject(with_momentum ? "linf_step, momentum" : "linf_step");
  if (!runner.wants(subject.op)) return;
  subject.traffic.reads = {span(t.pixels), span(t.original), span(t.gradient)};
  subject.traffic.writes = {span(t.out)};
  if (with_momentum) {
    // The mean of an image's gradient must be known before its first step: two readings.
    subject.traffic.reads.push_back(span(t.other_gradient));
    subject.traffic.reads.push_back(span(t.momentum));
    subject.traffic.writes.push_back(span(t.momentum));
  }
  const eqp_linf_step_options options = step_options();
  subject.call = [&](const eqp_launch* launch) {
    return eqp_linf_step(&options, t.pixels, t.original, t.gradient,
                         with_momentum ? static_cast<const eqp_tensor*>(t.momentum) : nullptr,
                         nullptr, nullptr, nullptr, nullptr, t.out, launch);
  };
  const Expected expected = expected_step(t, with_momentum);
  subject.compare = [&](Check* check) { compare_step(t, expected, with_momentum, check); };
  uint64_t workspace_bytes = 0;
  must(eqp_linf_step_workspace_size(t.pixels, &workspace_bytes), "linf_step");
  runner.run(subject, workspace_bytes);
}

void measure_uniform_start(Runner& runner, const Tensors& t) {
  Subject subject = t.subject("uniform_start");
  if (!runner.wants(subject.op)) return;
  subject.traffic.reads = {span(t.original)};
  subject.traffic.writes = {span(t.out)};
  eqp_uniform_start_options options;
  eqp_uniform_start_options_init(&options);
  options.seed = 7;
  uint64_t workspace_bytes = 0;
  must(eqp_uniform_start_workspace_size(t.original, &workspace_bytes), "uniform_start");
  subject.call = [&](const eqp_launch* launch) {
    return eqp_uniform_start(&options, t.original, nullptr, nullptr, nullptr, t.out, launch);
  };
  subject.compare = [&](Check* check) {
    for_checked_images(t.images, [&](int64_t image) {
      HostTensor original = t.original.slice(image, 1), expected(EQP_F32, images_shape(1));
      eqp_uniform_start_options of_image = options;
      of_image.stream = static_cast<uint64_t>(image);
      must(eqp_uniform_start(&of_image, original, nullptr, nullptr, nullptr, expected, nullptr),
           "uniform_start on the CPU");
      round_inside(original, options.epsilon, t.out.dtype(), &expected);
      check->compare("out", t.out.slice(image, 1), expected, pixel_tolerance(t.out.dtype()));
    });
  };
  runner.run(subject, workspace_bytes);
}

void measure_eight_bit(Runner& runner, const Tensors& t) {
  Subject subject = t.subject("eight_bit, codes");
  if (!runner.wants(subject.op)) return;
  subject.traffic.reads = {span(t.pixels), span(t.original)};
  subject.traffic.writes = {span(t.out), span(t.codes)};
  eqp_eight_bit_options options;
  eqp_eight_bit_options_init(&options);
  options.epsilon = 0.5f;
  subject.call = [&](const eqp_launch* launch) {
    return eqp_eight_bit(&options, t.pixels, t.original, t.out, t.codes, launch);
  };
  subject.compare = [&](Check* check) {
    // Both sides do the same operations in f64, without contraction: the codes are equal.
    const Tolerance codes_tolerance{};
    const Tolerance out_tolerance = pixel_tolerance(t.out.dtype());
    for_checked_images(t.images, [&](int64_t image) {
      HostTensor pixels = t.pixels.slice(image, 1), original = t.original.slice(image, 1);
      HostTensor out(EQP_F32, images_shape(1)), codes(EQP_U8, images_shape(1));
      must(eqp_eight_bit(&options, pixels, original, out, codes, nullptr), "eight_bit on the CPU");
      check->compare("out", t.out.slice(image, 1), out, out_tolerance);
      check->compare("codes", t.codes.slice(image, 1), codes, codes_tolerance);
    });
  };
  runner.run(subject, 0);
}

bool wants_any(const Runner& runner) {
  for (const char* op : {"linf_step, momentum", "uniform_start", "eight_bit, codes"})
    if (runner.wants(op)) return true;
  return false;
}

}  // namespace

void measure_perturbation(Runner& runner, eqp_dtype dtype) {
  if (!wants_any(runner)) return;
  const int64_t image_bytes = kImageElements * dtype_bytes(dtype);
  const int64_t bytes_each = Tensors::bytes_per_image(dtype);
  const int64_t batch = (kBatchBytes / (runner.quick() ? 4 : 1) + image_bytes - 1) / image_bytes;
  for (const int64_t images :
       {runner.fitting(batch, bytes_each), runner.fitting(kAttackedImages, bytes_each)}) {
    const Tensors t(dtype, images);
    measure_step(runner, t, false);
    measure_uniform_start(runner, t);
    measure_eight_bit(runner, t);
    measure_step(runner, t, true);  // last: it changes the momentum
  }
}

}  // namespace eqp::bench

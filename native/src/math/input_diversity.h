// Input diversity: the draw of one image, and the weights of one line, forward and transposed.
//
// Both directions are out[y, x] = sum over two taps in y and two in x, because an image is never
// enlarged: a line of the input is the first neighbour of at most one line of the output, and the
// second neighbour of at most one. Sides are below 2^15, so that all of it is 32-bit arithmetic.
#pragma once

#include "equipoise/input_diversity.h"
#include "math/philox.h"

namespace eqp {
namespace EQP_ISA {

// Where the shrunk image lies; an image that is not changed lies on itself.
struct Placement {
  int32_t height, width, top, left;
};

EQP_HD int32_t draw_below(uint32_t bits, int32_t count) {
  return static_cast<int32_t>((static_cast<uint64_t>(bits) * static_cast<uint64_t>(count)) >> 32);
}
EQP_HD int32_t smallest_side(double rate, int32_t side) {
  const int32_t low = static_cast<int32_t>(rate * side);
  return low < 1 ? 1 : low;
}

EQP_HD Placement placement_of(const eqp_input_diversity_options& options, uint64_t stream,
                              int32_t height, int32_t width) {
  const Philox4 draw = philox4x32_10(options.seed, (uint64_t{1} << 63) + options.step, stream);
  if (!(static_cast<double>(uniform01(draw.lane[0])) < options.probability)) {
    return Placement{height, width, 0, 0};
  }
  const int32_t low_height = smallest_side(options.resize_rate, height);
  const int32_t low_width = smallest_side(options.resize_rate, width);
  Placement placement;
  placement.height = low_height + draw_below(draw.lane[1], height - low_height + 1);
  placement.width = low_width + draw_below(draw.lane[1], width - low_width + 1);
  placement.top = draw_below(draw.lane[2], height - placement.height + 1);
  placement.left = draw_below(draw.lane[3], width - placement.width + 1);
  return placement;
}

// One line of a result: first_weight in[first] + second_weight in[second]. A weight of 0 says that
// the tap is not read; its index is 0.
struct Taps {
  int32_t first, second;
  float first_weight, second_weight;
};

// One axis of the placement: `full` lines shrunk to `shrunk`, from line `offset` on.
struct Axis {
  int32_t full, shrunk, offset;
  bool nearest;
};

EQP_HD float ratio(int32_t numerator, int32_t denominator) {
  return static_cast<float>(numerator) / static_cast<float>(denominator);  // both exact
}

// The input lines of output line `line`.
EQP_HD Taps forward_taps(const Axis& axis, int32_t line) {
  Taps taps = {0, 0, 0.0f, 0.0f};
  const int32_t inside = line - axis.offset;
  if (inside < 0 || inside >= axis.shrunk) return taps;
  if (axis.nearest) {
    taps.first = inside * axis.full / axis.shrunk;
    taps.first_weight = 1.0f;
    return taps;
  }
  // (inside + 1/2) full/shrunk - 1/2 = position / whole
  const int32_t position = (2 * inside + 1) * axis.full - axis.shrunk, whole = 2 * axis.shrunk;
  taps.first = position / whole;
  const int32_t rest = position - taps.first * whole;
  taps.first_weight = ratio(whole - rest, whole);
  if (rest > 0) {
    taps.second = taps.first + 1;
    taps.second_weight = ratio(rest, whole);
  }
  return taps;
}

// The output lines that read input line `line`, counted from the placement's offset.
EQP_HD Taps backward_taps(const Axis& axis, int32_t line) {
  Taps taps = {0, 0, 0.0f, 0.0f};
  if (axis.nearest) {
    // The first output line whose input is at or behind `line`.
    const int32_t inside = (line * axis.shrunk + axis.full - 1) / axis.full;
    if (inside < axis.shrunk && inside * axis.full / axis.shrunk == line) {
      taps.first = axis.offset + inside;
      taps.first_weight = 1.0f;
    }
    return taps;
  }
  const int32_t whole = 2 * axis.shrunk;
  for (int neighbour = 0; neighbour < 2; ++neighbour) {
    const int32_t base = line - neighbour;  // the first neighbour of the output line in question
    if (base < 0) continue;
    const int32_t inside = (whole * base + axis.shrunk + axis.full - 1) / (2 * axis.full);
    const int32_t rest = (2 * inside + 1) * axis.full - axis.shrunk - whole * base;
    if (inside >= axis.shrunk || rest >= whole) continue;
    if (neighbour == 0) {
      taps.first = axis.offset + inside;
      taps.first_weight = ratio(whole - rest, whole);
    } else if (rest > 0) {
      taps.second = axis.offset + inside;
      taps.second_weight = ratio(rest, whole);
    }
  }
  return taps;
}

// first_weight a + second_weight b without looking at what has weight 0.
EQP_HD float tap_sum(const Taps& taps, float a, float b) {
  const float first = taps.first_weight != 0 ? taps.first_weight * a : 0.0f;
  return taps.second_weight != 0 ? first + taps.second_weight * b : first;
}

}  // namespace EQP_ISA
}  // namespace eqp

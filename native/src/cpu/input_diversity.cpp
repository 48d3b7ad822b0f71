// input_diversity on the CPU, forward and backward: a task is a band of rows of one image. Two rows
// of the input are mixed into a buffer, from which each pixel takes its two columns; which ones and
// with what weights is found once for a tile of columns, for all rows and channels of the band.
#include "abi/calls/input_diversity.h"

#include "cpu/kernels.h"
#include "math/input_diversity.h"

namespace eqp {
namespace EQP_ISA {
namespace {

constexpr int32_t kBandRows = 64;
constexpr int32_t kTile = 512;
constexpr int32_t kMixed = 1024;  // columns of the input that a tile may look at

// The columns of one tile. Indices count from `from`.
struct Columns {
  int32_t count, from, to;
  int32_t first[kTile], second[kTile];
  float first_weight[kTile], second_weight[kTile];
};

template <class TapsOf>
void find_columns(int32_t x, int32_t count, const TapsOf& taps_of, Columns* columns) {
  int32_t from = INT32_MAX, to = 0;
  const auto reach = [&](int32_t at) {
    from = at < from ? at : from;
    to = at >= to ? at + 1 : to;
  };
  for (int32_t i = 0; i < count; ++i) {
    const Taps taps = taps_of(x + i);
    if (taps.first_weight != 0) reach(taps.first);
    if (taps.second_weight != 0) reach(taps.second);
    columns->first[i] = taps.first;
    columns->second[i] = taps.second;
    columns->first_weight[i] = taps.first_weight;
    columns->second_weight[i] = taps.second_weight;
  }
  if (from > to) from = to;
  for (int32_t i = 0; i < count; ++i) {
    columns->first[i] = columns->first_weight[i] != 0 ? columns->first[i] - from : 0;
    columns->second[i] = columns->second_weight[i] != 0 ? columns->second[i] - from : 0;
  }
  columns->count = count;
  columns->from = from;
  columns->to = to;
}

// to = tap_sum(taps, a, b), by element; b is not read when its weight is 0.
template <class E>
void mix_rows(const Taps& taps, const E* a, const E* b, int32_t count, float* to) {
  int32_t i = 0;
  if (taps.first_weight == 0 || taps.second_weight == 0) {
    const E* const row = taps.first_weight != 0 ? a : b;
    const float weight = taps.first_weight != 0 ? taps.first_weight : taps.second_weight;
    for (; i + kF32Width <= count; i += kF32Width) store(to + i, load(row + i) * weight);
    for (; i < count; ++i) to[i] = weight * to_float(row[i]);
    return;
  }
  for (; i + kF32Width <= count; i += kF32Width) {
    store(to + i, load(a + i) * taps.first_weight + load(b + i) * taps.second_weight);
  }
  for (; i < count; ++i) to[i] = tap_sum(taps, to_float(a[i]), to_float(b[i]));
}

template <class E>
void store_line(E* out, const float* line, int32_t count) {
  int32_t i = 0;
  for (; i + kF32Width <= count; i += kF32Width) store(out + i, load(line + i));
  for (; i < count; ++i) assign(out + i, line[i]);
}

template <class E>
void take_columns(const Columns& columns, const float* mixed, E* out) {
  float line[kTile];
  for (int32_t i = 0; i < columns.count; ++i) {
    const Taps taps = {0, 0, columns.first_weight[i], columns.second_weight[i]};
    line[i] = tap_sum(taps, mixed[columns.first[i]], mixed[columns.second[i]]);
  }
  store_line(out, line, columns.count);
}

template <class E>
void store_zeros(E* out, int32_t count) {
  for (int32_t i = 0; i < count; ++i) assign(out + i, 0.0f);
}

template <class E>
struct Band {
  const InputDiversity& call;
  const E* in;
  E* out;  // both of the image
  int32_t first_row, last_row;

  const E* row(int64_t channel, int32_t y) const {
    return in + channel * call.in.channel_stride + int64_t{y} * call.width;
  }
  E* out_row(int64_t channel, int32_t y) const {
    return out + channel * call.out.channel_stride + int64_t{y} * call.width;
  }

  void copy() const {
    for (int64_t c = 0; c < call.in.channels; ++c) {
      memcpy(
          out_row(c, first_row), row(c, first_row),
          sizeof(E) * static_cast<size_t>(last_row - first_row) * static_cast<size_t>(call.width));
    }
  }

  template <class TapsOf>
  void resample(const Axis& rows, const Axis& columns, const TapsOf& taps_of) const {
    // The tile's input is at most `kMixed` columns wide, however much the image shrinks.
    const int64_t narrow =
        1 + static_cast<int64_t>(kMixed - 3) * columns.shrunk / (columns.full + 1);
    const int32_t tile = narrow < kTile ? static_cast<int32_t>(narrow) : kTile;
    Columns found;
    for (int32_t x = 0; x < call.width; x += tile) {
      const int32_t count = call.width - x < tile ? call.width - x : tile;
      find_columns(
          x, count, [&](int32_t at) { return taps_of(columns, at); }, &found);
      for (int32_t y = first_row; y < last_row; ++y) {
        const Taps taps = taps_of(rows, y);
        for (int64_t c = 0; c < call.in.channels; ++c) {
          write(taps, found, c, y, x);
        }
      }
    }
  }

  void write(const Taps& taps, const Columns& columns, int64_t channel, int32_t y,
             int32_t x) const {
    E* const to = out_row(channel, y) + x;
    if ((taps.first_weight == 0 && taps.second_weight == 0) || columns.from == columns.to) {
      store_zeros(to, columns.count);
      return;
    }
    float mixed[kMixed];
    mix_rows(taps, row(channel, taps.first) + columns.from,
             row(channel, taps.second) + columns.from, columns.to - columns.from, mixed);
    take_columns(columns, mixed, to);
  }
};

template <class E, bool backward>
void resample_images(const InputDiversity& call) {
  const int64_t bands = (call.height + kBandRows - 1) / kBandRows;
  const uint64_t elements =
      static_cast<uint64_t>(call.in.images * call.in.channels * call.in.plane);
  if (elements == 0) return;
  const bool nearest = call.options.interpolation == EQP_NEAREST;
  parallel_for(call.in.images * bands, 4 * elements * sizeof(E), [&](int64_t index) {
    const int64_t image = index / bands;
    const int32_t first = static_cast<int32_t>(index % bands) * kBandRows;
    const int32_t last = first + kBandRows < call.height ? first + kBandRows : call.height;
    const uint64_t stream_id = call.streams != nullptr
                                   ? static_cast<uint64_t>(call.streams[image])
                                   : call.options.stream + static_cast<uint64_t>(image);
    const Placement placed = placement_of(call.options, stream_id, call.height, call.width);
    const Band<E> band{call, static_cast<const E*>(call.in.data) + image * call.in.image_stride,
                       static_cast<E*>(call.out.data) + image * call.out.image_stride, first, last};
    if (placed.height == call.height && placed.width == call.width) {
      band.copy();
      return;
    }
    const Axis rows{call.height, placed.height, placed.top, nearest};
    const Axis columns{call.width, placed.width, placed.left, nearest};
    band.resample(rows, columns, [](const Axis& axis, int32_t line) {
      return backward ? backward_taps(axis, line) : forward_taps(axis, line);
    });
  });
}

}  // namespace

eqp_status input_diversity_forward(const InputDiversity& call) {
  if (call.in.dtype == EQP_F32) {
    resample_images<float, false>(call);
  } else {
    resample_images<bfloat16, false>(call);
  }
  return EQP_OK;
}

eqp_status input_diversity_backward(const InputDiversity& call) {
  if (call.in.dtype == EQP_F32) {
    resample_images<float, true>(call);
  } else {
    resample_images<bfloat16, true>(call);
  }
  return EQP_OK;
}

}  // namespace EQP_ISA
}  // namespace eqp

// Vectors of tokens under a byte mask.
#pragma once

#include "math/vec.h"

namespace eqp {
namespace EQP_ISA {

template <class S>
EQP_HD int lanes_left(int64_t left) {
  return left < vec<S>::width ? static_cast<int>(left) : vec<S>::width;
}

// Lanes beyond `count` are 0.
template <class S, class E>
EQP_HD typename vec<S>::type load_lanes(const E* from, int count) {
  return count == vec<S>::width ? load(from)
                                : load_partial<E, typename vec<S>::type, S>(from, count, S(0));
}

// As many mask bytes as a vector has lanes.
template <class S>
struct MaskBytes;
template <>
struct MaskBytes<float> {
  typedef int8_t type __attribute__((vector_size(EQP_VECTOR_BYTES / 4)));
};
template <>
struct MaskBytes<double> {
  typedef int8_t type __attribute__((vector_size(EQP_VECTOR_BYTES / 8)));
};

// All bits set in the lanes whose mask byte is not 0; lanes beyond `count` are clear.
template <class S>
EQP_HD typename vec<S>::mask mask_lanes(const uint8_t* mask, int count) {
  using Bytes = typename MaskBytes<S>::type;
  int8_t buffer[sizeof(Bytes)] = {};
  const void* from = mask;
  if (count < vec<S>::width) {
    for (int i = 0; i < count; ++i) buffer[i] = static_cast<int8_t>(mask[i]);
    from = buffer;
  }
  Bytes bytes;
  memcpy(&bytes, from, sizeof(bytes));
  return __builtin_convertvector(bytes != Bytes{}, typename vec<S>::mask);
}

EQP_HD int64_t count_lanes(const uint8_t* mask, int64_t count) {
  int64_t sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += mask[i] != 0 ? 1 : 0;
  return sum;
}

// Sums over the unmasked tokens of a row. Differences first: where policy and reference are close, their sums are large and what
// counts is small. Every lane adds 16 numbers before they go to doubles, so that the error, relative to
// the magnitudes, does not grow with the row.
struct RowSums {
  double log_prob = 0;
  double reference = 0;   // 0 without one
  double difference = 0;  // log-prob - reference
  int64_t length = 0;
};

// mask and reference may be null. Tokens from `begin` to `end`.
template <class S, class E>
EQP_HD RowSums row_sums(const E* policy, const E* reference, const uint8_t* mask, int64_t begin,
                        int64_t end) {
  using V = typename vec<S>::type;
  using Mask = typename vec<S>::mask;
  constexpr int w = vec<S>::width;
  constexpr int64_t kChunk = 2 * 16 * w;
  RowSums sums;
  Mask unmasked = {};  // set lanes are -1
  for (int64_t first = begin; first < end; first += kChunk) {
    const int64_t last = end - first < kChunk ? end : first + kChunk;
    // Two of each, so that an addition need not wait for the one before it.
    V log_prob[2] = {}, reference_sum[2] = {}, difference[2] = {};
    const auto add = [&](int k, int64_t t, int count) {
      const Mask every = Mask{} == Mask{};
      const Mask keep = mask == nullptr ? every : mask_lanes<S>(mask + t, count);
      const V value = load_lanes<S>(policy + t, count);
      log_prob[k] = log_prob[k] + (keep ? value : V{});
      if (reference != nullptr) {
        const V other = load_lanes<S>(reference + t, count);
        reference_sum[k] = reference_sum[k] + (keep ? other : V{});
        difference[k] = difference[k] + (keep ? value - other : V{});
      }
      unmasked = unmasked - keep;
    };
    int64_t t = first;
    for (; t + 2 * w <= last; t += 2 * w) {
      add(0, t, w);
      add(1, t + w, w);
    }
    for (; t < last; t += w) add(0, t, lanes_left<S>(last - t));
    sums.log_prob += static_cast<double>(sum_lanes(log_prob[0] + log_prob[1]));
    sums.reference += static_cast<double>(sum_lanes(reference_sum[0] + reference_sum[1]));
    sums.difference += static_cast<double>(sum_lanes(difference[0] + difference[1]));
  }
  for (int lane = 0; lane < w; ++lane) sums.length += unmasked[lane];
  if (mask == nullptr) sums.length = end - begin;
  if (reference == nullptr) sums.difference = sums.log_prob;
  return sums;
}

}  // namespace EQP_ISA
}  // namespace eqp

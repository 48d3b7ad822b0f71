// token_log_probs on the CPU.
//
// Forward: a row is cut into segments, a segment into blocks that fit the L1 cache. A block's
// exponentials are taken against a reference, the maximum of what was seen when it was last needed.
// Where a block's sum shows that the reference was too low, a rare thing in a long row, the block is
// done again against its own maximum: no instruction is spent on maxima otherwise. Memory is read
// once, far ahead into the second cache and just ahead into the first. The states of the segments
// are merged in order. Segments depend on the vocabulary alone, so neither the number of threads
// nor whether a row was shared between threads can change a bit.
//
// Backward: one read, one write, one exponential per element; large outputs bypass the caches.
//
// With a bias or a soft cap both ways work on blocks of mapped logits in a buffer that stays in the
// L1 cache; the loops over them are the same.
#include "abi/calls/token_log_probs.h"

#include "cpu/flush_denormals.h"
#include "cpu/kernels.h"
#include "math/soft_cap.h"
#include "math/token_log_probs.h"

namespace eqp {
namespace EQP_ISA {
namespace {

constexpr int64_t kBlock = 1024;
constexpr int64_t kSegment = 16 * kBlock;
#if defined(__FMA__)
constexpr bool kHasFma = true;
#else
constexpr bool kHasFma = false;  // two roundings would lose more than the subtraction saves
#endif
constexpr int64_t kMaxStates = 128;  // states on the caller's stack: 2 KiB

template <class E>
inline __attribute__((always_inline)) f32v load_or_minus_inf(const E* from, int64_t left) {
  return left >= kF32Width
             ? load(from)
             : load_partial<E, f32v, float>(from, static_cast<int>(left), -kInfinityF);
}

template <class E>
inline __attribute__((always_inline)) float block_max(const E* x, int64_t count) {
  constexpr int w = kF32Width;
  f32v max0 = broadcast<f32v>(-kFloatMax), max1 = max0;
  int64_t i = 0;
  for (; i + 2 * w <= count; i += 2 * w) {
    const F32Pair pair = load_pair(x + i);
    max0 = max_or_second(pair.first, max0);
    max1 = max_or_second(pair.second, max1);
  }
  for (; i < count; i += w) max0 = max_or_second(load_or_minus_inf(x + i, count - i), max0);
  return max_lanes(max_or_second(max0, max1));
}

// 0 * y must stay 0 for -Inf logits: powers below this are 0 (or add nothing to a sum of at least
// 1).
constexpr float kSmallestPower = -150.0f;

constexpr int64_t kFirstLook = 256;  // elements whose maximum is a segment's first reference

// A block whose exponentials sum to more than this has logits far above the reference: by 2 nats at
// least, by 9 at most. Below, cancellation between ln sum and the reference costs a few roundings.
constexpr float kLargestBlockSum = 8.0f * kBlock;

// What exponents are relative to: y = (x - logit) scale, scale = log2(e)/T.
struct Reference {
  float logit;
  float scale;
  float power;       // -logit scale, rounded
  float correction;  // 2^(exact - power): what a sum against `power` is multiplied by
  float lost;        // logit scale + power, exact
  bool fused;  // y = x scale + power in one instruction; otherwise the logits are too large for it
};

inline __attribute__((always_inline)) Reference reference_at(float logit, float scale) {
  Reference r;
  r.logit = logit;
  r.scale = scale;
  r.power = -(logit * scale);
  // |power| < 1024: what rounding loses is below 2^-15, so 1 - lost ln 2 is 2^-lost to 3e-10.
  r.fused = kHasFma && r.power > -1024.0f && r.power < 1024.0f;
  r.lost = r.fused ? static_cast<float>(static_cast<double>(logit) * static_cast<double>(scale) +
                                        static_cast<double>(r.power))
                   : 0.0f;
  r.correction = 1.0f - r.lost * kLn2;
  return r;
}

struct Sums {
  f32v sum0, sum1, sum_2x, weighted;
};

// e^{(x - logit)/T} = 2^y; `weighted` sums 2^y y.
template <bool with_2x, bool with_entropy>
inline __attribute__((always_inline)) void add_exponentials(f32v y, const Exp2Multiple& one,
                                                            f32v& sum, Sums& sums) {
  if (!with_2x && !with_entropy) {
    sum = add_exp2(sum, one, y);
    return;
  }
  const f32v e = times_exp2(one, y);
  sum = sum + e;
  if (with_2x) sums.sum_2x = fma(e, e, sums.sum_2x);
  if (with_entropy)
    sums.weighted = fma(e, max_or_second(broadcast<f32v>(kSmallestPower), y), sums.weighted);
}

// The sums of a block's exponentials.
template <class E, bool with_2x, bool with_entropy, bool fused>
inline __attribute__((always_inline)) Sums block_sums(const E* block, int64_t size,
                                                      const Reference& reference) {
  constexpr int w = kF32Width;
  const Exp2Multiple one = exp2_multiple(1.0f);
  const f32v scale = broadcast<f32v>(reference.scale);
  const f32v power = broadcast<f32v>(reference.power), logit = broadcast<f32v>(reference.logit);
  const auto exponent = [&](f32v x) { return fused ? fma(x, scale, power) : (x - logit) * scale; };
  Sums sums = {};
  int64_t i = 0;
  for (; i + 2 * w <= size; i += 2 * w) {
    prefetch_pair(block + i);
    const F32Pair pair = load_pair(block + i);
    add_exponentials<with_2x, with_entropy>(exponent(pair.first), one, sums.sum0, sums);
    add_exponentials<with_2x, with_entropy>(exponent(pair.second), one, sums.sum1, sums);
  }
  for (; i < size; i += w) {
    const f32v x = load_or_minus_inf(block + i, size - i);
    add_exponentials<with_2x, with_entropy>(exponent(x), one, sums.sum0, sums);
  }
  if (with_entropy) sums.weighted = sums.weighted - reference.lost * (sums.sum0 + sums.sum1);
  sums.sum0 = (sums.sum0 + sums.sum1) * reference.correction;
  sums.sum_2x = sums.sum_2x * (reference.correction * reference.correction);
  sums.weighted = sums.weighted * reference.correction;
  return sums;
}

template <class E, bool with_2x, bool with_entropy>
inline __attribute__((always_inline)) Sums block_sums(const E* block, int64_t size,
                                                      const Reference& reference) {
  return reference.fused ? block_sums<E, with_2x, with_entropy, true>(block, size, reference)
                         : block_sums<E, with_2x, with_entropy, false>(block, size, reference);
}

// The state of `count` logits. A NaN or +Inf among them ends up in the sum as NaN.
template <class E, bool with_2x, bool with_entropy>
SoftmaxState segment_state(const E* x, int64_t count, float inverse_temperature) {
  const float scale = kLog2E * inverse_temperature;
  // Never below the lowest finite float: -Inf logits then give e^-Inf = 0, never Inf - Inf.
  Reference reference = reference_at(block_max(x, count < kFirstLook ? count : kFirstLook), scale);
  Sums sums = {};
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t size = count - begin < kBlock ? count - begin : kBlock;
    Sums block = block_sums<E, with_2x, with_entropy>(x + begin, size, reference);
    if (!(sum_lanes(block.sum0) <= kLargestBlockSum)) {
      const float max = block_max(x + begin, size);
      if (max > reference.logit) {
        const float c = rescale_exponent(reference.logit, max, inverse_temperature);
        const float factor = exp_nonpositive(c);
        if (with_entropy) sums.weighted = factor * (sums.weighted + c * kLog2E * sums.sum0);
        sums.sum0 = sums.sum0 * factor;
        if (with_2x) sums.sum_2x = sums.sum_2x * (factor * factor);
        reference = reference_at(max, scale);
        block = block_sums<E, with_2x, with_entropy>(x + begin, size, reference);
      }
    }
    sums.sum0 = sums.sum0 + block.sum0;
    if (with_2x) sums.sum_2x = sums.sum_2x + block.sum_2x;
    if (with_entropy) sums.weighted = sums.weighted + block.weighted;
  }
  return SoftmaxState{reference.logit, sum_lanes(sums.sum0), sum_lanes(sums.sum_2x),
                      sum_lanes(sums.weighted) * kLn2};
}

template <class E>
SoftmaxState segment_state(const TokenLogProbsForward& call, const E* x, int64_t count,
                           float inverse) {
  if (call.log_sum_exp_2x.data == nullptr) {
    return call.entropy == nullptr ? segment_state<E, false, false>(x, count, inverse)
                                   : segment_state<E, false, true>(x, count, inverse);
  }
  return call.entropy == nullptr ? segment_state<E, true, false>(x, count, inverse)
                                 : segment_state<E, true, true>(x, count, inverse);
}

// What turns logits into y of token_log_probs.h. `needed` is false where that is a factor alone,
// which then goes into the inverse temperature.
struct LogitMap {
  Vector bias;
  float scale, soft_cap;
  bool needed;

  template <class Call>
  explicit LogitMap(const Call& call)
      : bias(call.bias),
        scale(call.options.logit_scale),
        soft_cap(call.options.soft_cap),
        needed(call.bias.data != nullptr || call.options.soft_cap > 0) {}
};

template <class Call>
float inverse_temperature_of(const Call& call) {
  return LogitMap(call).needed ? 1.0f / call.options.temperature
                               : call.options.logit_scale / call.options.temperature;
}

constexpr int64_t kMapped = kBlock + kF32Width;  // room for a block's last, partial vector

template <class E>
f32v load_or_zero(const E* from, int64_t left) {
  return left >= kF32Width ? load(from)
                           : load_partial<E, f32v, float>(from, static_cast<int>(left), 0.0f);
}

// y (and dy/dlogits, if `slope` is given) of `count` <= kBlock logits x, which begin at `column`.
template <class E>
void map_block(const LogitMap& map, const E* x, int64_t column, int64_t count, float* y,
               float* slope) {
  for (int64_t i = 0; i < count; i += kF32Width) {
    f32v v = load_or_zero(x + i, count - i);
    if (map.bias.data != nullptr) {
      v = v + (map.bias.dtype == EQP_F32
                   ? load_or_zero(static_cast<const float*>(map.bias.data) + column + i, count - i)
                   : load_or_zero(static_cast<const E*>(map.bias.data) + column + i, count - i));
    }
    SoftCapped<f32v> mapped = {v * map.scale, broadcast<f32v>(1.0f)};
    if (map.soft_cap > 0) mapped = soft_capped(mapped.value, map.soft_cap);
    store(y + i, mapped.value);
    if (slope != nullptr) store(slope + i, mapped.slope * map.scale);
  }
}

template <class E>
float mapped_logit(const LogitMap& map, const E* row, int64_t column) {
  if (!map.needed) return to_float(row[column]);
  float y[kF32Width];
  map_block(map, row + column, column, 1, y, nullptr);
  return y[0];
}

template <class E>
SoftmaxState mapped_segment_state(const TokenLogProbsForward& call, const LogitMap& map, const E* x,
                                  int64_t column, int64_t count, float inverse) {
  float y[kMapped];
  SoftmaxState state = {};
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t size = count - begin < kBlock ? count - begin : kBlock;
    map_block(map, x + begin, column + begin, size, y, nullptr);
    const SoftmaxState block = segment_state<float>(call, y, size, inverse);
    state = begin == 0 ? block : merge(state, block, inverse);
  }
  return state;
}

double real_at(const Vector& from, int64_t i) {
  return from.dtype == EQP_F64 ? static_cast<const double*>(from.data)[i]
                               : static_cast<double>(static_cast<const float*>(from.data)[i]);
}

void put_real(const Vector& to, int64_t i, double value) {
  if (to.data == nullptr) return;
  if (to.dtype == EQP_F64) {
    static_cast<double*>(to.data)[i] = value;
  } else {
    static_cast<float*>(to.data)[i] = static_cast<float>(value);
  }
}

template <class E>
void write_row(const TokenLogProbsForward& call, int64_t i, int64_t target, const SoftmaxState& s,
               float inverse_temperature) {
  const double inverse = static_cast<double>(inverse_temperature);
  // The largest logit adds 1 to the sum; without it all logits are -Inf and there is no
  // distribution. NaN anywhere: the sum is NaN already.
  const bool distribution = s.sum > 0.5f;
  const double log_sum = distribution ? log(static_cast<double>(s.sum)) : kNaN;
  const float x = mapped_logit(LogitMap(call), row<E>(call.logits, i), target);
  const double max = static_cast<double>(s.max);
  call.log_probs[i] = static_cast<float>((static_cast<double>(x) - max) * inverse - log_sum);
  put_real(call.log_sum_exp, i, max * inverse + log_sum);
  if (call.log_sum_exp_2x.data != nullptr) {
    const double log_sum_2x = distribution ? log(static_cast<double>(s.sum_2x)) : kNaN;
    put_real(call.log_sum_exp_2x, i, 2.0 * max * inverse + log_sum_2x);
  }
  if (call.entropy != nullptr) {
    call.entropy[i] =
        static_cast<float>(log_sum - static_cast<double>(s.weighted) / static_cast<double>(s.sum));
  }
}

void write_ignored_row(const TokenLogProbsForward& call, int64_t i) {
  call.log_probs[i] = 0.0f;
  put_real(call.log_sum_exp, i, 0.0);
  put_real(call.log_sum_exp_2x, i, 0.0);
  if (call.entropy != nullptr) call.entropy[i] = 0.0f;
}

template <class E>
void forward_rows(const TokenLogProbsForward& call) {
  const int64_t rows = call.logits.rows;
  const int64_t vocab = call.logits.columns;
  const LogitMap map(call);
  const float inverse = inverse_temperature_of(call);
  const int64_t segments = (vocab + kSegment - 1) / kSegment;
  const uint64_t bytes = static_cast<uint64_t>(rows) * static_cast<uint64_t>(vocab) * sizeof(E);
  const auto state_of = [&](int64_t i, int64_t segment) {
    const FlushDenormals flush;
    const int64_t begin = segment * kSegment;
    const int64_t count = vocab - begin < kSegment ? vocab - begin : kSegment;
    const E* const x = row<E>(call.logits, i) + begin;
    return map.needed ? mapped_segment_state(call, map, x, begin, count, inverse)
                      : segment_state(call, x, count, inverse);
  };

  // Enough rows for every thread, or a row of more segments than there is room for.
  if (rows >= 8 * int64_t{num_threads()} || segments == 1 || segments > kMaxStates) {
    parallel_for(rows, bytes, [&](int64_t i) {
      const int64_t target = index_at(call.targets, i);
      if (target == call.options.ignore_index) return write_ignored_row(call, i);
      SoftmaxState state = state_of(i, 0);
      for (int64_t s = 1; s < segments; ++s) state = merge(state, state_of(i, s), inverse);
      write_row<E>(call, i, target, state, inverse);
    });
    return;
  }

  // Few long rows: the segments of a batch of rows are the tasks.
  SoftmaxState states[kMaxStates];
  const int64_t batch = kMaxStates / segments;
  for (int64_t first = 0; first < rows; first += batch) {
    const int64_t count = rows - first < batch ? rows - first : batch;
    parallel_for(count * segments, bytes, [&](int64_t task) {
      const int64_t i = first + task / segments;
      if (index_at(call.targets, i) == call.options.ignore_index) return;
      states[task] = state_of(i, task % segments);
    });
    for (int64_t r = 0; r < count; ++r) {
      const int64_t i = first + r;
      const int64_t target = index_at(call.targets, i);
      if (target == call.options.ignore_index) {
        write_ignored_row(call, i);
        continue;
      }
      SoftmaxState state = states[r * segments];
      for (int64_t s = 1; s < segments; ++s)
        state = merge(state, states[r * segments + s], inverse);
      write_row<E>(call, i, target, state, inverse);
    }
  }
}

struct RowGradient {
  float inverse_temperature;
  TwoFloats scaled_log_sum_exp;  // times the temperature
  float d_log_prob, d_entropy, entropy;
};

// The gradient of a vector of logits that are not the target's. The formula's minus sign is taken
// into the factors: the same bits, an instruction less.
template <bool with_entropy>
struct ExactGradient {
  const RowGradient& g;
  inline __attribute__((always_inline)) f32v operator()(f32v logits) const {
    return softmax_gradient<with_entropy>(logits, g.inverse_temperature, g.scaled_log_sum_exp,
                                          -g.d_log_prob, -g.d_entropy, g.entropy);
  }
};

// -(d_log_prob/T) 2^(x scale - log_sum_exp log2 e) for outputs of 16 bits: the rounding of the exponent,
// below 2^-15, is far below theirs.
struct ShortGradient {
  Exp2Multiple weighted;
  float scale, power;
  explicit ShortGradient(const RowGradient& g)
      : weighted(exp2_multiple(-g.d_log_prob * g.inverse_temperature)),
        scale(kLog2E * g.inverse_temperature),
        power(-g.scaled_log_sum_exp.high * g.inverse_temperature * kLog2E) {}
  inline __attribute__((always_inline)) f32v operator()(f32v logits) const {
    return times_exp2(weighted, fma(logits, broadcast<f32v>(scale), broadcast<f32v>(power)));
  }
  static bool serves(const RowGradient& g) {
    const float weight = g.d_log_prob * g.inverse_temperature;
    const float log_sum_exp = g.scaled_log_sum_exp.high * g.inverse_temperature;
    return log_sum_exp > -512.0f && log_sum_exp < 512.0f && weight - weight == 0.0f;
  }
};

template <bool streaming, class E, class Gradient>
void gradient_piece(const E* x, E* out, int64_t count, const Gradient& gradient) {
  constexpr int w = kF32Width;
  const auto gradient_of = [&gradient, x, out](int64_t at, int elements) {
    store_partial(out + at, elements,
                  gradient(load_partial<E, f32v, float>(x + at, elements, 0.0f)));
  };
  int64_t i = 0;
  if (streaming) {  // to where a pair of vectors fills whole aligned registers
    const int64_t misaligned =
        static_cast<int64_t>(reinterpret_cast<uintptr_t>(out) % EQP_VECTOR_BYTES / sizeof(E));
    int64_t head = misaligned == 0 ? 0 : EQP_VECTOR_BYTES / sizeof(E) - misaligned;
    if (head > count) head = count;
    for (; i < head; i += w) gradient_of(i, static_cast<int>(head - i < w ? head - i : w));
    i = head;
  }
  for (; i + 2 * w <= count; i += 2 * w) {
    prefetch_pair(x + i);
    const F32Pair logits = load_pair(x + i);
    put_pair<streaming>(out + i, F32Pair{gradient(logits.first), gradient(logits.second)});
  }
  for (; i < count; i += w) gradient_of(i, static_cast<int>(count - i < w ? count - i : w));
}

template <class E, class Gradient>
void gradient_piece(const E* x, E* out, int64_t count, const Gradient& gradient, bool streaming) {
  if (streaming) {
    gradient_piece<true>(x, out, count, gradient);
  } else {
    gradient_piece<false>(x, out, count, gradient);
  }
}

template <class E>
void gradient_piece(const E* x, E* out, int64_t count, const RowGradient& g, bool with_entropy,
                    bool streaming) {
  if (with_entropy) {
    gradient_piece(x, out, count, ExactGradient<true>{g}, streaming);
  } else if (sizeof(E) < sizeof(float) && ShortGradient::serves(g)) {
    gradient_piece(x, out, count, ShortGradient(g), streaming);
  } else {
    gradient_piece(x, out, count, ExactGradient<false>{g}, streaming);
  }
}

template <class E>
void mapped_gradient_piece(const LogitMap& map, const E* x, E* out, int64_t column, int64_t count,
                           const RowGradient& g, bool with_entropy) {
  float y[kMapped], slope[kMapped], gradient[kMapped];
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t size = count - begin < kBlock ? count - begin : kBlock;
    map_block(map, x + begin, column + begin, size, y, slope);
    gradient_piece(y, gradient, size, g, with_entropy, false);
    for (int64_t i = 0; i < size; i += kF32Width) {
      const f32v product = load(gradient + i) * load(slope + i);
      if (size - i >= kF32Width) {
        store(out + begin + i, product);
      } else {
        store_partial(out + begin + i, static_cast<int>(size - i), product);
      }
    }
  }
}

template <class E>
void backward_rows(const TokenLogProbsBackward& call) {
  const int64_t rows = call.logits.rows;
  const int64_t vocab = call.logits.columns;
  const LogitMap map(call);
  const float inverse = inverse_temperature_of(call);
  const uint64_t bytes = static_cast<uint64_t>(rows) * static_cast<uint64_t>(vocab) * sizeof(E);
  // In place the line is in the cache already: a plain store costs no second read.
  const bool streaming = bytes >= kStreamBytes && call.logits.data != call.d_logits.data;
  const bool with_entropy = call.d_entropy != nullptr;
  const int64_t segments = (vocab + kSegment - 1) / kSegment;
  parallel_for(rows * segments, 2 * bytes, [&](int64_t task) {
    const int64_t i = task / segments;
    const int64_t begin = task % segments * kSegment;
    const int64_t count = vocab - begin < kSegment ? vocab - begin : kSegment;
    const E* const x = row<E>(call.logits, i) + begin;
    E* const out = row_out<E>(call.d_logits, i) + begin;
    const int64_t target = index_at(call.targets, i);
    RowGradient g;
    g.d_log_prob = call.d_log_probs == nullptr ? 0.0f : call.d_log_probs[i];
    g.d_entropy = with_entropy ? call.d_entropy[i] : 0.0f;
    if (target == call.options.ignore_index || (g.d_log_prob == 0 && g.d_entropy == 0)) {
      memset(static_cast<void*>(out), 0, static_cast<size_t>(count) * sizeof(E));
      return;
    }
    g.inverse_temperature = inverse;
    g.scaled_log_sum_exp = two_floats(real_at(call.log_sum_exp, i) / static_cast<double>(inverse));
    g.entropy = with_entropy ? call.entropy[i] : 0.0f;
    // The target's element has a term of its own; its logit is read before the row may be
    // overwritten.
    const bool has_target = target >= begin && target < begin + count;
    float at_target = 0.0f;
    if (has_target) {
      float y[kF32Width] = {to_float(x[target - begin])}, slope[kF32Width] = {1.0f};
      if (map.needed) map_block(map, x + (target - begin), target, 1, y, slope);
      const f32v logit = broadcast<f32v>(y[0]);
      const f32v others = with_entropy
                              ? softmax_gradient<true>(logit, inverse, g.scaled_log_sum_exp,
                                                       g.d_log_prob, g.d_entropy, g.entropy)
                              : softmax_gradient<false>(logit, inverse, g.scaled_log_sum_exp,
                                                        g.d_log_prob, 0.0f, 0.0f);
      at_target = (g.d_log_prob * inverse - others[0]) * slope[0];
    }
    if (map.needed) {
      mapped_gradient_piece(map, x, out, begin, count, g, with_entropy);
    } else {
      gradient_piece(x, out, count, g, with_entropy, streaming);
    }
    if (streaming) stream_fence();
    if (has_target) assign(out + (target - begin), at_target);
  });
}

eqp_status check_targets(const char* op, const Vector& targets, int64_t vocab,
                         int64_t ignore_index) {
  for (int64_t i = 0; i < targets.size; ++i) {
    const int64_t target = index_at(targets, i);
    if ((target >= 0 && target < vocab) || target == ignore_index) continue;
    return fail(EQP_INVALID_DATA, op,
                "targets: expected 0 <= target < %lld or ignore_index %lld, found %lld in row %lld",
                static_cast<long long>(vocab), static_cast<long long>(ignore_index),
                static_cast<long long>(target), static_cast<long long>(i));
  }
  return EQP_OK;
}

}  // namespace

eqp_status token_log_probs_forward(const TokenLogProbsForward& call) {
  EQP_TRY(check_targets("eqp_token_log_probs_forward", call.targets, call.logits.columns,
                        call.options.ignore_index));
  if (call.logits.dtype == EQP_F32) {
    forward_rows<float>(call);
  } else {
    forward_rows<bfloat16>(call);
  }
  return EQP_OK;
}

eqp_status token_log_probs_backward(const TokenLogProbsBackward& call) {
  EQP_TRY(check_targets("eqp_token_log_probs_backward", call.targets, call.logits.columns,
                        call.options.ignore_index));
  if (call.logits.dtype == EQP_F32) {
    backward_rows<float>(call);
  } else {
    backward_rows<bfloat16>(call);
  }
  return EQP_OK;
}

}  // namespace EQP_ISA
}  // namespace eqp

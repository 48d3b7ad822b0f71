// Token log-probabilities under a row-wise softmax; formulas: src/math/token_log_probs.h.
//
// Parallelisation
//   forward, columns <= 1024          one warp per row, 8 rows per block
//   forward, many long rows           one block of 256 threads per row
//   forward, few long rows            `splits` blocks per row write partial states to the workspace
//                                     and a second launch, one warp per row, merges them: 8 rows of a
//                                     152k vocabulary are 304 blocks instead of 8
//   backward                          a warp (short rows) or block per 1024 packs; no reduction
// Memory traffic
//   forward   reads each logit once; writes 4 or 8 bytes per row and output. The target's logit is read
//             again (one 32-byte sector per row). Split: 16 bytes per part, written and read.
//   backward  reads each logit once and writes each gradient once, 16 bytes per thread and access.
//   Rows may start anywhere: up to 15 bytes of head and tail are moved by single elements.
//   A bias is read once per row, from the caches where the vocabulary allows it.
// Numerics
//   Bias, logit scale and soft cap are applied as the logits are read, in f32.
//   Online softmax: softmax_state.h. The row's logarithm is taken in f64.
// Occupancy
//   Bound by registers (README, static table). The forward's loop takes two packs at a time: 32 bytes a
//   thread may be in flight.
#include "abi/calls/token_log_probs.h"
#include "softmax_state.h"

namespace eqp {
namespace cuda {
namespace {

// f32 or f64; may be absent.
struct RealVector {
  float* narrow;
  double* wide;

  EQP_DEVICE_MEMBER double at(int64_t i) const {
    return wide != nullptr ? wide[i] : static_cast<double>(narrow[i]);
  }
  EQP_DEVICE_MEMBER void put(int64_t i, double value) const {
    if (narrow != nullptr) narrow[i] = static_cast<float>(value);
    if (wide != nullptr) wide[i] = value;
  }
};

// Everything about a row that does not depend on the dtype.
struct ForwardRows {
  LogitMap map;
  const void* targets;
  bool targets_64;
  int64_t rows, columns, row_stride, ignore_index;
  float inverse_temperature;
  float *log_probs, *entropy;
  RealVector log_sum_exp, log_sum_exp_2x;
  DataErrors* errors;
};

struct BackwardRows {
  LogitMap map;
  const void* targets;
  bool targets_64;
  int64_t rows, columns, row_stride, d_row_stride, ignore_index;
  float inverse_temperature;
  double temperature;  // what that is the inverse of
  RealVector log_sum_exp;
  const float *entropy, *d_log_probs, *d_entropy;
  DataErrors* errors;
};

template <class Rows>
EQP_DEVICE int64_t target_of(const Rows& rows, int64_t row) {
  return rows.targets_64 ? static_cast<const int64_t*>(rows.targets)[row]
                         : static_cast<const int32_t*>(rows.targets)[row];
}

EQP_DEVICE void write_row(const ForwardRows& rows, int64_t row, float log_prob, double log_sum_exp,
                          double log_sum_exp_2x, float entropy) {
  rows.log_probs[row] = log_prob;
  rows.log_sum_exp.put(row, log_sum_exp);
  rows.log_sum_exp_2x.put(row, log_sum_exp_2x);
  if (rows.entropy != nullptr) rows.entropy[row] = entropy;
}

// Rows without a usable target: ignored ones give 0, wrong ones NaN and a flag. Answers whether the
// row is done; the same for every thread of a team.
EQP_DEVICE bool settle_without_logits(const ForwardRows& rows, int64_t row, int64_t target,
                                      bool writer) {
  if (target == rows.ignore_index) {
    if (writer) write_row(rows, row, 0.0f, 0.0, 0.0, 0.0f);
    return true;
  }
  if (target >= 0 && target < rows.columns) return false;
  if (writer) {
    flag_data_error(rows.errors, kTargetOutOfRange, row);
    write_row(rows, row, kNaNF, kNaN, kNaN, kNaNF);
  }
  return true;
}

EQP_DEVICE void finish_row(const ForwardRows& rows, int64_t row, float target_logit,
                           const SoftmaxState& state) {
  if (!(state.sum > 0.0f)) {  // only -Inf, or NaN or +Inf somewhere
    write_row(rows, row, kNaNF, kNaN, kNaN, kNaNF);
    return;
  }
  const double inverse = rows.inverse_temperature;
  const double max = static_cast<double>(state.max) * inverse;
  const double log_sum = log(static_cast<double>(state.sum));
  const double log_prob = static_cast<double>(target_logit) * inverse - max - log_sum;
  write_row(rows, row, static_cast<float>(log_prob), max + log_sum,
            2.0 * max + log(static_cast<double>(state.sum_2x)),
            static_cast<float>(log_sum - static_cast<double>(state.weighted) /
                                             static_cast<double>(state.sum)));
}

template <bool kMoments, bool kMapped, class T>
EQP_DEVICE void forward_warp(const T* logits, const ForwardRows& rows) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  for (int64_t row = first; row < rows.rows; row += static_cast<int64_t>(gridDim.x) * kWarps) {
    const int64_t target = target_of(rows, row);
    if (settle_without_logits(rows, row, target, lane == 0)) continue;
    const T* const from = logits + row * rows.row_stride;
    SoftmaxState state = fold_row<kMoments, kMapped>(from, 0, rows.columns, rows.map,
                                                     rows.inverse_temperature, lane, 32);
    state = warp_merge(state, rows.inverse_temperature);
    if (lane == 0) finish_row(rows, row, logit_at(rows.map, from, target), state);
  }
}

template <bool kMoments, bool kMapped, class T>
EQP_DEVICE void forward_block(const T* logits, const ForwardRows& rows) {
  const int thread = static_cast<int>(threadIdx.x);
  for (int64_t row = blockIdx.x; row < rows.rows; row += gridDim.x) {
    const int64_t target = target_of(rows, row);
    if (settle_without_logits(rows, row, target, thread == 0)) continue;
    const T* const from = logits + row * rows.row_stride;
    SoftmaxState state = fold_row<kMoments, kMapped>(from, 0, rows.columns, rows.map,
                                                     rows.inverse_temperature, thread, kThreads);
    state = block_merge(state, rows.inverse_temperature);
    if (thread == 0) finish_row(rows, row, logit_at(rows.map, from, target), state);
  }
}

// Writes parts[row * splits + split]; rows that need no logits are left to the second launch.
template <bool kMoments, bool kMapped, class T>
EQP_DEVICE void forward_split(const T* logits, const ForwardRows& rows, const Divisor& splits,
                              int64_t each, SoftmaxState* parts) {
  const int thread = static_cast<int>(threadIdx.x);
  for (int64_t item = blockIdx.x; item < rows.rows * splits.value(); item += gridDim.x) {
    const Part part = splits.of(item);
    const int64_t target = target_of(rows, part.row);
    if (target == rows.ignore_index) continue;
    const int64_t begin = part.chunk * each;
    const int64_t end = begin + each < rows.columns ? begin + each : rows.columns;
    SoftmaxState state =
        fold_row<kMoments, kMapped>(logits + part.row * rows.row_stride, begin, end, rows.map,
                                    rows.inverse_temperature, thread, kThreads);
    state = block_merge(state, rows.inverse_temperature);
    if (thread == 0) parts[item] = state;
  }
}

template <class T>
EQP_DEVICE void forward_merge(const T* logits, const ForwardRows& rows, int64_t splits,
                              const SoftmaxState* parts) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  for (int64_t row = first; row < rows.rows; row += static_cast<int64_t>(gridDim.x) * kWarps) {
    const int64_t target = target_of(rows, row);
    if (settle_without_logits(rows, row, target, lane == 0)) continue;
    SoftmaxState state = empty_state();
    for (int64_t split = lane; split < splits; split += 32) {
      state = merge(state, parts[row * splits + split], rows.inverse_temperature);
    }
    state = warp_merge(state, rows.inverse_temperature);
    if (lane == 0) {
      const T* const from = logits + row * rows.row_stride;
      finish_row(rows, row, logit_at(rows.map, from, target), state);
    }
  }
}

// One row's gradient; from and to may be the same memory.
template <class T, bool kEntropy, bool kMapped>
struct GradientBody {
  const LogitMap* map;
  const T* from;
  T* to;
  int64_t target;
  float inverse_temperature;
  TwoFloats scaled_log_sum_exp;  // times the temperature
  float d_log_prob, d_entropy, entropy;

  EQP_DEVICE_MEMBER float gradient(float x, int64_t column) const {
    SoftCapped<float> y{x, 1.0f};
    if (kMapped) y = mapped<T>(*map, x, column);
    const float shared = softmax_gradient<kEntropy>(
        y.value, inverse_temperature, scaled_log_sum_exp, d_log_prob, d_entropy, entropy);
    const float d_y = (column == target ? d_log_prob * inverse_temperature : 0.0f) - shared;
    return kMapped ? d_y * y.slope : d_y;
  }
  EQP_DEVICE_MEMBER void one(int64_t i) const { assign(to + i, gradient(widen(from[i]), i)); }
  EQP_DEVICE_MEMBER void pack(int64_t i) const {
    float x[kLanes<T>];
    load_pack(from + i, x);
#pragma unroll
    for (int k = 0; k < kLanes<T>; ++k) x[k] = gradient(x[k], i + k);
    store_pack(to + i, x);
  }
};

// A row of one value: ignored rows, and rows that hold an error.
template <class T>
struct FillBody {
  T* to;
  float value;

  EQP_DEVICE_MEMBER void one(int64_t i) const { assign(to + i, value); }
  EQP_DEVICE_MEMBER void pack(int64_t i) const {
    float x[kLanes<T>];
#pragma unroll
    for (int k = 0; k < kLanes<T>; ++k) x[k] = value;
    store_pack(to + i, x);
  }
};

template <bool kEntropy, bool kMapped, class T>
EQP_DEVICE void backward(const T* logits, T* d_logits, const BackwardRows& rows,
                         const Divisor& chunks, int team) {
  const int lane = static_cast<int>(threadIdx.x) % team;
  const int64_t teams = static_cast<int64_t>(gridDim.x) * (kThreads / team);
  const int64_t first = static_cast<int64_t>(blockIdx.x) * (kThreads / team) + threadIdx.x / team;
  for (int64_t item = first; item < rows.rows * chunks.value(); item += teams) {
    const Part part = chunks.of(item);
    const int64_t target = target_of(rows, part.row);
    const T* const from = logits + part.row * rows.row_stride;
    T* const to = d_logits + part.row * rows.d_row_stride;
    const int head = head_elements(to);
    const bool inside = target >= 0 && target < rows.columns;
    const float d_log_prob = rows.d_log_probs == nullptr ? 0.0f : rows.d_log_probs[part.row];
    const float d_entropy = kEntropy ? rows.d_entropy[part.row] : 0.0f;
    const bool ignored =
        target == rows.ignore_index || (inside && d_log_prob == 0.0f && d_entropy == 0.0f);
    if (ignored || !inside) {
      if (!ignored && part.chunk + lane == 0)
        flag_data_error(rows.errors, kTargetOutOfRange, part.row);
      const FillBody<T> body{to, ignored ? 0.0f : kNaNF};
      visit_chunk<T>(rows.columns, part.chunk, head, true, lane, team, body);
      continue;
    }
    const GradientBody<T, kEntropy, kMapped> body{
        &rows.map,
        from,
        to,
        target,
        rows.inverse_temperature,
        two_floats(rows.log_sum_exp.at(part.row) * rows.temperature),
        d_log_prob,
        d_entropy,
        kEntropy ? rows.entropy[part.row] : 0.0f};
    visit_chunk<T>(rows.columns, part.chunk, head, aligned_behind(from, head), lane, team, body);
  }
}

}  // namespace

// shapes: logits [rows, columns], outputs [rows], parts [rows, splits], d_logits [rows, columns]
// `moments` and the map pick one of four loops.
#define EQP_BY_LOOP(function, ...)                                                          \
  (rows.map.needed                                                                          \
       ? (moments ? function<true, true>(__VA_ARGS__) : function<false, true>(__VA_ARGS__)) \
       : (moments ? function<true, false>(__VA_ARGS__) : function<false, false>(__VA_ARGS__)))
#define EQP_KERNELS(T)                                                                           \
  EQP_KERNEL_OF_FEW_BLOCKS                                                                       \
  token_log_probs_fwd_warp_##T##_kernel(const T* logits, ForwardRows rows, bool moments) {       \
    EQP_BY_LOOP(forward_warp, logits, rows);                                                     \
  }                                                                                              \
  EQP_KERNEL_OF_FEW_BLOCKS                                                                       \
  token_log_probs_fwd_block_##T##_kernel(const T* logits, ForwardRows rows, bool moments) {      \
    EQP_BY_LOOP(forward_block, logits, rows);                                                    \
  }                                                                                              \
  EQP_KERNEL_OF_FEW_BLOCKS token_log_probs_fwd_split_##T##_kernel(                               \
      const T* logits, ForwardRows rows, Divisor splits, int64_t each, SoftmaxState* parts,      \
      bool moments) {                                                                            \
    EQP_BY_LOOP(forward_split, logits, rows, splits, each, parts);                               \
  }                                                                                              \
  EQP_KERNEL token_log_probs_fwd_merge_##T##_kernel(const T* logits, ForwardRows rows,           \
                                                    int64_t splits, const SoftmaxState* parts) { \
    forward_merge(logits, rows, splits, parts);                                                  \
  }                                                                                              \
  EQP_KERNEL_OF_FEW_BLOCKS token_log_probs_bwd_##T##_kernel(                                     \
      const T* logits, T* d_logits, BackwardRows rows, Divisor chunks, int team) {               \
    const bool moments = rows.d_entropy != nullptr;                                              \
    EQP_BY_LOOP(backward, logits, d_logits, rows, chunks, team);                                 \
  }
EQP_KERNELS(float)
EQP_KERNELS(bf16)
EQP_KERNELS(f16)

namespace {

// Parts per row so that a few long rows fill the chip: about kFullGrid blocks in all, none shorter
// than kSmallestPart. From the shape alone, so that results do not depend on the device.
constexpr int64_t kFullGrid = 592;  // 148 multiprocessors x 4 blocks
constexpr int64_t kSmallestPart = 4096;
static_assert(2 * kFullGrid * static_cast<int64_t>(sizeof(SoftmaxState)) <= kPartialBytes,
              "rows x splits partial states fit the workspace");

// Columns of one part; a multiple of 64, so that parts begin on a sector where the row does.
int64_t columns_per_part(int64_t rows, int64_t columns) {
  const int64_t wanted = kFullGrid / rows;
  const int64_t possible = columns / kSmallestPart;
  const int64_t parts = wanted < possible ? wanted : possible;
  return parts <= 1 ? columns : ((columns + parts - 1) / parts + 63) / 64 * 64;
}

#define EQP_FORWARD(T)                                                                            \
  do {                                                                                            \
    const T* const logits = static_cast<const T*>(a.logits.data);                                 \
    if (a.logits.columns <= 1024) {                                                               \
      const unsigned grid = grid_for((a.logits.rows + kWarps - 1) / kWarps);                      \
      EQP_LAUNCH(token_log_probs_fwd_warp_##T##_kernel, grid, kThreads, a.stream.stream, logits,  \
                 rows, moments);                                                                  \
    } else if (splits == 1) {                                                                     \
      EQP_LAUNCH(token_log_probs_fwd_block_##T##_kernel, grid_for(a.logits.rows), kThreads,       \
                 a.stream.stream, logits, rows, moments);                                         \
    } else {                                                                                      \
      SoftmaxState* const parts = partials<SoftmaxState>(a.stream);                               \
      EQP_LAUNCH(token_log_probs_fwd_split_##T##_kernel, grid_for(a.logits.rows* splits),         \
                 kThreads, a.stream.stream, logits, rows, Divisor(splits), each, parts, moments); \
      EQP_LAUNCH(token_log_probs_fwd_merge_##T##_kernel,                                          \
                 grid_for((a.logits.rows + kWarps - 1) / kWarps), kThreads, a.stream.stream,      \
                 logits, rows, splits, static_cast<const SoftmaxState*>(parts));                  \
    }                                                                                             \
  } while (0)

#define EQP_BACKWARD(T)                                                                       \
  do {                                                                                        \
    const int64_t chunks = chunks_of<T>(a.logits.columns);                                    \
    const int team = team_for(a.logits.columns);                                              \
    const int64_t blocks = (a.logits.rows * chunks * team + kThreads - 1) / kThreads;         \
    EQP_LAUNCH(token_log_probs_bwd_##T##_kernel, grid_for(blocks), kThreads, a.stream.stream, \
               static_cast<const T*>(a.logits.data), static_cast<T*>(a.d_logits.data), rows,  \
               Divisor(chunks), team);                                                        \
  } while (0)

}  // namespace

namespace {

RealVector real_vector(const Vector& from) {
  const bool wide = from.dtype == EQP_F64;
  return {wide ? nullptr : static_cast<float*>(from.data),
          wide ? static_cast<double*>(from.data) : nullptr};
}

template <class Call>
LogitMap logit_map(const Call& a) {
  return LogitMap{a.bias.data, a.bias.dtype == EQP_F32,
                  a.bias.data != nullptr || a.options.soft_cap > 0, a.options.logit_scale,
                  a.options.soft_cap};
}

template <class Call>
float inverse_temperature(const Call& a) {
  return logit_map(a).needed ? 1.0f / a.options.temperature
                             : a.options.logit_scale / a.options.temperature;
}

}  // namespace

eqp_status token_log_probs_forward(const TokenLogProbsForward& a) {
  LaunchScope scope("eqp_token_log_probs_forward", a.stream);
  if (!scope.ready() || a.logits.rows == 0) return scope.finish();
  const ForwardRows rows{logit_map(a),
                         a.targets.data,
                         a.targets.dtype == EQP_I64,
                         a.logits.rows,
                         a.logits.columns,
                         a.logits.row_stride,
                         a.options.ignore_index,
                         inverse_temperature(a),
                         a.log_probs,
                         a.entropy,
                         real_vector(a.log_sum_exp),
                         real_vector(a.log_sum_exp_2x),
                         data_errors(a.stream)};
  const bool moments = a.log_sum_exp_2x.data != nullptr || a.entropy != nullptr;
  const int64_t each = columns_per_part(a.logits.rows, a.logits.columns);
  const int64_t splits = (a.logits.columns + each - 1) / each;
  EQP_BY_DTYPE(a.logits.dtype, EQP_FORWARD);
  return scope.finish();
}

eqp_status token_log_probs_backward(const TokenLogProbsBackward& a) {
  LaunchScope scope("eqp_token_log_probs_backward", a.stream);
  if (!scope.ready() || a.logits.rows == 0) return scope.finish();
  const BackwardRows rows{logit_map(a),
                          a.targets.data,
                          a.targets.dtype == EQP_I64,
                          a.logits.rows,
                          a.logits.columns,
                          a.logits.row_stride,
                          a.d_logits.row_stride,
                          a.options.ignore_index,
                          inverse_temperature(a),
                          1.0 / static_cast<double>(inverse_temperature(a)),
                          real_vector(a.log_sum_exp),
                          a.entropy,
                          a.d_log_probs,
                          a.d_entropy,
                          data_errors(a.stream)};
  EQP_BY_DTYPE(a.logits.dtype, EQP_BACKWARD);
  return scope.finish();
}

}  // namespace cuda
}  // namespace eqp

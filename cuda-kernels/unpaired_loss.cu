// Losses over single labelled answers with their gradient; formulas: src/math/unpaired_loss.h.
//
// Parallelisation
//   A warp per row (up to 1024 tokens) or a block per row. A row's loss needs what all rows and the
//   mismatched answers share, so there are two launches. The first takes the log-ratios of both
//   kinds of rows, cut into at most kMaxParts contiguous parts, one block each: those of the rows
//   and the parts' sums go to the workspace. In the second every block adds the parts' sums up in
//   the same order; one block more than the rows need adds the losses and writes what there is one of.
// Memory traffic
//   Log-probs, references and masks are read once, the rows' mask once more for the gradient.
//   Consecutive lanes move consecutive elements: these tensors are thousands of times smaller than
//   logits, the time is that of the launches.
// Numerics
//   All sums and the formula in f64. A masked token is never part of any arithmetic.
// Occupancy
//   Bound by f64 registers; a batch has fewer rows than a chip has warps.
#include "abi/calls/unpaired_loss.h"
#include "launch.h"
#include "math/unpaired_loss.h"
#include "rows.h"
#include "vector.h"

namespace eqp {
namespace cuda {
namespace {

constexpr int64_t kMaxParts = 256;
static_assert(sizeof(DataErrors) + kMaxParts * kUnpairedSums * sizeof(double) <=
                  kUnpairedPartialBytes,
              "what the op has asked for");

// How the rows (those of the answers, then the mismatched ones) are cut, and the workspace.
struct Plan {
  int64_t rows, all_rows;
  int64_t parts, rows_per_part;
  int64_t loss_parts;  // of the second launch: of the answers' rows alone
  int team;            // threads per row
  double* partial;     // [parts, kUnpairedSums]
  double* log_ratios;  // [rows]
  DataErrors* errors;
};

struct RowSums {
  double log_prob, log_ratio;
};

// In every thread of the row's team.
template <class T>
EQP_DEVICE RowSums row_sums(const UnpairedLoss::Answers& answers, int64_t row, int lane, int team) {
  const T* const log_probs = row_of<T>(answers.log_probs, row);
  const T* const reference = row_out_of<T>(answers.reference, row);
  const uint8_t* const mask = row_out_of<uint8_t>(answers.mask, row);
  double sums[2] = {};
  for (int64_t t = lane; t < answers.log_probs.columns; t += team) {
    if (mask != nullptr && mask[t] == 0) continue;
    const double value = static_cast<double>(widen(log_probs[t]));
    sums[0] += value;
    sums[1] += reference == nullptr ? value : value - static_cast<double>(widen(reference[t]));
  }
  team_sum(sums, team);
  return RowSums{sums[0], sums[1]};
}

// S: type of the scalar outputs.
template <class T, class S>
EQP_DEVICE void sum_rows(const UnpairedLoss& call, const Plan& plan) {
  const int lane = static_cast<int>(threadIdx.x) % plan.team;
  for (int64_t part = blockIdx.x; part < plan.parts; part += gridDim.x) {
    const int64_t begin = part * plan.rows_per_part;
    const int64_t cut = begin + plan.rows_per_part;
    const int64_t end = cut < plan.all_rows ? cut : plan.all_rows;
    double sums[kUnpairedSums] = {};
    for (int64_t i = begin + threadIdx.x / plan.team; i < end; i += kThreads / plan.team) {
      const bool is_answer = i < plan.rows;
      const RowSums row = is_answer ? row_sums<T>(call.answers, i, lane, plan.team)
                                    : row_sums<T>(call.mismatched, i - plan.rows, lane, plan.team);
      if (lane != 0) continue;
      if (!is_answer) {
        sums[kUnpairedKlSum] += row.log_ratio;
        continue;
      }
      const double reward = call.options.beta * row.log_ratio;
      plan.log_ratios[i] = row.log_ratio;
      add_unpaired_row(reward, row.log_prob, call.labels[i] != 0, sums);
      if (call.rewards != nullptr) static_cast<S*>(call.rewards)[i] = static_cast<S>(reward);
    }
    block_sum(sums);
    if (threadIdx.x == 0) {
#pragma unroll
      for (int k = 0; k < kUnpairedSums; ++k) plan.partial[part * kUnpairedSums + k] = sums[k];
    }
  }
}

template <class S>
EQP_DEVICE UnpairedResult result_of(const UnpairedLoss& call, const Plan& plan,
                                    const UnpairedBatch& batch, int64_t row) {
  const double weight = call.row_weights == nullptr
                            ? 1.0
                            : static_cast<double>(static_cast<const S*>(call.row_weights)[row]);
  return unpaired_result(call.options, plan.log_ratios[row], call.labels[row] != 0, weight, batch);
}

template <class T>
EQP_DEVICE void fill_gradient(const UnpairedLoss& call, int64_t row, double d_token, int lane,
                              int team) {
  T* const to = row_out_of<T>(call.d_log_probs, row);
  if (to == nullptr) return;
  using Narrow = decltype(widen(T()));
  const uint8_t* const mask = row_of<uint8_t>(call.answers.mask, row);
  for (int64_t t = lane; t < call.d_log_probs.columns; t += team)
    assign(to + t, mask[t] == 0 ? Narrow(0) : static_cast<Narrow>(d_token));
}

// By one block: the sum of the losses, and what does not depend on it.
template <class S>
EQP_DEVICE void write_totals(const UnpairedLoss& call, const Plan& plan, const UnpairedBatch& batch,
                             const double (&sums)[kUnpairedSums]) {
  double loss[1] = {};
  for (int64_t row = threadIdx.x; row < plan.rows; row += kThreads) {
    const double log_ratio = plan.log_ratios[row];
    if (log_ratio == log_ratio) loss[0] += result_of<S>(call, plan, batch, row).loss;
  }
  block_sum(loss);
  if (threadIdx.x != 0) return;
  *static_cast<S*>(call.loss) = static_cast<S>(plan.rows == 0 ? 0.0 : loss[0] * batch.share);
  if (call.reward_mean != nullptr && !is_reward_count(call.reward_mean[1]))
    flag_data_error(plan.errors, kRewardMeanInvalid, 0);
  if (call.new_reward_mean != nullptr) {
    call.new_reward_mean[0] = batch.reward_mean;
    call.new_reward_mean[1] = batch.reward_count;
  }
  if (call.metrics == nullptr) return;
  S* const metrics = static_cast<S*>(call.metrics);
#pragma unroll
  for (int m = 0; m < EQP_UNPAIRED_METRIC_COUNT; ++m) metrics[m] = static_cast<S>(sums[m]);
  metrics[EQP_UNPAIRED_METRIC_KL] = static_cast<S>(batch.kl);
  metrics[EQP_UNPAIRED_METRIC_REWARD_MEAN] = static_cast<S>(batch.reward_mean);
}

template <class T, class S>
EQP_DEVICE void losses_of_rows(const UnpairedLoss& call, const Plan& plan) {
  const int lane = static_cast<int>(threadIdx.x) % plan.team;
  double sums[kUnpairedSums] = {};
  for (int64_t part = threadIdx.x; part < plan.parts; part += kThreads) {
#pragma unroll
    for (int k = 0; k < kUnpairedSums; ++k) sums[k] += plan.partial[part * kUnpairedSums + k];
  }
  block_sum(sums);
  const UnpairedBatch batch =
      unpaired_batch(call.options, sums, plan.all_rows - plan.rows, call.reward_mean);
  for (int64_t part = blockIdx.x; part <= plan.loss_parts; part += gridDim.x) {
    if (part == plan.loss_parts) {
      write_totals<S>(call, plan, batch, sums);
      break;
    }
    const int64_t begin = part * plan.rows_per_part;
    const int64_t cut = begin + plan.rows_per_part;
    const int64_t end = cut < plan.rows ? cut : plan.rows;
    for (int64_t i = begin + threadIdx.x / plan.team; i < end; i += kThreads / plan.team) {
      const UnpairedResult result = result_of<S>(call, plan, batch, i);
      fill_gradient<T>(call, i, result.d_token, lane, plan.team);
      if (lane == 0 && call.row_losses != nullptr)
        static_cast<S*>(call.row_losses)[i] = static_cast<S>(result.loss);
    }
  }
}

}  // namespace

// shapes: answers [rows, tokens], mismatched [kl_rows, kl_tokens]
#define EQP_KERNELS(T, S)                                                                  \
  EQP_KERNEL_OF_FEW_BLOCKS unpaired_loss_sums_##T##_kernel(UnpairedLoss call, Plan plan) { \
    sum_rows<T, S>(call, plan);                                                            \
  }                                                                                        \
  EQP_KERNEL_OF_FEW_BLOCKS unpaired_loss_fwd_##T##_kernel(UnpairedLoss call, Plan plan) {  \
    losses_of_rows<T, S>(call, plan);                                                      \
  }
EQP_KERNELS(float, float)
EQP_KERNELS(bf16, float)
EQP_KERNELS(f16, float)
EQP_KERNELS(double, double)

#define EQP_UNPAIRED_LOSS(T)                                                                     \
  do {                                                                                           \
    EQP_LAUNCH(unpaired_loss_sums_##T##_kernel, grid_for(plan.parts), kThreads, a.stream.stream, \
               a, plan);                                                                         \
    EQP_LAUNCH(unpaired_loss_fwd_##T##_kernel, grid_for(plan.loss_parts + 1), kThreads,          \
               a.stream.stream, a, plan);                                                        \
  } while (0)

eqp_status unpaired_loss(const UnpairedLoss& a) {
  LaunchScope scope("eqp_unpaired_loss", a.stream);
  if (!scope.ready()) return scope.finish();
  const int64_t tokens = a.answers.log_probs.columns, kl_tokens = a.mismatched.log_probs.columns;
  Plan plan;
  plan.rows = a.answers.log_probs.rows;
  plan.all_rows = plan.rows + a.mismatched.log_probs.rows;
  plan.team = team_for(tokens > kl_tokens ? tokens : kl_tokens);
  plan.rows_per_part = 2 * kThreads / plan.team;
  if (plan.all_rows > plan.rows_per_part * kMaxParts)
    plan.rows_per_part = (plan.all_rows + kMaxParts - 1) / kMaxParts;
  // No rows: one part without any, which writes zeros.
  plan.parts =
      plan.all_rows == 0 ? 1 : (plan.all_rows + plan.rows_per_part - 1) / plan.rows_per_part;
  plan.loss_parts = (plan.rows + plan.rows_per_part - 1) / plan.rows_per_part;
  plan.partial = partials<double>(a.stream);
  plan.log_ratios = plan.partial + kMaxParts * kUnpairedSums;
  plan.errors = data_errors(a.stream);
  EQP_BY_DTYPE_AND_F64(a.answers.log_probs.dtype, EQP_UNPAIRED_LOSS);
  return scope.finish();
}

}  // namespace cuda
}  // namespace eqp

// unpaired_loss on the CPU.
//
// A row's token sums are taken in vectors of the compute type (float for f32 and bf16, double for
// f64), its formula in double. Rows are cut into at most kBlocks contiguous blocks whose bounds
// depend on the number of rows alone; the blocks' partial sums are added in order. A row's loss needs
// what all rows share, so there are two passes: the log-ratios of the first kKeptRows rows are kept
// in between, those of the others are taken again, with the same bits.
#include "abi/calls/unpaired_loss.h"

#include "cpu/kernels.h"
#include "cpu/masked.h"
#include "math/unpaired_loss.h"

namespace eqp {
namespace EQP_ISA {
namespace {

constexpr int64_t kBlocks = 64;
constexpr int64_t kKeptRows = 1024;

// Calls body(block, first row, end) for each block.
template <class Body>
void for_blocks(const Matrix& log_probs, int64_t streams, const Body& body) {
  const int64_t rows = log_probs.rows;
  const int64_t blocks = rows < kBlocks ? rows : kBlocks;
  const int64_t bytes = rows * log_probs.columns * streams;
  parallel_for(blocks, static_cast<uint64_t>(bytes), [&](int64_t block) {
    body(block, rows * block / blocks, rows * (block + 1) / blocks);
  });
}

struct LogProbs {
  double policy = 0, ratio = 0;
};

template <class E, class S>
LogProbs sums_of_row(const UnpairedLoss::Answers& answers, int64_t i) {
  const E* const reference =
      answers.reference.data == nullptr ? nullptr : row<E>(answers.reference, i);
  const uint8_t* const mask =
      answers.mask.data == nullptr ? nullptr : row<uint8_t>(answers.mask, i);
  const RowSums sums =
      row_sums<S>(row<E>(answers.log_probs, i), reference, mask, 0, answers.log_probs.columns);
  return LogProbs{sums.log_prob, sums.difference};
}

// E: stored type, S: compute type (also the type of the scalar outputs).
template <class E, class S>
class Rows {
 public:
  explicit Rows(const UnpairedLoss& call) : call_(call) {}

  void run() {
    const UnpairedBatch batch = shared();
    double partial[kBlocks] = {};
    for_blocks(call_.answers.log_probs, kStreams, [&](int64_t block, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) partial[block] += finish(batch, i);
    });
    double loss = 0;
    for (const double each : partial) loss += each;
    const bool none = call_.answers.log_probs.rows == 0;
    *static_cast<S*>(call_.loss) = static_cast<S>(none ? 0.0 : loss * batch.share);
  }

 private:
  static constexpr int64_t kStreams = 3 * sizeof(E) + 1;

  // The first pass; writes the outputs that need no second one.
  UnpairedBatch shared() {
    double partial[kBlocks][kUnpairedSums] = {};
    for_blocks(call_.answers.log_probs, kStreams, [&](int64_t block, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) start(i, partial[block]);
    });
    if (call_.mismatched.log_probs.data != nullptr) {
      for_blocks(call_.mismatched.log_probs, kStreams,
                 [&](int64_t block, int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i)
                     partial[block][kUnpairedKlSum] += sums_of_row<E, S>(call_.mismatched, i).ratio;
                 });
    }
    double sums[kUnpairedSums] = {};
    for (const auto& each : partial) {
      double* sum = sums;
      for (const double value : each) *sum++ += value;
    }
    const UnpairedBatch batch =
        unpaired_batch(call_.options, sums, call_.mismatched.log_probs.rows, call_.reward_mean);
    if (call_.new_reward_mean != nullptr) {
      call_.new_reward_mean[0] = batch.reward_mean;
      call_.new_reward_mean[1] = batch.reward_count;
    }
    if (call_.metrics != nullptr) {
      sums[EQP_UNPAIRED_METRIC_KL] = batch.kl;
      sums[EQP_UNPAIRED_METRIC_REWARD_MEAN] = batch.reward_mean;
      for (int m = 0; m < EQP_UNPAIRED_METRIC_COUNT; ++m)
        static_cast<S*>(call_.metrics)[m] = static_cast<S>(sums[m]);
    }
    return batch;
  }

  void start(int64_t i, double* sums) {
    const LogProbs of_row = sums_of_row<E, S>(call_.answers, i);
    if (i < kKeptRows) kept_[i] = of_row.ratio;
    const double reward = call_.options.beta * of_row.ratio;
    add_unpaired_row(reward, of_row.policy, call_.labels[i] != 0, sums);
    if (call_.rewards != nullptr) static_cast<S*>(call_.rewards)[i] = static_cast<S>(reward);
  }

  // Returns what the row adds to the sum of losses.
  double finish(const UnpairedBatch& batch, int64_t i) {
    const double ratio = i < kKeptRows ? kept_[i] : sums_of_row<E, S>(call_.answers, i).ratio;
    const double weight = call_.row_weights == nullptr
                              ? 1.0
                              : static_cast<double>(static_cast<const S*>(call_.row_weights)[i]);
    const UnpairedResult result =
        unpaired_result(call_.options, ratio, call_.labels[i] != 0, weight, batch);
    if (call_.row_losses != nullptr)
      static_cast<S*>(call_.row_losses)[i] = static_cast<S>(result.loss);
    if (call_.d_log_probs.data != nullptr) write_gradient(i, result.d_token);
    return ratio != ratio ? 0.0 : result.loss;
  }

  void write_gradient(int64_t i, double d_token) {
    E unmasked, zero;
    assign(&unmasked, static_cast<S>(d_token));
    assign(&zero, S(0));
    const uint8_t* const mask = row<uint8_t>(call_.answers.mask, i);
    E* const out = row_out<E>(call_.d_log_probs, i);
    for (int64_t t = 0; t < call_.d_log_probs.columns; ++t) out[t] = mask[t] != 0 ? unmasked : zero;
  }

  const UnpairedLoss& call_;
  double kept_[kKeptRows];
};

}  // namespace

eqp_status unpaired_loss(const UnpairedLoss& call) {
  if (call.reward_mean != nullptr && !is_reward_count(call.reward_mean[1])) {
    return fail(EQP_INVALID_DATA, "eqp_unpaired_loss",
                "reward_mean: expected a count >= 0 in its second entry, found %g",
                call.reward_mean[1]);
  }
  switch (call.answers.log_probs.dtype) {
    case EQP_F64:
      Rows<double, double>(call).run();
      break;
    case EQP_BF16:
      Rows<bfloat16, float>(call).run();
      break;
    default:
      Rows<float, float>(call).run();
      break;
  }
  return EQP_OK;
}

}  // namespace EQP_ISA
}  // namespace eqp

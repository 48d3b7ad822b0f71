// Log-probs, forward and backward, as a training step calls them: many tokens of a large
// vocabulary; a few tokens, where one row must occupy many multiprocessors; many short rows.
#include <algorithm>

#include "cases.h"
#include "equipoise/token_log_probs.h"

namespace eqp::bench {
namespace {

constexpr int64_t kCheckedRows = 3;  // at the beginning and at the end

struct Tensors {
  Tensors(eqp_dtype dtype, int64_t count, int64_t columns)
      : rows(count),
        vocab(columns),
        logits(dtype, {count, columns}),
        d_logits(dtype, {count, columns}),
        targets(EQP_I64, {count}),
        d_log_probs(EQP_F32, {count}),
        log_probs(EQP_F32, {count}),
        log_sum_exp(EQP_F32, {count}),
        entropy(EQP_F32, {count}) {
    logits.fill(-6, 6, 1);
    targets.fill(0, static_cast<double>(columns), 2);
    d_log_probs.fill(-1, 1, 3);
  }
  int64_t rows, vocab;
  DeviceTensor logits, d_logits, targets, d_log_probs, log_probs, log_sum_exp, entropy;
};

// Calls check(first row, number of rows) for the rows that are compared.
template <class Function>
void for_checked_rows(int64_t rows, const Function& check) {
  const int64_t count = std::min(kCheckedRows, rows);
  check(0, count);
  if (rows > count) check(rows - count, count);
}

void compare_forward(const Tensors& t, bool with_entropy, Check* check) {
  // Log-probs are differences of a logit and a sum; the entropy is a sum weighted by distances of
  // at most 12 from the maximum.
  const Tolerance tolerance{sum_tolerance(t.vocab), 0x1p-22};
  const Tolerance entropy_tolerance{13 * sum_tolerance(t.vocab), 0x1p-22};
  for_checked_rows(t.rows, [&](int64_t begin, int64_t count) {
    HostTensor logits = t.logits.slice(begin, count), targets = t.targets.slice(begin, count);
    HostTensor log_probs(EQP_F32, {count}), log_sum_exp(EQP_F32, {count}),
        entropy(EQP_F32, {count});
    must(eqp_token_log_probs_forward(nullptr, logits, nullptr, targets, log_probs, log_sum_exp,
                                     nullptr, entropy, nullptr),
         "token_log_probs_forward on the CPU");
    check->compare("log_probs", t.log_probs.slice(begin, count), log_probs, tolerance);
    check->compare("log_sum_exp", t.log_sum_exp.slice(begin, count), log_sum_exp, tolerance);
    if (with_entropy)
      check->compare("entropy", t.entropy.slice(begin, count), entropy, entropy_tolerance);
  });
}

// The gradients that the CPU finds for the checked rows of the logits as they are now.
std::vector<HostTensor> expected_gradients(const Tensors& t) {
  std::vector<HostTensor> expected;
  for_checked_rows(t.rows, [&](int64_t begin, int64_t count) {
    HostTensor logits = t.logits.slice(begin, count), targets = t.targets.slice(begin, count);
    HostTensor log_sum_exp = t.log_sum_exp.slice(begin, count),
               d_log_probs = t.d_log_probs.slice(begin, count);
    expected.emplace_back(EQP_F32, std::vector<int64_t>{count, t.vocab});
    must(eqp_token_log_probs_backward(nullptr, logits, nullptr, targets, log_sum_exp, nullptr,
                                      d_log_probs, nullptr, expected.back(), nullptr),
         "token_log_probs_backward on the CPU");
  });
  return expected;
}

void compare_backward(const Tensors& t, const DeviceTensor& found,
                      const std::vector<HostTensor>& expected, Check* check) {
  // exp of an argument of size 32 at most, and the rounding to the logits' format.
  const Tolerance tolerance{0x1p-24, 64 * 0x1p-24 + unit_roundoff(found.dtype())};
  size_t part = 0;
  for_checked_rows(t.rows, [&](int64_t begin, int64_t count) {
    check->compare("d_logits", found.slice(begin, count), expected[part++], tolerance);
  });
}

void measure_forward(Runner& runner, const Tensors& t, uint64_t workspace_bytes,
                     bool with_entropy) {
  Subject subject;
  subject.op = with_entropy ? "token_log_probs_forward, entropy" : "token_log_probs_forward";
  subject.shape = shape_text({t.rows, t.vocab});
  subject.dtype = t.logits.dtype();
  subject.traffic.reads = {{t.logits.data(), t.logits.bytes()}};
  subject.call = [&t, with_entropy](const eqp_launch* launch) {
    return eqp_token_log_probs_forward(
        nullptr, t.logits, nullptr, t.targets, t.log_probs, t.log_sum_exp, nullptr,
        with_entropy ? static_cast<const eqp_tensor*>(t.entropy) : nullptr, launch);
  };
  subject.compare = [&t, with_entropy](Check* check) { compare_forward(t, with_entropy, check); };
  if (runner.wants(subject.op)) runner.run(subject, workspace_bytes);
}

void measure_backward(Runner& runner, const Tensors& t, uint64_t workspace_bytes, bool in_place) {
  const DeviceTensor& out = in_place ? t.logits : t.d_logits;
  Subject subject;
  subject.op = in_place ? "token_log_probs_backward, in place" : "token_log_probs_backward";
  if (!runner.wants(subject.op)) return;
  subject.shape = shape_text({t.rows, t.vocab});
  subject.dtype = t.logits.dtype();
  subject.traffic.reads = {{t.logits.data(), t.logits.bytes()}};
  subject.traffic.writes = {{out.data(), out.bytes()}};
  subject.call = [&t, &out](const eqp_launch* launch) {
    return eqp_token_log_probs_backward(nullptr, t.logits, nullptr, t.targets, t.log_sum_exp,
                                        nullptr, t.d_log_probs, nullptr, out, launch);
  };
  const std::vector<HostTensor> expected = expected_gradients(t);
  subject.compare = [&](Check* check) { compare_backward(t, out, expected, check); };
  runner.run(subject, workspace_bytes);
}

void measure_shape(Runner& runner, eqp_dtype dtype, int64_t wished_rows, int64_t vocab) {
  const int64_t per_row = 2 * vocab * dtype_bytes(dtype) + 64;
  const Tensors t(dtype, runner.fitting(wished_rows, per_row), vocab);
  uint64_t workspace_bytes = 0;
  must(eqp_token_log_probs_workspace_size(t.logits, &workspace_bytes), "token_log_probs");
  // The backward reads the forward's log_sum_exp, also where --filter leaves the forward out.
  const DeviceMemory scratch(static_cast<int64_t>(workspace_bytes));
  must(cudaMemset(scratch.data(), 0, 16), "clearing the workspace");
  eqp_launch first{};
  first.size = sizeof(first);
  first.workspace = scratch.data();
  first.workspace_size = workspace_bytes;
  must(eqp_token_log_probs_forward(nullptr, t.logits, nullptr, t.targets, t.log_probs,
                                   t.log_sum_exp, nullptr, nullptr, &first),
       "token_log_probs_forward");
  measure_forward(runner, t, workspace_bytes, false);
  measure_forward(runner, t, workspace_bytes, true);
  measure_backward(runner, t, workspace_bytes, false);
  measure_backward(runner, t, workspace_bytes, true);  // last: it writes over the logits
}

}  // namespace

void measure_token_log_probs(Runner& runner, eqp_dtype dtype) {
  if (!runner.wants("token_log_probs_forward, entropy") &&
      !runner.wants("token_log_probs_backward, in place"))
    return;
  constexpr int64_t kQwenVocab = 151936;
  const int64_t part = runner.quick() ? 4 : 1;
  measure_shape(runner, dtype, 4096 / part, kQwenVocab);
  measure_shape(runner, dtype, 8, kQwenVocab);
  measure_shape(runner, dtype, 65536 / part, 4096);
  measure_shape(runner, dtype, 262144 / part, 1024);
}

}  // namespace eqp::bench

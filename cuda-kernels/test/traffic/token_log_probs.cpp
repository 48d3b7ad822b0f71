// The traffic of token_log_probs.
#include "traffic/traffic.h"

namespace eqp::traffic {
namespace {

void measure_shape(eqp_dtype dtype, int64_t count, int64_t vocab) {
  const int64_t s = size_of(dtype);
  uint64_t bytes = 0;
  Tensor logits(dtype, {count, vocab}, true), targets(EQP_I64, {count}, true),
      d(EQP_F32, {count}, true);
  Tensor log_probs(EQP_F32, {count}, false), lse(EQP_F32, {count}, false),
      lse_2x(EQP_F32, {count}, false);
  Tensor entropy(EQP_F32, {count}, false), d_logits(dtype, {count, vocab}, false);
  eqp_token_log_probs_workspace_size(logits, &bytes);
  Workspace workspace(bytes);
  // Few long rows are split; the parts' states of 16 bytes are written and read, and the second
  // launch reads target and target logit.
  const int64_t splits =
      vocab <= 1024 ? 1 : std::max<int64_t>(1, std::min(592 / count, vocab / 4096));
  Ideal forward{count * (vocab * s + 8), count * 16, 0};
  if (splits > 1) {
    forward.read_bytes += count * (8 + s + 16 * splits);
    forward.written_bytes += count * 16 * splits;
  }
  // A warp moves 512 bytes at once; where rows do not begin on a sector that is one sector more.
  const int64_t shifted = vocab * s % 32 == 0 ? 0 : count * (vocab * s / 512 + 1);
  // Per row and part: a cut sector at both ends, the target in each of 8 warps, four words of state
  // written and read; per row the target's logit and the outputs.
  forward.allowance = count * (splits * (2 + 8 + 8) + 16) + shifted;
  measure("token_log_probs_forward", shape_text({count, vocab}), dtype, forward, [&] {
    return eqp_token_log_probs_forward(nullptr, logits, nullptr, targets, log_probs, lse, lse_2x,
                                       entropy, workspace);
  });
  const int64_t chunks = std::max<int64_t>(1, (vocab * s + 16383) / 16384);
  // Per row and chunk: cut sectors of two tensors, and target, lse and two gradients in each of 8
  // warps.
  const Ideal backward{count * (vocab * s + 8 + 12), count * vocab * s,
                       count * chunks * (4 + 5 * 8) + 2 * shifted};
  measure("token_log_probs_backward", shape_text({count, vocab}), dtype, backward, [&] {
    return eqp_token_log_probs_backward(nullptr, logits, nullptr, targets, lse, entropy, d, d,
                                        d_logits, workspace);
  });
}

}  // namespace

void token_log_probs() {
  for (const eqp_dtype dtype : kFloats) {
    measure_shape(dtype, 16, 512);
    measure_shape(dtype, 8, 4096);
    measure_shape(dtype, 2, 32000);
    measure_shape(dtype, 3, 1501);
  }
}

}  // namespace eqp::traffic

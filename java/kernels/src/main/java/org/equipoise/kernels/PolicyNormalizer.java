package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;

/** How token losses become one number; S sequences, m mask, len unmasked tokens of a sequence. */
public enum PolicyNormalizer {
  /** {@code (1/S) sum_i w_i (sum_t m loss) / len_i}: arXiv 2402.03300. */
  GRPO(EquipoiseAbi.EQP_POLICY_NORMALIZER_GRPO),
  /** {@code sum_i w_i sum_t m loss / (S max_completion_length)}: arXiv 2503.20783. */
  DR_GRPO(EquipoiseAbi.EQP_POLICY_NORMALIZER_DR_GRPO),
  /** {@code sum_i w_i sum_t m loss / max(1, total_tokens)}: arXiv 2503.14476. */
  DAPO(EquipoiseAbi.EQP_POLICY_NORMALIZER_DAPO),
  /** {@code (1/S) sum_i w_i sum_t m loss}: arXiv 2602.05261. */
  LUSPO(EquipoiseAbi.EQP_POLICY_NORMALIZER_LUSPO);

  private final int code;

  PolicyNormalizer(int code) {
    this.code = code;
  }

  /** The value of {@code eqp_policy_normalizer}. */
  public int code() {
    return code;
  }
}

package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_policy_loss_options;

/** The options of the published policy losses, by name; what they are is said at the losses. */
public final class PolicyPresets {
  private PolicyPresets() {}

  private static eqp_policy_loss_options options(PolicyNormalizer normalizer) {
    NativeLibrary.require();
    eqp_policy_loss_options options = NativeLibrary.keep(new eqp_policy_loss_options());
    EquipoiseAbi.eqp_policy_loss_options_init(options);
    return options.normalizer(normalizer.code());
  }

  public static eqp_policy_loss_options grpo() {
    return options(PolicyNormalizer.GRPO);
  }

  public static eqp_policy_loss_options drGrpo(double maxCompletionLength) {
    return options(PolicyNormalizer.DR_GRPO)
        .max_completion_length(
            Ranges.atLeast(
                "maxCompletionLength",
                1,
                Ranges.finite("maxCompletionLength", maxCompletionLength)));
  }

  public static eqp_policy_loss_options dapo() {
    return options(PolicyNormalizer.DAPO);
  }

  public static eqp_policy_loss_options bnpo() {
    return options(PolicyNormalizer.DAPO);
  }

  public static eqp_policy_loss_options gspo() {
    return options(PolicyNormalizer.GRPO)
        .importance(PolicyImportance.SEQUENCE.code())
        .epsilon_low(3e-4)
        .epsilon_high(4e-4);
  }

  public static eqp_policy_loss_options gspoToken() {
    return options(PolicyNormalizer.GRPO)
        .importance(PolicyImportance.SEQUENCE_TOKEN.code())
        .epsilon_low(3e-4)
        .epsilon_high(4e-4);
  }

  public static eqp_policy_loss_options luspo() {
    return options(PolicyNormalizer.LUSPO)
        .importance(PolicyImportance.SEQUENCE.code())
        .epsilon_low(3e-4)
        .epsilon_high(4e-4);
  }

  public static eqp_policy_loss_options cispo() {
    return options(PolicyNormalizer.DAPO)
        .surrogate(PolicySurrogate.CISPO_ABSOLUTE.code())
        .epsilon_high(5);
  }

  public static eqp_policy_loss_options cispoRelative() {
    return options(PolicyNormalizer.DAPO).surrogate(PolicySurrogate.CISPO_RELATIVE.code());
  }

  public static eqp_policy_loss_options sapo() {
    return options(PolicyNormalizer.GRPO).surrogate(PolicySurrogate.SAPO.code());
  }

  public static eqp_policy_loss_options vespo() {
    return options(PolicyNormalizer.DAPO).surrogate(PolicySurrogate.VESPO.code());
  }

  public static eqp_policy_loss_options gmpo() {
    return options(PolicyNormalizer.GRPO)
        .surrogate(PolicySurrogate.GMPO.code())
        .epsilon_low(0.4)
        .epsilon_high(0.4);
  }
}

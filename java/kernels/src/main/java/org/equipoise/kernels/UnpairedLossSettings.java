package org.equipoise.kernels;

import java.util.function.Consumer;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_unpaired_loss_options;

/**
 * The options of a loss over single labelled answers, and how to change them; the formulas are in
 * the header {@code equipoise/unpaired_loss.h}. Immutable: every method that takes a value returns
 * another object, and refuses numbers outside their range at once. Thread-safe.
 *
 * @param <L> the loss that these are the options of
 */
public abstract class UnpairedLossSettings<L extends UnpairedLossSettings<L>> {
  private final eqp_unpaired_loss_options options;

  /** Takes the options over: nobody changes them any more. */
  protected UnpairedLossSettings(eqp_unpaired_loss_options options) {
    this.options = options;
  }

  /** The same loss with these options. */
  protected abstract L with(eqp_unpaired_loss_options changed);

  private L change(Consumer<eqp_unpaired_loss_options> change) {
    eqp_unpaired_loss_options copy = NativeLibrary.keep(new eqp_unpaired_loss_options());
    copy.put(options);
    change.accept(copy);
    return with(copy);
  }

  /** The encoded options, for calls into {@link EquipoiseAbi}. */
  public eqp_unpaired_loss_options abi() {
    return options;
  }

  public UnpairedLossKind kind() {
    return UnpairedLossKind.values()[options.kind() - 1];
  }

  /** Inverse temperature of the implicit reward; finite and positive. */
  public L beta(double value) {
    return change(o -> o.beta(Ranges.positive("beta", value)));
  }

  public double beta() {
    return options.beta();
  }

  /**
   * Factors of the losses of desirable and undesirable answers; finite. KTO's paper has them
   * balance the numbers of both: their products with these within 1 to 4/3.
   */
  public L labelWeights(double ofDesirable, double ofUndesirable) {
    Ranges.finite("labelWeights", ofDesirable);
    Ranges.finite("labelWeights", ofUndesirable);
    return change(o -> o.desirable_weight(ofDesirable).undesirable_weight(ofUndesirable));
  }

  public double desirableWeight() {
    return options.desirable_weight();
  }

  public double undesirableWeight() {
    return options.undesirable_weight();
  }

  /**
   * Whether a batch's rewards enter the running mean before BCO compares them with it: true in
   * training, false in evaluation.
   */
  public L updatesRewardMean(boolean value) {
    return change(o -> o.update_reward_mean(value ? 1 : 0));
  }

  public boolean updatesRewardMean() {
    return options.update_reward_mean() != 0;
  }
}

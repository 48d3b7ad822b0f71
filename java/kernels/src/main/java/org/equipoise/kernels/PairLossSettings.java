package org.equipoise.kernels;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_pair_loss_options;

/**
 * The options of a pair loss, and how to change them; the formulas are in the header {@code
 * equipoise/pair_loss.h}. Immutable: every method that takes a value returns another object.
 * Numbers outside their range are refused at once, combinations that mean nothing when the loss is
 * computed. Thread-safe.
 *
 * @param <L> the loss that these are the options of
 */
public abstract class PairLossSettings<L extends PairLossSettings<L>> {
  private final eqp_pair_loss_options options;

  /** Takes the options over: nobody changes them any more. */
  protected PairLossSettings(eqp_pair_loss_options options) {
    this.options = options;
  }

  /** The same loss with these options. */
  protected abstract L with(eqp_pair_loss_options changed);

  private L change(Consumer<eqp_pair_loss_options> change) {
    eqp_pair_loss_options copy = NativeLibrary.keep(new eqp_pair_loss_options());
    copy.put(options);
    change.accept(copy);
    return with(copy);
  }

  private static <E extends Enum<E>> E ofCode(E[] values, ToIntFunction<E> code, int wanted) {
    for (E value : values) {
      if (code.applyAsInt(value) == wanted) {
        return value;
      }
    }
    throw new IllegalStateException("no constant has the code " + wanted);
  }

  /** The encoded options, for calls into {@link EquipoiseAbi}. */
  public eqp_pair_loss_options abi() {
    return options;
  }

  /** What is summed. */
  public List<PairTerm> terms() {
    List<PairTerm> terms = new ArrayList<>();
    for (int k = 0; k < options.terms(); k++) {
      PairLossKind kind = ofCode(PairLossKind.values(), PairLossKind::code, options.kinds(k));
      terms.add(new PairTerm(kind, options.weights(k)));
    }
    return List.copyOf(terms);
  }

  /** Inverse temperature of the implicit reward; finite and positive. */
  public L beta(double value) {
    return change(o -> o.beta(Ranges.positive("beta", value)));
  }

  public double beta() {
    return options.beta();
  }

  /**
   * Probability in [0, 0.5) that a label is flipped; for the kinds whose formula has an e. Another
   * number than 0 is refused when a loss without such a term is computed.
   */
  public L labelSmoothing(double value) {
    return change(o -> o.label_smoothing(Ranges.belowHalf("labelSmoothing", value)));
  }

  public double labelSmoothing() {
    return options.label_smoothing();
  }

  /** The divergence that the policy is held to the reference by; ALPHA takes its alpha, 0.5. */
  public L divergence(PairDivergence kind) {
    return change(o -> o.divergence(kind.code()));
  }

  public PairDivergence divergence() {
    return ofCode(PairDivergence.values(), PairDivergence::code, options.divergence());
  }

  /** The alpha-divergence; finite. */
  public L alphaDivergence(double alpha) {
    return change(
        o ->
            o.divergence(PairDivergence.ALPHA.code())
                .divergence_alpha(Ranges.finite("alphaDivergence", alpha)));
  }

  public double divergenceAlpha() {
    return options.divergence_alpha();
  }

  /**
   * Factor in [0, 1] of the tokens by which one answer is longer than the other; 1 is off. LD-DPO,
   * arXiv 2409.06411.
   */
  public L ldAlpha(double value) {
    return change(o -> o.ld_alpha(Ranges.within("ldAlpha", 0, 1, value)));
  }

  public double ldAlpha() {
    return options.ld_alpha();
  }

  /** SIMPO: the margin that the chosen answer must be ahead by; 0.5. */
  public L simpoGamma(double value) {
    return change(o -> o.simpo_gamma(Ranges.finite("simpoGamma", value)));
  }

  public double simpoGamma() {
    return options.simpo_gamma();
  }

  /**
   * SIMPO: the alpha of AlphaPO's reward (1 - p^-alpha) / alpha; 0 is the log-prob. Another number
   * than 0 is refused when a loss without a SIMPO term is computed.
   */
  public L simpoAlpha(double value) {
    return change(o -> o.simpo_alpha(Ranges.finite("simpoAlpha", value)));
  }

  public double simpoAlpha() {
    return options.simpo_alpha();
  }

  /** DISCOPOP: the temperature of its blend; 0.05. */
  public L discopopTau(double value) {
    return change(o -> o.discopop_tau(Ranges.positive("discopopTau", value)));
  }

  public double discopopTau() {
    return options.discopop_tau();
  }
}

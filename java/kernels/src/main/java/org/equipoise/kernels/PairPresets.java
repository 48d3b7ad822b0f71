package org.equipoise.kernels;

import java.util.List;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_pair_loss_options;

/** The options of the published pair losses, by name; what they are is said at the losses. */
public final class PairPresets {
  private PairPresets() {}

  /** A weighted sum of 1 to 8 terms with beta 0.1; label smoothing 1e-3 with EXO_PAIR, else 0. */
  public static eqp_pair_loss_options sum(List<PairTerm> terms) {
    int most = EquipoiseAbi.EQP_PAIR_LOSS_MAX_TERMS;
    if (terms.isEmpty() || terms.size() > most) {
      throw new IllegalArgumentException(
          "terms: expected 1 to " + most + ", found " + terms.size());
    }
    NativeLibrary.require();
    eqp_pair_loss_options options = NativeLibrary.keep(new eqp_pair_loss_options());
    EquipoiseAbi.eqp_pair_loss_options_init(options);
    options.terms(terms.size());
    for (int k = 0; k < terms.size(); k++) {
      options.kinds(k, terms.get(k).kind().code());
      options.weights(k, terms.get(k).weight());
      if (terms.get(k).kind() == PairLossKind.EXO_PAIR) {
        options.label_smoothing(1e-3);
      }
    }
    return options;
  }

  /** One term of weight 1. */
  public static eqp_pair_loss_options of(PairLossKind kind) {
    return sum(List.of(new PairTerm(kind, 1)));
  }

  public static eqp_pair_loss_options sigmoid() {
    return of(PairLossKind.SIGMOID);
  }

  public static eqp_pair_loss_options cdpo(double labelSmoothing) {
    return of(PairLossKind.SIGMOID)
        .label_smoothing(Ranges.belowHalf("labelSmoothing", labelSmoothing));
  }

  public static eqp_pair_loss_options robust(double labelSmoothing) {
    return of(PairLossKind.ROBUST)
        .label_smoothing(Ranges.belowHalf("labelSmoothing", labelSmoothing));
  }

  public static eqp_pair_loss_options sigmoidNorm() {
    return of(PairLossKind.SIGMOID_NORM);
  }

  public static eqp_pair_loss_options ipo() {
    return of(PairLossKind.IPO);
  }

  public static eqp_pair_loss_options hinge() {
    return of(PairLossKind.HINGE);
  }

  public static eqp_pair_loss_options exoPair() {
    return of(PairLossKind.EXO_PAIR);
  }

  public static eqp_pair_loss_options ncaPair() {
    return of(PairLossKind.NCA_PAIR);
  }

  public static eqp_pair_loss_options bcoPair() {
    return of(PairLossKind.BCO_PAIR);
  }

  public static eqp_pair_loss_options sppoHard() {
    return of(PairLossKind.SPPO_HARD);
  }

  public static eqp_pair_loss_options aot() {
    return of(PairLossKind.AOT);
  }

  public static eqp_pair_loss_options aotUnpaired() {
    return of(PairLossKind.AOT_UNPAIRED);
  }

  public static eqp_pair_loss_options apoZero() {
    return of(PairLossKind.APO_ZERO);
  }

  public static eqp_pair_loss_options apoDown() {
    return of(PairLossKind.APO_DOWN);
  }

  public static eqp_pair_loss_options discopop() {
    return of(PairLossKind.DISCOPOP);
  }

  public static eqp_pair_loss_options sft() {
    return of(PairLossKind.SFT);
  }

  public static eqp_pair_loss_options cpo(double likelihoodWeight) {
    return sum(
        List.of(
            new PairTerm(PairLossKind.CPO, 1),
            new PairTerm(PairLossKind.SFT, Ranges.finite("likelihoodWeight", likelihoodWeight))));
  }

  public static eqp_pair_loss_options simPo() {
    return of(PairLossKind.SIMPO);
  }

  public static eqp_pair_loss_options alphaPo(double alpha) {
    return of(PairLossKind.SIMPO).simpo_alpha(Ranges.finite("alpha", alpha));
  }

  public static eqp_pair_loss_options orpo() {
    return sum(List.of(new PairTerm(PairLossKind.SFT, 1), new PairTerm(PairLossKind.ORPO, 1)));
  }
}

package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_unpaired_loss_options;

/** The options of the published losses over single labelled answers; defaults are TRL's. */
public final class UnpairedPresets {
  private UnpairedPresets() {}

  /** One kind with beta 0.1 and weights 1. */
  public static eqp_unpaired_loss_options of(UnpairedLossKind kind) {
    NativeLibrary.require();
    eqp_unpaired_loss_options options = NativeLibrary.keep(new eqp_unpaired_loss_options());
    EquipoiseAbi.eqp_unpaired_loss_options_init(options);
    return options.kind(kind.code());
  }

  public static eqp_unpaired_loss_options kto() {
    return of(UnpairedLossKind.KTO);
  }

  public static eqp_unpaired_loss_options apoZeroUnpaired() {
    return of(UnpairedLossKind.APO_ZERO_UNPAIRED);
  }

  public static eqp_unpaired_loss_options bco() {
    return of(UnpairedLossKind.BCO);
  }
}

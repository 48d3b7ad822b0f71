package org.equipoise.mbpo.command;

import java.nio.file.Path;
import org.equipoise.mbpo.checkpoint.AdapterFiles;
import org.equipoise.mbpo.checkpoint.QwenCheckpoint;
import org.equipoise.mbpo.config.ModelSettings;
import org.equipoise.mbpo.config.RunSettings;
import org.equipoise.mbpo.config.TrainSettings;
import org.equipoise.mbpo.lora.LoraAdapters;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.qwen.QwenShapes;
import org.jspecify.annotations.Nullable;

/**
 * From settings to a model in two steps: what configurations and headers say is read and checked at
 * once, weights are read by {@link #load}.
 */
final class CheckedModel {
  private final ModelSettings settings;
  private final QwenCheckpoint checkpoint;
  private final QwenCheckpoint.Inputs inputs;
  private final @Nullable LoraOptions lora;
  private final @Nullable Path adapter;
  private final @Nullable TrainSettings train;

  /**
   * @param lora of the adapters, or {@code null} for none
   * @param adapter where their values are, or {@code null} for fresh ones
   * @param train or {@code null} where nothing is trained
   */
  private CheckedModel(
      RunSettings run,
      @Nullable LoraOptions lora,
      @Nullable Path adapter,
      @Nullable TrainSettings train) {
    this.lora = lora;
    this.adapter = adapter;
    this.train = train;
    settings = run.bind("model", ModelSettings.class);
    checkpoint = QwenCheckpoint.open(run.requiredPath("model.folder"));
    inputs = checkpoint.inputs(settings.maxPixels());
    if (adapter != null) {
      AdapterFiles.requireFit(adapter, lora, QwenShapes.of(checkpoint.config()));
    } else if (lora != null) {
      requireTargets(lora);
    }
  }

  private void requireTargets(LoraOptions fresh) {
    try {
      LoraAdapters.paths(fresh, QwenShapes.of(checkpoint.config()));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("train.lora.targets: " + e.getMessage(), e);
    }
  }

  /** The model with the adapters that the settings name, to ask. */
  static CheckedModel toAsk(RunSettings settings) {
    Path adapter = settings.path("model.adapter");
    return new CheckedModel(
        settings, adapter == null ? null : AdapterFiles.options(adapter), adapter, null);
  }

  /** The model to train, with fresh adapters, or those that the settings name to go on from. */
  static CheckedModel toTrain(RunSettings settings, TrainSettings train) {
    Path adapter = settings.path("model.adapter");
    if (!train.full()) {
      LoraOptions lora = adapter == null ? train.lora() : AdapterFiles.options(adapter);
      return new CheckedModel(settings, lora, adapter, train);
    }
    if (adapter != null) {
      throw new IllegalArgumentException(
          "train.full trains the weights themselves; merge the adapters of model.adapter first, or"
              + " leave train.full out");
    }
    if (settings.bind("model", ModelSettings.class).type() != ModelSettings.Type.FLOAT32) {
      throw new IllegalArgumentException(
          "train.full needs --set model.type=FLOAT32: steps of a small learning rate are lost in"
              + " 16-bit weights. Low-rank adapters train over a bfloat16 checkpoint");
    }
    return new CheckedModel(settings, null, null, train);
  }

  /** What the checkpoint calls its architecture. */
  String name() {
    return checkpoint.config().generation().modelType();
  }

  QwenCheckpoint checkpoint() {
    return checkpoint;
  }

  QwenCheckpoint.Inputs inputs() {
    return inputs;
  }

  /** Reads the weights; the caller closes the model. */
  QwenModel load() {
    QwenModel loaded = loadWeights();
    if (adapter != null) {
      AdapterFiles.read(adapter, loaded.adapters());
    }
    if (train != null) {
      loaded.recomputeActivations(train.recomputeActivations());
    }
    return loaded;
  }

  private QwenModel loadWeights() {
    if (lora != null) {
      return checkpoint.load(lora, settings.type().scalarType(), inputs);
    }
    return train == null
        ? checkpoint.loadFrozen(settings.type().scalarType(), inputs)
        : checkpoint.load(settings.type().scalarType(), inputs);
  }
}

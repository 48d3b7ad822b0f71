package org.equipoise.mbpo.command;

import java.nio.file.Path;
import org.equipoise.mbpo.checkpoint.AdapterFiles;
import org.equipoise.mbpo.checkpoint.QwenCheckpoint;
import org.equipoise.mbpo.config.ModelSettings;
import org.equipoise.mbpo.config.RunSettings;
import org.equipoise.mbpo.config.TrainSettings;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.qwen.QwenModel;
import org.jspecify.annotations.Nullable;

/** From settings to a model. */
final class LoadedModel {
  private LoadedModel() {}

  /** Configuration and headers alone: fast, and says early what is wrong with a folder. */
  static QwenCheckpoint checkpoint(RunSettings settings) {
    Path folder = settings.requiredPath("model.folder");
    return QwenCheckpoint.open(folder)
        .withChatTemplate(settings.bind("model", ModelSettings.class).chatTemplate());
  }

  /** The same, with tokenizer, chat template and image processor read and found to be usable. */
  static QwenCheckpoint checked(RunSettings settings) {
    QwenCheckpoint checkpoint = checkpoint(settings);
    checkpoint.tokenizer();
    checkpoint.processor(settings.bind("model", ModelSettings.class).maxPixels());
    return checkpoint;
  }

  /** The model with the adapters that the settings name, to ask. */
  static QwenModel toAsk(RunSettings settings) {
    Path adapter = settings.path("model.adapter");
    if (adapter != null) {
      return load(settings, AdapterFiles.options(adapter), adapter);
    }
    ModelSettings model = settings.bind("model", ModelSettings.class);
    return checkpoint(settings).loadFrozen(model.type().scalarType(), model.maxPixels());
  }

  /** The model to train, with fresh adapters, or those that the settings name to go on from. */
  static QwenModel toTrain(RunSettings settings, TrainSettings train) {
    Path adapter = settings.path("model.adapter");
    if (!train.full()) {
      QwenModel loaded =
          load(settings, adapter == null ? train.lora() : AdapterFiles.options(adapter), adapter);
      loaded.recomputeActivations(train.recomputeActivations());
      return loaded;
    }
    if (adapter != null) {
      throw new IllegalArgumentException(
          "train.full trains the weights themselves; merge the adapters of model.adapter first, or"
              + " leave train.full out");
    }
    ModelSettings model = settings.bind("model", ModelSettings.class);
    if (model.type() != ModelSettings.Type.FLOAT32) {
      throw new IllegalArgumentException(
          "train.full needs --set model.type=FLOAT32: steps of a small learning rate are lost in"
              + " 16-bit weights. Low-rank adapters train over a bfloat16 checkpoint");
    }
    QwenModel loaded = checkpoint(settings).load(model.type().scalarType(), model.maxPixels());
    loaded.recomputeActivations(train.recomputeActivations());
    return loaded;
  }

  private static QwenModel load(RunSettings settings, LoraOptions lora, @Nullable Path adapter) {
    ModelSettings model = settings.bind("model", ModelSettings.class);
    QwenModel loaded =
        checkpoint(settings).load(lora, model.type().scalarType(), model.maxPixels());
    if (adapter != null) {
      AdapterFiles.read(adapter, loaded.adapters());
    }
    return loaded;
  }
}

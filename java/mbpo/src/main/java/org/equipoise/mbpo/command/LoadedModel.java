package org.equipoise.mbpo.command;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.checkpoint.PeftAdapter;
import org.equipoise.mbpo.checkpoint.QwenCheckpoint;
import org.equipoise.mbpo.config.ModelSettings;
import org.equipoise.mbpo.config.RunSettings;
import org.equipoise.mbpo.config.TrainSettings;
import org.equipoise.mbpo.lora.LoraAdapters;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.LogitRules;
import org.equipoise.mbpo.qwen.QwenModel;
import org.jspecify.annotations.Nullable;

/** From settings to a model. */
final class LoadedModel {
  private LoadedModel() {}

  /** Configuration and headers alone: fast, and says early what is wrong with a folder. */
  static QwenCheckpoint checkpoint(RunSettings settings) {
    return QwenCheckpoint.open(settings.requiredPath("model.folder"));
  }

  /** The adapter that the settings name, or {@code null}. */
  static @Nullable PeftAdapter adapter(RunSettings settings) {
    Path folder = settings.path("model.adapter");
    return folder == null ? null : PeftAdapter.open(folder);
  }

  /** What the checkpoint asks of answers of its own, if the settings obey it. */
  static LogitRules rules(RunSettings settings, QwenModel model) {
    return settings.bind("model", ModelSettings.class).generationRules()
        ? checkpoint(settings).generation().rules(model.stopTokens())
        : LogitRules.NONE;
  }

  /**
   * Checks checkpoint and adapter by configuration and headers, and says once what a user should
   * know about them.
   *
   * @param asked how answers are generated where the checkpoint's rules are obeyed; {@code null}
   *     where answers are the policy's own
   */
  static QwenCheckpoint announced(
      RunSettings settings, @Nullable GenerationOptions asked, PrintWriter messages) {
    QwenCheckpoint checkpoint = checkpoint(settings);
    ModelSettings model = settings.bind("model", ModelSettings.class);
    List<String> remarks = new ArrayList<>(checkpoint.remarks(model.type().scalarType()));
    PeftAdapter adapter = adapter(settings);
    if (adapter != null) {
      remarks.addAll(adapter.remarks());
      remarks.addAll(adapter.check(checkpoint.shapes()));
    }
    remarks.addAll(
        asked == null
            ? checkpoint.generation().remarksOfPolicy()
            : checkpoint.generation().remarks(asked));
    remarks.forEach(remark -> messages.println("Note: " + remark));
    messages.flush();
    return checkpoint;
  }

  /** The model with the adapters that the settings name, to ask. */
  static QwenModel toAsk(RunSettings settings) {
    ModelSettings model = settings.bind("model", ModelSettings.class);
    PeftAdapter adapter = adapter(settings);
    QwenCheckpoint checkpoint = checkpoint(settings);
    return adapter == null
        ? checkpoint.loadFrozen(model.type().scalarType(), model.maxPixels())
        : checkpoint.load(adapter, model.type().scalarType(), model.maxPixels());
  }

  /** What forbids training with these settings, before anything is loaded. */
  static void requireTrainable(
      RunSettings settings, TrainSettings train, QwenCheckpoint checkpoint, PrintWriter messages) {
    PeftAdapter adapter = adapter(settings);
    if (train.full()) {
      if (adapter != null) {
        throw new IllegalArgumentException(
            "train.full trains the weights themselves; merge the adapters of model.adapter first,"
                + " or leave train.full out");
      }
      if (settings.bind("model", ModelSettings.class).type() != ModelSettings.Type.FLOAT32) {
        throw new IllegalArgumentException(
            "train.full needs --set model.type=FLOAT32: steps of a small learning rate are lost in"
                + " 16-bit weights. Low-rank adapters train over a bfloat16 checkpoint");
      }
    } else if (adapter != null) {
      if (adapter.trainableLayers() == 0) {
        throw new IllegalArgumentException(
            settings.path("model.adapter")
                + ": has no adapter of a linear layer that could be trained further; leave"
                + " model.adapter out to start with fresh ones");
      }
      adapter.keptWhileTraining().forEach(kept -> messages.println("Note: " + kept));
    } else {
      LoraAdapters.paths(train.lora(), checkpoint.matrices());
    }
  }

  /** The model to train, with fresh adapters, or those that the settings name to go on from. */
  static QwenModel toTrain(RunSettings settings, TrainSettings train) {
    ModelSettings model = settings.bind("model", ModelSettings.class);
    PeftAdapter adapter = adapter(settings);
    QwenCheckpoint checkpoint = checkpoint(settings);
    ScalarType type = model.type().scalarType();
    QwenModel loaded =
        train.full()
            ? checkpoint.load(type, model.maxPixels())
            : adapter == null
                ? checkpoint.load(train.lora(), type, model.maxPixels())
                : checkpoint.load(adapter, type, model.maxPixels());
    loaded.recomputeActivations(train.recomputeActivations());
    return loaded;
  }
}

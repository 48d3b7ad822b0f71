package org.equipoise.mbpo.command;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.checkpoint.CheckpointOptions;
import org.equipoise.mbpo.checkpoint.PeftAdapter;
import org.equipoise.mbpo.checkpoint.QwenCheckpoint;
import org.equipoise.mbpo.config.ModelSettings;
import org.equipoise.mbpo.config.RunSettings;
import org.equipoise.mbpo.config.TrainSettings;
import org.equipoise.mbpo.lora.LoraAdapters;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.LogitRules;
import org.equipoise.mbpo.qwen.QwenModel;
import org.jspecify.annotations.Nullable;

/**
 * From settings to a model in two steps: what configurations and headers say is read and checked at
 * once, and what a user should know about it is said; weights are read by {@link #load}.
 */
final class CheckedModel {
  private final ModelSettings settings;
  private final QwenCheckpoint checkpoint;
  private final QwenCheckpoint.Inputs inputs;
  private final @Nullable PeftAdapter adapter;
  private final @Nullable TrainSettings train;

  private CheckedModel(RunSettings run, @Nullable TrainSettings train, List<String> remarks) {
    this.train = train;
    settings = run.bind("model", ModelSettings.class);
    Path folder = run.path("model.adapter");
    adapter = folder == null ? null : PeftAdapter.open(folder);
    if (train != null) {
      requireTrainable(folder);
    }
    checkpoint =
        QwenCheckpoint.open(
            run.requiredPath("model.folder"),
            new CheckpointOptions(
                settings.chatTemplate(), settings.tokenizer(), settings.weights()));
    inputs = checkpoint.inputs(settings.maxPixels());
    remarks.addAll(checkpoint.remarks(settings.type().scalarType()));
    if (adapter != null) {
      remarks.addAll(adapter.remarks());
      remarks.addAll(adapter.check(checkpoint.shapes()));
      if (train != null) {
        remarks.addAll(adapter.keptWhileTraining());
      }
    } else if (train != null && !train.full()) {
      requireTargets(train.lora());
    }
  }

  private void requireTrainable(@Nullable Path adapterFolder) {
    if (train.full() && adapter != null) {
      throw new IllegalArgumentException(
          "train.full trains the weights themselves; merge the adapters of model.adapter first, or"
              + " leave train.full out");
    }
    if (train.full() && settings.type() != ModelSettings.Type.FLOAT32) {
      throw new IllegalArgumentException(
          "train.full needs --set model.type=FLOAT32: steps of a small learning rate are lost in"
              + " 16-bit weights. Low-rank adapters train over a bfloat16 checkpoint");
    }
    if (adapter != null && adapter.trainableLayers() == 0) {
      throw new IllegalArgumentException(
          adapterFolder
              + ": has no adapter of a linear layer that could be trained further; leave"
              + " model.adapter out to start with fresh ones");
    }
  }

  private void requireTargets(LoraOptions fresh) {
    try {
      LoraAdapters.paths(fresh, checkpoint.matrices());
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("train.lora.targets: " + e.getMessage(), e);
    }
  }

  /**
   * The model with the adapters that the settings name, to ask.
   *
   * @param asked how answers are generated where the checkpoint's rules are obeyed; {@code null}
   *     where answers are the policy's own
   * @param messages told once what a user should know about the files
   */
  static CheckedModel toAsk(
      RunSettings settings, @Nullable GenerationOptions asked, PrintWriter messages) {
    List<String> remarks = new ArrayList<>();
    CheckedModel model = new CheckedModel(settings, null, remarks);
    return model.announced(remarks, asked, messages);
  }

  /**
   * The model to train, with fresh adapters, or those that the settings name to go on from.
   *
   * @param messages told once what a user should know about the files
   */
  static CheckedModel toTrain(RunSettings settings, TrainSettings train, PrintWriter messages) {
    List<String> remarks = new ArrayList<>();
    CheckedModel model = new CheckedModel(settings, train, remarks);
    return model.announced(remarks, null, messages);
  }

  private CheckedModel announced(
      List<String> remarks, @Nullable GenerationOptions asked, PrintWriter messages) {
    remarks.addAll(
        asked == null
            ? checkpoint.generation().remarksOfPolicy()
            : checkpoint.generation().remarks(asked));
    remarks.forEach(remark -> messages.println("Note: " + remark));
    messages.flush();
    return this;
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

  /** The adapter that the settings name, or {@code null}. */
  @Nullable PeftAdapter adapter() {
    return adapter;
  }

  /** What the checkpoint asks of answers of its own, if the settings obey it. */
  LogitRules rules(QwenModel model) {
    return settings.generationRules()
        ? checkpoint.generation().rules(model.stopTokens())
        : LogitRules.NONE;
  }

  /** Reads the weights; the caller closes the model. */
  QwenModel load() {
    ScalarType type = settings.type().scalarType();
    if (train == null) {
      return adapter == null
          ? checkpoint.loadFrozen(type, inputs)
          : checkpoint.load(adapter, type, inputs);
    }
    QwenModel loaded =
        train.full()
            ? checkpoint.load(type, inputs)
            : adapter == null
                ? checkpoint.load(train.lora(), type, inputs)
                : checkpoint.load(adapter, type, inputs);
    loaded.recomputeActivations(train.recomputeActivations());
    return loaded;
  }
}

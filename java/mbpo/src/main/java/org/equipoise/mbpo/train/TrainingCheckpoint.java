package org.equipoise.mbpo.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.jspecify.annotations.Nullable;

/**
 * Everything a run needs to go on, in one safetensors file: weights ({@code weight.*}), moments
 * ({@code moment1.*}, {@code moment2.*}), the metrics of every step so far and the number of steps
 * done. Random numbers are keyed by step, so there is no generator state. Written atomically, and
 * read only if it is as it was written.
 */
final class TrainingCheckpoint {
  private static final String HISTORY = "history";

  private final Path file;
  private final String fingerprint;
  private final Map<String, Tensor> parameters;
  private final AdamW optimizer;

  /**
   * @param fingerprint of options, data and starting weights
   */
  TrainingCheckpoint(
      Path file, String fingerprint, Map<String, Tensor> parameters, AdamW optimizer) {
    this.file = file;
    this.fingerprint = fingerprint;
    this.parameters = parameters;
    this.optimizer = optimizer;
  }

  /** What a checkpoint says beside the tensors, which are copied into place. */
  record Position(List<StepMetrics> history, List<String> alarms) {
    static final Position BEGINNING = new Position(List.of(), List.of());
  }

  void write(List<StepMetrics> history, List<String> alarms) {
    try (PointerScope scope = new PointerScope()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      parameters.forEach((name, tensor) -> tensors.put("weight." + name, tensor));
      optimizer.firstMoments().forEach((name, tensor) -> tensors.put("moment1." + name, tensor));
      optimizer.secondMoments().forEach((name, tensor) -> tensors.put("moment2." + name, tensor));
      List<String> names = List.copyOf(history.get(0).values().keySet());
      tensors.put(HISTORY, historyTensor(history, names));
      Map<String, String> metadata = new LinkedHashMap<>();
      metadata.put("format", "equipoise-training-1");
      metadata.put("fingerprint", fingerprint);
      metadata.put("steps_done", Integer.toString(history.size()));
      metadata.put("total_steps", Integer.toString(history.get(0).totalSteps()));
      metadata.put("metrics", Json.text(names));
      metadata.put("alarms", Json.text(alarms));
      SafetensorsFile.write(file, tensors, metadata);
    }
  }

  /**
   * Copies the checkpoint into parameters and optimiser. Where there is none, or one that is not as
   * it was written, the run begins.
   *
   * @param notices told of a damaged one
   */
  Position read(Consumer<String> notices) {
    if (!Files.exists(file)) {
      return Position.BEGINNING;
    }
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      SafetensorsFile.Contents contents;
      try {
        contents = SafetensorsFile.readChecked(file);
      } catch (IllegalArgumentException e) {
        notices.accept(e.getMessage() + "; the training begins again");
        return Position.BEGINNING;
      }
      Map<String, String> metadata = contents.metadata();
      if (!fingerprint.equals(metadata.get("fingerprint"))) {
        throw new IllegalArgumentException(
            "checkpoint "
                + file
                + " belongs to a run with other options or data, or other starting weights; delete"
                + " it to start anew, or use what it was written with");
      }
      Position position = position(contents);
      restore(contents, "weight.", parameters);
      restore(contents, "moment1.", optimizer.firstMoments());
      restore(contents, "moment2.", optimizer.secondMoments());
      return position;
    }
  }

  private Position position(SafetensorsFile.Contents contents) {
    Map<String, String> metadata = contents.metadata();
    List<StepMetrics> history =
        history(
            contents.tensors().get(HISTORY),
            texts(metadata, "metrics"),
            wholeNumber(metadata, "total_steps"));
    return new Position(history, texts(metadata, "alarms"));
  }

  private void restore(
      SafetensorsFile.Contents contents, String prefix, Map<String, Tensor> targets) {
    targets.forEach(
        (name, target) -> {
          Tensor source = contents.tensors().get(prefix + name);
          if (source == null) {
            throw unusable("lacks tensor " + prefix + name);
          }
          SafetensorsFile.copyInto(file, prefix + name, source, target);
        });
  }

  private static Tensor historyTensor(List<StepMetrics> history, List<String> names) {
    double[] values = new double[history.size() * names.size()];
    for (int i = 0; i < history.size(); i++) {
      for (int j = 0; j < names.size(); j++) {
        values[i * names.size() + j] = history.get(i).value(names.get(j));
      }
    }
    try (DoublePointer source = new DoublePointer(values);
        TensorOptions doubles = new TensorOptions(ScalarType.Double)) {
      return torch.from_blob(source, new long[] {history.size(), names.size()}, doubles).clone();
    }
  }

  private List<StepMetrics> history(@Nullable Tensor tensor, List<String> names, int totalSteps) {
    if (tensor == null
        || tensor.scalar_type().intern() != ScalarType.Double
        || tensor.dim() != 2
        || tensor.size(0) > totalSteps
        || tensor.size(1) != names.size()) {
      throw unusable("lacks a history of its " + totalSteps + " steps and their metrics");
    }
    double[] values = new double[(int) tensor.numel()];
    tensor.data_ptr_double().get(values);
    List<StepMetrics> history = new ArrayList<>();
    for (int i = 0; i < tensor.size(0); i++) {
      Map<String, Double> row = new LinkedHashMap<>();
      for (int j = 0; j < names.size(); j++) {
        row.put(names.get(j), values[i * names.size() + j]);
      }
      history.add(new StepMetrics(i, totalSteps, row, List.of()));
    }
    return history;
  }

  private int wholeNumber(Map<String, String> metadata, String name) {
    String text = metadata.getOrDefault(name, "");
    if (!text.matches("[0-9]{1,9}")) {
      throw unusable("has no number as " + name);
    }
    return Integer.parseInt(text);
  }

  private List<String> texts(Map<String, String> metadata, String name) {
    try {
      return List.of(Json.MAPPER.readValue(metadata.getOrDefault(name, ""), String[].class));
    } catch (JsonProcessingException | NullPointerException e) {
      throw unusable("has no list of texts as " + name);
    }
  }

  private IllegalArgumentException unusable(String found) {
    return new IllegalArgumentException(
        "checkpoint " + file + " " + found + "; delete it to start anew");
  }
}

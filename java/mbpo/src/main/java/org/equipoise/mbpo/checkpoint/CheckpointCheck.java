package org.equipoise.mbpo.checkpoint;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.qwen.QwenConfig;
import org.equipoise.mbpo.qwen.QwenShapes;
import org.equipoise.mbpo.storage.Excerpt;

/** Whether the tensors that the headers list are those of the configuration, and which are more. */
final class CheckpointCheck {
  private static final String QUANTISED =
      ".*\\.(qweight|qzeros|g_idx|scales|biases|absmax|quant_map|nested_absmax|SCB|weight_format"
          + "|weight_scale|weight_scale_inv|input_scale|weight_packed)|.*\\.quant_state\\..*";

  private final Path folder;
  private final SafetensorsCheckpoint weights;
  private final Set<String> leftOut = new LinkedHashSet<>();
  private final List<String> remarks = new ArrayList<>();
  private final QwenConfig config;

  CheckpointCheck(Path folder, QwenConfig read, SafetensorsCheckpoint weights) {
    this.folder = folder;
    this.weights = weights;
    requireUnquantised();
    inFolder(() -> QwenKeys.of(weights.names()));
    inFolder(() -> QwenShapes.requireLayers(read, weights.shapes(leftOut).keySet()));
    this.config = head(read);
    extras();
    inFolder(this::requireShapes);
  }

  /** Errors name the folder. */
  private void inFolder(Runnable check) {
    try {
      check.run();
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(folder + ": " + e.getMessage(), e);
    }
  }

  private void requireShapes() {
    List<String> problems = QwenShapes.problems(config, weights.shapes(leftOut));
    extraLayers(problems);
    QwenShapes.require(config, problems);
  }

  /** As read, but for the head that the files may have. */
  QwenConfig config() {
    return config;
  }

  /** Names in the files of tensors that are no part of the model. */
  Set<String> leftOut() {
    return leftOut;
  }

  List<String> remarks() {
    return remarks;
  }

  private void requireUnquantised() {
    for (String name : weights.names()) {
      ScalarType type = weights.entry(name).type();
      if (name.matches(QUANTISED)
          || type == ScalarType.Char
          || type == ScalarType.Byte
          || name.endsWith(".weight") && type == ScalarType.Int) {
        throw new IllegalArgumentException(
            folder
                + ": tensor "
                + Excerpt.of(name)
                + " is one of quantised weights (GPTQ, AWQ, bitsandbytes, MLX or fp8), which are"
                + " not read; take the checkpoint that was quantised");
      }
    }
  }

  /**
   * As in transformers: a head beside a tied configuration is kept if it differs from the
   * embedding, and is the embedding if it does not.
   */
  private QwenConfig head(QwenConfig read) {
    if (!read.tiedHead() || !weights.names().contains(QwenNames.HEAD)) {
      return read;
    }
    if (headIsTheEmbedding()) {
      leftOut.add(QwenNames.HEAD);
      return read;
    }
    remarks.add(
        folder
            + ": config.json says that the head is the embedding (tie_word_embeddings), but the"
            + " files hold another "
            + QwenNames.HEAD
            + "; that one is used, as transformers does");
    return read.withTiedHead(false);
  }

  private boolean headIsTheEmbedding() {
    String embedding =
        weights.names().stream()
            .filter(name -> QwenKeys.toModel(name).equals(QwenNames.EMBEDDING))
            .findFirst()
            .orElse(null);
    if (embedding == null
        || !Arrays.equals(
            weights.entry(embedding).shape(), weights.entry(QwenNames.HEAD).shape())) {
      return false;
    }
    try (PointerScope scope = new PointerScope()) {
      Tensor head = weights.mapped(QwenNames.HEAD);
      Tensor tokens = weights.mapped(embedding);
      return head.to(tokens.scalar_type()).equal(tokens);
    }
  }

  /** Buffers that older versions saved say nothing; other tensors are named. */
  private void extras() {
    Map<String, long[]> known = QwenShapes.of(config);
    List<String> others = new ArrayList<>();
    for (String name : weights.names()) {
      String own = QwenKeys.toModel(name);
      if (known.containsKey(own) || leftOut.contains(name)) {
        continue;
      }
      boolean buffer = name.endsWith(".inv_freq");
      boolean foreign =
          !own.startsWith("model.visual.") && !own.startsWith("model.language_model.");
      if (buffer || foreign) {
        leftOut.add(name);
      }
      if (foreign && !buffer) {
        others.add(name);
      }
    }
    if (!others.isEmpty()) {
      remarks.add(
          folder
              + ": the files hold "
              + others.size()
              + " tensors that are no part of the model, such as "
              + Excerpt.of(others.get(0))
              + "; they are left out");
    }
  }

  /** More layers or other parts of the model than the configuration has. */
  private void extraLayers(List<String> problems) {
    Map<String, long[]> known = QwenShapes.of(config);
    for (String name : weights.names()) {
      if (!leftOut.contains(name) && !known.containsKey(QwenKeys.toModel(name))) {
        problems.add(Excerpt.of(QwenKeys.toModel(name)) + " is unknown");
      }
    }
  }
}

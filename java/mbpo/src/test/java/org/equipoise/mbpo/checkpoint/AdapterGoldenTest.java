package org.equipoise.mbpo.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.image.ImageFiles;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.equipoise.mbpo.tensor.HostTensors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Logits equal to those of PEFT 0.21 for adapters that it saved; adapters_golden.py made them. */
class AdapterGoldenTest {
  private static final long MAX_PIXELS = QwenImageProcessor.DEFAULT_MAX_PIXELS;

  /**
   * Of the largest logit. Both sides compute in float32; sums of base and adapter in another order
   * are carried up as in QwenParityTest, and a wrong scale differs in the first digits.
   */
  private static final float TOLERANCE = 1e-4f;

  @TempDir Path folder;

  static Path adapter(String name) {
    return TinyCheckpoint.resource("adapters").resolve(name);
  }

  private QwenCheckpoint base(String name) {
    if (!name.startsWith("qwen2.5")) {
      return QwenCheckpoint.open(TinyCheckpoint.folder());
    }
    if (Files.exists(folder.resolve("second"))) {
      return QwenCheckpoint.open(folder.resolve("second"));
    }
    Path second = TinyCheckpoint.copyInto(folder.resolve("second"));
    Path own = TinyCheckpoint.resource("tiny-qwen2.5-vl");
    for (String file : List.of("config.json", "model.safetensors")) {
      try {
        Files.write(second.resolve(file), Files.readAllBytes(own.resolve(file)));
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }
    return QwenCheckpoint.open(second);
  }

  static float[] logits(QwenModel model) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      RgbImage image =
          model.imageProcessor().resize(ImageFiles.read(TinyCheckpoint.resource("image-0.png")));
      TokenSequence sequence =
          new TokenSequence(
              model.tokenizer().encodePrompt("is there a dog ?"),
              model.tokenizer().encodeAnswer("no , there is no cat"));
      return HostTensors.toFloats(
          model.forward(ImageBatch.ofImages(List.of(image)), List.of(sequence)).logits());
    }
  }

  private static float[] expected(String name) {
    try (PointerScope scope = new PointerScope()) {
      return HostTensors.toFloats(
          SafetensorsFile.read(TinyCheckpoint.resource("adapters.safetensors"))
              .tensors()
              .get(name));
    }
  }

  private static void assertClose(float[] expected, float[] found, String what) {
    float largest = 0;
    for (float value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    assertArrayEquals(expected, found, TOLERANCE * largest, what);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "plain",
        "old-names",
        "expression",
        "patterns",
        "some-layers",
        "all-linear",
        "saved-head",
        "saved-embedding",
        "tied-embedding",
        "tokens",
        "adapted-embedding",
        "qwen2.5-all-linear",
        "qwen2.5-saved"
      })
  void loadedSavedAgainAndMerged(String name) {
    QwenCheckpoint base = base(name);
    PeftAdapter adapter = PeftAdapter.open(adapter(name));
    assertEquals(List.of(), adapter.check(base.shapes()));
    float[] expected = expected(name);
    Path saved = folder.resolve("saved");
    Path merged = folder.resolve("merged");
    try (QwenModel model = base.load(adapter, ScalarType.Float, MAX_PIXELS)) {
      assertClose(expected, logits(model), "loaded");
      adapter.write(model.adapters(), saved);
      CheckpointWriter.write(model, base, merged, CheckpointWriter.SHARD_BYTES);
      assertTrue(model.parameters().values().stream().allMatch(Tensor::requires_grad), "trainable");
    }
    PeftAdapter again = PeftAdapter.open(saved);
    try (QwenModel model = base.load(again, ScalarType.Float, MAX_PIXELS)) {
      assertClose(expected, logits(model), "saved again");
    }
    ObjectNode configuration =
        (ObjectNode) Json.readObject(adapter(name).resolve("adapter_config.json"));
    configuration.put("inference_mode", true);
    assertEquals(configuration, Json.readObject(saved.resolve("adapter_config.json")));
    QwenCheckpoint whole = QwenCheckpoint.open(merged);
    assertEquals(List.of(), whole.remarks(null));
    try (QwenModel model = whole.loadFrozen(null, MAX_PIXELS)) {
      assertClose(expected, logits(model), "merged");
    }
  }

  /** Writes what verify_adapters.py looks at into a folder. */
  public static void main(String[] arguments) {
    Path target = Path.of(arguments[0]);
    AdapterGoldenTest test = new AdapterGoldenTest();
    test.folder = target;
    for (String name : arguments[1].split(",")) {
      QwenCheckpoint base = test.base(name);
      PeftAdapter adapter = PeftAdapter.open(adapter(name));
      try (QwenModel model = base.load(adapter, ScalarType.Float, MAX_PIXELS)) {
        adapter.write(model.adapters(), target.resolve(name).resolve("adapter"));
        CheckpointWriter.write(
            model, base, target.resolve(name).resolve("merged"), CheckpointWriter.SHARD_BYTES);
      }
    }
  }
}

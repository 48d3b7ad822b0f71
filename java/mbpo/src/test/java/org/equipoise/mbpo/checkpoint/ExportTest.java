package org.equipoise.mbpo.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.image.ImageFiles;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.equipoise.mbpo.tensor.HostTensors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** What is written loads again and says the same; verify_export.py asks transformers and PEFT. */
class ExportTest {
  private static final long MAX_PIXELS = QwenImageProcessor.DEFAULT_MAX_PIXELS;
  private static final LoraOptions OPTIONS = LoraOptions.defaults().withRank(4).withAlpha(8);

  @TempDir Path folder;

  private static QwenModel trained(QwenCheckpoint source) {
    QwenModel model = source.load(OPTIONS, ScalarType.Float, MAX_PIXELS);
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      model
          .parameters()
          .forEach(
              (name, tensor) -> {
                float[] values = new float[(int) tensor.numel()];
                KeyedRandom random = KeyedRandom.of(4, name);
                for (int i = 0; i < values.length; i++) {
                  values[i] = (float) (0.1 * random.gaussian(0, 0, i));
                }
                tensor.copy_(HostTensors.floats(values, tensor.size(0), tensor.size(1)));
              });
    }
    return model;
  }

  private static float[] logits(QwenModel model) {
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

  private static void assertClose(float[] expected, float[] found) {
    float largest = 0;
    for (float value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    // Sums of adapter and base in another order.
    assertArrayEquals(expected, found, 1e-4f * largest);
  }

  @Test
  void mergedCheckpointInOneAndInSeveralFiles() {
    QwenCheckpoint source = QwenCheckpoint.open(TinyCheckpoint.folder());
    try (QwenModel model = trained(source)) {
      float[] expected = logits(model);
      for (long shardBytes : new long[] {CheckpointWriter.SHARD_BYTES, 100_000}) {
        Path target = folder.resolve("merged-" + shardBytes);
        CheckpointWriter.write(model, source, target, shardBytes);
        QwenCheckpoint written = QwenCheckpoint.open(target);
        assertEquals(source.weights().names(), written.weights().names());
        assertTrue(written.weights().files().size() == 1 || shardBytes == 100_000);
        assertTrue(written.weights().files().size() > 1 || shardBytes != 100_000);
        try (QwenModel again = written.load(ScalarType.Float, MAX_PIXELS)) {
          assertClose(expected, logits(again));
        }
      }
    }
  }

  @Test
  void namedTemplatesGoWithTheMergedCheckpoint() throws Exception {
    Path copy = TinyCheckpoint.copyInto(folder.resolve("named"));
    Path named = Files.createDirectory(copy.resolve("additional_chat_templates"));
    String system = "Look closely.";
    Files.writeString(
        named.resolve("default.jinja"),
        Files.readString(copy.resolve("chat_template.jinja"))
            .replace("You are a helpful assistant.", system));
    Files.delete(copy.resolve("chat_template.jinja"));
    Path target = folder.resolve("merged-named");
    try (QwenModel model = trained(QwenCheckpoint.open(copy))) {
      CheckpointWriter.write(model, QwenCheckpoint.open(copy), target, 100_000);
    }
    assertEquals(system, QwenCheckpoint.open(target).tokenizer().system());
  }

  @Test
  void adaptersThereAndBack() {
    QwenCheckpoint source = QwenCheckpoint.open(TinyCheckpoint.folder());
    Path target = folder.resolve("adapter");
    try (QwenModel model = trained(source)) {
      PeftAdapter.write(model.adapters(), OPTIONS, "tiny", target);
      PeftAdapter adapter = PeftAdapter.open(target);
      assertEquals(List.of(), adapter.check(source.shapes()));
      assertEquals(14, adapter.trainableLayers());
      try (QwenModel again = source.load(adapter, ScalarType.Float, MAX_PIXELS)) {
        assertArrayEquals(logits(model), logits(again));
      }
    }
  }

  @Test
  void theReferenceStaysAndTheCopyIsTrainable() {
    QwenCheckpoint source = QwenCheckpoint.open(TinyCheckpoint.folder());
    try (QwenModel model = trained(source);
        var reference = (QwenModel) model.reference();
        QwenModel copy = model.copy()) {
      float[] before = logits(reference);
      try (NoGradGuard noGrad = new NoGradGuard()) {
        model.parameters().values().forEach(Tensor::zero_);
      }
      assertArrayEquals(before, logits(reference));
      assertArrayEquals(before, logits(copy));
      assertTrue(copy.parameters().values().stream().allMatch(Tensor::requires_grad));
      assertTrue(reference.parameters().values().stream().noneMatch(Tensor::requires_grad));
    }
  }

  @Test
  void errorsNameTheFile() throws Exception {
    QwenCheckpoint source = QwenCheckpoint.open(TinyCheckpoint.folder());
    try (QwenModel model = trained(source)) {
      String same =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> CheckpointWriter.write(model, source, source.folder(), 1))
              .getMessage();
      assertTrue(same.contains("another folder"), same);
      Path target = folder.resolve("adapter");
      PeftAdapter.write(model.adapters(), OPTIONS.withRank(2), "tiny", target);
      String rank =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> PeftAdapter.open(target).check(source.shapes()))
              .getMessage();
      assertTrue(rank.contains("adapter_model.safetensors") && rank.contains("lora_A"), rank);
      Files.writeString(target.resolve("adapter_config.json"), "{\"peft_type\": \"IA3\"}");
      String type =
          assertThrows(IllegalArgumentException.class, () -> PeftAdapter.open(target)).getMessage();
      assertTrue(type.contains("adapter_config.json") && type.contains("IA3"), type);
      assertThrows(IllegalArgumentException.class, () -> PeftAdapter.open(folder));
    }
  }

  /** One byte that the disk changed in what was written here. */
  @Test
  void damageIsRefusedWhereItIsRead() throws Exception {
    QwenCheckpoint source = QwenCheckpoint.open(TinyCheckpoint.folder());
    Path merged = folder.resolve("merged");
    Path adapter = folder.resolve("adapter");
    try (QwenModel model = trained(source)) {
      CheckpointWriter.write(model, source, merged, CheckpointWriter.SHARD_BYTES);
      PeftAdapter.write(model.adapters(), OPTIONS, "tiny", adapter);
      assertEquals(List.of(), PeftAdapter.open(adapter).remarks());
      Path config = adapter.resolve("adapter_config.json");
      Files.writeString(
          config, Files.readString(config).replaceAll("(\"lora_alpha\"\\s*:\\s*)", "$19"));
      List<String> said = PeftAdapter.open(adapter).remarks();
      assertEquals(1, said.size());
      assertTrue(said.get(0).startsWith(config + " is not the one that was written"), said.get(0));
      Path weights = adapter.resolve("adapter_model.safetensors");
      flipLastByte(weights);
      refused(
          weights,
          () -> source.load(PeftAdapter.open(adapter), ScalarType.Float, MAX_PIXELS).close());
    }
    Path weights = merged.resolve("model.safetensors");
    flipLastByte(weights);
    QwenCheckpoint damaged = QwenCheckpoint.open(merged);
    refused(weights, () -> damaged.loadFrozen(ScalarType.Float, MAX_PIXELS).close());
  }

  private static void flipLastByte(Path file) throws Exception {
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 1] ^= 1;
    Files.write(file, bytes);
  }

  private static void refused(Path file, Executable reading) {
    String said = assertThrows(IllegalArgumentException.class, reading).getMessage();
    assertTrue(said.startsWith(file + " is not a whole safetensors file: its bytes have"), said);
  }

  /** Writes what verify_export.py looks at into a folder. */
  public static void main(String[] folder) {
    QwenCheckpoint source = QwenCheckpoint.open(TinyCheckpoint.folder());
    Path target = Path.of(folder[0]);
    try (QwenModel model = trained(source);
        PointerScope scope = new PointerScope()) {
      CheckpointWriter.write(model, source, target.resolve("merged"), 100_000);
      PeftAdapter.write(model.adapters(), OPTIONS, "tiny", target.resolve("adapter"));
      float[] logits = logits(model);
      SafetensorsFile.write(
          target.resolve("logits.safetensors"),
          Map.of("logits", HostTensors.floats(logits, logits.length)),
          Map.of());
    }
  }
}

package org.equipoise.mbpo.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.List;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.tensor.WeightsFingerprint;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files of weights that change while a model reads them: to read where one was cut is the end. */
class MappedWeightsTest {
  private static final long MAX_PIXELS = QwenImageProcessor.DEFAULT_MAX_PIXELS;
  private static final GenerationOptions OPTIONS = GenerationOptions.greedy().withMaxNewTokens(1);

  @TempDir Path folder;
  private Path checkpoint;
  private Path weights;

  @BeforeEach
  void copy() {
    checkpoint = TinyCheckpoint.copyInto(folder.resolve("checkpoint"));
    weights = checkpoint.resolve("model.safetensors");
  }

  private static void ask(QwenModel model) {
    int[] prompt = model.tokenizer().encodeTextPrompt("is there a car ?");
    assertEquals(1, model.generate(null, List.of(prompt), new long[1], OPTIONS).size());
  }

  private void cut() throws IOException {
    try (FileChannel channel = FileChannel.open(weights, StandardOpenOption.WRITE)) {
      channel.truncate(20_000);
    }
  }

  private void assertChanged(Runnable use, String found) {
    String message = assertThrows(IllegalStateException.class, use::run).getMessage();
    assertTrue(message.startsWith(weights + " was changed while it was in use"), message);
    assertTrue(message.contains(found), message);
  }

  @Test
  void aFileThatIsCutEndsWithASentence() throws IOException {
    QwenCheckpoint opened = QwenCheckpoint.open(checkpoint);
    try (QwenModel model = opened.load(LoraOptions.defaults(), null, MAX_PIXELS);
        QwenModel copy = model.copy()) {
      ask(model);
      cut();
      assertChanged(() -> ask(model), "it has 20000 bytes and had ");
      assertChanged(() -> ask(copy), "it has 20000 bytes and had ");
      assertChanged(model::weights, "20000");
      assertChanged(() -> model.merged("model.language_model.norm.weight"), "20000");
      assertChanged(
          () -> CheckpointWriter.write(model, opened, folder.resolve("merged"), 1 << 20), "20000");
    }
  }

  @Test
  void aFileThatIsCutAfterItsHeaderWasReadIsNotMapped() throws IOException {
    QwenCheckpoint opened = QwenCheckpoint.open(checkpoint);
    cut();
    assertChanged(() -> opened.loadFrozen(null, MAX_PIXELS), "20000");
  }

  @Test
  void aFileThatIsWrittenAnewOrDeletedEndsWithASentence() throws IOException {
    try (QwenModel model = QwenCheckpoint.open(checkpoint).loadFrozen(null, MAX_PIXELS)) {
      ask(model);
      FileTime before = Files.getLastModifiedTime(weights);
      Files.setLastModifiedTime(weights, FileTime.fromMillis(before.toMillis() + 2000));
      assertChanged(() -> ask(model), "it was written at ");
      Files.delete(weights);
      assertChanged(() -> ask(model), "it was deleted");
    }
  }

  /** What is read once needs the file no more, and is the same. */
  @Test
  void weightsThatAreReadAreThoseThatAreMapped() throws IOException {
    CheckpointOptions reading = CheckpointOptions.defaults().withWeights(WeightReading.READ);
    try (QwenModel mapped = QwenCheckpoint.open(checkpoint).loadFrozen(null, MAX_PIXELS);
        QwenModel read = QwenCheckpoint.open(checkpoint, reading).loadFrozen(null, MAX_PIXELS)) {
      assertEquals(WeightsFingerprint.of(mapped.weights()), WeightsFingerprint.of(read.weights()));
      cut();
      ask(read);
      assertChanged(() -> ask(mapped), "20000");
    }
  }

  /**
   * Weights of another type have memory of their own, and whoever asks for it is free of the file.
   */
  @Test
  void widenedWeightsNeedTheFileNoMore() throws IOException {
    try (QwenModel model =
        QwenCheckpoint.open(checkpoint).loadFrozen(ScalarType.Float, MAX_PIXELS)) {
      cut();
      ask(model);
    }
  }
}

package org.equipoise.mbpo.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.checkpoint.MemoryEstimate;
import org.equipoise.mbpo.checkpoint.QwenCheckpoint;
import org.equipoise.mbpo.checkpoint.QwenTokenizer;
import org.equipoise.mbpo.checkpoint.TinyCheckpoint;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.qwen.QwenConfig;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.qwen.QwenShapes;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The most memory that DPO over 4 and over 40 pairs takes, against what the estimate says: a pass
 * has as many pairs as the settings say, whatever the data set has.
 */
class PairMemoryTest {
  private static final int SIDE = 224;
  private static final int IMAGE_TOKENS = 64;
  private static final int TEXT_TOKENS = 32;

  private static final int PAIRS_AT_A_TIME = 2;
  private static final LoraOptions ADAPTERS = LoraOptions.defaults().withRank(128);

  /** Pixels as floats, for chosen and rejected answer: read, stacked, normalised, patches twice. */
  private static final long PIXEL_BYTES = 2L * PAIRS_AT_A_TIME * 5 * 3 * SIDE * SIDE * Float.BYTES;

  /**
   * Of the virtual machine, whose heap is touched before: the code cache, which is set to half of
   * this, and as much for classes, most of which are loaded before.
   */
  private static final long VIRTUAL_MACHINE_BYTES = 32L << 20;

  @TempDir Path folder;

  /** Prints the process's peaks: with the model loaded, after 4 pairs, after 40. */
  static final class Training {
    public static void main(String[] arguments) throws IOException {
      Equipoise.threads(1);
      // Loads classes and touches LibTorch's code.
      try (QwenModel small = model(TinyCheckpoint.folder())) {
        train(small, 1);
      }
      try (QwenModel model = model(Path.of(arguments[0]))) {
        System.out.println(peak());
        for (int pairs : new int[] {4, 40}) {
          train(model, pairs);
          System.out.println(peak());
        }
      }
    }

    private static QwenModel model(Path folder) {
      QwenConfig config = QwenConfig.read(folder.resolve("config.json"));
      QwenCheckpoint tiny = QwenCheckpoint.open(TinyCheckpoint.folder());
      QwenTokenizer tokenizer = tiny.tokenizer();
      QwenModel model =
          QwenModel.withAdapters(
              config,
              weights(config),
              ADAPTERS,
              tokenizer,
              tiny.processor(SIDE * SIDE),
              Set.of(tokenizer.endToken()));
      model.recomputeActivations(true);
      return model;
    }

    private static Map<String, Tensor> weights(QwenConfig config) {
      Map<String, Tensor> weights = new LinkedHashMap<>();
      QwenShapes.of(config)
          .forEach(
              (name, shape) -> {
                int size = 1;
                for (long side : shape) {
                  size *= (int) side;
                }
                float[] values = new float[size];
                for (int i = 0; i < size; i++) {
                  values[i] = (i * 31 % 97 - 48) / 1000f;
                }
                weights.put(name, HostTensors.floats(values, shape));
              });
      return weights;
    }

    private static void train(QwenModel model, int pairs) {
      new DpoTrainer(
              DpoOptions.defaults().withSteps(2).withBatchPairs(2).withMicroBatch(PAIRS_AT_A_TIME))
          .train(model, pairs(pairs), TrainingContext.defaults());
    }

    private static List<PreferenceRecord> pairs(int count) {
      List<PreferenceRecord> pairs = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        ImageSource image = ImageSource.of(new RgbImage(SIDE, SIDE, new byte[3 * SIDE * SIDE]));
        pairs.add(
            new PreferenceRecord(
                "pair-" + i,
                List.of(image),
                List.of(image),
                "is there a dog in the picture ?",
                "yes",
                "no",
                "yn",
                null,
                "test",
                Double.NaN,
                new PreferenceRecord.Scores(0, 0, "", "", false),
                Map.of()));
      }
      return pairs;
    }

    /**
     * The code of libraries is left out: the system drops its pages and reads them again as it
     * likes.
     */
    private static long peak() throws IOException {
      List<String> status = Files.readAllLines(Path.of("/proc/self/status"));
      return bytes(status, "VmHWM:") - bytes(status, "RssFile:");
    }

    private static long bytes(List<String> status, String name) {
      return status.stream()
          .filter(line -> line.startsWith(name))
          .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) << 10)
          .findFirst()
          .orElseThrow();
    }
  }

  @Test
  void morePairsInTheDataNeedNoMoreMemory() throws Exception {
    assumeTrue(Files.exists(Path.of("/proc/self/status")), "peaks are read from Linux's /proc");
    QwenConfig config = config();
    List<Long> peaks = peaks();
    MemoryEstimate estimate =
        MemoryEstimate.of(
            config, ADAPTERS, Float.BYTES, IMAGE_TOKENS, TEXT_TOKENS, 2 * PAIRS_AT_A_TIME, true);
    long predicted =
        estimate.trainable() + estimate.activations() + estimate.widened() + estimate.logits();
    long margin = PIXEL_BYTES + VIRTUAL_MACHINE_BYTES;
    String found = "bytes loaded, with 4, with 40 pairs: " + peaks + "; predicted " + estimate;
    System.out.println(found);
    long few = peaks.get(1) - peaks.get(0);
    long many = peaks.get(2) - peaks.get(0);
    // Gradients and two moments at least; the adapters themselves were there before.
    assertTrue(few >= estimate.trainable() * 3 / 4, found);
    assertTrue(few <= predicted + margin, found);
    assertTrue(many <= predicted + margin, found);
    assertTrue(many - few <= VIRTUAL_MACHINE_BYTES, found);
  }

  private QwenConfig config() throws IOException {
    ObjectNode config =
        (ObjectNode) Json.readObject(TinyCheckpoint.folder().resolve("config.json"));
    ObjectNode text = (ObjectNode) config.get("text_config");
    text.put("hidden_size", 256).put("intermediate_size", 2048).put("num_attention_heads", 32);
    ObjectNode vision = (ObjectNode) config.get("vision_config");
    vision.put("hidden_size", 256).put("embed_dim", 64);
    Path file = folder.resolve("config.json");
    Files.writeString(file, config.toString());
    return QwenConfig.read(file);
  }

  private List<Long> peaks() throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xms128m",
                "-Xmx128m",
                "-XX:+AlwaysPreTouch",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-XX:ReservedCodeCacheSize=16m",
                "-Dorg.bytedeco.javacpp.maxBytes=0",
                "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
                "-cp",
                System.getProperty("java.class.path"),
                Training.class.getName(),
                folder.toString()));
    File output = folder.resolve("output.txt").toFile();
    ProcessBuilder builder = new ProcessBuilder(command);
    // What is freed goes back at once.
    builder.environment().put("MALLOC_ARENA_MAX", "1");
    builder.environment().put("MALLOC_MMAP_THRESHOLD_", "131072");
    builder.environment().put("MALLOC_TRIM_THRESHOLD_", "131072");
    int status = builder.redirectErrorStream(true).redirectOutput(output).start().waitFor();
    String said = Files.readString(output.toPath());
    assertEquals(0, status, said);
    return said.lines().filter(line -> line.matches("\\d+")).map(Long::valueOf).toList();
  }
}

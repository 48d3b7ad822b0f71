package org.equipoise.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.checkpoint.QwenCheckpoint;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.GeneratedAnswer;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.torch.Equipoise;

/**
 * Generation from a Qwen2-VL checkpoint, the other side of {@code peers/qwen_generation.py}: the
 * prompt's pass with the first token, a further token, and eight samples of one prompt.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar qwen FOLDER [threads 1] [tokens 16] [rounds 3]
 *      [BFloat16 | Float]
 * </pre>
 *
 * FOLDER as {@code peers/qwen_checkpoint.py} makes it.
 */
final class QwenGenerationBenchmark {
  private static final String QUESTION =
      "is there a dog in the picture ? is there a cat ? what colour is the car ?";
  private static final int WIDTH = 308;
  private static final int HEIGHT = 224;
  private static final int SAMPLES = 8;

  private final QwenModel model;
  private final RgbImage image;
  private final int[] prompt;

  private QwenGenerationBenchmark(QwenModel model) {
    this.model = model;
    image = model.imageProcessor().resize(image());
    prompt = model.tokenizer().encodePrompt(QUESTION);
  }

  private static RgbImage image() {
    byte[] planes = new byte[3 * WIDTH * HEIGHT];
    for (int i = 0; i < planes.length; i++) {
      int channel = i / (WIDTH * HEIGHT);
      int y = i / WIDTH % HEIGHT;
      planes[i] = (byte) ((i % WIDTH * 7 + y * 13 + channel * 101) % 256);
    }
    return new RgbImage(WIDTH, HEIGHT, planes);
  }

  static void run(String... arguments) throws IOException {
    int threads = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 1;
    int tokens = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 16;
    int rounds = arguments.length > 3 ? Integer.parseInt(arguments[3]) : 3;
    ScalarType type = ScalarType.valueOf(arguments.length > 4 ? arguments[4] : "BFloat16");
    Equipoise.threads(threads);
    QwenCheckpoint checkpoint = QwenCheckpoint.open(Path.of(arguments[0]));
    try (QwenModel model = checkpoint.loadFrozen(type, 512L * 28 * 28)) {
      QwenGenerationBenchmark benchmark = new QwenGenerationBenchmark(model);
      GenerationOptions greedy = GenerationOptions.greedy();
      benchmark.seconds(1, 1, greedy);
      double[] first = new double[rounds];
      double[] whole = new double[rounds];
      double[] group = new double[rounds];
      for (int i = 0; i < rounds; i++) {
        first[i] = benchmark.seconds(1, 1, greedy);
        whole[i] = benchmark.seconds(1, tokens, greedy);
        group[i] = benchmark.seconds(SAMPLES, tokens, GenerationOptions.sample(1, i));
      }
      for (double[] times : List.of(first, whole, group)) {
        Arrays.sort(times);
      }
      double prompt = first[rounds / 2];
      double token = (whole[rounds / 2] - prompt) / (tokens - 1);
      Map<String, String> parameters = new TreeMap<>();
      parameters.put("dtype", type.toString());
      parameters.put("layers", Integer.toString(checkpoint.config().text().layers()));
      parameters.put("prompt", Integer.toString(benchmark.promptTokens()));
      parameters.put("threads", Integer.toString(threads));
      String name = "QwenGenerationBenchmark.equipoise";
      double spread = prompt - first[0];
      ResultLines lines = new ResultLines();
      lines.add(name + "Prompt", parameters, "time", "s/op", prompt, spread);
      lines.add(name + "Token", parameters, "time", "s/op", token, spread / tokens);
      lines.add(
          name + "Group",
          parameters,
          "time",
          "s/op",
          group[rounds / 2],
          group[rounds / 2] - group[0]);
      lines.appendTo(ResultLines.file());
      System.out.printf(
          Locale.ROOT, "%s: prompt %.3f s, %.2f tokens/s%n", parameters, prompt, 1 / token);
    }
  }

  /** The image's placeholder is replaced by its tokens: one for 28 x 28 pixels. */
  private int promptTokens() {
    return prompt.length - 1 + image.width() / 28 * (image.height() / 28);
  }

  private double seconds(int samples, int tokens, GenerationOptions options) {
    long[] streams = new long[samples];
    Arrays.setAll(streams, i -> i);
    long start = System.nanoTime();
    try (PointerScope scope = new PointerScope()) {
      List<GeneratedAnswer> answers =
          model.generate(
              ImageBatch.ofImages(Collections.nCopies(samples, image)),
              Collections.nCopies(samples, prompt),
              streams,
              options.withMaxNewTokens(tokens));
      if (answers.stream().anyMatch(answer -> answer.tokens().length != tokens)) {
        throw new IllegalStateException("the checkpoint said its stop token");
      }
    }
    return (System.nanoTime() - start) * 1e-9;
  }
}

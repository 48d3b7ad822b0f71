package org.equipoise.mbpo.run;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.LineLog;

/**
 * A deterministic pipeline with every sort of file that real ones write: many binary files, a
 * growing JSON Lines file with a binary file per record, two trainings with checkpoints side by
 * side, and a report over all of it. Arguments: milliseconds to pause after each small piece of
 * work, and the run folder.
 */
final class TinyPipeline {
  private static final int IMAGES = 6;
  private static final int RECORDS = 40;
  private static final int STEPS = 24;
  private static final int CHECKPOINT_EVERY = 4;
  private static final KeyedRandom RANDOM = KeyedRandom.of(5, "tiny");

  private TinyPipeline() {}

  public static void main(String[] arguments) {
    run(Path.of(arguments[1]), Long.parseLong(arguments[0]));
  }

  static void run(Path root, long pauseMillis) {
    try (RunFolder folder = RunFolder.open(root)) {
      graph(pauseMillis).run(folder, RunOptions.defaults().withWorkers(2));
    }
  }

  private static StageGraph graph(long pauseMillis) {
    return StageGraph.of(
        Stage.of("scenes", context -> scenes(context, pauseMillis)).setting("images", IMAGES),
        Stage.of("mine", context -> mine(context, pauseMillis)).after("scenes"),
        Stage.of("train-a", context -> train(context, 1, pauseMillis)).after("mine"),
        Stage.of("train-b", context -> train(context, 2, pauseMillis)).after("mine"),
        Stage.of("report", TinyPipeline::report).after("scenes", "mine", "train-a", "train-b"));
  }

  private static void scenes(StageContext context, long pauseMillis) throws Exception {
    for (int i = 0; i < IMAGES; i++) {
      AtomicFiles.writeUnsynced(context.file("images/scene-" + i + ".bin"), noise(i, 700));
      Thread.sleep(pauseMillis);
    }
  }

  /** Goes on after the last complete line. */
  private static void mine(StageContext context, long pauseMillis) throws Exception {
    Path file = context.file("preferences.jsonl");
    LineLog log = LineLog.open(file);
    for (int i = LineLog.read(file).size(); i < RECORDS; i++) {
      byte[] scene =
          AtomicFiles.read(context.input("scenes", "images/scene-" + i % IMAGES + ".bin"));
      scene[i] ^= 1;
      AtomicFiles.writeUnsynced(context.file("perturbed/" + i + ".bin"), scene);
      log.append("{\"id\": " + i + ", \"score\": " + RANDOM.uniform(1, i, 0) + "}");
      context.progress((i + 1.0) / RECORDS);
      Thread.sleep(pauseMillis);
    }
  }

  /** A chaotic recursion: any step lost, repeated or done from wrong state changes the result. */
  private static void train(StageContext context, int stream, long pauseMillis) throws Exception {
    Path checkpoint = context.file("checkpoint.bin");
    int step = 0;
    double state = 0.3 + 0.1 * stream;
    if (Files.exists(checkpoint)) {
      ByteBuffer saved = ByteBuffer.wrap(AtomicFiles.read(checkpoint));
      step = saved.getInt();
      state = saved.getDouble();
    }
    List<String> lines = LineLog.read(context.input("mine", "preferences.jsonl"));
    while (step < STEPS) {
      state = 3.9 * state * (1 - state) * (1 - 1e-3 * lines.get(step % RECORDS).length() / 80.0);
      step++;
      context.progress((double) step / STEPS, "state " + state);
      if (step % CHECKPOINT_EVERY == 0) {
        byte[] saved = ByteBuffer.allocate(12).putInt(step).putDouble(state).array();
        AtomicFiles.write(checkpoint, saved);
      }
      Thread.sleep(pauseMillis);
    }
    byte[] weights = ByteBuffer.allocate(8).putDouble(state).array();
    AtomicFiles.write(
        context.file("weights.bin"),
        channel -> {
          channel.write(ByteBuffer.wrap(weights, 0, 3));
          channel.write(ByteBuffer.wrap(weights, 3, 5));
        });
  }

  private static void report(StageContext context) throws IOException {
    StringBuilder html = new StringBuilder("<html>");
    for (String line : LineLog.read(context.input("mine", "preferences.jsonl"))) {
      html.append("<p>").append(line);
    }
    for (String stage : List.of("train-a", "train-b")) {
      byte[] weights = AtomicFiles.read(context.input(stage, "weights.bin"));
      html.append("<b>").append(ByteBuffer.wrap(weights).getDouble());
    }
    AtomicFiles.write(context.file("report.html"), html.append("</html>\n").toString());
  }

  private static byte[] noise(int image, int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) RANDOM.bits(0, image, i);
    }
    return bytes;
  }
}

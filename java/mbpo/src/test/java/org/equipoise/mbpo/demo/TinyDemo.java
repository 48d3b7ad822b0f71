package org.equipoise.mbpo.demo;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.equipoise.mbpo.run.RunFolder;
import org.equipoise.mbpo.run.RunListener;
import org.equipoise.mbpo.run.RunOptions;
import org.equipoise.mbpo.run.Stage;
import org.equipoise.mbpo.storage.FaultPoints;
import org.equipoise.torch.Equipoise;

/**
 * The demonstration at a scale of seconds: as a program whose argument is the run folder, and as
 * one whole run of two workers that tests share.
 */
final class TinyDemo {
  static final DemoConfig CONFIG = DemoConfig.tiny(1);

  private static Whole whole;

  private TinyDemo() {}

  public static void main(String[] arguments) {
    run(Path.of(arguments[0]), 2, DemoPlan.main(CONFIG));
  }

  /**
   * Runs what the folder lacks.
   *
   * @return ids of the stages that had to run
   */
  static List<String> run(Path folder, int workers, DemoPlan plan) {
    List<String> started = Collections.synchronizedList(new ArrayList<>());
    Equipoise.threads(1);
    try (RunFolder run = RunFolder.open(folder)) {
      new DemoPipeline(CONFIG, plan)
          .graph()
          .run(
              run,
              RunOptions.defaults()
                  .withWorkers(workers)
                  .withWorkerSetup(() -> Equipoise.threads(1))
                  .withListener(
                      new RunListener() {
                        @Override
                        public void stageStarted(Stage stage, String reason) {
                          started.add(stage.id());
                        }
                      }));
    }
    return started;
  }

  /**
   * A run from the beginning to the end that nobody disturbed.
   *
   * @param folder to be read only: {@link #copyTo} gives one that may be written
   * @param started ids of the stages in the order in which they started
   * @param operations file operations passed
   */
  record Whole(Path folder, List<String> started, long operations) {
    void copyTo(Path target) throws IOException {
      try (Stream<Path> walk = Files.walk(folder)) {
        for (Path source : walk.toList()) {
          Path copy = target.resolve(folder.relativize(source).toString());
          if (Files.isDirectory(source)) {
            Files.createDirectories(copy);
          } else {
            Files.copy(source, copy);
          }
        }
      }
    }
  }

  /** Made for the first test that asks for it, deleted when the virtual machine ends. */
  static synchronized Whole whole() throws IOException {
    if (whole == null) {
      Path folder = Files.createTempDirectory("tiny-demo");
      Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(folder)));
      long before = FaultPoints.passed();
      List<String> started = run(folder, 2, DemoPlan.main(CONFIG));
      whole = new Whole(folder, List.copyOf(started), FaultPoints.passed() - before);
    }
    return whole;
  }

  private static void delete(Path folder) {
    try (Stream<Path> walk = Files.walk(folder)) {
      for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

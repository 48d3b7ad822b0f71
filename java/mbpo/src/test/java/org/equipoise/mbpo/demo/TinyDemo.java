package org.equipoise.mbpo.demo;

import java.nio.file.Path;
import org.equipoise.mbpo.run.RunFolder;
import org.equipoise.mbpo.run.RunOptions;
import org.equipoise.mbpo.storage.FaultPoints;
import org.equipoise.torch.Equipoise;

/**
 * The demonstration at a scale of seconds, as a program. Its argument is the run folder; it prints
 * how many file operations it passed.
 */
final class TinyDemo {
  private TinyDemo() {}

  public static void main(String[] arguments) {
    Equipoise.threads(1);
    try (RunFolder folder = RunFolder.open(Path.of(arguments[0]))) {
      new DemoPipeline(DemoConfig.tiny(1), DemoPlan.main(DemoConfig.tiny(1)))
          .graph()
          .run(folder, RunOptions.defaults().workers(2).workerSetup(() -> Equipoise.threads(1)));
    }
    System.out.println("file operations: " + FaultPoints.passed());
  }
}

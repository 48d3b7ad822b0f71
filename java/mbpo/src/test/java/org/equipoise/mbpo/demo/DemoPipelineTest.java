package org.equipoise.mbpo.demo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.equipoise.mbpo.report.ResultCsv;
import org.equipoise.mbpo.report.ResultTable;
import org.equipoise.mbpo.run.RunFolder;
import org.equipoise.mbpo.run.RunListener;
import org.equipoise.mbpo.run.RunOptions;
import org.equipoise.mbpo.run.Stage;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoPipelineTest {

  /** The whole way at a scale of seconds: every stage, every file; then nothing is left to do. */
  @Test
  void runsToAReportOnceAndNeverTwice(@TempDir Path folder) throws Exception {
    List<String> started = run(folder, 2);
    assertEquals(
        new DemoPipeline(DemoConfig.tiny(1))
            .graph().stages().stream().map(Stage::id).sorted().toList(),
        started.stream().sorted().toList());
    Path report = folder.resolve("report");
    Path csv = report.resolve(DemoReport.CSV);
    List<ResultTable> tables = ResultCsv.parse(csv.toString(), AtomicFiles.readText(csv));
    assertEquals(List.of("Trained pairs", "Held-out pairs"), titles(tables));
    for (ResultTable table : tables) {
      for (Method method : Method.values()) {
        ResultTable.Row row = table.row(method.title());
        assertTrue(row.cells().containsKey("adv_auc"), method.title());
        assertTrue(row.cells().containsKey("recall"), method.title());
      }
      table.row(Method.FITTED_START);
    }
    String html = AtomicFiles.readText(report.resolve(DemoReport.HTML));
    assertTrue(html.contains("claims nothing"), "a small run must say that it claims nothing");
    assertTrue(html.contains("data:image/png;base64,"), "the gallery must show images");
    assertTrue(AtomicFiles.readText(report.resolve(DemoReport.CURVES)).contains("train-hybrid,2,"));
    assertEquals(List.of(), run(folder, 2));
  }

  /** One worker and two give the same bytes: stages share nothing but files. */
  @Test
  void resultsDoNotDependOnTheNumberOfWorkers(@TempDir Path one, @TempDir Path two)
      throws Exception {
    run(one, 1);
    run(two, 2);
    String csv = "report/" + DemoReport.CSV;
    assertArrayEquals(Files.readAllBytes(one.resolve(csv)), Files.readAllBytes(two.resolve(csv)));
  }

  private static List<String> titles(List<ResultTable> tables) {
    return tables.stream().map(ResultTable::title).toList();
  }

  /** Ids of the stages that had to run. */
  private static List<String> run(Path folder, int workers) {
    List<String> started = new ArrayList<>();
    Equipoise.threads(1);
    try (RunFolder run = RunFolder.open(folder)) {
      new DemoPipeline(DemoConfig.tiny(1))
          .graph()
          .run(
              run,
              RunOptions.defaults()
                  .workers(workers)
                  .workerSetup(() -> Equipoise.threads(1))
                  .listener(
                      new RunListener() {
                        @Override
                        public void stageStarted(Stage stage, String reason) {
                          started.add(stage.id());
                        }
                      }));
    }
    return started;
  }
}

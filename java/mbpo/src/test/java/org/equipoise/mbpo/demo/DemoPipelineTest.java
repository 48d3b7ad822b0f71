package org.equipoise.mbpo.demo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.equipoise.mbpo.report.ResultCsv;
import org.equipoise.mbpo.report.ResultTable;
import org.equipoise.mbpo.run.Stage;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoPipelineTest {
  private static final DemoConfig CONFIG = TinyDemo.CONFIG;

  /** The whole way at a scale of seconds: every stage, every file; then nothing is left to do. */
  @Test
  void runsToAReportOnceAndNeverTwice(@TempDir Path folder) throws Exception {
    TinyDemo.Whole whole = TinyDemo.whole();
    whole.copyTo(folder);
    assertEquals(
        new DemoPipeline(CONFIG, DemoPlan.main(CONFIG))
            .graph().stages().stream().map(Stage::id).sorted().toList(),
        whole.started().stream().sorted().toList());
    Path report = folder.resolve("report");
    Path csv = report.resolve(DemoReport.CSV);
    List<ResultTable> tables = ResultCsv.parse(csv.toString(), AtomicFiles.readText(csv));
    assertEquals(
        List.of(
            "Trained pairs",
            "Held-out pairs",
            "MBPO against fine-tuning, trained pairs",
            "Annotator with mistakes"),
        titles(tables));
    for (ResultTable table : tables.subList(0, 2)) {
      for (Method method : DemoPlan.main(CONFIG).tables().get(table.title())) {
        ResultTable.Row row = table.row(method.title());
        assertTrue(row.cells().containsKey("adv_auc"), method.title());
        assertTrue(row.cells().containsKey("recall"), method.title());
      }
      table.row(DemoPlan.FITTED_START);
    }
    assertEquals(DemoPlan.GOLD, tables.get(2).reference());
    ResultTable biased = tables.get(3);
    assertEquals(DemoPlan.GOLD_ON_MISTAKES, biased.reference());
    assertEquals(3, biased.rows().size());
    String html = AtomicFiles.readText(report.resolve(DemoReport.HTML));
    assertTrue(html.contains("claims nothing"), "a small run must say that it claims nothing");
    assertTrue(html.contains("data:image/png;base64,"), "the gallery must show images");
    assertTrue(AtomicFiles.readText(report.resolve(DemoReport.CURVES)).contains("train-hybrid,2,"));
    assertEquals(List.of(), TinyDemo.run(folder, 2, DemoPlan.main(CONFIG)));
  }

  /** The long plans have a row for each training, and share the stages of a folder. */
  @Test
  void ablationAndDevelopmentShareTheFolderOfTheDemonstration(@TempDir Path folder)
      throws Exception {
    TinyDemo.whole().copyTo(folder);
    List<String> ablation = TinyDemo.run(folder, 2, DemoPlan.ablation(CONFIG));
    assertTrue(ablation.contains("train-noise-online-format"), ablation.toString());
    assertTrue(ablation.contains("train-adversarial"), ablation.toString());
    assertFalse(ablation.contains("start") || ablation.contains("train-hybrid"));
    assertFalse(ablation.contains("mine-diffusion"), "the demonstration mined these pairs");
    Path csv = folder.resolve("report-ablation").resolve(DemoReport.CSV);
    List<ResultTable> tables = ResultCsv.parse(csv.toString(), AtomicFiles.readText(csv));
    assertEquals(List.of(DemoPlan.ABLATION, DemoPlan.ABLATION_HELD_OUT), titles(tables));
    assertEquals(1 + 12 + 4 + 6, tables.get(0).rows().size());
    assertEquals(DemoPlan.HYBRID, tables.get(0).reference());
    assertEquals(1 + 5 * 5 + 14, DemoPlan.development(CONFIG).tables().get(DemoPlan.GRID).size());
    new DemoPipeline(CONFIG, DemoPlan.development(CONFIG)).graph();
  }

  /** One worker and two give the same bytes: stages share nothing but files. */
  @Test
  void resultsDoNotDependOnTheNumberOfWorkers(@TempDir Path one) throws Exception {
    TinyDemo.run(one, 1, DemoPlan.main(CONFIG));
    Path two = TinyDemo.whole().folder();
    String csv = "report/" + DemoReport.CSV;
    assertArrayEquals(Files.readAllBytes(one.resolve(csv)), Files.readAllBytes(two.resolve(csv)));
  }

  private static List<String> titles(List<ResultTable> tables) {
    return tables.stream().map(ResultTable::title).toList();
  }
}

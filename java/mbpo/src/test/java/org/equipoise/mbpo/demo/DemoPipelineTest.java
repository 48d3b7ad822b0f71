package org.equipoise.mbpo.demo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.equipoise.mbpo.Proof;
import org.equipoise.mbpo.report.ResultCsv;
import org.equipoise.mbpo.report.ResultTable;
import org.equipoise.mbpo.run.KillHarness;
import org.equipoise.mbpo.run.Stage;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoPipelineTest {
  private static final DemoConfig CONFIG = TinyDemo.CONFIG;

  /** A chain of five covers the run about once: each goes on for a quarter of it on average. */
  private static final int KILLS = Proof.count(20, 5);

  private static final long SEED = 3;

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

  /**
   * Killed again and again in the same folder: mining, trainings with their checkpoints, evaluation
   * and report go on where the process before them died, and end with the very files of a run that
   * nobody killed.
   */
  @Test
  void killedAgainAndAgainItEndsWithTheSameFiles(@TempDir Path temporary) throws Exception {
    KillHarness harness =
        new KillHarness(
            temporary,
            List.of(
                "-Xmx256m",
                "-Dorg.bytedeco.javacpp.maxBytes=0",
                "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0"),
            List.of(TinyDemo.class.getName()));
    TinyDemo.Whole uninterrupted = TinyDemo.whole();
    SplittableRandom random = new SplittableRandom(SEED);
    int kills = 0;
    for (int chain = 0; kills < KILLS; chain++) {
      Path folder = temporary.resolve("killed-" + chain);
      Optional<String> place;
      do {
        // Far enough to get past a checkpoint, the longest write: otherwise no process gets on.
        place = harness.dieAt(folder, 1 + random.nextLong(uninterrupted.operations() / 2));
        kills += place.isPresent() ? 1 : 0;
      } while (place.isPresent() && kills < KILLS);
      if (place.isPresent()) {
        TinyDemo.run(folder, 2, DemoPlan.main(CONFIG));
      }
      KillHarness.assertSameFiles(uninterrupted.folder(), folder, "killed in chain " + chain);
    }
  }

  private static List<String> titles(List<ResultTable> tables) {
    return tables.stream().map(ResultTable::title).toList();
  }
}

package org.equipoise.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportTest {
  private static final String HEADER =
      "time,commit,processor,cpus,jdk,variant,benchmark,parameters,metric,unit,value,error\n";

  @TempDir Path folder;

  private Path csv(String... lines) throws Exception {
    StringBuilder text = new StringBuilder(HEADER);
    for (String line : lines) {
      text.append("2026-01-01T00:00:00Z,abc,cpu,2,21,avx512,").append(line).append(",0.1\n");
    }
    return Files.writeString(folder.resolve("results.csv"), text);
  }

  @Test
  void comparesWithTheFastestPeerOfTheSameCaseAndParameters() throws Exception {
    List<Comparison> found =
        Comparison.read(
            csv(
                "LossBenchmark.equipoiseForward,rows=1,time,ms/op,2.0",
                "LossBenchmark.libtorchSlowForward,rows=1,time,ms/op,9.0",
                "LossBenchmark.pytorchTrlForward,rows=1,time,ms/op,5.0",
                "LossBenchmark.pytorchTrlForwardBackward,rows=1,time,ms/op,1.0",
                "LossBenchmark.pytorchTrlForward,rows=2,time,ms/op,1.0",
                "LossBenchmark.equipoiseForward,rows=1,gc.alloc.rate.norm,B/op,0.0",
                "LossBenchmark.equipoiseGradient,rows=1,time,ms/op,3.0"));
    assertEquals(
        List.of(
            new Comparison("Loss Forward", "rows=1", "time", "ms", 2.0, "pytorchTrlForward", 5.0)),
        found);
    assertEquals(2.5, found.get(0).ratio());
  }

  @Test
  void theLatestResultCounts() throws Exception {
    List<Comparison> found =
        Comparison.read(
            csv(
                "StepBenchmark.equipoise,,time,us/op,4.0",
                "StepBenchmark.libtorch,,time,us/op,8.0",
                "StepBenchmark.equipoise,,time,us/op,2.0"));
    assertEquals(1, found.size());
    assertEquals(4, found.get(0).ratio());
  }

  @Test
  void writesTableAndPicture() throws Exception {
    Path results =
        csv(
            "StepBenchmark.equipoise,images=32,time,ms/op,4.0",
            "StepBenchmark.libtorchInPlace,images=32,time,ms/op,80.0",
            "HeadBenchmark.equipoiseDpo,budget=256,memory,MiB,300",
            "HeadBenchmark.pytorchChunkedDpo,budget=256,memory,MiB,1800",
            "FusedLinearBenchmark.equipoise,case=dpo;threads=1,time,s/op,2.5",
            "FusedLinearBenchmark.equipoise,case=dpo;threads=1,products,x,1.03");
    Path markdown =
        Files.writeString(
            folder.resolve("README.md"),
            "before\n"
                + Report.BEGIN
                + "\nold\n"
                + Report.END
                + "\nbetween\n"
                + Report.FUSED_BEGIN
                + "\nold\n"
                + Report.FUSED_END
                + "\nafter\n");
    Path picture = folder.resolve("comparison.png");
    Report.main(new String[] {results.toString(), markdown.toString(), picture.toString()});
    String text = Files.readString(markdown);
    assertTrue(text.startsWith("before\n" + Report.BEGIN + "\n| What |"), text);
    assertTrue(
        text.contains("| Step | images=32 | 4.00 ms | libtorchInPlace | 80.0 ms | 20.0x |"), text);
    assertTrue(text.contains("| Head Dpo | budget=256 | 300 MiB |"), text);
    assertTrue(text.contains("| case=dpo, threads=1 | equipoise | 2.5 | 1.03 |  |"), text);
    assertTrue(text.endsWith(Report.FUSED_END + "\nafter\n") && !text.contains("old"), text);
    assertTrue(ImageIO.read(picture.toFile()).getHeight() > 200);
  }

  @Test
  void aFileWithoutMarkersIsRefused() {
    assertThrows(
        IllegalArgumentException.class,
        () -> Report.replaced("text", Report.BEGIN, Report.END, "table"));
  }
}

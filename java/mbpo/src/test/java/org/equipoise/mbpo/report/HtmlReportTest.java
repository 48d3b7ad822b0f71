package org.equipoise.mbpo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.StorageException;
import org.jsoup.Jsoup;
import org.jsoup.nodes.Attribute;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;
import org.jsoup.parser.Parser;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HtmlReportTest {
  private static final String HOSTILE =
      "<script>alert('x')</script> & \"quoted\" onload='x' --> ]]> </style><img src=x>";

  @Test
  void parsesWithoutErrors() {
    Parser parser = Parser.htmlParser().setTrackErrors(20);
    Jsoup.parse(HtmlReport.render(SampleReport.full()), "", parser);
    assertTrue(parser.getErrors().isEmpty(), () -> parser.getErrors().toString());
  }

  @Test
  void startsWithTheVerdictAndLinksEverySection() {
    Document page = Jsoup.parse(HtmlReport.render(SampleReport.full()));
    assertEquals("verdict", page.selectFirst("main > section").id());
    assertEquals(
        page.select("main > section").eachAttr("id"),
        page.select("nav a").stream().map(link -> link.attr("href").substring(1)).toList());
    assertEquals(
        List.of(
            "verdict",
            "results",
            "precomputed",
            "roc",
            "training",
            "mining",
            "gallery",
            "method",
            "limits",
            "provenance"),
        page.select("main > section").eachAttr("id"));
    Set<String> ids = new HashSet<>(page.select("[id]").eachAttr("id"));
    assertEquals(page.select("[id]").size(), ids.size(), "ids are unique");
  }

  @Test
  void saysBetterNoDifferenceAndWorseByRule() {
    Document page = Jsoup.parse(HtmlReport.render(SampleReport.full()));
    assertEquals(
        "Trained pairs: MBPO is better than start in 2 of 3 measures and worse in 0; in 1 there is"
            + " no clear difference.",
        page.selectFirst("#verdict .summary").text());
    assertEquals(
        List.of("▲ better", "▲ better", "≈ no clear difference"),
        page.select("#verdict .verdict").get(0).select(".word").eachText());
  }

  @Test
  void aCaveatReplacesTheVerdict() {
    ReportData data =
        ReportData.builder("Quick", "Small.")
            .caveat("A quick run claims nothing.")
            .results(List.of(SampleReport.table("Trained pairs")))
            .build();
    Document page = Jsoup.parse(HtmlReport.render(data));
    assertEquals("A quick run claims nothing.", page.selectFirst("#verdict .caveat").text());
    assertTrue(page.select("#verdict .finding").isEmpty());
  }

  @Test
  void emptySectionsAreLeftOut() {
    Document page = Jsoup.parse(HtmlReport.render(ReportData.builder("Empty", "Nothing.").build()));
    assertEquals(
        List.of("verdict", "method", "provenance"), page.select("main > section").eachAttr("id"));
  }

  @Test
  void textsAreEscapedEverywhere() {
    Parser parser = Parser.htmlParser().setTrackErrors(20);
    Document page = Jsoup.parse(HtmlReport.render(report(HOSTILE)), "", parser);
    assertTrue(parser.getErrors().isEmpty(), () -> parser.getErrors().toString());
    Document plain = Jsoup.parse(HtmlReport.render(report("plain")));
    assertEquals(elements(plain), elements(page), "no text becomes an element or an attribute");
    assertEquals(HOSTILE, page.selectFirst("h1").text());
    assertEquals(HOSTILE, page.selectFirst(".scroll").attr("aria-label"));
    assertTrue(page.selectFirst(".card img").attr("alt").contains(HOSTILE));
  }

  /** Every element of a page with the names of its attributes. */
  private static List<String> elements(Document page) {
    return page.getAllElements().stream()
        .map(
            element ->
                element.tagName()
                    + element.attributes().asList().stream().map(Attribute::getKey).toList())
        .toList();
  }

  /** A page whose every text is this one. */
  private static ReportData report(String text) {
    return ReportData.builder(text, text)
        .results(List.of(tableOf(text)))
        .details(List.of(new TextTable(text, text, List.of(text), List.of(List.of(text)))))
        .rankingCurves(
            List.of(
                new LineChart(
                    text,
                    text,
                    text,
                    text,
                    LineChart.Frame.FITTED,
                    List.of(new LineChart.Series(text, new double[] {0, 1}, new double[] {1, 2})))))
        .gallery(
            List.of(
                new GalleryItem(
                    text,
                    text,
                    new byte[1],
                    new byte[1],
                    new byte[1],
                    8,
                    text,
                    List.of(new GalleryItem.Answer(text, text, GalleryItem.Outcome.WRONG)),
                    List.of(Setting.of(text, text, text)))))
        .limits(List.of(text))
        .settings(List.of(new SettingGroup(text, List.of(Setting.of(text, text, text)))))
        .environment(SettingGroup.environment(List.of(Setting.of(text, text, text))))
        .precomputed(new Precomputed(text, List.of(tableOf(text))))
        .build();
  }

  /** The whole page passes the seam that shows what a text hides. */
  @Test
  void whatATextHidesIsShown() {
    String hidden = "a\u001b[2J\u0000\u202eb\u2028";
    SettingGroup settings = new SettingGroup("s", List.of(Setting.of("path", hidden)));
    String html =
        HtmlReport.render(
            ReportData.builder(hidden, hidden)
                .gallery(List.of(SampleReport.item(hidden)))
                .settings(List.of(settings))
                .build());
    assertEquals(html, Excerpt.readable(html));
    assertEquals("a\\u001b[2J\\u0000\\u202eb\\u2028", Jsoup.parse(html).title());
  }

  /** Even a mistake in escaping would run and load nothing. */
  @Test
  void theBrowserIsToldToRunAndLoadNothing() throws GeneralSecurityException {
    Document page = Jsoup.parse(HtmlReport.render(SampleReport.full()));
    Element first = page.head().child(1);
    assertEquals("Content-Security-Policy", first.attr("http-equiv"), "before any style");
    byte[] styles = page.selectFirst("style").data().getBytes(StandardCharsets.UTF_8);
    String digest =
        Base64.getEncoder().encodeToString(MessageDigest.getInstance("SHA-256").digest(styles));
    assertEquals(
        "default-src 'none'; style-src 'sha256-"
            + digest
            + "'; img-src data:; base-uri 'none'; form-action 'none'",
        first.attr("content"));
    assertEquals(1, page.select("style").size());
    assertTrue(page.select("[style]").isEmpty(), "the policy forbids styles in attributes");
  }

  @Test
  void loadsNothing() {
    String html = HtmlReport.render(SampleReport.full());
    Document page = Jsoup.parse(html);
    assertTrue(page.select("link, script, iframe, object, embed, base, video, audio").isEmpty());
    for (Element element : page.select("[src], [href], [srcset], [poster], [data]")) {
      String target = element.hasAttr("src") ? element.attr("src") : element.attr("href");
      assertTrue(target.startsWith("data:image/png;base64,") || target.startsWith("#"), target);
    }
    Matcher outside = Pattern.compile("https?:|url\\(|@import|//[a-z]").matcher(html);
    assertFalse(outside.find(), () -> html.substring(outside.start(), outside.start() + 40));
  }

  @Test
  void canBeReadWithoutSeeing() {
    Document page = Jsoup.parse(HtmlReport.render(SampleReport.full()));
    for (Element image : page.select("img")) {
      assertFalse(image.attr("alt").isBlank(), image.attr("alt"));
    }
    for (Element drawing : page.select("svg")) {
      assertTrue(
          drawing.attr("aria-hidden").equals("true")
              || drawing.attr("role").equals("img") && !drawing.attr("aria-label").isBlank());
    }
    for (Element table : page.select("table")) {
      assertFalse(table.select("caption").text().isBlank());
      assertFalse(table.select("th[scope=row]").isEmpty());
    }
    assertEquals("en", page.selectFirst("html").attr("lang"));
    assertEquals(1, page.select("h1").size());
  }

  @Test
  void galleryPicturesAreTheGivenBytes() throws IOException {
    GalleryItem item = SampleReport.item("q");
    Document page =
        Jsoup.parse(HtmlReport.render(ReportData.builder("t", "s").gallery(List.of(item)).build()));
    String source = page.selectFirst(".card img").attr("src");
    byte[] png = Base64.getDecoder().decode(source.substring(source.indexOf(',') + 1));
    assertEquals(32, ImageIO.read(new ByteArrayInputStream(png)).getWidth());
    assertEquals(3, page.select(".card img").size());
  }

  @Test
  void writesInOneStepAndNamesAnUnwritableTarget(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("new/report.html");
    HtmlReport.write(SampleReport.full(), file);
    assertEquals(HtmlReport.render(SampleReport.full()), Files.readString(file));
    try (var files = Files.list(file.getParent())) {
      assertEquals(List.of(file), files.toList());
    }
    Path below = file.resolve("report.html");
    var error =
        assertThrows(StorageException.class, () -> HtmlReport.write(SampleReport.full(), below));
    assertTrue(error.getMessage().contains(file.toString()), error.getMessage());
  }

  private static ResultTable tableOf(String text) {
    Metric metric = Metric.higherIsBetter("m", text, text).withHeadline(true);
    Measurement cell = new Measurement(Interval.of(1), new Interval(.1, .05, .2));
    return new ResultTable(
        text,
        text,
        text,
        text,
        List.of(metric),
        List.of(new ResultTable.Row(text, text, java.util.Map.of("m", cell))));
  }
}

package org.equipoise.mbpo.report;

import static j2html.TagCreator.a;
import static j2html.TagCreator.body;
import static j2html.TagCreator.caption;
import static j2html.TagCreator.details;
import static j2html.TagCreator.div;
import static j2html.TagCreator.each;
import static j2html.TagCreator.footer;
import static j2html.TagCreator.h1;
import static j2html.TagCreator.h2;
import static j2html.TagCreator.h3;
import static j2html.TagCreator.head;
import static j2html.TagCreator.header;
import static j2html.TagCreator.html;
import static j2html.TagCreator.iff;
import static j2html.TagCreator.li;
import static j2html.TagCreator.main;
import static j2html.TagCreator.meta;
import static j2html.TagCreator.nav;
import static j2html.TagCreator.p;
import static j2html.TagCreator.rawHtml;
import static j2html.TagCreator.section;
import static j2html.TagCreator.style;
import static j2html.TagCreator.summary;
import static j2html.TagCreator.table;
import static j2html.TagCreator.tbody;
import static j2html.TagCreator.td;
import static j2html.TagCreator.th;
import static j2html.TagCreator.title;
import static j2html.TagCreator.tr;
import static j2html.TagCreator.ul;

import j2html.tags.DomContent;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.Sha256;
import org.jspecify.annotations.Nullable;

/**
 * A run as one self-contained HTML file: no script, no network, styles and pictures inside.
 * Thread-safe.
 *
 * <p>Order: verdict, tables, figures, gallery, explanation, limits, provenance. The page has light
 * and dark colours and is meant for phones, desktops and paper.
 */
public final class HtmlReport {
  private static final String MARKS =
      "Each cell: value, 95 % interval, paired difference with the reference (▲ better, ▼ worse, ≈"
          + " no clear difference). Underlined: best of its column.";

  /** Characters; a path may have more, and what is known of the machine takes a sentence. */
  private static final int LONGEST_VALUE = 500;

  private HtmlReport() {}

  private record Section(String id, String name, DomContent content) {
    DomContent render() {
      return section(h2(name), content).withId(id).attr("aria-label", name);
    }
  }

  /**
   * Writes the report, replacing an older one in one step.
   *
   * @return the file's absolute path
   * @throws org.equipoise.mbpo.storage.StorageException if the file cannot be written
   */
  public static Path write(ReportData data, Path file) {
    Path target = file.toAbsolutePath().normalize();
    AtomicFiles.write(target, render(data));
    return target;
  }

  /** The whole page. */
  public static String render(ReportData data) {
    List<Section> sections = sections(data);
    String styles = resource("report.css");
    // Everything on the page passes here: what a text hides is shown in it.
    return Excerpt.readable(
        "<!DOCTYPE html>\n"
            + html(
                    head(
                        meta().withCharset("UTF-8"),
                        meta()
                            .attr("http-equiv", "Content-Security-Policy")
                            .withContent(policy(styles)),
                        meta()
                            .withName("viewport")
                            .withContent("width=device-width, initial-scale=1"),
                        meta().withName("color-scheme").withContent("light dark"),
                        title(data.title()),
                        style(rawHtml(styles))),
                    body(
                        header(
                            p("Equipoise · report of a run").withClass("kicker"),
                            h1(data.title()),
                            p(data.summary()).withClass("lead"),
                            nav(each(sections, part -> a(part.name()).withHref("#" + part.id())))
                                .attr("aria-label", "Sections")),
                        main(each(sections, Section::render)),
                        footer(
                            p(
                                "This file is complete: it loads nothing. Better, worse and no"
                                    + " clear difference are computed: a difference is called clear"
                                    + " only when its whole 95 % interval lies on one side of"
                                    + " zero."))))
                .withLang("en")
                .render());
  }

  /**
   * What a browser may do with the page: the styles of this text, pictures inside the page, nothing
   * else. So a mistake in escaping would still run and load nothing.
   */
  private static String policy(String styles) {
    String digest = new Sha256().add(styles.getBytes(StandardCharsets.UTF_8)).hex();
    return "default-src 'none'; style-src 'sha256-"
        + Base64.getEncoder().encodeToString(HexFormat.of().parseHex(digest))
        + "'; img-src data:; base-uri 'none'; form-action 'none'";
  }

  private static List<Section> sections(ReportData data) {
    List<Section> sections = new ArrayList<>();
    add(sections, true, "verdict", "Verdict", verdict(data));
    add(
        sections,
        !data.results().isEmpty(),
        "results",
        "Results",
        each(
            p(MARKS).withClass("note"),
            each(data.results(), ResultTableView::of),
            each(data.details(), ResultTableView::of),
            glossary(data)));
    add(
        sections,
        data.precomputed() != null,
        "precomputed",
        "Precomputed results",
        precomputed(data));
    add(
        sections,
        !data.rankingCurves().isEmpty(),
        "roc",
        "ROC curves",
        figures(data.rankingCurves()));
    add(
        sections,
        !data.trainingCurves().isEmpty(),
        "training",
        "Training",
        figures(data.trainingCurves()));
    add(
        sections,
        !data.mining().isEmpty(),
        "mining",
        "Mined negatives",
        each(data.mining(), ResultTableView::of));
    add(sections, !data.gallery().isEmpty(), "gallery", "Gallery", GalleryView.of(data.gallery()));
    add(
        sections,
        true,
        "method",
        "How it works",
        div(rawHtml(resource("method.html"))).withClass("prose"));
    add(
        sections,
        !data.limits().isEmpty(),
        "limits",
        "What this does not show",
        ul(each(data.limits(), sentence -> li(sentence))).withClass("prose"));
    add(
        sections,
        true,
        "provenance",
        "Provenance",
        each(each(data.settings(), HtmlReport::settings), settings(data.environment())));
    return sections;
  }

  private static void add(
      List<Section> sections, boolean present, String id, String name, DomContent content) {
    if (present) {
      sections.add(new Section(id, name, content));
    }
  }

  private static DomContent verdict(ReportData data) {
    if (!data.caveat().isEmpty()) {
      return p(data.caveat()).withClass("caveat").attr("role", "note");
    }
    List<ResultTable> judged =
        data.results().stream().filter(table -> !Finding.of(table).isEmpty()).toList();
    return judged.isEmpty()
        ? p("No measure of this run was compared with a reference, so nothing is claimed.")
            .withClass("caveat")
        : each(
            each(judged, FindingsView::of),
            p("The lines at the side show the 95 % interval of each difference; right of the tick"
                    + " is better. All lines of one table have the same scale.")
                .withClass("note"));
  }

  private static @Nullable DomContent precomputed(ReportData data) {
    return data.precomputed() == null
        ? null
        : each(
            p("Not measured by this run. " + data.precomputed().origin()).withClass("caveat"),
            each(data.precomputed().tables(), ResultTableView::of));
  }

  private static DomContent figures(List<LineChart> charts) {
    return div(each(charts, SvgLineChart::of)).withClass("figures");
  }

  /** What the measures mean, each once. */
  private static DomContent glossary(ReportData data) {
    List<Metric> metrics =
        data.results().stream().flatMap(table -> table.metrics().stream()).distinct().toList();
    return iff(
        !metrics.isEmpty(),
        details(
            summary("What each measure means"),
            table(
                    caption("What each measure means").withClass("unseen"),
                    tbody(
                        each(
                            metrics,
                            metric ->
                                tr(th(metric.label()).attr("scope", "row"), td(metric.meaning())))))
                .withClass("settings")));
  }

  private static DomContent settings(SettingGroup group) {
    return iff(
        !group.settings().isEmpty(),
        div(
                h3(group.title()),
                table(
                        caption(group.title()).withClass("unseen"),
                        tbody(
                            each(
                                group.settings(),
                                setting ->
                                    tr(
                                        th(setting.name()).attr("scope", "row"),
                                        td(Excerpt.beginning(setting.value(), LONGEST_VALUE)),
                                        td(setting.remark()).withClass("remark")))))
                    .withClass("settings"))
            .withClass("table-block"));
  }

  private static String resource(String name) {
    try (InputStream stream = HtmlReport.class.getResourceAsStream(name)) {
      if (stream == null) {
        throw new IllegalStateException(name + " is missing from the jar; rebuild equipoise-mbpo");
      }
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + name + " from the jar", e);
    }
  }
}

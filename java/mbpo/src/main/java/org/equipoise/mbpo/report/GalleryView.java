package org.equipoise.mbpo.report;

import static j2html.TagCreator.article;
import static j2html.TagCreator.dd;
import static j2html.TagCreator.div;
import static j2html.TagCreator.dl;
import static j2html.TagCreator.dt;
import static j2html.TagCreator.each;
import static j2html.TagCreator.figcaption;
import static j2html.TagCreator.figure;
import static j2html.TagCreator.h3;
import static j2html.TagCreator.iff;
import static j2html.TagCreator.img;
import static j2html.TagCreator.p;
import static j2html.TagCreator.span;
import static j2html.TagCreator.strong;

import j2html.tags.DomContent;
import java.util.Base64;
import java.util.List;
import org.equipoise.mbpo.storage.Excerpt;

/** Mined examples as cards: three pictures, the question, who answered what, log-probabilities. */
final class GalleryView {
  private GalleryView() {}

  static DomContent of(List<GalleryItem> items) {
    return div(each(items, GalleryView::card)).withClass("gallery");
  }

  private static DomContent card(GalleryItem item) {
    String question = "“" + Excerpt.of(item.question()) + "”";
    String about = "for the question " + question;
    return article(
            div(
                    picture(item.cleanPng(), "clean", "Clean image " + about),
                    picture(
                        item.perturbedPng(),
                        "perturbed",
                        "Image perturbed by " + item.perturbation() + ", " + about),
                    picture(
                        item.differencePng(),
                        "difference ×" + item.differenceFactor(),
                        "Difference between them, amplified " + item.differenceFactor() + " times"))
                .withClass("pictures"),
            h3(question),
            p(span("right answer "), strong(Excerpt.of(item.gold()))).withClass("gold"),
            dl(each(item.answers(), answer -> each(dt(answer.who()), dd(answer(answer)))))
                .withClass("answers"),
            iff(
                !item.logProbabilities().isEmpty(),
                each(
                    p("log-probability of the right answer").withClass("measured"),
                    dl(each(
                            item.logProbabilities(),
                            value ->
                                each(
                                    dt(value.name()), dd(value.value()).withTitle(value.remark()))))
                        .withClass("log-probabilities"))),
            p(item.perturbation()).withClass("perturbation"))
        .withClass("card");
  }

  private static DomContent answer(GalleryItem.Answer answer) {
    String text = answer.text().isBlank() ? "(no answer)" : Excerpt.of(answer.text());
    return switch (answer.outcome()) {
      case CORRECT -> span("✓ " + text).withClass("better").withTitle("correct");
      case WRONG -> span("✗ " + text).withClass("worse").withTitle("wrong");
      case UNJUDGED -> span(text);
    };
  }

  private static DomContent picture(byte[] png, String caption, String alternative) {
    return figure(
        img()
            .withSrc("data:image/png;base64," + Base64.getEncoder().encodeToString(png))
            .withAlt(alternative),
        figcaption(caption));
  }
}

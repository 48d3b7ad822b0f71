package org.equipoise.mbpo.data;

import java.util.List;
import java.util.Objects;
import org.equipoise.mbpo.image.ImageSource;
import org.jspecify.annotations.Nullable;

/**
 * One question about one image or several with its gold answer.
 *
 * @param id unique in its data set; names files, so letters, digits, dot, dash and underscore only
 * @param images the original images, before the model's image processor, in the order in which they
 *     come before the question; at least one
 * @param question the question in plain text
 * @param answer the gold answer (the chosen answer of a preference pair)
 * @param kind what sort of question, for example {@code "yes-no"}; selects verifiers and strata
 * @param options the offered answers of a multiple-choice question, otherwise empty
 * @param twin id of the complementary sample (same question, an image for which the answer
 *     differs), or {@code null}; twins are kept or dropped together
 * @param objects the objects that are in the image, for caption evaluation; otherwise empty
 */
public record Sample(
    String id,
    List<ImageSource> images,
    String question,
    String answer,
    String kind,
    List<String> options,
    @Nullable String twin,
    List<String> objects) {

  public Sample {
    Objects.requireNonNull(question, "question");
    Objects.requireNonNull(answer, "answer");
    Objects.requireNonNull(kind, "kind");
    if (id == null || !id.matches("[A-Za-z0-9._-]+")) {
      throw new IllegalArgumentException(
          "a sample id has letters, digits, dot, dash and underscore only, found \"" + id + "\"");
    }
    if (id.equals(twin)) {
      throw new IllegalArgumentException("sample " + id + " names itself as its twin");
    }
    images = List.copyOf(images);
    if (images.isEmpty()) {
      throw new IllegalArgumentException("sample " + id + " has no image");
    }
    options = List.copyOf(options);
    objects = List.copyOf(objects);
  }

  public static Sample of(
      String id, ImageSource image, String question, String answer, String kind) {
    return new Sample(id, List.of(image), question, answer, kind, List.of(), null, List.of());
  }

  public Sample options(List<String> offered) {
    return new Sample(id, images, question, answer, kind, offered, twin, objects);
  }

  public Sample twin(@Nullable String twinId) {
    return new Sample(id, images, question, answer, kind, options, twinId, objects);
  }

  public Sample objects(List<String> present) {
    return new Sample(id, images, question, answer, kind, options, twin, present);
  }

  public Sample images(List<ImageSource> others) {
    return new Sample(id, others, question, answer, kind, options, twin, objects);
  }

  /**
   * The image of a sample that has one.
   *
   * @throws IllegalStateException if there are several
   */
  public ImageSource image() {
    if (images.size() > 1) {
      throw new IllegalStateException(
          "sample " + id + " has " + images.size() + " images where one was expected");
    }
    return images.get(0);
  }

  public Sample answer(String other) {
    return new Sample(id, images, question, other, kind, options, twin, objects);
  }
}

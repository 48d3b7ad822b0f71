package org.equipoise.mbpo.data;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.util.List;
import java.util.Objects;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.model.Prompt;
import org.equipoise.mbpo.storage.Excerpt;
import org.jspecify.annotations.Nullable;

/**
 * One question about one image or several, or about none, with its gold answer.
 *
 * @param id unique in its data set; any text that is not blank
 * @param images the original images, before the model's image processor, in the order in which they
 *     stand in the prompt
 * @param prompt the question, and the turns before it where there are any
 * @param answer the gold answer (the chosen answer of a preference pair)
 * @param kind what sort of question, for example {@code "yes-no"}; selects verifiers and strata
 * @param options the offered answers of a multiple-choice question, otherwise empty
 * @param twin id of the complementary sample (same question, an image for which the answer
 *     differs), or {@code null}; twins are kept or dropped together
 * @param objects the objects that are in the image, for caption evaluation; otherwise empty
 */
@RecordBuilder
public record Sample(
    String id,
    List<ImageSource> images,
    Prompt prompt,
    String answer,
    String kind,
    List<String> options,
    @Nullable String twin,
    List<String> objects)
    implements SampleBuilder.With {

  public Sample {
    Objects.requireNonNull(prompt, "prompt");
    Objects.requireNonNull(answer, "answer");
    Objects.requireNonNull(kind, "kind");
    if (id == null || id.isBlank()) {
      throw new IllegalArgumentException("a sample needs an id, found nothing");
    }
    if (id.equals(twin)) {
      throw new IllegalArgumentException("sample " + Excerpt.of(id) + " names itself as its twin");
    }
    images = List.copyOf(images);
    if (images.size() != prompt.images()) {
      throw new IllegalArgumentException(
          "sample "
              + Excerpt.of(id)
              + ": expected as many images as its prompt has places for, found "
              + images.size()
              + " and "
              + prompt.images());
    }
    options = List.copyOf(options);
    objects = List.copyOf(objects);
  }

  /** A question about images that come before it. */
  public Sample(
      String id,
      List<ImageSource> images,
      String question,
      String answer,
      String kind,
      List<String> options,
      @Nullable String twin,
      List<String> objects) {
    this(id, images, Prompt.of(images.size(), question), answer, kind, options, twin, objects);
  }

  public static Sample of(
      String id, ImageSource image, String question, String answer, String kind) {
    return new Sample(id, List.of(image), question, answer, kind, List.of(), null, List.of());
  }

  /** The same with other images; a plain prompt gets as many places for them. */
  @Override
  public Sample withImages(List<ImageSource> others) {
    return new Sample(id, others, forImages(others.size()), answer, kind, options, twin, objects);
  }

  private Prompt forImages(int count) {
    return prompt.isPlain() ? Prompt.of(count, question()) : prompt;
  }

  /** The text of the question, the last turn of the prompt. */
  public String question() {
    return prompt.question();
  }

  /**
   * The image of a sample that has one.
   *
   * @throws IllegalStateException if there are several or none
   */
  public ImageSource image() {
    if (images.size() != 1) {
      throw new IllegalStateException(
          "sample " + Excerpt.of(id) + " has " + images.size() + " images where one was expected");
    }
    return images.get(0);
  }
}

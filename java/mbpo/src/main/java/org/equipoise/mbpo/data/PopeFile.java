package org.equipoise.mbpo.data;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.equipoise.mbpo.image.ImageSource;

/**
 * Questions in the format of POPE (arXiv 2305.10355), one JSON object a line:
 *
 * <pre>{"question_id": 1, "image": "COCO_val2014_000000310196.jpg",
 *  "text": "Is there a snowboard in the image?", "label": "yes"}</pre>
 */
public final class PopeFile {
  private PopeFile() {}

  /**
   * Reads all questions; errors name file and line.
   *
   * @param images folder of the images
   * @param check throws {@link IllegalArgumentException} for a sample that is to be refused
   */
  public static List<Sample> read(Path file, Path images, Consumer<Sample> check) {
    return JsonLines.read(
        file,
        fields -> {
          String label = fields.text("label");
          if (!label.equals("yes") && !label.equals("no")) {
            throw new IllegalArgumentException(
                "field \"label\": expected yes or no, found " + label);
          }
          double number = fields.number("question_id");
          if (Double.isNaN(number)) {
            throw new IllegalArgumentException("field \"question_id\": expected a number");
          }
          Sample sample =
              Sample.of(
                  "pope-" + (long) number,
                  ImageSource.of(images.resolve(fields.text("image"))),
                  fields.text("text"),
                  label,
                  "yes-no");
          check.accept(sample);
          return sample;
        });
  }
}

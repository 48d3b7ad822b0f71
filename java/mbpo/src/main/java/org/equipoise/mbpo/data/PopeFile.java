package org.equipoise.mbpo.data;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Questions in the format of POPE (arXiv 2305.10355), one JSON object a line or a list of them:
 *
 * <pre>{"question_id": 1, "image": "COCO_val2014_000000310196.jpg",
 *  "text": "Is there a snowboard in the image?", "label": "yes"}</pre>
 *
 * {@code question} and {@code answer} are read as well, and {@code image_source} where there is no
 * {@code image}; ids may be texts, labels of any case and with a full stop.
 */
public final class PopeFile {
  private static final Pattern LABEL = Pattern.compile("(yes|no)\\.?");

  private PopeFile() {}

  /**
   * Reads all questions; errors name file and line.
   *
   * @param images folder of the images
   */
  public static List<Sample> read(Path file, Path images) {
    return rows(file, images, DataLimits.defaults(), BadRow.Handler.refuse()).stream()
        .map(Row::value)
        .toList();
  }

  /** The same with each question's line. */
  public static List<Row<Sample>> rows(
      Path file, Path images, DataLimits limits, BadRow.Handler bad) {
    ImageFolder folder = new ImageFolder(images, limits.imagePixels());
    Map<String, Integer> numberById = new HashMap<>();
    return JsonLines.rows(
        file,
        limits,
        (number, fields) -> {
          Sample sample = sample(fields, folder, number);
          SampleFile.requireNew(numberById, sample.id(), number);
          return List.of(sample);
        },
        bad);
  }

  private static Sample sample(JsonFields fields, ImageFolder images, int number) {
    return Sample.of(
        id(fields, number),
        images.image(image(fields)),
        fields.text(fields.has("text") ? "text" : "question"),
        label(fields),
        "yes-no");
  }

  private static String label(JsonFields fields) {
    String name = fields.has("label") ? "label" : "answer";
    if (!fields.has(name)) {
      throw RowForms.unknown(fields, "text and label, question and answer");
    }
    Matcher label = LABEL.matcher(fields.text(name).strip().toLowerCase(Locale.ROOT));
    if (!label.matches()) {
      throw fields.wrong(name, "yes or no");
    }
    return label.group(1);
  }

  /** Questions are numbered within their category. */
  private static String id(JsonFields fields, int number) {
    String category = fields.isText("category") ? fields.text("category") + "-" : "";
    for (String name : List.of("question_id", "id")) {
      if (fields.hasContent(name)) {
        return "pope-" + category + fields.textOrNumber(name);
      }
    }
    return "pope-" + category + "line-" + number;
  }

  /** Hugging Face's copy has the images inside the rows and their names without an ending. */
  private static String image(JsonFields fields) {
    if (fields.isText("image_source") && !fields.isText("image")) {
      String name = fields.text("image_source");
      return name.matches(".*\\.[A-Za-z]{3,4}") ? name : name + ".jpg";
    }
    return RowImages.path(fields.value("image"), fields.place("image"));
  }
}

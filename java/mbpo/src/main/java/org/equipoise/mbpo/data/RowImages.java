package org.equipoise.mbpo.data;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * The image files that a row names: {@code image} or {@code images}, a path or a list of paths,
 * where a path may stand in an object as Hugging Face's data sets write it.
 */
final class RowImages {
  private static final String PATH = "the path of an image file";
  private static final int LONGEST_PATH = 4096;
  private static final Pattern ADDRESS = Pattern.compile("[A-Za-z][A-Za-z0-9+.-]+://.*");
  private static final Pattern LIKE_IMAGE = Pattern.compile("(?i).*(image|img|picture|photo).*");

  private RowImages() {}

  /** In their order; empty where the row has none. */
  static List<String> of(JsonFields fields) {
    for (String other : List.of("videos", "video", "audios", "audio")) {
      if (fields.hasContent(other)) {
        throw fields.wrong(other, "nothing, as images alone are read");
      }
    }
    List<String> images = named(fields, "images");
    List<String> image = named(fields, "image");
    if (!images.isEmpty() && !image.isEmpty() && !images.equals(image)) {
      throw fields.wrong("image", "nothing else beside images");
    }
    return images.isEmpty() ? image : images;
  }

  /** A row without images must not have them under another name. */
  static void requireNone(JsonFields fields) {
    for (String name : fields.names()) {
      if (LIKE_IMAGE.matcher(name).matches() && fields.hasContent(name)) {
        throw new IllegalArgumentException(
            "expected the row's images as \"image\" or \"images\", found neither but "
                + fields.place(name)
                + "; a row of text alone has no such field");
      }
    }
  }

  private static List<String> named(JsonFields fields, String name) {
    if (!fields.has(name)) {
      return List.of();
    }
    JsonNode value = fields.value(name);
    if (!value.isArray()) {
      return List.of(path(value, fields.place(name)));
    }
    List<String> paths = new ArrayList<>();
    for (JsonNode item : value) {
      paths.add(path(item, fields.place(name + "[" + paths.size() + "]")));
    }
    return paths;
  }

  /**
   * The path of one image.
   *
   * @param place of the value, for messages
   */
  static String path(JsonNode value, String place) {
    JsonNode named = value.isObject() ? value.path("path") : value;
    String path = named.isTextual() ? named.textValue() : "";
    if (path.isBlank()) {
      boolean inside = value.isObject() && value.hasNonNull("bytes");
      throw JsonFields.wrong(
          place, inside ? PATH + ", as images in rows are not read" : PATH, value);
    }
    if (path.startsWith("file://")) {
      return path.substring("file://".length());
    }
    if (ADDRESS.matcher(path).lookingAt()) {
      throw JsonFields.wrong(place, PATH + ", as nothing is fetched", value);
    }
    if (path.startsWith("data:") || path.length() > LONGEST_PATH || path.indexOf('\0') >= 0) {
      throw JsonFields.wrong(place, PATH + ", as images in rows are not read", value);
    }
    return path;
  }
}

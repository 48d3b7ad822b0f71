package org.equipoise.mbpo.data;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.Utf8;
import org.jspecify.annotations.Nullable;

/**
 * Files of JSON objects: one a line, or one list of them. Every error names file and line. A field
 * that an object has twice is an error, too.
 */
final class JsonLines<T> {
  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .build();

  private static final ObjectReader ITEM =
      MAPPER.reader().without(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  /** Makes values of an object. */
  @FunctionalInterface
  interface Reader<T> {
    /**
     * @param number of the object in its file, from 1
     */
    List<T> read(int number, JsonFields fields);
  }

  private final Path file;
  private final Reader<T> reader;
  private final BadRow.Handler bad;
  private final List<Row<T>> rows = new ArrayList<>();
  private int number;

  private JsonLines(Path file, Reader<T> reader, BadRow.Handler bad) {
    this.file = file;
    this.reader = reader;
    this.bad = bad;
  }

  /** One value for each object; the first bad row ends the reading. */
  static <T> List<T> read(Path file, Function<JsonFields, T> reader) {
    Reader<T> single = (number, fields) -> List.of(reader.apply(fields));
    return rows(file, single, BadRow.Handler.refuse()).stream().map(Row::value).toList();
  }

  /** Any number of values for each object; blank lines are skipped. */
  static <T> List<Row<T>> rows(Path file, Reader<T> reader, BadRow.Handler bad) {
    return rows(file, AtomicFiles.read(file), reader, bad);
  }

  /** The same of a content that is the file's or a part of it. */
  static <T> List<Row<T>> rows(Path file, byte[] content, Reader<T> reader, BadRow.Handler bad) {
    JsonLines<T> lines = new JsonLines<>(file, reader, bad);
    int start = Utf8.start(content, file.toString());
    if (beginsList(content, start)) {
      lines.readList(content, Utf8.check(content, file.toString()));
    } else {
      lines.readLines(content, start);
    }
    return lines.rows;
  }

  private static boolean beginsList(byte[] content, int start) {
    int at = start;
    while (at < content.length && Character.isWhitespace(content[at])) {
      at++;
    }
    return at < content.length && content[at] == '[';
  }

  private void readLines(byte[] content, int start) {
    int line = 0;
    for (int from = start; from < content.length; ) {
      line++;
      int end = from;
      while (end < content.length && content[end] != '\n') {
        end++;
      }
      readLine(content, line, from, end);
      from = end + 1;
    }
  }

  private void readLine(byte[] content, int line, int from, int end) {
    JsonNode node;
    try {
      String text = Utf8.line(content, from, end);
      if (text.isBlank()) {
        return;
      }
      number++;
      node = parse(text, end == content.length);
    } catch (IllegalArgumentException e) {
      bad.found(new BadRow(file, line, null, e.getMessage()));
      return;
    }
    add(line, node);
  }

  private static JsonNode parse(String text, boolean last) {
    try {
      return MAPPER.readTree(text);
    } catch (JsonProcessingException e) {
      String found = ", found: " + Json.problem(e);
      throw new IllegalArgumentException(
          last
              ? "the last line is cut off: expected a whole JSON object"
                  + found
                  + "; resume the job that wrote the file, or delete this line"
              : "expected a JSON object" + found + "; a file has one object a line, or one list",
          e);
    }
  }

  private void readList(byte[] content, int start) {
    int line = 1;
    try (JsonParser parser = MAPPER.createParser(content, start, content.length - start)) {
      parser.nextToken();
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        line = parser.currentTokenLocation().getLineNr();
        number++;
        add(line, ITEM.readTree(parser));
      }
      if (parser.nextToken() != null) {
        line = parser.currentTokenLocation().getLineNr();
        throw new IllegalArgumentException(
            file + ":" + line + ": expected the end of the file behind the list, found more");
      }
    } catch (JsonProcessingException e) {
      int place = e.getLocation() == null ? line : e.getLocation().getLineNr();
      throw new IllegalArgumentException(
          file + ":" + place + ": expected a list of JSON objects, found: " + Json.problem(e), e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void add(int line, @Nullable JsonNode node) {
    if (node == null || !node.isObject()) {
      String found = node == null ? "nothing" : node.getNodeType().name().toLowerCase(Locale.ROOT);
      bad.found(new BadRow(file, line, null, "expected a JSON object, found " + found));
      return;
    }
    List<T> values;
    try {
      values = reader.read(number, new JsonFields(node, ""));
    } catch (IllegalArgumentException e) {
      bad.found(new BadRow(file, line, id(node), e.getMessage()));
      return;
    }
    values.forEach(value -> rows.add(new Row<>(file, line, value)));
  }

  private static @Nullable String id(JsonNode node) {
    JsonNode id = node.path("id");
    return id.isTextual() || id.isIntegralNumber() ? id.asText() : null;
  }

  /** The bytes of values, one a line. */
  static byte[] bytes(List<JsonNode> values) {
    StringBuilder text = new StringBuilder();
    values.forEach(value -> text.append(Json.text(value)).append('\n'));
    return text.toString().getBytes(StandardCharsets.UTF_8);
  }
}

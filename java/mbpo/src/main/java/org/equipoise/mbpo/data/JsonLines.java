package org.equipoise.mbpo.data;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.RegularFiles;
import org.equipoise.mbpo.storage.StorageException;
import org.equipoise.mbpo.storage.Utf8;
import org.equipoise.mbpo.storage.Utf8Stream;
import org.jspecify.annotations.Nullable;

/**
 * Files of JSON objects: one a line, or one list of them. Every error names file and line. A field
 * that an object has twice is an error, too.
 */
final class JsonLines<T> {
  /** Makes values of an object. */
  @FunctionalInterface
  interface Reader<T> {
    /**
     * @param number of the object in its file, from 1
     */
    List<T> read(int number, JsonFields fields);
  }

  private final Path file;
  private final DataLimits limits;
  private final Reader<T> reader;
  private final BadRow.Handler bad;
  private final ObjectReader objects;
  private final List<Row<T>> rows = new ArrayList<>();
  private int number;

  private JsonLines(Path file, DataLimits limits, Reader<T> reader, BadRow.Handler bad) {
    this.file = file;
    this.limits = limits;
    this.reader = reader;
    this.bad = bad;
    StreamReadConstraints longTexts =
        StreamReadConstraints.builder().maxStringLength(limits.lineBytes()).build();
    objects =
        JsonMapper.builder(JsonFactory.builder().streamReadConstraints(longTexts).build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build()
            .reader();
  }

  /** Opens a file's content, or a part of it, as often as it is asked. */
  @FunctionalInterface
  private interface Content {
    InputStream open() throws IOException;
  }

  /** One value for each object; the first bad row ends the reading. */
  static <T> List<T> read(Path file, DataLimits limits, Function<JsonFields, T> reader) {
    Reader<T> single = (number, fields) -> List.of(reader.apply(fields));
    return rows(file, limits, single, BadRow.Handler.refuse()).stream().map(Row::value).toList();
  }

  /** Any number of values for each object; blank lines are skipped. */
  static <T> List<Row<T>> rows(Path file, DataLimits limits, Reader<T> reader, BadRow.Handler bad) {
    requireSize(file, limits);
    return new JsonLines<>(file, limits, reader, bad).rows(() -> RegularFiles.stream(file));
  }

  /** The same of a part of the file. */
  static <T> List<Row<T>> rows(Path file, byte[] part, Reader<T> reader, BadRow.Handler bad) {
    return new JsonLines<>(file, DataLimits.defaults(), reader, bad)
        .rows(() -> new ByteArrayInputStream(part));
  }

  private static void requireSize(Path file, DataLimits limits) {
    try {
      long size = RegularFiles.size(file);
      if (size > limits.fileBytes()) {
        throw new IllegalArgumentException(
            file
                + ": expected at most "
                + limits.fileBytes()
                + " bytes, found "
                + size
                + "; split the file, or raise data.limits.fileBytes if it is to be trusted");
      }
    } catch (IOException e) {
      throw StorageException.of("read", file, e);
    }
  }

  private List<Row<T>> rows(Content content) {
    try {
      int start = start(content);
      try (InputStream stream = content.open()) {
        stream.skipNBytes(start);
        if (beginsList(content, start)) {
          readList(new Utf8Stream(stream, file.toString()));
        } else {
          readLines(stream);
        }
      }
      return rows;
    } catch (IOException e) {
      throw StorageException.of("read", file, e);
    }
  }

  private int start(Content content) throws IOException {
    try (InputStream stream = content.open()) {
      return Utf8.start(stream.readNBytes(Utf8.LONGEST_MARK), file.toString());
    }
  }

  private static boolean beginsList(Content content, int start) throws IOException {
    try (InputStream stream = new BufferedInputStream(content.open())) {
      stream.skipNBytes(start);
      int first = stream.read();
      while (first >= 0 && Character.isWhitespace(first)) {
        first = stream.read();
      }
      return first == '[';
    }
  }

  private void readLines(InputStream stream) throws IOException {
    LineReader lines = new LineReader(stream, limits.lineBytes());
    for (LineReader.Line line = lines.next(); line != null; line = lines.next()) {
      readLine(line);
    }
  }

  private void readLine(LineReader.Line line) {
    JsonNode node;
    try {
      if (line.bytes() == null) {
        throw new IllegalArgumentException(
            "expected a line of at most "
                + limits.lineBytes()
                + " bytes, found a longer one; a file has one object a line, or one list, and"
                + " data.limits.lineBytes may be raised");
      }
      String text = Utf8.line(line.bytes(), 0, line.bytes().length);
      if (text.isBlank()) {
        return;
      }
      number++;
      node = parse(text, line.last());
    } catch (IllegalArgumentException e) {
      bad.found(new BadRow(file, line.number(), null, e.getMessage()));
      return;
    }
    add(line.number(), node);
  }

  private JsonNode parse(String text, boolean last) {
    try (JsonParser parser = objects.createParser(text)) {
      return objects.readTree(new ItemParser(parser, null, 0));
    } catch (JsonProcessingException e) {
      String found = ", found: " + Json.problem(e);
      throw new IllegalArgumentException(
          last
              ? "the last line is cut off: expected a whole JSON object"
                  + found
                  + "; resume the job that wrote the file, or delete this line"
              : "expected a JSON object" + found + "; a file has one object a line, or one list",
          e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void readList(Utf8Stream stream) throws IOException {
    int line = 1;
    ObjectReader items = objects.without(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
    try (ItemParser parser =
        new ItemParser(objects.createParser(stream), stream, limits.lineBytes())) {
      parser.nextToken();
      parser.begin();
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        line = parser.currentTokenLocation().getLineNr();
        number++;
        add(line, items.readTree(parser));
        parser.begin();
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

package org.equipoise.mbpo.report;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.deser.std.StdScalarDeserializer;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.std.StdSerializer;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvParser;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.storage.Excerpt;
import org.jspecify.annotations.Nullable;

/**
 * Result tables as CSV, one line per measured cell, complete in itself: {@link #parse} gives back
 * what {@link #format} was given, up to the order of metrics that only some methods have and
 * control characters, which stay the escapes that they are shown as. Texts that a spreadsheet would
 * run are written as {@link CsvText} says.
 */
public final class ResultCsv {
  private static final CsvMapper MAPPER =
      CsvMapper.builder().enable(CsvParser.Feature.TRIM_SPACES).addModule(texts()).build();
  private static final CsvSchema SCHEMA = MAPPER.schemaFor(Line.class).withHeader();

  private ResultCsv() {}

  private static SimpleModule texts() {
    return new SimpleModule()
        .addSerializer(
            new StdSerializer<>(String.class) {
              private static final long serialVersionUID = 1L;

              @Override
              public void serialize(String text, JsonGenerator csv, SerializerProvider provider)
                  throws IOException {
                csv.writeString(CsvText.format(text));
              }
            })
        .addDeserializer(
            String.class,
            new StdScalarDeserializer<String>(String.class) {
              private static final long serialVersionUID = 1L;

              @Override
              public String deserialize(JsonParser csv, DeserializationContext context)
                  throws IOException {
                return CsvText.parse(csv.getText());
              }
            });
  }

  @JsonPropertyOrder({
    "table",
    "note",
    "reference",
    "subject",
    "method",
    "kind",
    "metric",
    "label",
    "meaning",
    "better",
    "decimals",
    "headline",
    "value",
    "low",
    "high",
    "difference",
    "differenceLow",
    "differenceHigh"
  })
  private record Line(
      String table,
      String note,
      String reference,
      @Nullable String subject,
      String method,
      String kind,
      String metric,
      String label,
      String meaning,
      Metric.Direction better,
      int decimals,
      boolean headline,
      double value,
      @Nullable Double low,
      @Nullable Double high,
      @Nullable Double difference,
      @Nullable Double differenceLow,
      @Nullable Double differenceHigh) {
    Line {
      require("table", table);
      require("reference", reference);
      require("method", method);
      require("metric", metric);
      require("better", better);
      note = note == null ? "" : note;
      kind = kind == null ? "" : kind;
      label = label == null ? metric : label;
      meaning = meaning == null ? "" : meaning;
    }

    private static void require(String column, @Nullable Object value) {
      if (value == null) {
        throw new IllegalArgumentException("expected a value of " + column + ", found none");
      }
    }
  }

  public static String format(List<ResultTable> tables) {
    List<Line> lines = new ArrayList<>();
    for (ResultTable table : tables) {
      for (ResultTable.Row row : table.rows()) {
        for (Metric metric : table.metrics()) {
          Measurement cell = row.cells().get(metric.id());
          if (cell != null) {
            lines.add(line(table, row, metric, cell));
          }
        }
      }
    }
    try {
      return MAPPER.writer(SCHEMA).writeValueAsString(lines);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException("cannot write result tables as CSV", e);
    }
  }

  /**
   * Reads tables back.
   *
   * @param name of the file or resource, for errors
   * @throws IllegalArgumentException naming file and line where the text is not such a CSV
   */
  public static List<ResultTable> parse(String name, String csv) {
    Map<String, TableBuilder> tables = new LinkedHashMap<>();
    try (MappingIterator<Line> lines = MAPPER.readerFor(Line.class).with(SCHEMA).readValues(csv)) {
      while (lines.hasNextValue()) {
        Line line = lines.nextValue();
        tables.computeIfAbsent(line.table(), key -> new TableBuilder(line)).add(line);
      }
    } catch (IOException e) {
      int line =
          e instanceof JsonProcessingException p && p.getLocation() != null
              ? p.getLocation().getLineNr()
              : 0;
      throw new IllegalArgumentException(
          name
              + ":"
              + line
              + ": not a line of result tables: "
              + Excerpt.of(e.getMessage().lines().findFirst().orElse("")),
          e);
    }
    if (tables.isEmpty()) {
      throw new IllegalArgumentException(name + ": no result tables in it");
    }
    try {
      return tables.values().stream().map(TableBuilder::build).toList();
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(name + ": not whole result tables: " + e.getMessage(), e);
    }
  }

  private static Line line(
      ResultTable table, ResultTable.Row row, Metric metric, Measurement cell) {
    Interval value = cell.value();
    Interval difference = cell.difference();
    boolean bounds = difference != null && difference.hasBounds();
    return new Line(
        table.title(),
        table.note(),
        table.reference(),
        table.subject(),
        row.method(),
        row.kind(),
        metric.id(),
        metric.label(),
        metric.meaning(),
        metric.better(),
        metric.decimals(),
        metric.headline(),
        value.value(),
        value.hasBounds() ? value.low() : null,
        value.hasBounds() ? value.high() : null,
        difference == null ? null : difference.value(),
        bounds ? difference.low() : null,
        bounds ? difference.high() : null);
  }

  private static @Nullable Interval interval(
      @Nullable Double value, @Nullable Double low, @Nullable Double high) {
    if (value == null) {
      return null;
    }
    return low == null || high == null ? Interval.of(value) : new Interval(value, low, high);
  }

  private static final class TableBuilder {
    private final Line first;
    private final List<Line> lines = new ArrayList<>();
    private final Map<String, Metric> metrics = new LinkedHashMap<>();
    private final Map<String, String> kinds = new LinkedHashMap<>();
    private final Map<String, Map<String, Measurement>> cells = new LinkedHashMap<>();

    TableBuilder(Line first) {
      this.first = first;
    }

    void add(Line line) {
      lines.add(line);
    }

    private void place(Line line) {
      metrics.putIfAbsent(
          line.metric(),
          new Metric(
              line.metric(),
              line.label(),
              line.meaning(),
              line.better(),
              line.decimals(),
              line.headline()));
      kinds.put(line.method(), line.kind());
      cells
          .computeIfAbsent(line.method(), key -> new LinkedHashMap<>())
          .put(
              line.metric(),
              new Measurement(
                  interval(line.value(), line.low(), line.high()),
                  interval(line.difference(), line.differenceLow(), line.differenceHigh())));
    }

    ResultTable build() {
      lines.forEach(this::place);
      String subject =
          first.subject() == null || first.subject().isEmpty() ? null : first.subject();
      return new ResultTable(
          first.table(),
          first.note(),
          first.reference(),
          subject,
          List.copyOf(metrics.values()),
          cells.entrySet().stream()
              .map(e -> new ResultTable.Row(e.getKey(), kinds.get(e.getKey()), e.getValue()))
              .toList());
    }
  }
}

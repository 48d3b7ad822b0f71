package org.equipoise.mbpo.data;

import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.util.JsonParserDelegate;
import java.io.IOException;
import org.equipoise.mbpo.storage.Utf8Stream;
import org.jspecify.annotations.Nullable;

/** Reads objects of bounded size, since each is in memory as a whole: some 60 bytes for a value. */
final class ItemParser extends JsonParserDelegate {
  private static final int MOST_VALUES = 1_000_000;

  private final @Nullable Utf8Stream stream;
  private final long mostBytes;
  private int values;
  private long start;

  /**
   * @param stream where the parser reads, or {@code null} if that is one object
   * @param mostBytes of an object
   */
  ItemParser(JsonParser parser, @Nullable Utf8Stream stream, long mostBytes) {
    super(parser);
    this.stream = stream;
    this.mostBytes = mostBytes;
  }

  /** Another object begins. */
  void begin() {
    values = 0;
    start = stream == null ? 0 : stream.position();
  }

  @Override
  public JsonToken nextToken() throws IOException {
    JsonToken token = delegate.nextToken();
    values++;
    if (values > MOST_VALUES) {
      throw tooLarge(MOST_VALUES + " values");
    }
    if (stream != null && stream.position() - start > mostBytes) {
      throw tooLarge(mostBytes + " bytes (data.limits.lineBytes)");
    }
    return token;
  }

  private JsonParseException tooLarge(String most) {
    return new JsonParseException(this, "an object of more than " + most);
  }
}

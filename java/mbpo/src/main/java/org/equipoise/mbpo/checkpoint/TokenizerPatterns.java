package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.core.type.TypeReference;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.equipoise.mbpo.storage.Json;

/**
 * Regular expressions with which published tokenizers cut texts into words. The library's engine
 * tries everything and ends the process when that takes too long; these expressions read a text
 * once. Those that do not (DeepSeek V2's {@code \s+$}, Cohere's look ahead over all digits) are not
 * among them.
 */
final class TokenizerPatterns {
  private static final Map<String, List<String>> BY_FAMILY = read();
  private static final Set<String> ALL =
      BY_FAMILY.values().stream().flatMap(List::stream).collect(Collectors.toUnmodifiableSet());

  private TokenizerPatterns() {}

  static boolean isKnown(String pattern) {
    return ALL.contains(pattern);
  }

  /** Patterns by the models that have them. */
  static Map<String, List<String>> byFamily() {
    return BY_FAMILY;
  }

  private static Map<String, List<String>> read() {
    try (InputStream stream =
        TokenizerPatterns.class.getResourceAsStream("tokenizers/patterns.json")) {
      return Map.copyOf(
          Json.MAPPER.readValue(stream, new TypeReference<TreeMap<String, List<String>>>() {}));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

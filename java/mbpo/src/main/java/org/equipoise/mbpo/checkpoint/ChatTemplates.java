package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.StorageException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * From a checkpoint's chat template to the format of its conversations. Templates are programs;
 * they are not run but compared, character by character, with the published ones, in which only the
 * text of the system's turn may be another.
 */
final class ChatTemplates {
  /** Folder of named templates in a checkpoint's folder. */
  private static final Logger LOG = LoggerFactory.getLogger(ChatTemplates.class);

  private static final Set<String> SAID = ConcurrentHashMap.newKeySet();
  private static final String DEFAULT_SYSTEM = "You are a helpful assistant.";
  private static final int SHOWN = 40;

  /** Of a template; the longest known have some ten kB. */
  private static final int MOST_BYTES = 1 << 20;

  private static final String REMEDY =
      "set model.chatTemplate to BUILT_IN to use Qwen2-VL's published format, or put the template"
          + " with which the checkpoint was published into its folder";

  /** Around the system's text; {@code forbidden} are characters that would make it a program. */
  private record Known(String before, String after, String forbidden) {
    @Nullable String system(String template) {
      int length = template.length() - before.length() - after.length();
      if (length < 0 || !template.startsWith(before) || !template.endsWith(after)) {
        return null;
      }
      String system = template.substring(before.length(), before.length() + length);
      return system.chars().anyMatch(c -> forbidden.indexOf(c) >= 0) ? null : system;
    }
  }

  private static final String PUBLISHED = resource("qwen2-vl.jinja");
  private static final List<Known> KNOWN =
      List.of(around(PUBLISHED, "{}"), around(resource("qwen2-vl-training.jinja"), "{}'\"\\\n"));

  private ChatTemplates() {}

  static ChatFormat of(Path folder, ChatTemplate choice) {
    if (choice == ChatTemplate.BUILT_IN) {
      return ChatFormat.BUILT_IN;
    }
    Map.Entry<String, String> found = find(folder);
    if (found == null) {
      if (SAID.add(folder.toString())) {
        LOG.warn(
            "{}: has no chat template; Qwen2-VL's published format is used, as with"
                + " model.chatTemplate: BUILT_IN",
            folder);
      }
      return ChatFormat.BUILT_IN;
    }
    String template = normalized(found.getValue());
    if (template.equals(withoutSystem())) {
      return new ChatFormat(null);
    }
    for (Known known : KNOWN) {
      String system = known.system(template);
      if (system != null) {
        return new ChatFormat(system);
      }
    }
    throw new IllegalArgumentException(
        found.getKey()
            + ": expected the chat template of Qwen2-VL and Qwen2.5-VL, in which only the text of"
            + " the system's turn may be another, found one that "
            + difference(template)
            + "; "
            + REMEDY);
  }

  /** Where the template stands and its text; {@code null} where the folder has none. */
  private static Map.@Nullable Entry<String, String> find(Path folder) {
    // The order is that of transformers' processors; the tokenizer's own comes last.
    Path processor = folder.resolve(ImageProcessorConfig.PROCESSOR);
    Path legacy = folder.resolve("chat_template.json");
    for (Path file : List.of(processor, legacy)) {
      Map.Entry<String, String> found = inJson(file);
      if (found != null) {
        return found;
      }
    }
    Map.Entry<String, String> found = inTexts(folder);
    return found != null ? found : inJson(folder.resolve(TokenizerConfig.NAME));
  }

  private static Map.@Nullable Entry<String, String> inJson(Path file) {
    if (!Files.exists(file)) {
      return null;
    }
    JsonNode template = Json.readObject(file).path("chat_template");
    String where = file + ": chat_template";
    if (template.isMissingNode() || template.isNull()) {
      return null;
    }
    if (template.isTextual()) {
      return Map.entry(where, template.asText());
    }
    Map<String, String> named = new TreeMap<>();
    if (template.isArray()) {
      template.forEach(one -> named.put(one.path("name").asText(), one.path("template").asText()));
    } else {
      template.properties().forEach(one -> named.put(one.getKey(), one.getValue().asText()));
    }
    return byDefault(where, named);
  }

  private static Map.@Nullable Entry<String, String> inTexts(Path folder) {
    Path file = folder.resolve("chat_template.jinja");
    if (Files.exists(file)) {
      return Map.entry(file.toString(), AtomicFiles.readText(file, MOST_BYTES));
    }
    Path additional = folder.resolve(QwenCheckpoint.NAMED_TEMPLATES);
    if (!Files.isDirectory(additional)) {
      return null;
    }
    Map<String, String> named = new TreeMap<>();
    try (Stream<Path> files = Files.list(additional)) {
      for (Path one : files.filter(path -> path.toString().endsWith(".jinja")).toList()) {
        String name = one.getFileName().toString().replaceFirst("\\.jinja$", "");
        named.put(name, AtomicFiles.readText(one, MOST_BYTES));
      }
    } catch (IOException e) {
      throw StorageException.of("list", additional, e);
    }
    return named.isEmpty() ? null : byDefault(additional.toString(), named);
  }

  private static Map.Entry<String, String> byDefault(String where, Map<String, String> named) {
    String template = named.get("default");
    if (template == null) {
      throw new IllegalArgumentException(
          where
              + ": expected one template or one that is named default, found those named "
              + Excerpt.of(named.keySet().toString())
              + "; "
              + REMEDY);
    }
    return Map.entry(where, template);
  }

  /**
   * The kind of line ends means nothing, nor does a last one, nor one after a block: transformers
   * has {@code trim_blocks}.
   */
  private static String normalized(String template) {
    String text = template.replace("\r\n", "\n").replace('\r', '\n');
    return text.endsWith("%}\n\n")
        ? text.substring(0, text.length() - 2)
        : text.endsWith("%}\n") ? text.substring(0, text.length() - 1) : text;
  }

  private static Known around(String template, String forbidden) {
    int at = template.indexOf(DEFAULT_SYSTEM);
    return new Known(
        template.substring(0, at), template.substring(at + DEFAULT_SYSTEM.length()), forbidden);
  }

  /** The published template without its turn for the system. */
  private static String withoutSystem() {
    int from = PUBLISHED.indexOf("{% if loop.first");
    String end = "{% endif %}";
    return PUBLISHED.substring(0, from)
        + PUBLISHED.substring(PUBLISHED.indexOf(end, from) + end.length());
  }

  private static String difference(String template) {
    int same = 0;
    int length = Math.min(template.length(), PUBLISHED.length());
    while (same < length && template.charAt(same) == PUBLISHED.charAt(same)) {
      same++;
    }
    int from = Math.max(0, same - SHOWN / 2);
    int to = Math.min(template.length(), same + SHOWN);
    return "differs at character "
        + (same + 1)
        + ": "
        + (from > 0 ? "..." : "")
        + Excerpt.of(template.substring(from, to))
        + (to < template.length() ? "..." : "");
  }

  private static String resource(String name) {
    try (InputStream stream = ChatTemplates.class.getResourceAsStream("templates/" + name)) {
      return normalized(new String(stream.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

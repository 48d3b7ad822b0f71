package org.equipoise.mbpo.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.StringReader;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import org.equipoise.mbpo.storage.Excerpt;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.CollectionNode;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;
import org.yaml.snakeyaml.nodes.Tag;

/** Reads YAML of others: plain values only, and no more of them than settings can have. */
final class SettingsYaml {
  /** Values with every alias written out; all settings are some 130. */
  private static final int MOST_VALUES = 10_000;

  /** Of a key or a value: reading a number takes the square of its digits. */
  private static final int MOST_CHARACTERS = 10_000;

  private SettingsYaml() {}

  /** The values and where they stand. */
  record Document(JsonNode values, Node places) {}

  static Document read(JsonMapper mapper, String name, String text) {
    LoaderOptions strict = new LoaderOptions();
    strict.setAllowDuplicateKeys(false);
    // countValues bounds what they stand for.
    strict.setMaxAliasesForCollections(MOST_VALUES);
    Yaml yaml = new Yaml(new SafeConstructor(strict));
    try {
      Node places = yaml.compose(new StringReader(text));
      if (places != null) {
        countValues(name, places, Collections.newSetFromMap(new IdentityHashMap<>()), 0);
      }
      return new Document(mapper.valueToTree(yaml.load(text)), places);
    } catch (MarkedYAMLException e) {
      throw new IllegalArgumentException(
          name
              + (e.getProblemMark() == null ? "" : line(e.getProblemMark().getLine()))
              + ": expected YAML, found: "
              + Excerpt.of(String.valueOf(e.getProblem())),
          e);
    } catch (YAMLException e) {
      throw new IllegalArgumentException(
          name + ": expected YAML, found: " + Excerpt.of(String.valueOf(e.getMessage())), e);
    }
  }

  /** Aliases count as what they stand for, since that is what is made of them. */
  private static int countValues(String name, Node node, Set<Node> above, int before) {
    int count = before + 1;
    if (count > MOST_VALUES) {
      throw new IllegalArgumentException(
          name
              + line(node.getStartMark().getLine())
              + ": expected at most "
              + MOST_VALUES
              + " values, those that aliases repeat included");
    }
    if (node instanceof ScalarNode scalar && scalar.getValue().length() > MOST_CHARACTERS) {
      throw new IllegalArgumentException(
          name
              + line(node.getStartMark().getLine())
              + ": expected at most "
              + MOST_CHARACTERS
              + " characters in a value, found "
              + scalar.getValue().length());
    }
    if (!(node instanceof CollectionNode<?>)) {
      return count;
    }
    if (!above.add(node)) {
      throw new IllegalArgumentException(
          name + line(node.getStartMark().getLine()) + ": expected no alias of what it stands in");
    }
    if (node instanceof MappingNode mapping) {
      for (NodeTuple entry : mapping.getValue()) {
        requireName(name, entry.getKeyNode());
        count = countValues(name, entry.getKeyNode(), above, count);
        count = countValues(name, entry.getValueNode(), above, count);
      }
    } else if (node instanceof SequenceNode sequence) {
      for (Node item : sequence.getValue()) {
        count = countValues(name, item, above, count);
      }
    }
    above.remove(node);
    return count;
  }

  private static void requireName(String name, Node key) {
    if (!(key instanceof ScalarNode) || key.getTag().equals(Tag.NULL)) {
      throw new IllegalArgumentException(
          name
              + line(key.getStartMark().getLine())
              + ": expected settings as KEY: VALUE, found "
              + (key instanceof ScalarNode ? "nothing" : "a list or a map")
              + " as a key");
    }
  }

  private static String line(int index) {
    return ":" + (index + 1);
  }
}

package org.equipoise.mbpo.evaluate;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.equipoise.mbpo.reward.Verifiers;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * Which words of a caption are mentions of which objects; words are compared whole, longer phrases
 * first ("hot dog" is not a dog). Immutable and thread-safe.
 */
public final class ObjectVocabulary {
  private final Map<List<String>, String> objectByPhrase = new LinkedHashMap<>();
  private final int longestPhrase;

  private ObjectVocabulary(Map<String, String> objects) {
    int longest = 0;
    for (Map.Entry<String, String> entry : objects.entrySet()) {
      List<String> phrase = Verifiers.words(entry.getKey());
      if (phrase.isEmpty()) {
        throw new IllegalArgumentException(
            Excerpt.quoted(entry.getKey()) + " names no object: it has no word");
      }
      objectByPhrase.put(phrase, entry.getValue());
      longest = Math.max(longest, phrase.size());
    }
    longestPhrase = longest;
  }

  /** Objects that are called by their own names. */
  public static ObjectVocabulary of(List<String> names) {
    Map<String, String> objects = new LinkedHashMap<>();
    names.forEach(name -> objects.put(name, name));
    return new ObjectVocabulary(objects);
  }

  /** From a word or phrase (synonyms and plurals included) to its object. */
  public static ObjectVocabulary of(Map<String, String> objectByPhrase) {
    return new ObjectVocabulary(objectByPhrase);
  }

  /** Whether this is the name of an object, as opposed to a word for one. */
  public boolean contains(String object) {
    return objectByPhrase.containsValue(object);
  }

  /**
   * The objects that a text mentions, repetitions included: in the text's order by whole words, in
   * the vocabulary's by substrings.
   */
  public List<String> mentions(String text, AnswerMatching matching) {
    return matching == AnswerMatching.SUBSTRING ? substrings(text) : phrases(text);
  }

  private List<String> substrings(String text) {
    String lower = text.toLowerCase(Locale.ROOT);
    List<String> found = new ArrayList<>();
    objectByPhrase.forEach(
        (words, object) -> {
          String phrase = String.join(" ", words);
          for (int at = lower.indexOf(phrase); at >= 0; ) {
            found.add(object);
            at = lower.indexOf(phrase, at + phrase.length());
          }
        });
    return found;
  }

  private List<String> phrases(String text) {
    List<String> words = Verifiers.words(text);
    List<String> found = new ArrayList<>();
    for (int at = 0; at < words.size(); ) {
      int taken = 0;
      for (int length = Math.min(longestPhrase, words.size() - at); length > 0; length--) {
        String object = objectByPhrase.get(words.subList(at, at + length));
        if (object != null) {
          found.add(object);
          taken = length;
          break;
        }
      }
      at += Math.max(1, taken);
    }
    return found;
  }
}

package org.equipoise.mbpo.lora;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * A regular expression from a file of somebody else's. Matching gives up after so many looks at
 * characters, so that an expression that tries everything ends with a sentence instead of never.
 * Immutable.
 */
public final class BoundedPattern {
  private static final int MOST_LOOKS = 1_000_000;

  /** Characters; what Java needs to understand an expression grows with their square. */
  private static final int LONGEST = 2000;

  private final Pattern pattern;

  private BoundedPattern(Pattern pattern) {
    this.pattern = pattern;
  }

  /**
   * @param what the expression is, for errors: file and field
   */
  public static BoundedPattern of(String expression, String what) {
    if (expression.length() > LONGEST) {
      throw new IllegalArgumentException(
          what
              + ": expected a regular expression of at most "
              + LONGEST
              + " characters, found "
              + Excerpt.quoted(expression));
    }
    try {
      return new BoundedPattern(Pattern.compile(expression));
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException(
          what
              + ": expected a regular expression that Java reads as well, found \""
              + expression
              + "\": "
              + e.getDescription(),
          e);
    }
  }

  /** Whether the whole text matches. */
  public boolean matches(String text) {
    try {
      Matcher matcher = pattern.matcher(new CountedText(text, new int[1]));
      return matcher.matches();
    } catch (StackOverflowError | TooManyLooks e) {
      throw new IllegalArgumentException(
          "the regular expression \""
              + pattern
              + "\" takes too long on \""
              + text
              + "\"; write it without nested repetitions");
    }
  }

  private static final class TooManyLooks extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  private record CountedText(String text, int[] looks) implements CharSequence {
    @Override
    public char charAt(int index) {
      if (++looks[0] > MOST_LOOKS) {
        throw new TooManyLooks();
      }
      return text.charAt(index);
    }

    @Override
    public int length() {
      return text.length();
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return new CountedText(text.substring(start, end), looks);
    }

    @Override
    public String toString() {
      return text;
    }
  }
}

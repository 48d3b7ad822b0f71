package org.equipoise.mbpo.lora;

import org.equipoise.mbpo.storage.Excerpt;

/**
 * A regular expression, perhaps from a file of somebody else's, that a whole text must match. It is
 * read as Python's {@code re} reads it, and matched without going back: the work grows with the
 * text's length times the expression's, never beyond {@link PatternWork}. References to groups,
 * flags and groups that are not gone back on are refused. Not thread-safe.
 */
public final class BoundedPattern {
  private static final int LONGEST = 100_000;

  private final String expression;
  private final String what;
  private final PatternNode whole;
  private final PatternWork work;

  private BoundedPattern(String expression, String what, PatternNode whole, PatternWork work) {
    this.expression = expression;
    this.what = what;
    this.whole = whole;
    this.work = work;
  }

  /**
   * @param what the expression is, for errors: file and field
   * @param work of all expressions of one file together
   */
  public static BoundedPattern of(String expression, String what, PatternWork work) {
    try {
      if (expression.length() > LONGEST) {
        throw new PatternParser.Unreadable("more than " + LONGEST + " characters");
      }
      work.spend(expression.length());
      return new BoundedPattern(expression, what, new PatternParser(expression).parse(), work);
    } catch (PatternParser.Unreadable e) {
      throw new IllegalArgumentException(
          what
              + ": expected a regular expression as Python has them, without references to groups"
              + " and without flags, found "
              + Excerpt.quoted(expression)
              + ": "
              + e.getMessage(),
          e);
    } catch (PatternWork.Exhausted e) {
      throw tooMuch(what, expression);
    }
  }

  /** An expression alone. */
  public static BoundedPattern of(String expression, String what) {
    return of(expression, what, new PatternWork());
  }

  /** Whether the whole text matches. */
  public boolean matches(String text) {
    try {
      PatternNode.Reading reading = PatternNode.Reading.of(text, work);
      return whole.ends(reading, reading.at(0)).get(text.length());
    } catch (PatternWork.Exhausted e) {
      throw tooMuch(what, expression);
    }
  }

  private static IllegalArgumentException tooMuch(String what, String expression) {
    return new IllegalArgumentException(
        what
            + ": matching layers takes too long, with "
            + Excerpt.quoted(expression)
            + " at the latest; write fewer expressions, without nested repetitions");
  }
}

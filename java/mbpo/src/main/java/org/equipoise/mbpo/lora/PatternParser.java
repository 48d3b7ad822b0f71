package org.equipoise.mbpo.lora;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Reads regular expressions as Python's {@code re} does, as far as they say what a text is: without
 * references to what was found before, without ways that must not be gone back on. Used once.
 */
final class PatternParser {
  private static final int DEEPEST = 50;
  private static final int MOST_TIMES = 1_000_000;

  private final String text;
  private int at;
  private int depth;

  PatternParser(String text) {
    this.text = text;
  }

  /** What is wrong with an expression and where. */
  static final class Unreadable extends RuntimeException {
    private static final long serialVersionUID = 1;

    Unreadable(String message) {
      super(message);
    }
  }

  PatternNode parse() {
    PatternNode whole = choice();
    if (at < text.length()) {
      throw wrong("an unmatched )");
    }
    return whole;
  }

  private Unreadable wrong(String what) {
    return new Unreadable(what + " at character " + (at + 1));
  }

  private boolean take(String expected) {
    boolean found = text.startsWith(expected, at);
    at += found ? expected.length() : 0;
    return found;
  }

  private char next(String missing) {
    if (at == text.length()) {
      throw wrong(missing);
    }
    return text.charAt(at++);
  }

  private PatternNode choice() {
    List<PatternNode> ways = new ArrayList<>();
    do {
      ways.add(sequence());
    } while (take("|"));
    return ways.size() == 1 ? ways.get(0) : new PatternNode.Choice(List.copyOf(ways));
  }

  private PatternNode sequence() {
    List<PatternNode> pieces = new ArrayList<>();
    while (at < text.length() && text.charAt(at) != '|' && text.charAt(at) != ')') {
      pieces.add(repeated(piece()));
    }
    return new PatternNode.Sequence(List.copyOf(pieces));
  }

  private PatternNode repeated(PatternNode piece) {
    int start = at;
    int least;
    int most;
    if (take("*")) {
      least = 0;
      most = Integer.MAX_VALUE;
    } else if (take("+")) {
      least = 1;
      most = Integer.MAX_VALUE;
    } else if (take("?")) {
      least = 0;
      most = 1;
    } else {
      int[] times = times();
      if (times == null) {
        return piece;
      }
      least = times[0];
      most = times[1];
    }
    if (piece instanceof PatternNode.Place) {
      at = start;
      throw wrong("a repetition of a place");
    }
    take("?");
    if (at < text.length() && "*+?".indexOf(text.charAt(at)) >= 0) {
      throw wrong("a repetition of a repetition");
    }
    return new PatternNode.Repeat(piece, least, most);
  }

  /** {@code {2}}, {@code {2,}}, {@code {,3}} or {@code {2,3}}; other braces are characters. */
  private int @Nullable [] times() {
    int start = at;
    if (!take("{")) {
      return null;
    }
    int least = number();
    boolean range = take(",");
    int most = range ? number() : least;
    if (!take("}") || least < 0 && most < 0) {
      at = start;
      return null;
    }
    int[] times = {Math.max(0, least), most < 0 ? Integer.MAX_VALUE : most};
    if (times[0] > times[1]) {
      throw wrong("a range that goes backwards");
    }
    return times;
  }

  /** -1 where there is none. */
  private int number() {
    int start = at;
    long number = 0;
    while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
      number = Math.min(number * 10 + text.charAt(at++) - '0', MOST_TIMES + 1L);
    }
    if (number > MOST_TIMES) {
      throw wrong("more than " + MOST_TIMES + " times");
    }
    return at == start ? -1 : (int) number;
  }

  private PatternNode piece() {
    char c = text.charAt(at++);
    return switch (c) {
      case '.' -> new PatternNode.One(found -> found != '\n');
      case '^' -> new PatternNode.Place((read, place) -> place == 0);
      case '$' -> new PatternNode.Place(PatternParser::isLast);
      case '(' -> group();
      case '[' -> new PatternNode.One(set());
      case '\\' -> escape();
      case '*', '+', '?' -> throw wrong("nothing before a repetition");
      default -> character(c);
    };
  }

  private static boolean isLast(String read, int place) {
    return place == read.length() || place == read.length() - 1 && read.charAt(place) == '\n';
  }

  private static PatternNode character(char c) {
    return new PatternNode.One(found -> found == c);
  }

  private PatternNode group() {
    PatternNode group;
    if (++depth > DEEPEST) {
      throw wrong("groups in more than " + DEEPEST + " others");
    }
    if (take("?=")) {
      group = new PatternNode.Look(choice(), true, true);
    } else if (take("?!")) {
      group = new PatternNode.Look(choice(), true, false);
    } else if (take("?<=")) {
      group = new PatternNode.Look(choice(), false, true);
    } else if (take("?<!")) {
      group = new PatternNode.Look(choice(), false, false);
    } else {
      if (take("?P<")) {
        while (next("a group without an end of its name") != '>') {}
      } else if (!take("?:") && text.startsWith("?", at)) {
        throw wrong("a kind of group that is not known here");
      }
      group = choice();
    }
    if (!take(")")) {
      throw wrong("a group without an end");
    }
    depth--;
    return group;
  }

  private PatternNode escape() {
    char c = next("a \\ at the end");
    return switch (c) {
      case 'A' -> new PatternNode.Place((read, place) -> place == 0);
      case 'Z' -> new PatternNode.Place((read, place) -> place == read.length());
      case 'b' -> new PatternNode.Place(PatternParser::isEdge);
      case 'B' -> new PatternNode.Place((read, place) -> !isEdge(read, place));
      default -> new PatternNode.One(escaped(c));
    };
  }

  private static boolean isEdge(String read, int place) {
    boolean before = place > 0 && isWord(read.charAt(place - 1));
    return before != (place < read.length() && isWord(read.charAt(place)));
  }

  private static boolean isWord(int c) {
    return Character.isLetterOrDigit(c) || c == '_';
  }

  private IntPredicate escaped(char c) {
    return switch (c) {
      case 'd' -> Character::isDigit;
      case 'D' -> found -> !Character.isDigit(found);
      case 'w' -> PatternParser::isWord;
      case 'W' -> found -> !isWord(found);
      case 's' -> Character::isWhitespace;
      case 'S' -> found -> !Character.isWhitespace(found);
      default -> {
        char plain = plain(c);
        yield found -> found == plain;
      }
    };
  }

  private char plain(char c) {
    int control = "tnrf".indexOf(c);
    if (control >= 0) {
      return "\t\n\r\f".charAt(control);
    }
    if (c < 128 && Character.isLetterOrDigit(c)) {
      at--;
      throw wrong("\\" + c + ", which is not known here");
    }
    return c;
  }

  /** What stands in brackets. */
  private IntPredicate set() {
    boolean others = take("^");
    IntPredicate any = found -> false;
    boolean first = true;
    while (first || at == text.length() || text.charAt(at) != ']') {
      first = false;
      any = any.or(member());
    }
    at++;
    return others ? any.negate() : any;
  }

  private IntPredicate member() {
    char low = next("a [ without its ]");
    if (low == '\\') {
      low = next("a [ without its ]");
      if ("dDwWsS".indexOf(low) >= 0) {
        return escaped(low);
      }
      low = plain(low);
    }
    char from = low;
    boolean range = text.startsWith("-", at) && !text.startsWith("-]", at);
    if (!range) {
      return found -> found == from;
    }
    at++;
    char high = next("a [ without its ]");
    char to = high == '\\' ? plain(next("a [ without its ]")) : high;
    if (to < from) {
      throw wrong("a range that goes backwards");
    }
    return found -> found >= from && found <= to;
  }
}

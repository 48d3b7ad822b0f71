package org.equipoise.mbpo.storage;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a failure says to somebody who never saw this program: no class names where there are words,
 * no frames of native code, and errors of memory, stack and libraries with what can be done.
 */
public final class Sentence {
  private static final Pattern FRAME =
      Pattern.compile("Exception raised from [^\\n]*|frame #\\d+: [^\\n]*");

  private static final Pattern NATIVE_ALLOCATION =
      Pattern.compile("can't allocate memory: you tried to allocate (\\d+) bytes");

  /** What LibTorch says before the reason: the place in its own sources. */
  private static final Pattern ENFORCED = Pattern.compile("\\[enforce fail at [^\\]\\n]*\\] ?");

  private static final String SCRIPT_TRACE = "Traceback of TorchScript";

  /** Causes that are followed; chains may be cyclic. */
  private static final int DEEPEST = 20;

  private Sentence() {}

  /** Of a failure, or of what caused it where it says nothing itself. */
  public static String of(Throwable failure) {
    Throwable telling = telling(failure);
    String message = telling.getMessage() == null ? "" : telling.getMessage();
    if (telling instanceof OutOfMemoryError) {
      return ofMemory(message);
    }
    if (telling instanceof StackOverflowError) {
      return "something is nested too deeply to be read";
    }
    if (telling instanceof LinkageError) {
      return "a library could not be loaded ("
          + (message.isBlank() ? telling.getClass().getName() : withoutFrames(message))
          + "); `equipoise info` says what is";
    }
    if (telling instanceof InternalError && message.contains("memory access")) {
      return "a file that is read through memory was cut or became unreadable ("
          + message
          + "); files must not change while they are used";
    }
    if (message.isBlank()) {
      return telling.getClass().getName();
    }
    return telling instanceof Error
        ? "an error within the program: " + withoutFrames(telling.toString())
        : withoutFrames(message);
  }

  /** The text of a native library's exception without its frames. */
  public static String withoutFrames(String message) {
    Matcher allocation = NATIVE_ALLOCATION.matcher(message);
    if (allocation.find()) {
      return "memory ran out: " + allocation.group(1) + " bytes were asked for at once";
    }
    boolean script = message.contains(SCRIPT_TRACE);
    if (!script && !FRAME.matcher(message).find()) {
      return message;
    }
    String plain = ENFORCED.matcher(FRAME.matcher(message).replaceAll("")).replaceAll("");
    List<String> lines = plain.lines().map(String::strip).filter(line -> !line.isEmpty()).toList();
    // The reason stands behind the lines of the module's own code.
    return lines.stream()
        .filter(line -> script && line.matches("\\w*Error: .*"))
        .reduce((earlier, later) -> later)
        .orElse(script ? lines.get(0) : String.join(" ", lines));
  }

  private static Throwable telling(Throwable failure) {
    Throwable telling = failure;
    for (int i = 0; i < DEEPEST && telling.getCause() != null && !tells(telling); i++) {
      telling = telling.getCause();
    }
    return telling;
  }

  private static boolean tells(Throwable failure) {
    String message = failure.getMessage();
    return message != null
        && !message.isBlank()
        && !message.equals(failure.getCause().toString())
        && !(failure instanceof NoClassDefFoundError);
  }

  private static String ofMemory(String message) {
    String what = "memory ran out (" + message + ")";
    boolean heap = message.contains("heap space") || message.contains("GC overhead");
    return heap ? what + "; JDK_JAVA_OPTIONS=-Xmx4g gives Java 4 GB" : what;
  }
}

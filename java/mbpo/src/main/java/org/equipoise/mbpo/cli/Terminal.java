package org.equipoise.mbpo.cli;

import java.io.Console;
import java.lang.reflect.InvocationTargetException;

/** Whether somebody watches the output. */
final class Terminal {
  private Terminal() {}

  /** True if input and output are a terminal that can redraw a line. */
  static boolean isInteractive() {
    Console console = System.console();
    return console != null && isTerminal(console) && !"dumb".equals(System.getenv("TERM"));
  }

  /** From Java 22 on a console may exist without a terminal, and can be asked. */
  private static boolean isTerminal(Console console) {
    try {
      return (boolean) Console.class.getMethod("isTerminal").invoke(console);
    } catch (NoSuchMethodException e) {
      return true;
    } catch (IllegalAccessException | InvocationTargetException e) {
      throw new IllegalStateException("asking the console whether it is a terminal failed", e);
    }
  }
}

package org.equipoise.torch;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;

/**
 * Makes LibTorch's idle OpenMP threads sleep. By default they spin while they wait for each other;
 * where other processes want the processors, the one they wait for cannot run. Medians of a small
 * Qwen2-VL on two cores: 1.5 s a token spinning and 0.48 s sleeping at a load of 10 to 16; 34 and
 * 32 ms on a machine of its own.
 *
 * <p>GNU's OpenMP reads its settings from the environment when it is loaded, and Java cannot change
 * the environment of its own process; so the C library's list of variables gets one more, as {@code
 * putenv} would do it. Linux only: elsewhere LibTorch brings another OpenMP.
 */
final class IdleThreads {
  private static final String SETTING = "OMP_WAIT_POLICY=PASSIVE";

  /** Each of them decides how long a thread spins; what the user says holds. */
  private static final String[] USERS = {"OMP_WAIT_POLICY=", "GOMP_SPINCOUNT="};

  private static boolean done;

  private IdleThreads() {}

  /** Call it before LibTorch is loaded; afterwards it has no effect. */
  static synchronized void sleep() {
    if (done || !Loader.getPlatform().startsWith("linux")) {
      return;
    }
    done = true;
    Pointer environ = Loader.addressof("environ");
    if (environ == null) {
      return;
    }
    PointerPointer<BytePointer> variable = new PointerPointer<>(environ);
    PointerPointer<BytePointer> old = new PointerPointer<>(variable.get(0));
    int count = 0;
    if (!old.isNull()) {
      for (; old.get(BytePointer.class, count) != null; count++) {
        if (isUsers(old.get(BytePointer.class, count).getString())) {
          return;
        }
      }
    }
    PointerPointer<BytePointer> variables = forever(new PointerPointer<>(count + 2L));
    for (int i = 0; i < count; i++) {
      variables.put(i, old.get(BytePointer.class, i));
    }
    variables.put(count, forever(new BytePointer(SETTING)));
    variables.put(count + 1L, (Pointer) null);
    variable.put(0, variables);
  }

  /** Neither a scope nor the garbage collector frees it: the process may read it until it ends. */
  private static <P extends Pointer> P forever(P pointer) {
    pointer.retainReference();
    pointer.deallocate(false);
    return pointer;
  }

  private static boolean isUsers(String entry) {
    for (String start : USERS) {
      if (entry.startsWith(start)) {
        return true;
      }
    }
    return false;
  }
}

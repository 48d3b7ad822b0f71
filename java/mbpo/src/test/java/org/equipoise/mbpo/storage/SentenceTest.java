package org.equipoise.mbpo.storage;

import static org.bytedeco.pytorch.global.torch.empty;
import static org.bytedeco.pytorch.global.torch.ones;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CompletionException;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.Test;

class SentenceTest {
  /** As LibTorch throws them, with some forty lines of frames. */
  @Test
  void framesOfNativeCodeAreLeftOut() {
    Equipoise.initialize();
    RuntimeException shapes;
    try (Tensor a = ones(2, 3)) {
      shapes = assertThrows(RuntimeException.class, () -> a.mm(a));
    }
    assertTrue(shapes.getMessage().contains("frame #0"), "LibTorch says where");
    String sentence = "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)";
    assertEquals(sentence, Sentence.of(shapes));
    // Wrapped by whoever knew the file.
    assertEquals(
        "cannot read x.pt: " + sentence + " ; replace it",
        Sentence.of(
            new IllegalArgumentException(
                "cannot read x.pt: " + shapes.getMessage() + "; replace it")));
    assertEquals(sentence, Sentence.of(new CompletionException(shapes)));
  }

  @Test
  void memoryOfNativeCodeIsMemory() {
    Equipoise.initialize();
    RuntimeException memory = assertThrows(RuntimeException.class, () -> empty(1L << 42));
    assertEquals(
        "memory ran out: " + (4L << 42) + " bytes were asked for at once", Sentence.of(memory));
  }

  @Test
  void ofATraceThroughAScriptTheReasonIsLeft() {
    assertEquals(
        "RuntimeError: mat1 and mat2",
        Sentence.withoutFrames(
            """
            The following operation failed in the TorchScript interpreter.
            Traceback of TorchScript, serialized code (most recent call last):
              File "code/__torch__.py", line 5, in forward
                return x.mm(x)
                       ~~~~ <--- HERE
            RuntimeError: mat1 and mat2
            """));
  }

  @Test
  void errorsOfTheMachineAreWords() {
    assertEquals(
        "memory ran out (Java heap space); JDK_JAVA_OPTIONS=-Xmx4g gives Java 4 GB",
        Sentence.of(new OutOfMemoryError("Java heap space")));
    assertEquals(
        "memory ran out (unable to create native thread)",
        Sentence.of(new OutOfMemoryError("unable to create native thread")));
    assertEquals(
        "something is nested too deeply to be read", Sentence.of(new StackOverflowError()));
    assertTrue(
        Sentence.of(new InternalError("a fault occurred in an unsafe memory access operation"))
            .startsWith("a file that is read through memory was cut"));
    assertEquals(
        "an error within the program: java.lang.AssertionError: x",
        Sentence.of(new AssertionError("x")));
  }

  /** A class whose first use failed says nothing itself the second time. */
  @Test
  void librariesThatCannotBeLoadedAreNamed() {
    UnsatisfiedLinkError missing = new UnsatisfiedLinkError("no jnitorch in java.library.path");
    String sentence =
        "a library could not be loaded (no jnitorch in java.library.path);"
            + " `equipoise info` says what is";
    assertEquals(sentence, Sentence.of(missing));
    assertEquals(sentence, Sentence.of(new ExceptionInInitializerError(missing)));
    NoClassDefFoundError second = new NoClassDefFoundError("Could not initialize class X");
    second.initCause(new ExceptionInInitializerError(missing));
    assertEquals(sentence, Sentence.of(second));
  }

  @Test
  void whatSaysNothingIsNamedByItsClass() {
    assertEquals("java.lang.IllegalStateException", Sentence.of(new IllegalStateException(" ")));
    RuntimeException one = new RuntimeException((String) null);
    RuntimeException other = new RuntimeException(null, one);
    one.initCause(other);
    assertFalse(Sentence.of(one).isEmpty(), "a cycle ends");
  }
}

package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PolicyBatch;
import org.equipoise.torch.adapter.TorchAdapter;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Ops on CPU tensors and matrix products run on the threads of LibTorch's OpenMP. */
class SharedThreadsTest {
  /** Of processor time that threads are told apart by: 2 % of it are one. */
  private static final long HUNDREDTHS_OF_A_SECOND = 50;

  /** Of attention. */
  private static final long ROWS = 1024;

  private final int before = Equipoise.threads();

  @AfterEach
  void restore() {
    Equipoise.threads(before);
  }

  @Test
  void noThreadsAreAddedToThoseOfLibTorch() throws Exception {
    assertEquals(1, TorchAdapter.eqp_torch_shares_threads());
    assertTrue(Equipoise.info().contains("threads are: those of LibTorch's OpenMP"));
    Equipoise.threads(3);
    try (PointerScope scope = new PointerScope()) {
      Tensor big = torch.rand(1 << 10, 1 << 10);
      long alone = threadsNamedAsThis();
      big.exp();
      long withLibTorch = threadsNamedAsThis();
      assertTrue(withLibTorch - alone <= 2, alone + ", then " + withLibTorch);
      for (int i = 0; i < 5; i++) {
        gradient();
      }
      assertEquals(withLibTorch, threadsNamedAsThis());
    }
  }

  @Test
  void resultsAreTheSameFromAnyNumberOfThreadsAndCallers() throws Exception {
    Equipoise.threads(1);
    double[] expected = gradient();
    fromThreadsAndCallers(
        new int[] {2, 3, 5},
        16,
        SharedThreadsTest::gradient,
        found -> assertArrayEquals(expected, found));
  }

  private static void fromThreadsAndCallers(
      int[] threads, int calls, Callable<double[]> work, Consumer<double[]> check)
      throws Exception {
    ExecutorService callers = Executors.newFixedThreadPool(4);
    try {
      for (int count : threads) {
        Equipoise.threads(count);
        check.accept(work.call());
        for (Future<double[]> result : callers.invokeAll(Collections.nCopies(calls, work))) {
          check.accept(result.get());
        }
      }
    } finally {
      callers.shutdown();
    }
  }

  @Test
  void matrixProductsRunOnTheSameThreads() throws Exception {
    Equipoise.threads(2);
    try (PointerScope scope = new PointerScope()) {
      Tensor x = torch.rand(700, 700);
      Set<String> ofLibTorch = busyWhile(x::exp, 0.02);
      Set<String> ofProducts = busyWhile(() -> x.mm(x), 0.2);
      // Twice, since a compiling thread of the virtual machine is busy once.
      ofProducts.retainAll(busyWhile(() -> x.mm(x), 0.2));
      assertTrue(ofProducts.size() > 0, "a thread must compute the products");
      assertTrue(ofLibTorch.containsAll(ofProducts), ofLibTorch + " were busy, then " + ofProducts);
    }
  }

  /**
   * Ids of the threads that take at least this share of the process's time. The work goes on until
   * it took enough of that, however long this lasts beside other processes.
   */
  private static Set<String> busyWhile(Runnable work, double share) throws Exception {
    Map<String, Long> before = processorTimes();
    Map<String, Long> taken;
    double all;
    do {
      for (int i = 0; i < 10; i++) {
        try (PointerScope scope = new PointerScope()) {
          work.run();
        }
      }
      taken = processorTimes();
      taken.replaceAll((task, time) -> time - before.getOrDefault(task, 0L));
      all = taken.values().stream().mapToLong(Long::longValue).sum();
    } while (all < HUNDREDTHS_OF_A_SECOND);
    Set<String> busy = new TreeSet<>();
    for (Map.Entry<String, Long> thread : taken.entrySet()) {
      if (thread.getValue() >= share * all) {
        busy.add(thread.getKey());
      }
    }
    return busy;
  }

  /** In hundredths of a second, by thread. */
  private static Map<String, Long> processorTimes() throws Exception {
    Map<String, Long> times = new TreeMap<>();
    try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
      for (Path task : tasks.toList()) {
        try {
          String status = Files.readString(task.resolve("stat"));
          String[] fields = status.substring(status.lastIndexOf(')') + 2).split(" ");
          times.put(
              task.getFileName().toString(),
              Long.parseLong(fields[11]) + Long.parseLong(fields[12]));
        } catch (NoSuchFileException e) {
          continue; // ended meanwhile
        }
      }
    }
    return times;
  }

  /** Products within LibTorch's parallel loops, too, which attention over long rows makes. */
  @Test
  void productsAreRightFromAnyNumberOfThreadsAndCallers() throws Exception {
    Equipoise.threads(1);
    double[] expected = products();
    fromThreadsAndCallers(
        new int[] {2, 3},
        Proof.count(16, 4), // the slowest calls of these tests
        SharedThreadsTest::products,
        found -> assertArrayEquals(expected, found, 1e-3));
  }

  private static double[] products() {
    try (PointerScope scope = new PointerScope()) {
      Tensor x =
          TestTensors.of(ScalarType.Float, TestTensors.gaussian(4, 600 * 600, 1, 0), 600, 600);
      Tensor rows = x.narrow(0, 0, 512).narrow(1, 0, ROWS / 2).reshape(1, 4, ROWS, 64);
      Tensor attended =
          torch.scaled_dot_product_attention(
              rows, rows, rows, new TensorOptional(), 0, true, new DoubleOptional(), false);
      return TestTensors.doubles(
          torch.cat(new TensorVector(x.mm(x).view(-1), x.mv(x.select(0, 0)), attended.view(-1))));
    }
  }

  /** Native threads take the name of the one that starts them; the JVM names its own. */
  private static long threadsNamedAsThis() throws Exception {
    String name = Files.readString(Path.of("/proc/thread-self/comm"));
    long count = 0;
    try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
      for (Path task : tasks.toList()) {
        try {
          count += Files.readString(task.resolve("comm")).equals(name) ? 1 : 0;
        } catch (NoSuchFileException e) {
          continue; // ended meanwhile
        }
      }
    }
    return count;
  }

  /** Loss and gradient of a batch that is large enough for every thread. */
  private static double[] gradient() {
    int sequences = 100;
    int tokens = 2000;
    int count = sequences * tokens;
    try (PointerScope scope = new PointerScope()) {
      Tensor x = TestTensors.of(ScalarType.Float, TestTensors.gaussian(1, count, 1, -3), 100, 2000);
      Tensor old =
          TestTensors.of(ScalarType.Float, TestTensors.gaussian(2, count, 1, -3), 100, 2000);
      Tensor advantages =
          TestTensors.of(ScalarType.Float, TestTensors.gaussian(3, sequences, 1, 0), sequences);
      Tensor mask = TestTensors.mask(IntStream.generate(() -> 1).limit(count).toArray(), 100, 2000);
      Tensor results = torch.zeros(count + 1);
      PolicyLoss.grpo()
          .applyInto(
              PolicyBatch.of(x, advantages, mask).old(old),
              results.select(0, count),
              null,
              null,
              results.narrow(0, 0, count).view(sequences, tokens),
              null);
      return TestTensors.doubles(results);
    }
  }
}

package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.abi.EquipoiseAbi;

/**
 * Products with a 16-bit matrix in float32, for processors on which LibTorch multiplies 16-bit
 * numbers in plain loops: those without AVX-512, for instance (139 rows by a bf16 matrix of 8960 x
 * 1536, AVX2, one thread: 0.58 s, and 9.1 s for the gradient of the rows, where float32 takes 0.07
 * s). The matrix is widened a block of its rows at a time, so that beside it only {@link
 * #BLOCK_BYTES} are needed; sums are float32 and rounded once, at the end. Outside of autograd.
 */
public final class WidenedProducts {
  /** Of widened rows of the matrix at a time. */
  static final long BLOCK_BYTES = 4L << 20;

  private static final Map<ScalarType, Boolean> ASSUMED = new ConcurrentHashMap<>();

  private WidenedProducts() {}

  /** Whether a matrix is on the CPU and of a type with which LibTorch is slow there. */
  public static boolean pay(Tensor matrix) {
    return pay(alive("matrix", matrix).scalar_type().intern()) && matrix.is_cpu();
  }

  /**
   * Whether LibTorch is slow with a type on this processor: on x86 with bf16 without AVX-512 (F,
   * BW, DQ, VL), which its kernels need, and with f16, for which few processors have what they
   * need.
   */
  public static boolean pay(ScalarType type) {
    if (type != ScalarType.BFloat16 && type != ScalarType.Half) {
      return false;
    }
    Boolean assumed = ASSUMED.get(type);
    if (assumed != null) {
      return assumed;
    }
    TorchLibrary.require();
    return Processor.X86 && !(type == ScalarType.BFloat16 && Processor.AVX512);
  }

  /** Asked once. */
  private static final class Processor {
    static final boolean X86;
    static final boolean AVX512;

    static {
      List<String> variants = List.of(EquipoiseAbi.eqp_cpu_variants().split(","));
      X86 = variants.contains("baseline");
      AVX512 = variants.contains("avx512");
    }
  }

  /** For tests: what would otherwise be asked of the processor. */
  static void assume(ScalarType type, boolean pay) {
    ASSUMED.put(type, pay);
  }

  /** {@code x Wᵀ}: [n, in] by [out, in] is [n, out], of the matrix's type. */
  public static Tensor byTransposed(Tensor x, Tensor matrix) {
    alive("x", x);
    alive("matrix", matrix);
    Tensor out = Tensors.empty(matrix, matrix.scalar_type().intern(), x.size(0), matrix.size(0));
    byTransposedInto(x, matrix, out);
    return out;
  }

  static void byTransposedInto(Tensor x, Tensor matrix, Tensor out) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor wide = x.to(ScalarType.Float);
      forEachBlock(
          matrix, (first, block) -> out.narrow(1, first, block.size(0)).copy_(wide.mm(block.t())));
    }
  }

  /** {@code x W}: [n, out] by [out, in] is [n, in]. */
  static void byInto(Tensor x, Tensor matrix, Tensor out) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor sum = torch.zeros(x.size(0), matrix.size(1));
      forEachBlock(
          matrix,
          (first, block) ->
              sum.addmm_(x.narrow(1, first, block.size(0)).to(ScalarType.Float), block));
      out.copy_(sum);
    }
  }

  /** {@code sum += yᵀ x}, sum [out, in] float32, y [n, out] and x [n, in] 16-bit. */
  static void addTransposedBy(Tensor y, Tensor x, Tensor sum) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor wide = x.to(ScalarType.Float);
      long rows = blockRows(x.size(0));
      for (long first = 0; first < sum.size(0); first += rows) {
        try (PointerScope inner = new PointerScope()) {
          long size = Math.min(rows, sum.size(0) - first);
          sum.narrow(0, first, size)
              .addmm_(y.narrow(1, first, size).to(ScalarType.Float).t(), wide);
        }
      }
    }
  }

  private interface BlockTask {
    void run(long firstRow, Tensor block);
  }

  private static void forEachBlock(Tensor matrix, BlockTask task) {
    long rows = Math.min(matrix.size(0), blockRows(matrix.size(1)));
    Tensor scratch = torch.empty(rows, matrix.size(1));
    for (long first = 0; first < matrix.size(0); first += rows) {
      try (PointerScope scope = new PointerScope()) {
        long size = Math.min(rows, matrix.size(0) - first);
        Tensor block = scratch.narrow(0, 0, size);
        block.copy_(matrix.narrow(0, first, size));
        task.run(first, block);
      }
    }
  }

  private static long blockRows(long width) {
    return Math.max(16, BLOCK_BYTES / Float.BYTES / width / 16 * 16);
  }
}

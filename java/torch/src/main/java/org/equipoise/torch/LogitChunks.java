package org.equipoise.torch;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The logits of one call of {@link FusedLinear}, a chunk of rows at a time in one buffer:
 * LibTorch's matrix products, and the token log-prob kernels between them. Outside of autograd.
 * Beyond the buffer nothing of the vocabulary's size is made, but for {@link #STAGE_BYTES} with
 * bf16, or a block of {@link WidenedProducts}. The buffer is freed by {@link #close}, in whatever
 * pointer scope this was made.
 */
final class LogitChunks implements AutoCloseable {
  /** Rows of a chunk are a multiple of this where there is room: matrix kernels like it. */
  private static final long ROW_UNIT = 16;

  /** Of a bf16 product that is on its way into an f32 sum. */
  private static final long STAGE_BYTES = 8L << 20;

  private static final Scalar ZERO = TorchLibrary.keep(new Scalar(0.0));

  private final FusedLinear head;
  private final Tensor weight;
  private final Tensor weightTransposed;
  private final Tensor bias;
  private final Tensor hidden;
  private final Tensor targets;
  private final long tokens;
  private final long rows;
  private final boolean widen;
  private final Tensor buffer;

  /** The chunk whose logits are in the buffer; -1: none. */
  private int held = -1;

  /** The buffer's version when they were written: a loss function may write into a given buffer. */
  private long heldVersion;

  LogitChunks(FusedLinear head, Tensor hidden, Tensor targets) {
    this.head = head;
    tokens = targets.numel();
    try (PointerScope scope = new PointerScope()) {
      weight = TorchLibrary.keep(head.weight().detach());
      long vocab = weight.size(0);
      rows = rows(tokens, head.logitBudget() / (vocab * weight.element_size()));
      weightTransposed = TorchLibrary.keep(weight.t());
      widen = WidenedProducts.pay(weight);
      bias = head.bias() == null ? null : TorchLibrary.keep(head.bias().detach());
      this.hidden = TorchLibrary.keep(hidden.detach().reshape(tokens, weight.size(1)));
      this.targets = TorchLibrary.keep(targets.reshape(-1).contiguous());
      Tensor given = head.logitBuffer();
      buffer =
          TorchLibrary.keep(
              given == null
                  ? Tensors.empty(weight, weight.scalar_type().intern(), rows, vocab)
                  : given.reshape(-1).narrow(0, 0, rows * vocab).view(rows, vocab));
    }
  }

  @Override
  public void close() {
    for (Tensor tensor : new Tensor[] {weight, weightTransposed, bias, hidden, targets, buffer}) {
      if (tensor != null) {
        tensor.releaseReference();
      }
    }
  }

  /** Rows per chunk: even chunks, of whole units where the budget has room for them. */
  static long rows(long tokens, long mostRows) {
    if (tokens <= mostRows) {
      return tokens;
    }
    long chunks = (tokens + mostRows - 1) / mostRows;
    long even = (tokens + chunks - 1) / chunks;
    return Math.min(mostRows, (even + ROW_UNIT - 1) / ROW_UNIT * ROW_UNIT);
  }

  int count() {
    return tokens == 0 ? 0 : Math.toIntExact((tokens + rows - 1) / rows);
  }

  /** The part of [tokens, ...] that belongs to a chunk; null for null. */
  Tensor part(Tensor whole, int chunk) {
    long first = chunk * rows;
    return whole == null ? null : whole.narrow(0, first, Math.min(rows, tokens - first));
  }

  /** The chunk's logits, before bias, scale and cap. */
  private Tensor logits(int chunk) {
    Tensor input = part(hidden, chunk);
    Tensor product = buffer.narrow(0, 0, input.size(0));
    if (held != chunk || version() != heldVersion) {
      if (widen) {
        WidenedProducts.byTransposedInto(input, weight, product);
      } else {
        torch.mm_out(product, input, weightTransposed);
      }
      held = chunk;
      heldVersion = version();
    }
    return product;
  }

  /** Counts the writes into the memory, by whatever view of it. */
  private long version() {
    return buffer.is_inference() ? 0 : buffer._version();
  }

  /** Computes the chunk's logits and writes its part of {@code out}. */
  void forward(int chunk, TokenRows out) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      TokenLogProbs.forwardInto(
          head.options(),
          logits(chunk),
          bias,
          part(targets, chunk),
          part(out.values(), chunk),
          part(out.logSumExp(), chunk),
          part(out.logSumExp2x(), chunk),
          part(out.entropy(), chunk));
    }
  }

  void forwardAll(TokenRows out) {
    for (int chunk = 0; chunk < count(); chunk++) {
      forward(chunk, out);
    }
  }

  /**
   * From d(log-probs) and d(entropy) [tokens] f32 (either may be null) to the chunk's part of the
   * gradients. Logits that the buffer still holds are not computed again; they are gone afterwards.
   */
  void backward(
      int chunk, TokenRows at, Tensor dLogProbs, Tensor dEntropy, HeadGradients gradients) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor logits = logits(chunk);
      held = -1;
      Tensor counted = counted(chunk, dLogProbs, dEntropy);
      TokenLogProbs.backwardInto(
          head.options(),
          logits,
          bias,
          counted,
          part(at.logSumExp(), chunk),
          dEntropy == null ? null : part(at.entropy(), chunk),
          part(dLogProbs, chunk),
          part(dEntropy, chunk),
          logits);
      if (gradients.dHidden != null) {
        Tensor dHidden = part(gradients.dHidden, chunk);
        if (widen) {
          WidenedProducts.byInto(logits, weight, dHidden);
        } else {
          torch.mm_out(dHidden, logits, weight);
        }
      }
      if (gradients.dWeight != null) {
        // What a row that gets no gradient holds, NaN included, does not come in as 0 times it.
        Tensor input = part(hidden, chunk).masked_fill(ignored(counted).unsqueeze(1), ZERO);
        addWeightGradient(gradients, logits, input);
      }
      if (gradients.dBias != null) {
        Tensor ones = torch.ones_like(logits.select(1, 0)).unsqueeze(0);
        gradients.dBias.add_(ones.mm(logits).squeeze(0));
      }
    }
  }

  /**
   * The chunk's targets, those with coefficients 0 (masked tokens) ignored like the ignored ones.
   */
  private Tensor counted(int chunk, Tensor dLogProbs, Tensor dEntropy) {
    Tensor own = part(targets, chunk).to(ScalarType.Long);
    Tensor zero = null;
    for (Tensor coefficients : new Tensor[] {dLogProbs, dEntropy}) {
      if (coefficients != null) {
        Tensor none = part(coefficients, chunk).reshape(-1).eq(ZERO);
        zero = zero == null ? none : zero.logical_and(none);
      }
    }
    return own.masked_fill(zero, new Scalar(head.options().ignoreIndex()));
  }

  private Tensor ignored(Tensor someTargets) {
    return someTargets.eq(new Scalar(head.options().ignoreIndex()));
  }

  /**
   * {@code matrix[i] *= factors[i]}, 0 for factors of 0 and ignored tokens, whatever the row holds.
   */
  void scaleRows(Tensor matrix, Tensor factors) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor none = factors.eq(ZERO).logical_or(ignored(targets));
      matrix.mul_(factors.unsqueeze(1)).masked_fill_(none.unsqueeze(1), ZERO);
    }
  }

  /** All chunks, the one that the buffer still holds first. */
  void backwardAll(TokenRows at, Tensor dLogProbs, Tensor dEntropy, HeadGradients gradients) {
    for (int chunk = count() - 1; chunk >= 0; chunk--) {
      backward(chunk, at, dLogProbs, dEntropy, gradients);
    }
  }

  private void addWeightGradient(HeadGradients gradients, Tensor dLogits, Tensor input) {
    Tensor sum = gradients.dWeight;
    boolean overwrite = gradients.takeFresh();
    if (widen) {
      if (overwrite) {
        sum.zero_();
      }
      WidenedProducts.addTransposedBy(dLogits, input, sum);
      return;
    }
    Tensor dLogitsTransposed = dLogits.t();
    if (weight.scalar_type().value == ScalarType.Float.value) {
      if (overwrite) {
        torch.mm_out(sum, dLogitsTransposed, input);
      } else {
        sum.addmm_(dLogitsTransposed, input);
      }
      return;
    }
    // LibTorch's own kernels have no product of bf16 factors with an f32 result on the CPU: each
    // chunk's product
    // is rounded to bf16 once, the sum over the chunks is f32.
    long vocab = weight.size(0);
    long width = weight.size(1);
    long block = Math.min(vocab, Math.max(1, STAGE_BYTES / (width * weight.element_size())));
    Tensor stage = Tensors.empty(weight, weight.scalar_type().intern(), block, width);
    for (long first = 0; first < vocab; first += block) {
      try (PointerScope scope = new PointerScope()) {
        long size = Math.min(block, vocab - first);
        Tensor product = stage.narrow(0, 0, size);
        torch.mm_out(product, dLogitsTransposed.narrow(0, first, size), input);
        Tensor target = sum.narrow(0, first, size);
        if (overwrite) {
          target.copy_(product);
        } else {
          target.add_(product);
        }
      }
    }
  }
}

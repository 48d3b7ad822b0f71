package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PairBatch;
import org.equipoise.kernels.PolicyBatch;
import org.equipoise.kernels.UnpairedBatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What our ops write into a caller's memory, LibTorch's graphs notice. */
class InPlaceWritesTest {
  private PointerScope scope;

  @BeforeEach
  void open() {
    scope = new PointerScope();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @Test
  void aLossOnLogitsThatWereOverwrittenRefusesToGoBack() {
    Tensor source = torch.randn(4, 7).set_requires_grad(true);
    Tensor logits = source.add(source);
    Tensor other = logits.square().mean();
    TokenLogProbs logProbs =
        TokenLogProbs.forward(logits, TestTensors.ints(new int[] {1, 2, 3, 0}));
    logProbs.values().sum().backward();
    logProbs.backwardThrough();
    RuntimeException refusal = assertThrows(RuntimeException.class, other::backward);
    assertTrue(refusal.getMessage().contains("modified by an inplace operation"));
    String text = assertThrows(IllegalStateException.class, logProbs::backwardThrough).getMessage();
    assertTrue(text.contains("the logits were overwritten"), text);
  }

  /** Every op with an output of the caller's: each of them counts one version up at least. */
  @Test
  void everyOutputOfTheCallersCountsAsWritten() {
    Tensor images = torch.rand(2, 3, 4, 4);
    Tensor gradient = torch.randn(2, 3, 4, 4);
    Tensor logProbs = torch.randn(3, 4).abs().neg();
    Tensor mask = torch.ones(3, 4).to(ScalarType.Bool);
    Tensor advantages = torch.randn(3);
    Tensor labels = TestTensors.mask(new int[] {1, 0, 1}, 3);
    Tensor logits = torch.randn(4, 7);
    Tensor targets = TestTensors.ints(new int[] {1, 2, 3, 0});
    InputTransform.Draw draw = new InputTransform.Draw(1, 0, null);

    Map<String, Runnable> calls = new LinkedHashMap<>();
    Map<String, Tensor[]> outputs = new LinkedHashMap<>();
    Tensor pixels = images.clone();
    Tensor momentum = torch.zeros(2, 3, 4, 4);
    outputs.put("linf step", new Tensor[] {pixels, momentum});
    calls.put(
        "linf step",
        () ->
            LinfStep.defaults()
                .applyInto(pixels, images, gradient, momentum, null, null, null, null, pixels));
    one(
        calls,
        outputs,
        "l2 step",
        images.clone(),
        out -> L2Step.defaults().applyInto(images, images, gradient, null, null, null, out));
    one(
        calls,
        outputs,
        "uniform start",
        images.clone(),
        out -> UniformStart.defaults().applyInto(images, null, out));
    one(
        calls,
        outputs,
        "eight bit",
        images.clone(),
        out -> EightBitGrid.defaults().applyInto(images, null, out, null));
    one(
        calls,
        outputs,
        "gaussian noise",
        images.clone(),
        out -> GaussianNoise.ofDeviation(0.1).applyInto(images, null, out));
    one(
        calls,
        outputs,
        "diversity",
        images.clone(),
        out -> InputDiversity.defaults().forwardInto(images, draw, out));
    one(
        calls,
        outputs,
        "diversity back",
        images.clone(),
        out -> InputDiversity.defaults().backwardInto(gradient, draw, out));
    one(
        calls,
        outputs,
        "translation",
        images.clone(),
        out -> TranslationInvariance.defaults().applyInto(gradient, out));
    one(
        calls,
        outputs,
        "policy loss",
        torch.zeros(3, 4),
        out ->
            PolicyLoss.grpo()
                .applyInto(
                    PolicyBatch.of(logProbs, advantages, mask),
                    torch.zeros(1),
                    null,
                    null,
                    out,
                    null));
    one(
        calls,
        outputs,
        "pair loss",
        torch.zeros(3, 4),
        out ->
            PairLoss.sigmoid()
                .applyInto(
                    PairBatch.of(logProbs, logProbs, mask, mask).reference(logProbs, logProbs),
                    torch.zeros(1),
                    null,
                    null,
                    null,
                    null,
                    out,
                    null));
    one(
        calls,
        outputs,
        "unpaired loss",
        torch.zeros(3, 4),
        out ->
            UnpairedLoss.apoZeroUnpaired()
                .applyInto(
                    UnpairedBatch.of(logProbs, mask, labels).reference(logProbs),
                    torch.zeros(1),
                    null,
                    null,
                    null,
                    null,
                    out));
    one(
        calls,
        outputs,
        "log-probs",
        torch.zeros(4),
        out ->
            TokenLogProbs.forwardInto(
                TokenLogProbsOptions.defaults(),
                logits,
                null,
                targets,
                out,
                new Tensor(),
                null,
                null));
    Tensor sums = logits.logsumexp(new long[] {1});
    one(
        calls,
        outputs,
        "log-probs back",
        torch.zeros(4, 7),
        out ->
            TokenLogProbs.backwardInto(
                TokenLogProbsOptions.defaults(),
                logits,
                null,
                targets,
                sums,
                null,
                torch.ones(4),
                null,
                out));
    calls.forEach(
        (name, call) -> {
          long[] before = versions(outputs.get(name));
          call.run();
          long[] after = versions(outputs.get(name));
          for (int i = 0; i < before.length; i++) {
            assertTrue(after[i] > before[i], name + ": output " + i);
          }
        });
    assertEquals(13, calls.size());
  }

  private interface Into {
    void run(Tensor out);
  }

  private static void one(
      Map<String, Runnable> calls,
      Map<String, Tensor[]> outputs,
      String name,
      Tensor out,
      Into op) {
    outputs.put(name, new Tensor[] {out});
    calls.put(name, () -> op.run(out));
  }

  private static long[] versions(Tensor[] tensors) {
    long[] versions = new long[tensors.length];
    for (int i = 0; i < tensors.length; i++) {
      versions[i] = tensors[i]._version();
    }
    return versions;
  }
}

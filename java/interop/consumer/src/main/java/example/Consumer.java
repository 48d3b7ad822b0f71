package example;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.kernels.PolicyBatch;
import org.equipoise.torch.Equipoise;
import org.equipoise.torch.GroupAdvantage;
import org.equipoise.torch.PolicyLoss;

/** The first five minutes: advantages of two groups and a GRPO loss with its gradient. */
public final class Consumer {
  private Consumer() {}

  public static void main(String[] arguments) {
    long started = System.nanoTime();
    System.out.println(Equipoise.info());
    try (PointerScope scope = new PointerScope()) {
      Tensor rewards = Tensor.create(new float[] {1, 0, 0, 2, 1, 1, 1, 1}, 8);
      Tensor advantages = GroupAdvantage.trl().apply(rewards, 4);
      Tensor logProbs = torch.full(new long[] {8, 3}, new org.bytedeco.pytorch.Scalar(-1f));
      logProbs = logProbs.set_requires_grad(true);
      Tensor mask = torch.ones(8, 3).to(torch.ScalarType.Bool);
      PolicyLoss.Result result =
          PolicyLoss.grpo().apply(PolicyBatch.of(logProbs, advantages, mask));
      result.backward();
      double first = logProbs.grad().select(0, 3).select(0, 0).item_double();
      // One of the best group's three tokens: -A / (3 tokens of 8 sequences).
      double expected = -advantages.select(0, 3).item_double() / 24;
      if (!(Math.abs(first - expected) < 1e-6) || advantages.select(0, 7).item_double() != 0) {
        throw new IllegalStateException("expected " + expected + ", found " + first);
      }
      System.out.printf(
          "loss %.6f, gradient %.6f, %.1f s after the start%n",
          result.loss().item_double(), first, (System.nanoTime() - started) / 1e9);
    }
  }
}

package org.equipoise.kotlin

import org.bytedeco.pytorch.Scalar
import org.bytedeco.pytorch.Tensor
import org.bytedeco.pytorch.global.torch
import org.equipoise.torch.FusedLinear
import org.equipoise.torch.GroupAdvantage
import org.equipoise.torch.PairLoss
import org.equipoise.torch.Pgd
import org.equipoise.torch.PixelBatch
import org.equipoise.torch.PolicyLoss
import org.equipoise.torch.TokenLogProbs
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The examples of the README beside, between marks. */
class ExamplesTest {
  private fun logProbs(): Tensor = torch.rand(4, 5).add(Scalar(0.01)).neg()

  private fun leaf(tensor: Tensor): Tensor = tensor.set_requires_grad(true)

  private fun norm(tensor: Tensor): Double = tensor.norm().item_double()

  @Test
  fun tokenLogProbs() {
    tensorScope {
      val hidden = leaf(torch.randn(6, 4))
      val head = torch.randn(11, 4)
      val targets = torch.arange(Scalar(6))
      // [readme]
      val logProbs = TokenLogProbs.forward(hidden.matmul(head.t()), targets)
      logProbs.values().neg().mean().backward()
      logProbs.backwardThrough()
      // [end]
      assertTrue(norm(hidden.grad()) > 0)
    }
  }

  @Test
  fun fusedLinear() {
    tensorScope {
      val hidden = leaf(torch.randn(6, 4))
      val head = leaf(torch.randn(11, 4))
      val targets = torch.arange(Scalar(6))
      val advantages = torch.randn(6)
      val mask = torch.ones(6, 1).to(torch.ScalarType.Bool)
      // [readme]
      FusedLinear
        .head(head)
        .logitBudget(256L shl 20)
        .tokenLoss(hidden, targets) { p ->
          PolicyLoss.dapo().apply(policyBatch(p.values().view(6, 1), advantages, mask))
        }.backward()
      // [end]
      assertTrue(norm(hidden.grad()) > 0 && norm(head.grad()) > 0)
    }
  }

  @Test
  fun preferenceLoss() {
    tensorScope {
      val chosen = leaf(logProbs())
      val rejected = leaf(logProbs())
      val mask = torch.ones(4, 5).to(torch.ScalarType.Bool)
      // [readme]
      PairLoss
        .simPo()
        .beta(2.0)
        .simpoGamma(1.0)
        .apply(pairBatch(chosen, rejected, chosenMask = mask, rejectedMask = mask))
        .backward()
      // [end]
      assertTrue(norm(chosen.grad()) > 0 && norm(rejected.grad()) > 0)
    }
  }

  @Test
  fun policyLoss() {
    tensorScope {
      val logProbs = leaf(logProbs())
      val advantages = torch.randn(4)
      val mask = torch.ones(4, 5).to(torch.ScalarType.Bool)
      val start = logProbs()
      // [readme]
      val result =
        PolicyLoss.grpo().klBeta(0.01).apply(
          policyBatch(logProbs, advantages, mask, reference = start),
        )
      result.backward()
      println("KL ${result.metrics().kl()}")
      // [end]
      assertTrue(norm(logProbs.grad()) > 0)
    }
  }

  @Test
  fun advantages() {
    tensorScope {
      val rewards = torch.rand(16)
      // [readme]
      val advantages = GroupAdvantage.trl().apply(rewards, 8)
      // [end]
      assertEquals(0.0, advantages.sum().item_double(), 1e-4)
    }
  }

  @Test
  fun attack() {
    tensorScope {
      val images = torch.rand(2, 3, 4, 4)
      // [readme]
      val attack =
        Pgd
          .linf()
          .epsilon(8 / 255.0)
          .steps(10)
          .minimise({ pixels -> pixels.flatten(1, -1).sum(1) }, PixelBatch.of(images))
      println(attack.objectiveAfter().average() - attack.objectiveBefore().average())
      // [end]
      assertTrue(attack.objectiveAfter()[0] < attack.objectiveBefore()[0])
    }
  }
}

package org.equipoise.kotlin

import org.bytedeco.pytorch.Tensor
import org.bytedeco.pytorch.global.torch
import org.equipoise.kernels.PairBatch
import org.equipoise.kernels.PolicyBatch
import org.equipoise.torch.Equipoise
import org.equipoise.torch.PairLoss
import org.equipoise.torch.PolicyLoss
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import kotlin.math.exp
import kotlin.math.ln

class KotlinTest {
  @BeforeEach
  fun seed() {
    Equipoise.threads(1)
    torch.manual_seed(3)
  }

  @Test
  fun theLoopLearnsWhatIsRewarded() {
    GroupPolicyGradient(prompts = 12, width = 16, vocabulary = 20, groupSize = 16, learningRate = 20.0).use { loop ->
      val right = { prompt: Int, answer: Long -> if (answer == (prompt * 7 + 3) % 20L) 1f else 0f }
      val before = (1..5).map { loop.step(right) }.average()
      repeat(200) { loop.step(right) }
      val after = (1..5).map { loop.step(right) }.average()
      assertTrue(before < 0.3, "at first answers are guesses: $before")
      assertTrue(after > 0.9, "$before -> $after")
    }
  }

  @Test
  fun namedArgumentsAreTheBatchesOfJava() =
    tensorScope {
      val logProbs = tensor(-1f, -2f, -0.5f, -0.1f)
      val other = tensor(-1.5f, -1f, -0.7f, -0.3f)
      val mask = torch.ones(2, 2).to(torch.ScalarType.Bool)
      val advantages = Tensor.create(floatArrayOf(1f, -1f), 2)
      val named =
        PolicyLoss.grpo().klBeta(0.1).apply(
          policyBatch(logProbs, advantages, mask, old = other, reference = other),
        )
      val plain =
        PolicyLoss.grpo().klBeta(0.1).apply(
          PolicyBatch.of(logProbs, advantages, mask).old(other).reference(other),
        )
      assertEquals(plain.loss().item_double(), named.loss().item_double())
      val pair =
        PairLoss.sigmoid().beta(0.5).apply(
          pairBatch(logProbs, other, mask, mask, referenceChosen = other, referenceRejected = logProbs),
        )
      val java =
        PairLoss.sigmoid().beta(0.5).apply(
          PairBatch.of(logProbs, other, mask, mask).reference(other, logProbs),
        )
      assertEquals(java.loss().item_double(), pair.loss().item_double())
      // -ln sigmoid(0.5 (d1 - d2)) by hand: sums -3, -0.6 against -2.5, -1.0 on both sides.
      val expected = listOf(-0.5, 0.4).map { ln(1 + exp(-0.5 * 2 * it)) }.average()
      assertEquals(expected, pair.loss().item_double(), 1e-6)
    }

  private fun tensor(vararg values: Float): Tensor = Tensor.create(values, 2, values.size / 2L)
}

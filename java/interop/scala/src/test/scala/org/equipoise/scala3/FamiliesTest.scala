package org.equipoise.scala3

import org.junit.jupiter.api.Assertions.{assertEquals, assertTrue}
import org.junit.jupiter.api.Test

import scala.math.{exp, log, sqrt}

/** Every family against its formula in plain doubles. Float32 rounds by 6e-8 of a value; these are below 4 and of some
  * ten roundings: some 2e-6, and 1e-5 with exp and log.
  */
class FamiliesTest:
  private val rows = Seq(Seq(1.0, 2.0, 0.5), Seq(-1.0, 0.0, 3.0))

  private def logSoftmax(row: Seq[Double], target: Int): Double =
    row(target) - log(row.map(exp).sum)

  private def near(expected: Seq[Double], found: Seq[Double], tolerance: Double = 1e-5): Unit =
    assertEquals(expected.size, found.size)
    expected.zip(found).foreach((e, f) => assertEquals(e, f, tolerance))

  @Test def tokenLogProbs(): Unit =
    near(Seq(logSoftmax(rows(0), 2), logSoftmax(rows(1), 0)), Families.logProbs(rows, Seq(2, 0)))

  @Test def groupAdvantages(): Unit =
    val rewards = Seq(1.0, 0.0, 0.0, 2.0)
    val deviation = sqrt(rewards.map(r => (r - 0.75) * (r - 0.75)).sum / 3)
    near(rewards.map(r => (r - 0.75) / (deviation + 1e-4)), Families.advantages(rewards, 4))

  @Test def pairLoss(): Unit =
    val chosen = Seq(Seq(-1.0, -0.5))
    val rejected = Seq(Seq(-2.0, -0.25))
    val margin = 0.1 * (-1.5 + 2.25)
    assertEquals(log(1 + exp(-margin)), Families.dpo(chosen, rejected, 0.1), 1e-6)

  @Test def policyLoss(): Unit =
    val (loss, gradient) =
      Families.grpo(Seq(Seq(-1.0, -2.0)), Seq(Seq(-1.1, -1.0)), Seq(2.0))
    // Ratios e^0.1, inside the clip, and e^-1, below it where a positive advantage is not clipped.
    assertEquals(-(2 * exp(0.1) + 2 * exp(-1.0)) / 2, loss, 1e-5)
    near(Seq(-exp(0.1), -exp(-1.0)), gradient)

  @Test def attack(): Unit =
    val found = Families.attack(Seq(0.5, 0.5, 0.5, 0.5), 0.1, 6)(images => images.sum().view(1))
    // Every pixel goes down to the edge of the ball, and to the grid of 255ths.
    found.foreach(pixel => assertTrue(pixel >= 0.4 - 1e-6 && pixel <= 0.4 + 1.0 / 255, s"$pixel"))

  @Test def fusedLinear(): Unit =
    val hidden = Seq(Seq(0.3, -0.2), Seq(1.0, 0.5))
    val head = Seq(Seq(1.0, 0.0), Seq(0.5, 0.5), Seq(-1.0, 2.0))
    val logits = hidden.map(h => head.map(w => w.zip(h).map(_ * _).sum))
    near(Seq(logSoftmax(logits(0), 1), logSoftmax(logits(1), 2)), Families.fused(hidden, head, Seq(1, 2)))

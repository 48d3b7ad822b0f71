package org.equipoise.scala3

import org.bytedeco.javacpp.PointerScope
import org.bytedeco.pytorch.{AbstractTensor, Tensor}
import org.bytedeco.pytorch.global.torch
import org.equipoise.kernels.{PairBatch, PolicyBatch}
import org.equipoise.torch.*

import scala.util.Using

/** One op of each family, as Scala calls it. Results are plain numbers, so that no tensor leaves its scope. */
object Families:

  private def scoped[T](body: => T): T = Using.resource(PointerScope())(_ => body)

  def matrix(rows: Seq[Seq[Double]]): Tensor =
    AbstractTensor.create(rows.flatten.map(_.toFloat).toArray, rows.size.toLong, rows.head.size.toLong)

  private def vector(values: Seq[Double]): Tensor =
    AbstractTensor.create(values.map(_.toFloat).toArray, values.size.toLong)

  private def numbers(tensor: Tensor): Seq[Double] =
    val flat = tensor.detach().contiguous().view(-1)
    (0L until flat.numel()).map(i => flat.select(0, i).item_double())

  private def allOf(like: Tensor): Tensor =
    torch.ones(like.size(0), like.size(1)).to(torch.ScalarType.Bool)

  /** Log-probs of the targets. */
  // [readme]
  def logProbs(logits: Seq[Seq[Double]], targets: Seq[Int]): Seq[Double] = scoped {
    val ids = AbstractTensor.create(targets.map(_.toLong).toArray, targets.size.toLong)
    numbers(TokenLogProbs.forward(matrix(logits), ids).values())
  }
  // [end]

  /** Group-relative advantages. */
  // [readme]
  def advantages(rewards: Seq[Double], groupSize: Int): Seq[Double] = scoped {
    numbers(GroupAdvantage.trl().apply(vector(rewards), groupSize))
  }
  // [end]

  /** The DPO loss without a reference's log-probs, that is against those of a uniform one. */
  // [readme]
  def dpo(chosen: Seq[Seq[Double]], rejected: Seq[Seq[Double]], beta: Double): Double = scoped {
    val (left, right) = (matrix(chosen), matrix(rejected))
    val zero = torch.zeros(left.size(0), left.size(1))
    PairLoss
      .sigmoid()
      .beta(beta)
      .apply(PairBatch.of(left, right, allOf(left), allOf(right)).reference(zero, zero))
      .loss()
      .item_double()
  }
  // [end]

  /** GRPO's loss and its gradient by the log-probs. */
  // [readme]
  def grpo(logProbs: Seq[Seq[Double]], old: Seq[Seq[Double]], advantages: Seq[Double]): (Double, Seq[Double]) =
    scoped {
      val leaf = matrix(logProbs).set_requires_grad(true)
      val result = PolicyLoss
        .grpo()
        .epsilon(0.2, 0.2)
        .apply(PolicyBatch.of(leaf, vector(advantages), allOf(leaf)).old(matrix(old)))
      result.backward()
      (result.loss().item_double(), numbers(leaf.grad()))
    }
  // [end]

  /** The image in the ball around an image that has the least of the objective: projected gradient descent. */
  // [readme]
  def attack(pixels: Seq[Double], epsilon: Double, steps: Int)(objective: Tensor => Tensor): Seq[Double] = scoped {
    val image = vector(pixels).view(1, 1, 1, pixels.size)
    val attack = Pgd.linf().epsilon(epsilon).stepSize(epsilon / 2).steps(steps).seed(7)
    numbers(attack.minimise(objective(_), PixelBatch.of(image)).adversarial())
  }
  // [end]

  /** Log-probs straight from hidden states and a head, with at most a budget of logits at a time. */
  // [readme]
  def fused(hidden: Seq[Seq[Double]], head: Seq[Seq[Double]], targets: Seq[Int]): Seq[Double] = scoped {
    val ids = AbstractTensor.create(targets.map(_.toLong).toArray, targets.size.toLong)
    numbers(FusedLinear.head(matrix(head)).logitBudget(1L << 20).score(matrix(hidden), ids))
  }
  // [end]

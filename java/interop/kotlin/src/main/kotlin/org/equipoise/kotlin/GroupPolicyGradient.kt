package org.equipoise.kotlin

import org.bytedeco.javacpp.LongPointer
import org.bytedeco.pytorch.LongOptional
import org.bytedeco.pytorch.NoGradGuard
import org.bytedeco.pytorch.Scalar
import org.bytedeco.pytorch.Tensor
import org.bytedeco.pytorch.global.torch
import org.equipoise.torch.FusedLinear
import org.equipoise.torch.GroupAdvantage
import org.equipoise.torch.PolicyLoss

/**
 * A training loop of one's own around the fused loss: each prompt has a hidden state, a head turns it into an answer of
 * one token, a group of answers is sampled, rewarded and learnt from by GRPO. The logits of the whole group never exist:
 * [FusedLinear] computes them within a budget, together with the gradients of states and head.
 *
 * @param groupSize answers per prompt
 */
class GroupPolicyGradient(
  prompts: Long,
  width: Long,
  private val vocabulary: Long,
  private val groupSize: Int,
  private val learningRate: Double,
) : AutoCloseable {
  private val states: Tensor = parameter(prompts, width)
  private val head: Tensor = parameter(vocabulary, width)

  private fun parameter(vararg shape: Long): Tensor =
    tensorScope {
      torch
        .randn(*shape)
        .mul(Scalar(0.1))
        .set_requires_grad(true)
        .apply { retainReference<Tensor>() }
    }

  /** One step; [reward] judges prompt and answer. Returns the mean reward. */
  fun step(reward: (prompt: Int, answer: Long) -> Float): Double =
    tensorScope {
      val answers = sample()
      val prompts = states.size(0).toInt()
      val rewards = FloatArray(prompts * groupSize) { reward(it / groupSize, answers[it]) }
      val advantages =
        GroupAdvantage.trl().apply(Tensor.create(rewards, rewards.size.toLong()), groupSize)
      val rows = rewards.size.toLong()
      val mask = torch.ones(rows, 1).to(torch.ScalarType.Bool)
      val hidden = states.repeat_interleave(groupSize.toLong(), LongOptional(0), LongOptional())
      val targets = Tensor.create(answers, rows)
      FusedLinear
        .head(head)
        .logitBudget(64L shl 20)
        .tokenLoss(hidden, targets) { p ->
          PolicyLoss
            .grpo()
            .epsilon(0.2, 0.2)
            .apply(
              policyBatch(
                logProbs = p.values().view(rows, 1),
                advantages = advantages,
                mask = mask,
              ),
            )
        }.backward()
      NoGradGuard().use {
        for (parameter in listOf(states, head)) {
          parameter.add_(parameter.grad(), Scalar(-learningRate))
          parameter.mutable_grad().zero_()
        }
      }
      rewards.average()
    }

  /** An answer for each member of each prompt's group, drawn by the largest of logits plus Gumbel noise. */
  private fun sample(): LongArray =
    NoGradGuard().use {
      val logits = states.matmul(head.t()).repeat_interleave(groupSize.toLong(), LongOptional(0), LongOptional())
      val noise = torch.rand(logits.size(0), vocabulary).log().neg().log().neg()
      val chosen = logits.add(noise).argmax(LongOptional(1), false).contiguous()
      LongArray(chosen.numel().toInt()).also { LongPointer(chosen.data_ptr()).get(it) }
    }

  override fun close() {
    states.close()
    head.close()
  }
}

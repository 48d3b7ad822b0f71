package org.equipoise.kotlin

import org.bytedeco.javacpp.PointerScope
import org.bytedeco.pytorch.Tensor
import org.equipoise.kernels.PairBatch
import org.equipoise.kernels.PolicyBatch

/** Frees every tensor that [block] made, as a step of a training loop wants it. */
inline fun <T> tensorScope(block: () -> T): T = PointerScope().use { block() }

/**
 * What a policy loss reads, by name; what is left out is absent. Shapes as in [PolicyBatch]: all [sequences, tokens] but
 * [advantages], which may be [sequences].
 */
fun policyBatch(
  logProbs: Tensor,
  advantages: Tensor,
  mask: Tensor,
  old: Tensor? = null,
  reference: Tensor? = null,
  sampler: Tensor? = null,
  truncated: Tensor? = null,
  sequenceWeights: Tensor? = null,
): PolicyBatch<Tensor> {
  var batch = PolicyBatch.of(logProbs, advantages, mask)
  old?.let { batch = batch.old(it) }
  reference?.let { batch = batch.reference(it) }
  sampler?.let { batch = batch.sampler(it) }
  truncated?.let { batch = batch.truncated(it) }
  sequenceWeights?.let { batch = batch.sequenceWeights(it) }
  return batch
}

/** What a pair loss reads, by name: log-probs and masks [pairs, tokens] of both sides. */
fun pairBatch(
  chosen: Tensor,
  rejected: Tensor,
  chosenMask: Tensor,
  rejectedMask: Tensor,
  referenceChosen: Tensor? = null,
  referenceRejected: Tensor? = null,
  weights: Tensor? = null,
): PairBatch<Tensor> {
  var batch = PairBatch.of(chosen, rejected, chosenMask, rejectedMask)
  if (referenceChosen != null && referenceRejected != null) {
    batch = batch.reference(referenceChosen, referenceRejected)
  }
  weights?.let { batch = batch.weights(it) }
  return batch
}

package org.equipoise.mbpo.train;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.score.AnswerScorer;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.torch.TokenLogProbs;

/** One teacher-forced pass with gradient, and the way back through it. */
final class AnswerPass {
  private final List<TokenSequence> sequences;
  private final TokenLogProbs logProbs;
  private final AnswerGrid grid;

  AnswerPass(MultimodalModel model, List<RgbImage> images, List<TokenSequence> sequences) {
    this(model, ImageBatch.ofImages(images), sequences);
  }

  AnswerPass(MultimodalModel model, ImageBatch images, List<TokenSequence> sequences) {
    this.sequences = sequences;
    Tensor logits = model.forward(images, sequences).logits();
    Tensor targets = HostTensors.onDeviceOf(logits, AnswerScorer.targets(sequences));
    logProbs = TokenLogProbs.forward(logits, targets);
    grid = new AnswerGrid(sequences, logits);
  }

  /** Log-probs of all answer tokens, packed; losses are built on it. */
  Tensor packed() {
    return logProbs.values();
  }

  /** The same as [sequences, longest]. */
  Tensor arranged() {
    return grid.arrange(logProbs.values());
  }

  AnswerGrid grid() {
    return grid;
  }

  /** Log-probs of each sequence's answer tokens. */
  List<float[]> read() {
    return AnswerScorer.split(HostTensors.toFloats(logProbs.values()), sequences);
  }

  /** Over the sequences {@code first, first + stride, ...}: mean of the mean over tokens. */
  static double meanOfEvery(List<float[]> logProbs, int stride, int first) {
    double sum = 0;
    int count = 0;
    for (int i = first; i < logProbs.size(); i += stride) {
      double tokens = 0;
      for (float value : logProbs.get(i)) {
        tokens += value;
      }
      sum += tokens / logProbs.get(i).length;
      count++;
    }
    return sum / count;
  }

  /** Adds d(loss) to the parameters' gradients. The logits are gone afterwards. */
  void backward(Tensor loss) {
    loss.backward();
    backwardThrough();
  }

  /** The second half of {@link #backward}, for a loss of several passes. */
  void backwardThrough() {
    logProbs.backwardThrough();
  }
}

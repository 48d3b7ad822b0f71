package org.equipoise.mbpo.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.kernels.PairBatch;
import org.equipoise.kernels.PolicyBatch;
import org.equipoise.kernels.UnpairedBatch;
import org.equipoise.mbpo.data.PreferenceStore;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.mine.ImageInformationGain;
import org.equipoise.mbpo.mine.ImageInformationGain.Baseline;
import org.equipoise.mbpo.mine.MiningOptions;
import org.equipoise.mbpo.mine.NegativeMiner;
import org.equipoise.mbpo.mine.NegativeSource;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.reward.AnswerVerifier;
import org.equipoise.mbpo.reward.VerifiedReward;
import org.equipoise.mbpo.run.Progress;
import org.equipoise.mbpo.train.HybridGrpoOptions;
import org.equipoise.mbpo.train.HybridGrpoTrainer;
import org.equipoise.mbpo.train.TrainingContext;
import org.equipoise.torch.Attack;
import org.equipoise.torch.FusedLinear;
import org.equipoise.torch.FusedLoss;
import org.equipoise.torch.GroupAdvantage;
import org.equipoise.torch.PairLoss;
import org.equipoise.torch.Pgd;
import org.equipoise.torch.PixelBatch;
import org.equipoise.torch.PolicyLoss;
import org.equipoise.torch.TokenLogProbs;
import org.equipoise.torch.UnpairedLoss;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The examples of the README, between marks; {@link ReadmeTest} holds the README to them. */
class ReadmeExamplesTest {
  private PointerScope scope;

  @BeforeEach
  void openScope() {
    scope = new PointerScope();
    torch.manual_seed(1);
  }

  @AfterEach
  void closeScope() {
    scope.close();
  }

  @Test
  void tokenLogProbs() {
    Tensor hidden = torch.randn(6, 4).set_requires_grad(true);
    Tensor logits = torch.matmul(hidden, torch.randn(4, 11));
    Tensor targets = torch.arange(new Scalar(6));
    // [readme]
    TokenLogProbs logProbs = TokenLogProbs.forward(logits, targets);
    logProbs.values().neg().mean().backward();
    logProbs.backwardThrough();
    // [end]
    assertTrue(norm(hidden.grad()) > 0);
  }

  @Test
  void fusedLinear() {
    Tensor hidden = torch.randn(6, 4).set_requires_grad(true);
    Tensor weight = torch.randn(11, 4).set_requires_grad(true);
    Tensor targets = torch.arange(new Scalar(6));
    Tensor advantages = torch.randn(3);
    Tensor mask = torch.ones(3, 2).to(torch.ScalarType.Bool);
    // [readme]
    FusedLoss<PolicyLoss.Result> fused =
        FusedLinear.head(weight)
            .logitBudget(256L << 20)
            .tokenLoss(
                hidden,
                targets,
                p ->
                    PolicyLoss.grpo()
                        .apply(PolicyBatch.of(p.values().view(3, 2), advantages, mask)));
    fused.backward();
    // [end]
    assertTrue(norm(hidden.grad()) > 0 && norm(weight.grad()) > 0);
  }

  @Test
  void preferenceLosses() {
    Tensor chosen = logProbs(3, 5).set_requires_grad(true);
    Tensor rejected = logProbs(3, 5).set_requires_grad(true);
    Tensor referenceChosen = logProbs(3, 5);
    Tensor referenceRejected = logProbs(3, 5);
    Tensor chosenMask = torch.ones(3, 5).to(torch.ScalarType.Bool);
    Tensor rejectedMask = torch.ones(3, 5).to(torch.ScalarType.Bool);
    // [readme]
    PairLoss.Result result =
        PairLoss.sigmoid()
            .beta(0.1)
            .apply(
                PairBatch.of(chosen, rejected, chosenMask, rejectedMask)
                    .reference(referenceChosen, referenceRejected));
    result.loss().backward();
    // [end]
    assertTrue(norm(chosen.grad()) > 0 && norm(rejected.grad()) > 0);
  }

  @Test
  void singleLabelledAnswers() {
    Tensor logProbs = logProbs(3, 5).set_requires_grad(true);
    Tensor referenceLogProbs = logProbs(3, 5);
    Tensor mask = torch.ones(3, 5).to(torch.ScalarType.Bool);
    Tensor labels = mask.select(1, 0).clone();
    Tensor rewardMean = torch.zeros(2).to(torch.ScalarType.Double);
    // [readme]
    UnpairedLoss.Result result =
        UnpairedLoss.bco()
            .apply(
                UnpairedBatch.of(logProbs, mask, labels)
                    .reference(referenceLogProbs)
                    .rewardMean(rewardMean));
    result.loss().backward();
    rewardMean = result.rewardMean();
    // [end]
    assertTrue(norm(logProbs.grad()) > 0 && norm(rewardMean) > 0);
  }

  @Test
  void groupRelativePolicyOptimisation() {
    Tensor rewards = torch.rand(16);
    Tensor logProbs = logProbs(16, 5).set_requires_grad(true);
    Tensor oldLogProbs = logProbs.detach();
    Tensor referenceLogProbs = logProbs(16, 5);
    Tensor mask = torch.ones(16, 5).to(torch.ScalarType.Bool);
    // [readme]
    Tensor advantages = GroupAdvantage.trl().apply(rewards, 8);
    PolicyLoss.Result result =
        PolicyLoss.grpo()
            .epsilon(0.2, 0.28)
            .klBeta(0.01)
            .apply(
                PolicyBatch.of(logProbs, advantages, mask)
                    .old(oldLogProbs)
                    .reference(referenceLogProbs));
    result.loss().backward();
    // [end]
    assertTrue(norm(logProbs.grad()) > 0);
  }

  @Test
  void adversarialImages() {
    Tensor images = torch.rand(2, 3, 4, 4);
    Function<Tensor, Tensor> objective = pixels -> pixels.flatten(1, -1).sum(1);
    // [readme]
    Attack attack =
        Pgd.linf().epsilon(8 / 255.0).steps(10).seed(7).minimise(objective, PixelBatch.of(images));
    Tensor codes = attack.codes();
    // [end]
    assertEquals(2, codes.size(0));
    assertTrue(attack.adversarial().sub(images).abs().max().item_float() <= 8.5 / 255);
  }

  /** Not run here: the tests of mining and training do, on models of their own. */
  static void miningAndTraining(
      MultimodalModel model,
      List<Sample> samples,
      List<Sample> prompts,
      NegativeSource source,
      AnswerVerifier verifier,
      VerifiedReward reward,
      HybridGrpoOptions options,
      Path folder,
      Progress progress) {
    // [readme]
    double[] gains = ImageInformationGain.against(Baseline.BLIND).measure(model, samples);
    new NegativeMiner(model, source, verifier, MiningOptions.defaults())
        .mine(samples, gains, folder, progress);
    new HybridGrpoTrainer(options, reward)
        .train(model, PreferenceStore.read(folder), prompts, TrainingContext.defaults());
    // [end]
  }

  private static Tensor logProbs(int sequences, int tokens) {
    return torch.rand(sequences, tokens).add(new Scalar(.01)).neg();
  }

  private static double norm(Tensor tensor) {
    return tensor.norm().item_float();
  }
}

package org.equipoise.kernels;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.IntToDoubleFunction;
import org.equipoise.kernels.abi.EquipoiseAbi;

/**
 * One call of a kernel with all its tensors, optional ones too, in sizes that need every part of a
 * CUDA kernel: prime, larger than a block. Element type null stands for the type under test.
 */
final class KernelCase {
  /** What a tensor holds before the call; an output is compared after it. */
  record Argument(String name, DataType type, boolean output, double[] values, long... shape) {}

  interface Call {
    void run(Map<String, TensorView> tensors, Launch launch);
  }

  final String name;
  final List<DataType> types;
  final List<Argument> arguments = new ArrayList<>();
  private Call call;
  private final Random random = new Random(11);

  private KernelCase(String name, DataType... types) {
    this.name = name;
    this.types = List.of(types);
  }

  void run(Map<String, TensorView> tensors, Launch launch) {
    call.run(tensors, launch);
  }

  @Override
  public String toString() {
    return name;
  }

  private KernelCase add(
      String argument, DataType type, boolean output, IntToDoubleFunction value, long... shape) {
    int elements = 1;
    for (long size : shape) {
      elements *= (int) size;
    }
    double[] values = new double[elements];
    for (int i = 0; i < elements; i++) {
      values[i] = value.applyAsDouble(i);
    }
    arguments.add(new Argument(argument, type, output, values, shape));
    return this;
  }

  private KernelCase normal(String argument, DataType type, double scale, long... shape) {
    return add(argument, type, false, i -> scale * random.nextGaussian(), shape);
  }

  private KernelCase pixels(String argument, long... shape) {
    return add(argument, null, false, i -> random.nextDouble(), shape);
  }

  private KernelCase mask(String argument, long... shape) {
    return add(argument, DataType.BOOL, false, i -> i % 7 == 3 ? 0 : 1, shape);
  }

  private KernelCase output(String argument, DataType type, long... shape) {
    return add(argument, type, true, i -> 7, shape);
  }

  private KernelCase calling(Call newCall) {
    call = newCall;
    return this;
  }

  /** Every method of every kernel class. */
  static List<KernelCase> all() {
    DataType[] floating = {DataType.F32, DataType.BF16, DataType.F16};
    long rows = 5;
    long vocab = 1501;
    long pairs = 37;
    long chosen = 19;
    long rejected = 23;
    long samples = 42;
    long[] image = {2, 3, 17, 19};
    return List.of(
        new KernelCase("TokenLogProbsKernel.forwardInto", floating)
            .normal("logits", null, 3, rows, vocab)
            .normal("bias", DataType.F32, 1, vocab)
            .add("targets", DataType.I64, false, i -> i == 2 ? -100 : 31 * i, rows)
            .output("logProbs", DataType.F32, rows)
            .output("logSumExp", DataType.F32, rows)
            .output("logSumExp2x", DataType.F32, rows)
            .output("entropy", DataType.F32, rows)
            .calling(
                (t, launch) ->
                    TokenLogProbsKernel.defaults()
                        .temperature(0.7f)
                        .softCap(8)
                        .forwardInto(
                            t.get("logits"),
                            t.get("bias"),
                            t.get("targets"),
                            t.get("logProbs"),
                            t.get("logSumExp"),
                            t.get("logSumExp2x"),
                            t.get("entropy"),
                            launch)),
        new KernelCase("TokenLogProbsKernel.backwardInto", floating)
            .normal("logits", null, 1, rows, vocab)
            .normal("bias", DataType.F32, 0.1, vocab)
            .add("targets", DataType.I32, false, i -> 300 * i, rows)
            // Of unit normal logits: ln(vocab) + 1/2, and ln(vocab) - 1/2.
            .add("logSumExp", DataType.F32, false, i -> Math.log(vocab) + 0.5, rows)
            .add("entropy", DataType.F32, false, i -> Math.log(vocab) - 0.5, rows)
            .normal("dLogProbs", DataType.F32, 1, rows)
            .normal("dEntropy", DataType.F32, 1, rows)
            .output("dLogits", null, rows, vocab)
            .calling(
                (t, launch) ->
                    TokenLogProbsKernel.defaults()
                        .backwardInto(
                            t.get("logits"),
                            t.get("bias"),
                            t.get("targets"),
                            t.get("logSumExp"),
                            t.get("entropy"),
                            t.get("dLogProbs"),
                            t.get("dEntropy"),
                            t.get("dLogits"),
                            launch)),
        new KernelCase("PairLossKernel.applyInto", floating)
            .normal("policyChosen", null, 0.5, pairs, chosen)
            .normal("policyRejected", null, 0.5, pairs, rejected)
            .normal("referenceChosen", null, 0.5, pairs, chosen)
            .normal("referenceRejected", null, 0.5, pairs, rejected)
            .mask("maskChosen", pairs, chosen)
            .mask("maskRejected", pairs, rejected)
            .add("weights", DataType.F32, false, i -> 0.5 * (1 + i % 3), pairs)
            .output("loss", DataType.F32)
            .output("pairLosses", DataType.F32, pairs)
            .output("rewardsChosen", DataType.F32, pairs)
            .output("rewardsRejected", DataType.F32, pairs)
            .output("metrics", DataType.F32, 6)
            .output("dPolicyChosen", null, pairs, chosen)
            .output("dPolicyRejected", null, pairs, rejected)
            .calling(
                (t, launch) ->
                    PairLossKernel.of(PairLossKind.SIGMOID)
                        .labelSmoothing(0.1)
                        .applyInto(
                            PairBatch.of(
                                    t.get("policyChosen"),
                                    t.get("policyRejected"),
                                    t.get("maskChosen"),
                                    t.get("maskRejected"))
                                .reference(t.get("referenceChosen"), t.get("referenceRejected"))
                                .weights(t.get("weights")),
                            t.get("loss"),
                            t.get("pairLosses"),
                            t.get("rewardsChosen"),
                            t.get("rewardsRejected"),
                            t.get("metrics"),
                            t.get("dPolicyChosen"),
                            t.get("dPolicyRejected"),
                            launch)),
        new KernelCase("PolicyLossKernel.applyInto", floating)
            .normal("logProbs", null, 0.5, pairs, chosen)
            .normal("oldLogProbs", null, 0.5, pairs, chosen)
            .normal("referenceLogProbs", null, 0.5, pairs, chosen)
            .normal("samplerLogProbs", null, 0.5, pairs, chosen)
            .normal("advantages", DataType.F32, 1, pairs)
            .mask("mask", pairs, chosen)
            .add("truncated", DataType.BOOL, false, i -> i % 5 == 3 ? 1 : 0, pairs)
            .add("sequenceWeights", DataType.F32, false, i -> 1 + i % 3, pairs)
            .normal("entropy", DataType.F32, 1, pairs, chosen)
            .add("entropyThreshold", DataType.F32, false, i -> -0.5, 1)
            .output("loss", DataType.F32, 1)
            .output("sequenceLosses", DataType.F32, pairs)
            .output("metrics", DataType.F32, EquipoiseAbi.EQP_POLICY_METRIC_COUNT)
            .output("dLogProbs", null, pairs, chosen)
            .output("dEntropy", DataType.F32, pairs, chosen)
            .calling(
                (t, launch) ->
                    PolicyLossKernel.dapo()
                        .klBeta(0.05)
                        .entropyCoefficient(0.01)
                        .offPolicyThreshold(0.1)
                        .samplerCorrection(SamplerCorrection.TRUNCATE, PolicyImportance.TOKEN)
                        .applyInto(
                            PolicyBatch.of(t.get("logProbs"), t.get("advantages"), t.get("mask"))
                                .old(t.get("oldLogProbs"))
                                .reference(t.get("referenceLogProbs"))
                                .sampler(t.get("samplerLogProbs"))
                                .truncated(t.get("truncated"))
                                .sequenceWeights(t.get("sequenceWeights"))
                                .entropy(t.get("entropy"), t.get("entropyThreshold")),
                            t.get("loss"),
                            t.get("sequenceLosses"),
                            t.get("metrics"),
                            t.get("dLogProbs"),
                            t.get("dEntropy"),
                            launch)),
        new KernelCase("UnpairedLossKernel.applyInto", floating)
            .normal("logProbs", null, 0.5, pairs, chosen)
            .normal("referenceLogProbs", null, 0.5, pairs, chosen)
            .mask("mask", pairs, chosen)
            .add("labels", DataType.BOOL, false, i -> i % 3 == 1 ? 0 : 1, pairs)
            .add("weights", DataType.F32, false, i -> 1 + i % 3, pairs)
            .normal("mismatched", null, 0.5, pairs, rejected)
            .normal("mismatchedReference", null, 0.5, pairs, rejected)
            .mask("mismatchedMask", pairs, rejected)
            .add("rewardMean", DataType.F64, false, i -> i == 0 ? 0.25 : 40, 2)
            .output("loss", DataType.F32, 1)
            .output("rowLosses", DataType.F32, pairs)
            .output("rewards", DataType.F32, pairs)
            .output("metrics", DataType.F32, EquipoiseAbi.EQP_UNPAIRED_METRIC_COUNT)
            .output("newRewardMean", DataType.F64, 2)
            .output("dLogProbs", null, pairs, chosen)
            .calling(
                (t, launch) ->
                    UnpairedLossKernel.bco()
                        .applyInto(
                            UnpairedBatch.of(t.get("logProbs"), t.get("mask"), t.get("labels"))
                                .reference(t.get("referenceLogProbs"))
                                .weights(t.get("weights"))
                                .mismatched(
                                    t.get("mismatched"),
                                    t.get("mismatchedReference"),
                                    t.get("mismatchedMask"))
                                .rewardMean(t.get("rewardMean")),
                            t.get("loss"),
                            t.get("rowLosses"),
                            t.get("rewards"),
                            t.get("metrics"),
                            t.get("newRewardMean"),
                            t.get("dLogProbs"),
                            launch)),
        new KernelCase("GroupAdvantageKernel.applyInto", DataType.F32)
            .normal("rewards", null, 1, samples, 2)
            .add("weights", null, false, i -> 1 + i, 2)
            .add("offsets", DataType.I32, false, i -> 6 * i, samples / 6 + 1)
            .output("advantages", null, samples)
            .output("groupMean", null, samples / 6)
            .output("groupStd", null, samples / 6)
            .output("metrics", null, 7)
            .calling(
                (t, launch) ->
                    GroupAdvantageKernel.trl()
                        .applyInto(
                            t.get("rewards"),
                            t.get("weights"),
                            t.get("offsets"),
                            null,
                            null,
                            t.get("advantages"),
                            t.get("groupMean"),
                            t.get("groupStd"),
                            t.get("metrics"),
                            launch)),
        new KernelCase("GroupAdvantageKernel.applyInto, baselines and lengths", DataType.F32)
            .normal("rewards", null, 1, samples)
            .add("lengths", DataType.I32, false, i -> i % 7, samples)
            .normal("baselines", null, 1, samples)
            .output("advantages", null, samples)
            .calling(
                (t, launch) ->
                    GroupAdvantageKernel.verlRemax()
                        .scale(AdvantageScale.WHITEN)
                        .groupSize(6)
                        .applyInto(
                            t.get("rewards"),
                            null,
                            null,
                            t.get("lengths"),
                            t.get("baselines"),
                            t.get("advantages"),
                            null,
                            null,
                            null,
                            launch)),
        new KernelCase("LinfStepKernel.applyInto", floating)
            .pixels("pixels", image)
            .pixels("original", image)
            .normal("gradient", null, 1, image)
            .add("momentum", DataType.F32, true, i -> i % 5 - 2, image)
            .pixels("previous", image)
            .add("mask", DataType.U8, false, i -> i % 3, image)
            .add("offsets", DataType.I64, false, i -> i, image[0] + 1)
            .add("stepSizes", DataType.F32, false, i -> 0.125 * i, image[0])
            .output("out", null, image)
            .calling(
                (t, launch) ->
                    LinfStepKernel.defaults()
                        .epsilon(0.25)
                        .stepSize(0.125)
                        .applyInto(
                            t.get("pixels"),
                            t.get("original"),
                            t.get("gradient"),
                            t.get("momentum"),
                            t.get("previous"),
                            t.get("mask"),
                            t.get("offsets"),
                            t.get("stepSizes"),
                            t.get("out"),
                            launch)),
        new KernelCase("L2StepKernel.applyInto", floating)
            .pixels("pixels", image)
            .pixels("original", image)
            .normal("gradient", null, 1, image)
            .add("mask", DataType.U8, false, i -> i % 3, image)
            .add("offsets", DataType.I64, false, i -> i, image[0] + 1)
            .add("stepSizes", DataType.F32, false, i -> 0.125 * i, image[0])
            .output("out", null, image)
            .calling(
                (t, launch) ->
                    L2StepKernel.defaults()
                        .epsilon(0.25)
                        .applyInto(
                            t.get("pixels"),
                            t.get("original"),
                            t.get("gradient"),
                            t.get("mask"),
                            t.get("offsets"),
                            t.get("stepSizes"),
                            t.get("out"),
                            launch)),
        new KernelCase("ImageNormsKernel.applyInto", floating)
            .pixels("values", image)
            .pixels("minus", image)
            .add("mask", DataType.U8, false, i -> i % 3, image)
            .add("offsets", DataType.I64, false, i -> i, image[0] + 1)
            .output("norms", DataType.F32, image[0], 3)
            .calling(
                (t, launch) ->
                    ImageNormsKernel.defaults()
                        .applyInto(
                            t.get("values"),
                            t.get("minus"),
                            t.get("mask"),
                            t.get("offsets"),
                            t.get("norms"),
                            launch)),
        new KernelCase("UniformStartKernel.applyInto", floating)
            .pixels("original", image)
            .add("streams", DataType.I64, false, i -> 100 + i, 2)
            .add("mask", DataType.U8, false, i -> i % 3, image)
            .add("offsets", DataType.I64, false, i -> i, image[0] + 1)
            .output("out", null, image)
            .calling(
                (t, launch) ->
                    UniformStartKernel.defaults()
                        .seed(5)
                        .epsilon(0.25)
                        .applyInto(
                            t.get("original"),
                            t.get("streams"),
                            t.get("mask"),
                            t.get("offsets"),
                            t.get("out"),
                            launch)),
        new KernelCase("EightBitGridKernel.applyInto", floating)
            .pixels("pixels", image)
            .pixels("original", image)
            .output("out", null, image)
            .output("codes", DataType.U8, image)
            .calling(
                (t, launch) ->
                    EightBitGridKernel.defaults()
                        .epsilon(0.25)
                        .applyInto(
                            t.get("pixels"),
                            t.get("original"),
                            t.get("out"),
                            t.get("codes"),
                            launch)),
        new KernelCase("GaussianNoiseKernel.applyInto", floating)
            .pixels("images", image)
            .add("streams", DataType.I64, false, i -> 100 + i, 2)
            .output("out", null, image)
            .calling(
                (t, launch) ->
                    GaussianNoiseKernel.diffusion(500)
                        .seed(5)
                        .applyInto(t.get("images"), t.get("streams"), t.get("out"), launch)),
        new KernelCase("InputDiversityKernel.forwardInto", floating)
            .pixels("images", image)
            .add("streams", DataType.I64, false, i -> 100 + i, 2)
            .output("out", null, image)
            .calling(
                (t, launch) ->
                    InputDiversityKernel.defaults()
                        .probability(1)
                        .step(3)
                        .forwardInto(t.get("images"), t.get("streams"), t.get("out"), launch)),
        new KernelCase("InputDiversityKernel.backwardInto", floating)
            .normal("dOut", null, 1, image)
            .add("streams", DataType.I64, false, i -> 100 + i, 2)
            .output("dImages", null, image)
            .calling(
                (t, launch) ->
                    InputDiversityKernel.defaults()
                        .probability(1)
                        .step(3)
                        .backwardInto(t.get("dOut"), t.get("streams"), t.get("dImages"), launch)),
        new KernelCase("TranslationInvarianceKernel.applyInto", floating)
            .normal("gradient", null, 1, image)
            .output("out", null, image)
            .calling(
                (t, launch) ->
                    TranslationInvarianceKernel.defaults()
                        .applyInto(t.get("gradient"), t.get("out"), launch)));
  }

  /** Host memory for every tensor; values of the type under test are rounded to {@code rounded}. */
  Map<String, ByteBuffer> memory(DataType type, DataType rounded) {
    Map<String, ByteBuffer> buffers = new LinkedHashMap<>();
    for (Argument argument : arguments) {
      DataType own = type(argument, type);
      ByteBuffer buffer =
          ByteBuffer.allocateDirect(argument.values.length * own.bytes())
              .order(ByteOrder.nativeOrder());
      for (int i = 0; i < argument.values.length; i++) {
        double value = argument.values[i];
        Numbers.put(buffer, own, i, argument.type == null ? Numbers.round(rounded, value) : value);
      }
      buffers.put(argument.name, buffer);
    }
    return buffers;
  }

  /** Views of host memory. */
  Map<String, TensorView> views(Map<String, ByteBuffer> memory, DataType type) {
    Map<String, TensorView> views = new LinkedHashMap<>();
    for (Argument argument : arguments) {
      views.put(
          argument.name,
          TensorView.of(memory.get(argument.name), type(argument, type), argument.shape));
    }
    return views;
  }

  static DataType type(Argument argument, DataType type) {
    return argument.type == null ? type : argument.type;
  }
}

package org.equipoise.mbpo.checkpoint;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.util.Objects;

/**
 * How a checkpoint's files are read. Immutable.
 *
 * @param chatTemplate where the format of conversations comes from; the file by default
 * @param tokenizer how far {@code tokenizer.json} is believed; as far as it is known by default
 * @param weights how they come out of their files; mapped by default
 */
@RecordBuilder
public record CheckpointOptions(
    ChatTemplate chatTemplate, TokenizerTrust tokenizer, WeightReading weights)
    implements CheckpointOptionsBuilder.With {

  public CheckpointOptions {
    Objects.requireNonNull(chatTemplate, "chatTemplate");
    Objects.requireNonNull(tokenizer, "tokenizer");
    Objects.requireNonNull(weights, "weights");
  }

  /** Every component at its default. */
  public static CheckpointOptions defaults() {
    return new CheckpointOptions(ChatTemplate.FILE, TokenizerTrust.KNOWN, WeightReading.MAPPED);
  }
}

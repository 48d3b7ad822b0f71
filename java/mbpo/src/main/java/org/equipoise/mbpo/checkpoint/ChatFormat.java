package org.equipoise.mbpo.checkpoint;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Qwen2-VL's format of a question and its answer:
 *
 * <pre>
 * &lt;|im_start|&gt;system
 * SYSTEM&lt;|im_end|&gt;
 * &lt;|im_start|&gt;user
 * &lt;|vision_start|&gt;&lt;|image_pad|&gt;&lt;|vision_end|&gt;QUESTION&lt;|im_end|&gt;
 * &lt;|im_start|&gt;assistant
 * ANSWER&lt;|im_end|&gt;
 * </pre>
 *
 * @param system text of the first turn; {@code null} where there is no such turn
 */
record ChatFormat(@Nullable String system) {
  static final String IMAGE = "<|vision_start|><|image_pad|><|vision_end|>";
  static final String IMAGE_PLACE = "<|image_pad|>";
  static final String START = "<|im_start|>";
  static final String END = "<|im_end|>";

  static final ChatFormat BUILT_IN = new ChatFormat("You are a helpful assistant.");

  /**
   * A piece of a conversation.
   *
   * @param special whether names of special tokens in it are these tokens; in users' texts they are
   *     ordinary characters
   */
  record Part(String text, boolean special) {}

  /** Everything before the answer. */
  List<Part> prompt(int images, String question) {
    List<Part> parts = new ArrayList<>();
    if (system != null) {
      parts.add(new Part(START + "system\n" + system + END + "\n", true));
    }
    parts.add(new Part(START + "user\n" + IMAGE.repeat(images), true));
    parts.add(new Part(question, false));
    parts.add(new Part(END + "\n" + START + "assistant\n", true));
    return parts;
  }
}

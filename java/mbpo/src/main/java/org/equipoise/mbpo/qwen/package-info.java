/** Qwen2-VL (arXiv 2409.12191) and Qwen2.5-VL (arXiv 2502.13923) on LibTorch. */
@NullMarked
package org.equipoise.mbpo.qwen;

import org.jspecify.annotations.NullMarked;

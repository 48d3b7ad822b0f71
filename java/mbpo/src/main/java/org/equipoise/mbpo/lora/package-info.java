/** Low-rank adapters: fine-tuning of large models with few trainable parameters. */
@NullMarked
package org.equipoise.mbpo.lora;

import org.jspecify.annotations.NullMarked;

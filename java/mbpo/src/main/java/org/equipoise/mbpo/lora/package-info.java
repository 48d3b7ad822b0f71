/** Low-rank adapters: fine-tuning of large models with few trainable parameters. */
package org.equipoise.mbpo.lora;

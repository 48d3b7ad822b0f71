/** Trainers over one resumable loop: supervised, DPO and hybrid GRPO. */
package org.equipoise.mbpo.train;

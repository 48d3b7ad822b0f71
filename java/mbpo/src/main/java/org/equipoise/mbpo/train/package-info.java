/** Trainers over one resumable loop: supervised, DPO and hybrid GRPO. */
@NullMarked
package org.equipoise.mbpo.train;

import org.jspecify.annotations.NullMarked;

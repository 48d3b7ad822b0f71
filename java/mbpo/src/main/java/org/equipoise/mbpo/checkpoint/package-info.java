/** Checkpoint folders as Hugging Face's tools write and read them. */
@NullMarked
package org.equipoise.mbpo.checkpoint;

import org.jspecify.annotations.NullMarked;

/** Checkpoint folders as Hugging Face's tools write and read them. */
package org.equipoise.mbpo.checkpoint;

/** Files that are whole or not there: safetensors, JSON Lines, atomic writes. */
@NullMarked
package org.equipoise.mbpo.storage;

import org.jspecify.annotations.NullMarked;

/** Java arrays to LibTorch tensors and back. */
@NullMarked
package org.equipoise.mbpo.tensor;

import org.jspecify.annotations.NullMarked;

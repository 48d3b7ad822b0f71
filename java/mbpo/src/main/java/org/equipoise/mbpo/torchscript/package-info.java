/** TorchScript modules as models. */
@NullMarked
package org.equipoise.mbpo.torchscript;

import org.jspecify.annotations.NullMarked;

/** Java arrays to LibTorch tensors and back. */
package org.equipoise.mbpo.tensor;

/** TorchScript modules as models. */
package org.equipoise.mbpo.torchscript;

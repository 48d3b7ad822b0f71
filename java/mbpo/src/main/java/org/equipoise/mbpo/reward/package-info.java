/** Word-exact verifiers and the rewards made of them. */
@NullMarked
package org.equipoise.mbpo.reward;

import org.jspecify.annotations.NullMarked;

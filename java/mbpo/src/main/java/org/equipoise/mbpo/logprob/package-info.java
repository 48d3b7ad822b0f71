/** Log-probs of given answers under a model. */
@NullMarked
package org.equipoise.mbpo.logprob;

import org.jspecify.annotations.NullMarked;

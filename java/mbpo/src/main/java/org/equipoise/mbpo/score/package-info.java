/** Log-probs of given answers under a model. */
@NullMarked
package org.equipoise.mbpo.score;

import org.jspecify.annotations.NullMarked;

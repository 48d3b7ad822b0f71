/** Log-probs of given answers under a model. */
package org.equipoise.mbpo.score;

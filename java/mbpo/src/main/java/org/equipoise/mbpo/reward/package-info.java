/** Word-exact verifiers and the rewards made of them. */
package org.equipoise.mbpo.reward;

/** Random numbers as pure functions of (seed, stage, step, sample, token). */
package org.equipoise.mbpo.random;

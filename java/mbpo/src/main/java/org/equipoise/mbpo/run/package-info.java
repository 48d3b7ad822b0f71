/**
 * Runs that survive being killed: a {@link org.equipoise.mbpo.run.StageGraph} of stages executed in
 * a {@link org.equipoise.mbpo.run.RunFolder}. A finished stage is never done twice, an interrupted
 * one goes on from its own files, and a stage whose settings changed is done again together with
 * what depends on it.
 */
@NullMarked
package org.equipoise.mbpo.run;

import org.jspecify.annotations.NullMarked;

package org.equipoise.mbpo.run;

import java.util.Map;

/**
 * What the run folder remembers of a stage.
 *
 * @param fingerprint of settings and inputs
 * @param settings to say what changed
 * @param inputs fingerprints by input stage
 * @param finished false from its start to its end
 * @param files number of files when it finished
 * @param bytes their total size
 */
record StageMarker(
    String fingerprint,
    Map<String, String> settings,
    Map<String, String> inputs,
    boolean finished,
    long files,
    long bytes) {}

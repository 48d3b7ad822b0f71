package org.equipoise.mbpo.demo;

import org.equipoise.mbpo.mine.MiningReport;

/**
 * What a mining stage found.
 *
 * @param report counts
 * @param meanDelta change of the chosen answers' log-prob over the pairs that were read again, as
 *     recorded, in nats
 * @param meanDeltaFromFiles the same, from their PNG files
 * @param readAgain how many
 * @param mistakenShare share of the pairs whose chosen answer is wrong
 */
record MiningQuality(
    MiningReport report,
    double meanDelta,
    double meanDeltaFromFiles,
    int readAgain,
    double mistakenShare) {}

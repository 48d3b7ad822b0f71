package org.equipoise.mbpo.data;

/**
 * A sample that mining left out.
 *
 * @param id the sample
 * @param kind its kind
 * @param reason why, for example {@code "MATCHES_CHOSEN"}
 * @param delta change of the chosen answer's log-prob in nats
 * @param answer the model's answer to the perturbed image
 */
public record DroppedSample(String id, String kind, String reason, double delta, String answer) {}

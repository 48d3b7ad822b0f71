package org.equipoise.mbpo.mine;

/** Why a mined answer is not a usable negative. */
public enum DropReason {
  /** The imported answers have none for it. */
  NO_ANSWER,
  /** The chosen answer's log-prob did not fall by τ. */
  LOG_PROB_NOT_REDUCED,
  /** The verifier accepts it as correct. */
  MATCHES_CHOSEN,
  /** No words. */
  EMPTY,
  /** Cut off by the length limit. */
  UNFINISHED,
  /** Too similar to the chosen answer. */
  TOO_SIMILAR,
  /** Much longer or shorter than the chosen answer. */
  LENGTH_RATIO,
  /** One word over and over. */
  REPETITIVE,
  /** Its twin was dropped. */
  TWIN_DROPPED
}

package org.equipoise.mbpo.lora;

import java.util.BitSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;

/**
 * A piece of a regular expression. It is asked where it can end in a text when it begins at any of
 * some places; with whole sets of places nothing is tried twice, and which of several ways is tried
 * first does not matter. Immutable.
 */
sealed interface PatternNode {
  /** Places 0 to the text's length. */
  BitSet ends(Reading reading, BitSet starts);

  /** One text being read. */
  record Reading(String text, PatternWork work, Map<Look, BitSet[]> looks) {
    static Reading of(String text, PatternWork work) {
      return new Reading(text, work, new IdentityHashMap<>());
    }

    int length() {
      return text.length();
    }

    BitSet at(int place) {
      BitSet one = new BitSet(length() + 1);
      one.set(place);
      return one;
    }
  }

  /** One character. */
  record One(IntPredicate accepts) implements PatternNode {
    @Override
    public BitSet ends(Reading reading, BitSet starts) {
      BitSet ends = new BitSet(reading.length() + 1);
      for (int at = starts.nextSetBit(0); at >= 0; at = starts.nextSetBit(at + 1)) {
        reading.work.spend(1);
        if (at < reading.length() && accepts.test(reading.text.charAt(at))) {
          ends.set(at + 1);
        }
      }
      return ends;
    }
  }

  /** One after another. */
  record Sequence(List<PatternNode> pieces) implements PatternNode {
    @Override
    public BitSet ends(Reading reading, BitSet starts) {
      BitSet places = starts;
      for (PatternNode piece : pieces) {
        reading.work.spend(1);
        if (places.isEmpty()) {
          break;
        }
        places = piece.ends(reading, places);
      }
      return places;
    }
  }

  /** Any of several. */
  record Choice(List<PatternNode> ways) implements PatternNode {
    @Override
    public BitSet ends(Reading reading, BitSet starts) {
      BitSet ends = new BitSet(reading.length() + 1);
      for (PatternNode way : ways) {
        reading.work.spend(1);
        ends.or(way.ends(reading, starts));
      }
      return ends;
    }
  }

  /**
   * Several times.
   *
   * @param most {@link Integer#MAX_VALUE} without an end
   */
  record Repeat(PatternNode piece, int least, int most) implements PatternNode {
    @Override
    public BitSet ends(Reading reading, BitSet starts) {
      // Each time goes on or stays: after so many times, more of them reach nothing else.
      int settled = 2 * reading.length() + 2;
      BitSet fresh = starts;
      for (int times = 0; times < Math.min(least, settled) && !fresh.isEmpty(); times++) {
        fresh = again(reading, fresh);
      }
      BitSet ends = (BitSet) fresh.clone();
      for (int times = least; times < most && !fresh.isEmpty(); times++) {
        fresh = again(reading, fresh);
        fresh.andNot(ends);
        ends.or(fresh);
      }
      return ends;
    }

    private BitSet again(Reading reading, BitSet places) {
      reading.work.spend(1);
      BitSet ends = piece.ends(reading, places);
      return ends == places ? (BitSet) ends.clone() : ends;
    }
  }

  /** A place in the text that has no length. */
  record Place(Condition condition) implements PatternNode {
    /** Whether a place is meant. */
    interface Condition {
      boolean holds(String text, int place);
    }

    @Override
    public BitSet ends(Reading reading, BitSet starts) {
      BitSet ends = new BitSet(reading.length() + 1);
      for (int at = starts.nextSetBit(0); at >= 0; at = starts.nextSetBit(at + 1)) {
        reading.work.spend(1);
        ends.set(at, condition.holds(reading.text, at));
      }
      return ends;
    }
  }

  /** Whether something follows, or stands before; asked once for each place of a text. */
  record Look(PatternNode piece, boolean ahead, boolean wanted) implements PatternNode {
    @Override
    public BitSet ends(Reading reading, BitSet starts) {
      BitSet[] known =
          reading.looks.computeIfAbsent(this, look -> new BitSet[] {new BitSet(), new BitSet()});
      BitSet ends = new BitSet(reading.length() + 1);
      for (int at = starts.nextSetBit(0); at >= 0; at = starts.nextSetBit(at + 1)) {
        reading.work.spend(1);
        if (!known[0].get(at)) {
          known[0].set(at);
          known[1].set(at, ahead ? follows(reading, at) : precedes(reading, at));
        }
        ends.set(at, known[1].get(at) == wanted);
      }
      return ends;
    }

    private boolean follows(Reading reading, int place) {
      return !piece.ends(reading, reading.at(place)).isEmpty();
    }

    private boolean precedes(Reading reading, int place) {
      BitSet before = new BitSet(reading.length() + 1);
      before.set(0, place + 1);
      return piece.ends(reading, before).get(place);
    }
  }
}

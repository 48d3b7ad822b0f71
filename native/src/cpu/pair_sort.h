// The sorting of AOT in the caller's workspace: which values meet, in order of rank.
#pragma once

#include "abi/calls/pair_loss.h"
#include "math/pair_loss.h"

namespace eqp {
namespace EQP_ISA {

class PairSort {
 public:
  PairSort(void* workspace, int64_t pairs)
      : pairs_(pairs),
        keys_(static_cast<double*>(workspace)),
        matches_(keys_ + kKeys * pairs),
        orders_(reinterpret_cast<int64_t*>(matches_ + kKeys * pairs)) {}

  void set(int64_t pair, const PairSide& chosen, const PairSide& rejected) const {
    keys(kPolicy)[pair] = chosen.log_prob - rejected.log_prob;
    keys(kReference)[pair] = chosen.reference - rejected.reference;
    keys(kChosen)[pair] = chosen.delta;
    keys(kRejected)[pair] = rejected.delta;
  }

  // After every set().
  void match() const {
    match(kPolicy, kReference);
    match(kChosen, kRejected);
  }

  // After match().
  void get(int64_t pair, PairBatch* batch) const {
    const double margin = keys(kPolicy)[pair] - matches(kPolicy)[pair];
    batch->aot = PairMatch{margin, margin};
    batch->aot_unpaired = PairMatch{keys(kChosen)[pair] - matches(kChosen)[pair],
                                    matches(kRejected)[pair] - keys(kRejected)[pair]};
  }

 private:
  // c - r, c_ref - r_ref, delta_c, delta_r
  enum Key { kPolicy, kReference, kChosen, kRejected, kKeys };
  static_assert((2 * kKeys + 2) * 8 <= kPairSortBytes, "what the op has asked for");

  double* keys(Key key) const { return keys_ + key * pairs_; }
  double* matches(Key key) const { return matches_ + key * pairs_; }

  void match(Key one, Key other) const {
    int64_t* const order_one = orders_;
    int64_t* const order_other = orders_ + pairs_;
    sort(keys(one), order_one);
    sort(keys(other), order_other);
    for (int64_t rank = 0; rank < pairs_; ++rank) {
      matches(one)[order_one[rank]] = keys(other)[order_other[rank]];
      matches(other)[order_other[rank]] = keys(one)[order_one[rank]];
    }
  }

  // Heap sort: in place, n log n. No two elements compare equal, so that it is stable.
  void sort(const double* key, int64_t* order) const {
    for (int64_t i = 0; i < pairs_; ++i) order[i] = i;
    for (int64_t root = pairs_ / 2 - 1; root >= 0; --root) sift(key, order, root, pairs_);
    for (int64_t end = pairs_ - 1; end > 0; --end) {
      swap(order, 0, end);
      sift(key, order, 0, end);
    }
  }

  static void sift(const double* key, int64_t* order, int64_t root, int64_t end) {
    for (int64_t child = 2 * root + 1; child < end; child = 2 * root + 1) {
      if (child + 1 < end && before(key, order[child], order[child + 1])) ++child;
      if (!before(key, order[root], order[child])) return;
      swap(order, root, child);
      root = child;
    }
  }

  static bool before(const double* key, int64_t i, int64_t j) {
    return sorts_before(key[i], i, key[j], j);
  }
  static void swap(int64_t* order, int64_t i, int64_t j) {
    const int64_t kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }

  int64_t pairs_;
  double* keys_;
  double* matches_;
  int64_t* orders_;
};

}  // namespace EQP_ISA
}  // namespace eqp

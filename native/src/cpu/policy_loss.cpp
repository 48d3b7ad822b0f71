// policy_loss on the CPU.
//
// Tokens in vectors of the compute type (float for f32 and bf16, double for f64), in chunks of
// kChunk tokens whose sums are added in double; so are sums over sequences. Sequences are cut into
// at most kBlocks contiguous blocks whose bounds depend on the number of sequences alone; the
// blocks' partial sums are added in order. A plain loss sweeps a sequence once. Others first sum
// the sequence's facts, and a gradient through what its tokens share takes one sweep more, unless
// it is the same for all of them, over a sequence that is in cache by then. A divisor that is a number of tokens is counted first.
#include "abi/calls/policy_loss.h"

#include "cpu/kernels.h"
#include "cpu/masked.h"
#include "math/policy_loss.h"

namespace eqp {
namespace EQP_ISA {
namespace {

// The loops take lambdas that must not become calls.
#define EQP_INLINE inline __attribute__((always_inline))

constexpr int64_t kBlocks = 64;
constexpr int64_t kChunk = 1024;  // a multiple of every vector's width

struct Totals {
  double sums[kAllSums] = {};
  double tokens = 0;
};

template <class E>
const E* row_or_null(const Matrix& matrix, int64_t i) {
  return matrix.data == nullptr ? nullptr : row<E>(matrix, i);
}
template <class E>
E* row_out_or_null(const Matrix& matrix, int64_t i) {
  return matrix.data == nullptr ? nullptr : row_out<E>(matrix, i);
}

// The tokens of sequence i.
template <class Form, class E, class S>
class Sequence {
 public:
  using V = typename vec<S>::type;
  using Mask = typename vec<S>::mask;
  static constexpr int w = vec<S>::width;

  Sequence(const PolicyLoss& call, int64_t i)
      : index_(i),
        tokens_(call.log_probs.columns),
        mask_(row<uint8_t>(call.mask, i)),
        log_probs_(row<E>(call.log_probs, i)),
        old_(row_or_null<E>(call.old_log_probs, i)),
        reference_(row_or_null<E>(call.reference_log_probs, i)),
        sampler_(row_or_null<E>(call.sampler_log_probs, i)),
        advantages_(row<S>(call.advantages, i)),
        entropy_(row_or_null<S>(call.entropy, i)),
        advantages_per_token_(call.advantages_per_token) {}

  int64_t index() const { return index_; }

  // visit(t, count, keep, inputs) for every vector of the tokens [begin, end).
  template <class Visit>
  EQP_INLINE void each(int64_t begin, int64_t end, const Visit& visit) const {
    int64_t t = begin;
    for (; t + w <= end; t += w) at(t, w, visit);
    if (t < end) at(t, static_cast<int>(end - t), visit);
  }

  // add(keep, inputs, sums) for every vector; the chunks' sums over lanes are added in double.
  template <int kCount, class Add>
  EQP_INLINE void sum(double* totals, const Add& add) const {
    for (int64_t begin = 0; begin < tokens_; begin += kChunk) {
      V sums[kCount] = {};
      each(begin, begin + kChunk < tokens_ ? begin + kChunk : tokens_,
           [&](int64_t t, int count, Mask keep, const PolicyInputs<V>& x) {
             add(t, count, keep, x, sums);
           });
      for (int k = 0; k < kCount; ++k) totals[k] += static_cast<double>(sum_lanes(sums[k]));
    }
  }

 private:
  template <class Visit>
  EQP_INLINE void at(int64_t t, int count, const Visit& visit) const {
    const Mask keep = mask_lanes<S>(mask_ + t, count);
    // Masked tokens may hold anything: they become 0 before any arithmetic.
    PolicyInputs<V> x;
    x.log_prob = kept(log_probs_, t, count, keep, V{});
    x.old_log_prob = kept(old_, t, count, keep, x.log_prob);
    x.reference = kept(reference_, t, count, keep, x.log_prob);
    const V advantage = advantages_per_token_ ? load_lanes<S>(advantages_ + t, count)
                                              : broadcast<V>(advantages_[0]);
    x.advantage = keep ? advantage : V{};
    x.sampler = Form::kLean ? V{} : kept(sampler_, t, count, keep, x.old_log_prob);
    x.entropy = Form::kLean ? V{} : kept(entropy_, t, count, keep, V{});
    visit(t, count, keep, x);
  }

  template <class From>
  EQP_INLINE static V kept(const From* from, int64_t t, int count, Mask keep, V otherwise) {
    return from == nullptr ? otherwise : (keep ? load_lanes<S>(from + t, count) : V{});
  }

  int64_t index_, tokens_;
  const uint8_t* mask_;
  const E* log_probs_;
  const E* old_;
  const E* reference_;
  const E* sampler_;
  const S* advantages_;
  const S* entropy_;
  bool advantages_per_token_;
};

template <class E, class V>
void store_lanes(E* to, int count, V value) {
  if (count == static_cast<int>(sizeof(V) / sizeof(value[0]))) {
    store(to, value);
  } else {
    store_partial(to, count, value);
  }
}

// What the tokens of the sequence share. `gradient`: whether their slopes are wanted too.
template <class Form, class E, class S>
PolicySequence<S> shared_facts(const PolicyLoss& call, const Sequence<Form, E, S>& sequence,
                               const PolicyConstants<S>& constants, int64_t length, bool gradient) {
  using V = typename vec<S>::type;
  using Mask = typename vec<S>::mask;
  constexpr int kCount = Form::kFactCount;
  double facts[kCount] = {};
  sequence.template sum<kCount>(
      facts, [&](int64_t, int, Mask keep, const PolicyInputs<V>& x, V(&sums)[kCount]) {
        V token[kCount];
        policy_facts<Form>(x, constants, token);
        for (int k = 0; k < kCount; ++k) sums[k] = keep ? sums[k] + token[k] : sums[k];
      });
  const double tokens = static_cast<double>(length);
  PolicySequence<S> shared = policy_sequence<Form>(facts, tokens, call.options, constants);
  if (!gradient || !shares_slope<Form>(constants)) return shared;
  double slope[1] = {};
  if (shares_one_slope<Form>(call, constants)) {
    PolicyInputs<V> x = {};
    x.advantage = broadcast<V>(row<S>(call.advantages, sequence.index())[0]);
    slope[0] = static_cast<double>(policy_token<Form>(x, constants, shared).shared[0]) * tokens;
  } else {
    sequence.template sum<1>(
        slope, [&](int64_t, int, Mask keep, const PolicyInputs<V>& x, V(&sums)[1]) {
          const PolicyToken<V> token = policy_token<Form>(x, constants, shared);
          sums[0] = keep ? sums[0] + token.shared : sums[0];
        });
  }
  shared.slope = static_cast<S>(slope[0] / members_of<Form>(facts, tokens, constants));
  return shared;
}

template <class T>
void write_zeros(T* to, int64_t count) {
  if (to == nullptr) return;
  for (int64_t t = 0; t < count; ++t) to[t] = T();
}

// Sequence i. `scale` multiplies every token's loss: sequence weight / normaliser. Returns the
// sequence's share of the loss.
template <class Form, class E, class S>
double sequence_loss(const PolicyLoss& call, int64_t i, const PolicyConstants<S>& constants,
                     double scale, double per_kept, int64_t length, Totals& totals) {
  using V = typename vec<S>::type;
  using Mask = typename vec<S>::mask;
  E* const out = row_out_or_null<E>(call.d_log_probs, i);
  S* const d_entropy = row_out_or_null<S>(call.d_entropy, i);
  if (length == 0) {  // adds nothing, whatever its weight
    write_zeros(out, call.log_probs.columns);
    write_zeros(d_entropy, call.log_probs.columns);
    return 0;
  }
  const Sequence<Form, E, S> sequence(call, i);
  PolicySequence<S> shared;
  if (needs_facts<Form>(constants))
    shared = shared_facts(call, sequence, constants, length, out != nullptr);
  constexpr int kSums = Form::kSums;
  double sums[kSums] = {};
  const S scale_s = static_cast<S>(scale);
  const V bonus_slope = broadcast<V>(static_cast<S>(-per_kept));
  sequence.template sum<kSums>(
      sums, [&](int64_t t, int count, Mask keep, const PolicyInputs<V>& x, V(&lanes)[kSums]) {
        const PolicyToken<V> token = policy_token<Form>(x, constants, shared);
        for (int k = 0; k < kSums; ++k) lanes[k] = keep ? lanes[k] + token.sums[k] : lanes[k];
        if (out != nullptr) {
          store_lanes(out + t, count, keep ? token.d_log_prob * scale_s : V{});
        }
        if constexpr (!Form::kLean) {
          if (d_entropy == nullptr) return;
          const V counts = keep ? token.sums[kEntropyKept] : V{};
          store_lanes(d_entropy + t, count, counts > V{} ? bonus_slope : V{});
        }
      });
  double share = sums[kLoss] * scale;
  if constexpr (!Form::kLean) {
    if (per_kept != 0) share -= sums[kBonus] * per_kept;
  }
  sums[kLoss] = share;
  for (int k = 0; k < kSums; ++k) totals.sums[k] += sums[k];
  totals.tokens += static_cast<double>(length);
  return share;
}

// The unmasked tokens of sequence i.
template <class S>
int64_t length_of(const PolicyLoss& call, int64_t i) {
  if (is_left_out<S>(call, i)) return 0;
  return count_lanes(row<uint8_t>(call.mask, i), call.log_probs.columns);
}

// Those among them that pass the entropy mask.
template <class S>
int64_t kept_of(const PolicyLoss& call, int64_t i) {
  if (call.entropy_threshold == nullptr) return length_of<S>(call, i);
  if (is_left_out<S>(call, i)) return 0;
  const S threshold = *static_cast<const S*>(call.entropy_threshold);
  const S* const entropy = row<S>(call.entropy, i);
  const uint8_t* const mask = row<uint8_t>(call.mask, i);
  int64_t count = 0;
  for (int64_t t = 0; t < call.log_probs.columns; ++t)
    count += (mask[t] != 0) & (entropy[t] >= threshold) ? 1 : 0;
  return count;
}

// count(i) over all sequences.
template <class Count>
double counted(int64_t sequences, int64_t blocks, uint64_t bytes, const Count& count) {
  int64_t counts[kBlocks];
  parallel_for(blocks, bytes, [&](int64_t block) {
    int64_t sum = 0;
    for (int64_t i = sequences * block / blocks; i < sequences * (block + 1) / blocks; ++i)
      sum += count(i);
    counts[block] = sum;
  });
  double total = 0;
  for (int64_t b = 0; b < blocks; ++b) total += static_cast<double>(counts[b]);
  return total;
}

template <class Form, class E, class S>
void policy_losses(const PolicyLoss& call) {
  const int64_t sequences = call.log_probs.rows;
  const int64_t blocks = sequences < kBlocks ? sequences : kBlocks;
  const uint64_t bytes = static_cast<uint64_t>(sequences) *
                         static_cast<uint64_t>(call.log_probs.columns) * (4 * sizeof(E) + 1);
  double tokens = 0, kept = 0;
  if (counts_unmasked_tokens(call))
    tokens = counted(sequences, blocks, bytes, [&](int64_t i) { return length_of<S>(call, i); });
  if (counts_kept_tokens(call))
    kept = counted(sequences, blocks, bytes, [&](int64_t i) { return kept_of<S>(call, i); });
  const double divisor = policy_divisor(call, tokens), per_kept = policy_bonus(call, kept);
  const PolicyConstants<S> constants = policy_constants<Form, S>(call);
  Totals partial[kBlocks];
  parallel_for(blocks, bytes, [&](int64_t block) {
    Totals totals;
    for (int64_t i = sequences * block / blocks; i < sequences * (block + 1) / blocks; ++i) {
      const int64_t length = length_of<S>(call, i);
      const double scale = sequence_scale<S>(call, i, 1.0 / divisor, static_cast<double>(length));
      const double share =
          sequence_loss<Form, E, S>(call, i, constants, scale, per_kept, length, totals);
      if (call.sequence_losses != nullptr)
        static_cast<S*>(call.sequence_losses)[i] = static_cast<S>(share);
    }
    partial[block] = totals;
  });
  Totals all;
  for (int64_t b = 0; b < blocks; ++b) {
    for (int k = 0; k < kAllSums; ++k) all.sums[k] += partial[b].sums[k];
    all.tokens += partial[b].tokens;
  }
  *static_cast<S*>(call.loss) = static_cast<S>(all.sums[kLoss]);
  if (call.metrics != nullptr)
    policy_metrics(all.sums, kAllSums, all.tokens, static_cast<S*>(call.metrics));
}

template <class E, class S, eqp_policy_surrogate kSurrogate,
          eqp_policy_importance kImportance = EQP_POLICY_IMPORTANCE_TOKEN>
void lean_losses(const PolicyLoss& call) {
  policy_losses<LeanForm<kSurrogate, kImportance>, E, S>(call);
}

// What the presets of the literature ask for has a lean form each; the rest is general.
template <class E, class S>
void policy_losses(const PolicyLoss& call) {
  const eqp_policy_importance importance = call.options.importance;
  if (is_lean(call) && importance == EQP_POLICY_IMPORTANCE_TOKEN) {
    switch (call.options.surrogate) {
      case EQP_POLICY_SURROGATE_CLIP:
        return lean_losses<E, S, EQP_POLICY_SURROGATE_CLIP>(call);
      case EQP_POLICY_SURROGATE_CISPO_ABSOLUTE:
      case EQP_POLICY_SURROGATE_CISPO_RELATIVE:
        return lean_losses<E, S, EQP_POLICY_SURROGATE_CISPO_ABSOLUTE>(call);
      case EQP_POLICY_SURROGATE_SAPO:
        return lean_losses<E, S, EQP_POLICY_SURROGATE_SAPO>(call);
      case EQP_POLICY_SURROGATE_VESPO:
        return lean_losses<E, S, EQP_POLICY_SURROGATE_VESPO>(call);
      case EQP_POLICY_SURROGATE_GMPO:
        return lean_losses<E, S, EQP_POLICY_SURROGATE_GMPO>(call);
      default:
        break;
    }
  }
  if (is_lean(call) && call.options.surrogate == EQP_POLICY_SURROGATE_CLIP) {
    if (importance == EQP_POLICY_IMPORTANCE_SEQUENCE)
      return lean_losses<E, S, EQP_POLICY_SURROGATE_CLIP, EQP_POLICY_IMPORTANCE_SEQUENCE>(call);
    return lean_losses<E, S, EQP_POLICY_SURROGATE_CLIP, EQP_POLICY_IMPORTANCE_SEQUENCE_TOKEN>(call);
  }
  policy_losses<GeneralForm, E, S>(call);
}

#undef EQP_INLINE

}  // namespace

eqp_status policy_loss(const PolicyLoss& call) {
  switch (call.log_probs.dtype) {
    case EQP_F64:
      policy_losses<double, double>(call);
      break;
    case EQP_BF16:
      policy_losses<bfloat16, float>(call);
      break;
    default:
      policy_losses<float, float>(call);
      break;
  }
  return EQP_OK;
}

}  // namespace EQP_ISA
}  // namespace eqp

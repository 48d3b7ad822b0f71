// fuzz [calls] [seed]: random descriptors, options and contents against every op.
//
// Each call starts legal and is broken in up to three ways. Whatever happens, the answer must be a
// status with a text, nothing may be written by a refused call, and a call that was not broken must
// be accepted. Descriptors that would be legal but point outside the test's memory are not called:
// no library could survive those.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "contract/legal_call.h"
#include "harness/check.h"

namespace eqp::test {
namespace {

const int64_t kSizes[] = {-1,
                          0,
                          1,
                          2,
                          3,
                          255,
                          65536,
                          INT64_C(1) << 31,
                          (INT64_C(1) << 32) + 1,
                          INT64_C(1) << 62,
                          INT64_MAX,
                          INT64_MIN};

// More bytes than any machine has.
constexpr __int128 kBeyondMemory = static_cast<__int128>(1) << 58;

enum class Verdict { kSafe, kMalformed, kUnsafe };

// Whether the elements of t lie inside the memory of one of the call's buffers.
Verdict judge(const LegalCall& call, const eqp_tensor& t) {
  if (t.dtype < EQP_F32 || t.dtype > EQP_BOOL || t.ndim < 0 || t.ndim > EQP_MAX_DIMS)
    return Verdict::kMalformed;
  __int128 last = 0;
  for (int d = 0; d < t.ndim; ++d) {
    if (t.shape[d] < 0) return Verdict::kMalformed;
  }
  for (int d = 0; d < t.ndim; ++d) {
    if (t.shape[d] == 0) return Verdict::kSafe;
    if (t.shape[d] == 1) continue;
    if (t.stride[d] < 0) return Verdict::kMalformed;
    last += static_cast<__int128>(t.shape[d] - 1) * t.stride[d];
    last = std::min(last, kBeyondMemory);  // five such products would overflow even 128 bits
  }
  const __int128 bytes = (last + 1) * dtype_bytes(t.dtype);
  if (bytes > kBeyondMemory || t.data == nullptr) return Verdict::kMalformed;
  const auto* const begin = static_cast<const unsigned char*>(t.data);
  for (size_t i = 0; i < call.op().arguments.size(); ++i) {
    const Buffer& buffer = call.buffer(i);
    if (begin >= buffer.memory() && begin < buffer.memory() + buffer.memory_bytes() &&
        bytes <= static_cast<__int128>(buffer.memory() + buffer.memory_bytes() - begin)) {
      return Verdict::kSafe;
    }
  }
  return Verdict::kUnsafe;
}

struct Change {
  bool moved = false;  // outputs may lie elsewhere: canaries say nothing of an accepted call
  bool options = false;
  int count = 0;
};

void change_once(LegalCall& call, Random& random, Change* change) {
  const size_t i = static_cast<size_t>(random.below(static_cast<int64_t>(call.tensors.size())));
  eqp_tensor& t = call.tensors[i];
  const int64_t size = kSizes[random.below(static_cast<int64_t>(std::size(kSizes)))];
  const int d = static_cast<int>(random.below(EQP_MAX_DIMS));
  ++change->count;
  switch (random.below(12)) {
    case 0:
      call.present[i] = !call.present[i];
      break;
    case 1:
      t.dtype = static_cast<eqp_dtype>(random.below(12) - 1);
      change->moved = true;  // elements of another size
      break;
    case 2:
      t.ndim = static_cast<int32_t>(random.below(8) - 1);
      break;
    case 3:
      t.shape[d] = size;
      change->moved = true;
      break;
    case 4:
      t.stride[d] = size;
      change->moved = true;
      break;
    case 5:
      t.shape[d] = random.below(6);
      change->moved = true;
      break;
    case 6:
      t.device_type = static_cast<int32_t>(random.below(4));
      break;
    case 7:
      t.device_index = static_cast<int32_t>(size);
      break;
    case 8: {
      const Buffer& other =
          call.buffer(static_cast<size_t>(random.below(static_cast<int64_t>(call.tensors.size()))));
      t.data = random.chance(0.1) ? nullptr
                                  : const_cast<unsigned char*>(other.memory()) +
                                        random.below(static_cast<int64_t>(other.memory_bytes()));
      change->moved = true;
      break;
    }
    case 9:
      call.options_bytes[static_cast<size_t>(
          random.below(static_cast<int64_t>(call.options_bytes.size())))] ^=
          static_cast<unsigned char>(1 + random.below(255));
      change->options = true;
      break;
    case 10: {
      const uint32_t bytes =
          static_cast<uint32_t>(random.below(static_cast<int64_t>(call.options_bytes.size()) + 1));
      memcpy(call.options_bytes.data(), &bytes, sizeof(bytes));
      change->options = true;
      break;
    }
    default:
      call.launch.size = static_cast<uint32_t>(random.below(64));
      call.launch.reserved = static_cast<uint32_t>(random.below(2));
      break;
  }
}

struct Tally {
  int64_t accepted = 0, refused = 0, not_called = 0, untouched = 0;
};

void fuzz_once(Backend& backend, Random& random, Tally* tally) {
  const Op& op = ops()[static_cast<size_t>(random.below(static_cast<int64_t>(ops().size())))];
  LegalCall call(backend, op, random, random.chance(0.5));
  Change change;
  const int64_t changes = random.below(4);
  for (int64_t i = 0; i < changes; ++i) change_once(call, random, &change);
  uint32_t claimed = 0;
  memcpy(&claimed, call.options_bytes.data(), sizeof(claimed));
  bool safe =
      claimed <= call.options_bytes.size() || claimed > 4096;  // else the claim itself is a lie
  for (size_t i = 0; i < call.tensors.size() && safe; ++i) {
    safe = !call.present[i] || judge(call, call.tensors[i]) != Verdict::kUnsafe;
  }
  if (!safe) {
    ++tally->not_called;
    return;
  }
  const eqp_status status = call.invoke();
  const std::string text = eqp_last_error();
  Context context(op.function());
  EQP_CHECK(status >= EQP_OK && status <= EQP_OUT_OF_MEMORY,
            "expected a documented status, found %d: %s", status, text.c_str());
  if (status == EQP_OK) {
    ++tally->accepted;
    if (!change.moved) {
      const std::string damage = call.damage(false);
      EQP_CHECK(damage.empty(), "an accepted call wrote %s", damage.c_str());
    }
  } else {
    ++tally->refused;
    EQP_CHECK(text.compare(0, op.function().size() + 1, op.function() + ":") == 0 &&
                  text.size() > op.function().size() + 8,
              "expected a text that starts with the op's name, found '%s'", text.c_str());
    const std::string damage = call.damage(true);
    EQP_CHECK(damage.empty(), "a refused call wrote %s", damage.c_str());
  }
  if (changes == 0) {
    ++tally->untouched;
    EQP_CHECK(status == EQP_OK, "expected a legal call to be accepted, found %d: %s", status,
              text.c_str());
  }
}

}  // namespace
}  // namespace eqp::test

int main(int argc, char** argv) {
  using namespace eqp::test;
  const int64_t calls = argc > 1 ? atoll(argv[1]) : 200000;
  const uint64_t seed = argc > 2 ? strtoull(argv[2], nullptr, 10) : 1;
  const auto backend = make_cpu_backend();
  backend->use_schedule(0);
  Random random(seed);
  Tally tally;
  for (int64_t i = 0; i < calls; ++i) fuzz_once(*backend, random, &tally);
  printf(
      "fuzz, seed %llu: %lld accepted (%lld untouched), %lld refused, %lld not called (outside "
      "memory)\n",
      static_cast<unsigned long long>(seed), static_cast<long long>(tally.accepted),
      static_cast<long long>(tally.untouched), static_cast<long long>(tally.refused),
      static_cast<long long>(tally.not_called));
  EQP_CHECK(tally.accepted > calls / 20 && tally.refused > calls / 20,
            "expected both answers to be common");
  return finish_tests();
}

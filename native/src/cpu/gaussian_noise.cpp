// gaussian_noise on the CPU: 64 normal numbers at a time, then elementwise.
#include "abi/calls/gaussian_noise.h"

#include "cpu/images.h"
#include "math/gaussian_noise.h"

namespace eqp {
namespace EQP_ISA {
namespace {

constexpr int kBlocks = 16;  // of the generator, side by side
constexpr int kBatch = 4 * kBlocks;

// lane[l][i]: the upper 24 bits of philox4x32_10(key, first + i, high).lane[l]. Each counter word has
// 64 bits of room; what its upper half holds besides is never looked at.
void philox_blocks(uint64_t key, uint64_t first, uint64_t high, int32_t (&lane)[4][kBlocks]) {
  constexpr int kWide = EQP_VECTOR_BYTES / 8;
  const u64v multiplier0 = u64v{} + 0xD2511F53u, multiplier2 = u64v{} + 0xCD9E8D57u;
  u64v counter;
  for (int i = 0; i < kWide; ++i) counter[i] = first + static_cast<uint64_t>(i);
  for (int block = 0; block < kBlocks; block += kWide) {
    u64v c0 = counter + static_cast<uint64_t>(block), c1 = c0 >> 32;
    u64v c2 = u64v{} + high, c3 = c2 >> 32;
    PhiloxKey round_key = philox_key(key);
    for (int round = 0; round < 10; ++round) {
      const u64v product0 = multiply_low_halves(c0, multiplier0);
      const u64v product2 = multiply_low_halves(c2, multiplier2);
      c0 = (product2 >> 32) ^ c1 ^ uint64_t { round_key.first };
      c2 = (product0 >> 32) ^ c3 ^ uint64_t { round_key.second };
      c1 = product2;
      c3 = product0;
      round_key = next_round(round_key);
    }
    const u64v words[4] = {c0, c1, c2, c3};
    for (int l = 0; l < 4; ++l) {
      for (int i = 0; i < kWide; ++i) {
        lane[l][block + i] = static_cast<int32_t>(static_cast<uint32_t>(words[l][i]) >> 8);
      }
    }
  }
}

// The normal numbers of elements 64 batch to 64 batch + 63.
void normals(uint64_t seed, uint64_t stream, uint64_t batch, float* to) {
  int32_t bits[4][kBlocks];
  philox_blocks(seed, batch * kBlocks, stream, bits);
  float z[4][kBlocks];
  for (int pair = 0; pair < 4; pair += 2) {
    for (int i = 0; i < kBlocks; i += kF32Width) {
      i32v a, b;
      memcpy(&a, &bits[pair][i], sizeof(a));
      memcpy(&b, &bits[pair + 1][i], sizeof(b));
      const NormalPair<f32v> both = normal_pair<f32v>(a, b);
      store(&z[pair][i], both.even);
      store(&z[pair + 1][i], both.odd);
    }
  }
  for (int i = 0; i < kBlocks; ++i) {
    for (int lane = 0; lane < 4; ++lane) to[4 * i + lane] = z[lane][i];
  }
}

template <class E>
void add_noise(const E* images, E* out, const float (&z)[kBatch], const NoiseChannel& channel) {
  for (int i = 0; i < kBatch; i += kF32Width) {
    store(out + i, noised(load(images + i), load(z + i), channel));
  }
}

template <class E>
void noisy_piece(const GaussianNoise& call, const Piece& piece, const NoiseChannel& channel) {
  const E* const images = address<const E>(call.images, piece);
  E* const out = address<E>(call.out, piece);
  const uint64_t stream = call.streams != nullptr
                              ? static_cast<uint64_t>(call.streams[piece.row])
                              : call.options.stream + static_cast<uint64_t>(piece.row);
  const int64_t first = piece.channel * call.images.plane + piece.begin;
  float z[kBatch];
  for (int64_t done = 0; done < piece.count;) {
    const int64_t element = first + done;
    const int skipped = static_cast<int>(element % kBatch);
    const int64_t left = piece.count - done;
    const int count = left < kBatch - skipped ? static_cast<int>(left) : kBatch - skipped;
    normals(call.options.seed, stream, static_cast<uint64_t>(element / kBatch), z);
    if (count == kBatch) {
      add_noise(images + done, out + done, z, channel);
    } else {
      for (int64_t i = 0; i < count; ++i) {
        assign(out + done + i, noised(to_float(images[done + i]), z[skipped + i], channel));
      }
    }
    done += count;
  }
}

template <class E>
void noisy_images(const GaussianNoise& call) {
  const Pieces pieces(call.images, 0, call.images.images);
  const ByChannel<NoiseChannel> channels(call.options.pixel_space, [&](const ChannelSpace& space) {
    return noise_channel(call.options, space);
  });
  // A normal number costs more than the bytes of its pixel.
  const uint64_t work = 16 * static_cast<uint64_t>(pieces.pixels());
  parallel_for(pieces.tasks(), work, [&](int64_t task) {
    pieces.visit_task(
        task, [&](const Piece& piece) { noisy_piece<E>(call, piece, channels.at(piece.channel)); });
  });
}

}  // namespace

eqp_status gaussian_noise(const GaussianNoise& call) {
  if (call.images.dtype == EQP_F32) {
    noisy_images<float>(call);
  } else {
    noisy_images<bfloat16>(call);
  }
  return EQP_OK;
}

}  // namespace EQP_ISA
}  // namespace eqp

#pragma once

#include "sha256_group.h"

// SHA-256 as FIPS 180-4 writes it, over vectors that hold the same word of kLanes messages.
//
// An Isa has kLanes, the type Words with +, ^ and >> for each lane, Spread(word), Rotate<N>(words) to the
// right, Xor(a, b, c), Choose(e, f, g), Majority(a, b, c), and, for eight words of each lane, Load(words, in, stride) and
// Store(words, out), which swap from and to big-endian bytes.
namespace penstock {
namespace {

template <class Isa>
struct LaneGroup {
  static constexpr std::size_t kLanes = Isa::kLanes;
  using Words = typename Isa::Words;
  struct State {
    Words words[8];
  };
  struct Block {
    Words words[16];
  };

  static KERNEL_INLINE State Spread(const Sha256State& state) {
    State spread;
    for (std::size_t i = 0; i < 8; i++) spread.words[i] = Isa::Spread(state[i]);
    return spread;
  }

  static KERNEL_INLINE Block LoadBlock(const std::uint8_t* in, std::size_t stride) {
    Block block;
    Isa::Load(block.words, in, stride);
    Isa::Load(block.words + 8, in + 32, stride);
    return block;
  }

  static KERNEL_INLINE Block HeaderEnd(const std::uint8_t* in) {
    Words end[8];
    Isa::Load(end, in + 48, 80);
    Block block = Padded<4>(kBits80Bytes);
    for (std::size_t i = 0; i < 4; i++) block.words[i] = end[4 + i];
    return block;
  }

  static KERNEL_INLINE Block DigestBlock(const State& state) {
    Block block = Padded<8>(kBits32Bytes);
    for (std::size_t i = 0; i < 8; i++) block.words[i] = state.words[i];
    return block;
  }

  static KERNEL_INLINE Block PairBlock(const State& state, const std::uint8_t* sibling) {
    Block block;
    for (std::size_t i = 0; i < 8; i++) {
      block.words[i] = state.words[i];
      std::uint32_t word;
      std::memcpy(&word, sibling + i * 4, sizeof word);
      block.words[8 + i] = Isa::Spread(__builtin_bswap32(word));
    }
    return block;
  }

  static KERNEL_INLINE Block NonceBlock(const ScanJob& job, std::uint32_t nonce) {
    std::uint32_t nonces[kLanes];
    for (std::uint32_t lane = 0; lane < kLanes; lane++) nonces[lane] = __builtin_bswap32(nonce + lane);
    Block block = Padded<4>(kBits80Bytes);
    for (std::size_t i = 0; i < 3; i++) block.words[i] = Isa::Spread(job.words[i]);
    std::memcpy(&block.words[3], nonces, sizeof nonces);
    return block;
  }

  static KERNEL_INLINE void Store(const State& state, std::uint8_t* out) { Isa::Store(state.words, out); }

  static KERNEL_INLINE void TopWords(const State& state, std::uint32_t* out) {
    std::memcpy(out, &state.words[7], sizeof(Words));
  }

  /// For a group of one.
  static KERNEL_INLINE void StoreState(const State& state, Sha256State& out) {
    for (std::size_t i = 0; i < 8; i++) out[i] = state.words[i];
  }

  // Functions of their own: state and block pass through memory once, and the code stays small.
  [[gnu::noinline]] static void Compress(State& state, const Block& block) {
    State turned = state;
    Block window = block;
    SixteenRounds<false>(turned, window, &kSha256Rounds[0], kSixteen);
    for (std::size_t round = 16; round < 64; round += 16) {
      SixteenRounds<true>(turned, window, &kSha256Rounds[round], kSixteen);
    }
    Add(state, turned);
  }

  [[gnu::noinline]] static void Compress(State& state, const Sha256Schedule& schedule) {
    State turned = state;
    for (std::size_t round = 0; round < 64; round += 16) SixteenRounds(turned, &schedule[round], kSixteen);
    Add(state, turned);
  }

 private:
  static constexpr std::make_index_sequence<16> kSixteen = {};

  /// Zeros but for the padding of a message that ends after First words of its last block.
  template <std::size_t First>
  static KERNEL_INLINE Block Padded(std::uint32_t bits) {
    Block block;
    for (std::size_t i = 0; i < 16; i++) block.words[i] = Isa::Spread(0);
    block.words[First] = Isa::Spread(kPaddingBit);
    block.words[15] = Isa::Spread(bits);
    return block;
  }

  static KERNEL_INLINE void Add(State& state, const State& turned) {
    for (std::size_t i = 0; i < 8; i++) state.words[i] += turned.words[i];
  }

  template <bool Expand, std::size_t... I>
  static KERNEL_INLINE void SixteenRounds(State& state, Block& window, const std::uint32_t* constants,
                                          std::index_sequence<I...>) {
    (Round<I>(state, NextWord<Expand, I>(window) + Isa::Spread(constants[I])), ...);
  }

  template <std::size_t... I>
  static KERNEL_INLINE void SixteenRounds(State& state, const std::uint32_t* sums, std::index_sequence<I...>) {
    (Round<I>(state, Isa::Spread(sums[I])), ...);
  }

  /// The window of sixteen words turns in place.
  template <bool Expand, std::size_t I>
  static KERNEL_INLINE Words NextWord(Block& window) {
    Words* w = window.words;
    if constexpr (Expand) w[I] += SmallSigma0(w[(I + 1) % 16]) + w[(I + 9) % 16] + SmallSigma1(w[(I + 14) % 16]);
    return w[I];
  }

  static KERNEL_INLINE Words SmallSigma0(Words x) {
    return Isa::Xor(Isa::template Rotate<7>(x), Isa::template Rotate<18>(x), x >> 3);
  }

  static KERNEL_INLINE Words SmallSigma1(Words x) {
    return Isa::Xor(Isa::template Rotate<17>(x), Isa::template Rotate<19>(x), x >> 10);
  }

  /// The roles of a…h turn with the rounds instead of the values; after eight they are in their places again.
  template <std::size_t I>
  static KERNEL_INLINE void Round(State& state, Words wordAndConstant) {
    Words* s = state.words;
    const Words a = s[(16 - I) % 8], b = s[(17 - I) % 8], c = s[(18 - I) % 8];
    const Words e = s[(20 - I) % 8], f = s[(21 - I) % 8], g = s[(22 - I) % 8];
    Words& d = s[(19 - I) % 8];
    Words& h = s[(23 - I) % 8];
    const Words sigma0 =
        Isa::Xor(Isa::template Rotate<2>(a), Isa::template Rotate<13>(a), Isa::template Rotate<22>(a));
    const Words sigma1 =
        Isa::Xor(Isa::template Rotate<6>(e), Isa::template Rotate<11>(e), Isa::template Rotate<25>(e));
    const Words t1 = h + wordAndConstant + Isa::Choose(e, f, g) + sigma1;
    d += t1;
    h = t1 + (sigma0 + Isa::Majority(a, b, c));
  }
};

}  // namespace
}  // namespace penstock

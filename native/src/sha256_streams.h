#pragma once

#include "sha256_group.h"

// SHA-256 with instructions made for it, N messages at a time: each round waits for the one before, so a second message
// costs little more than one alone.
//
// An Isa has
//   Words, four words of a message in order; Set(w0, w1, w2, w3); Add(a, b);
//   Load(in) and Store(words, out), which swap from and to big-endian bytes; LoadRaw and StoreRaw, which do not;
//   State; Pack(abcd, efgh): State; Unpack(State, abcd&, efgh&); AddTo(State&, State);
//   Expand(w, next, beforeLast, last), the words of 16 rounds on, from these, the four after them and the last eight;
//   FourRounds(State&, words and constants).
namespace penstock {
namespace {

template <class Isa, std::size_t N>
struct StreamGroup {
  static constexpr std::size_t kLanes = N;
  using Words = typename Isa::Words;
  struct State {
    typename Isa::State streams[N];
  };
  struct Message {
    Words words[4];
  };
  struct Block {
    Message streams[N];
  };

  static KERNEL_INLINE State Spread(const Sha256State& state) {
    State spread;
    const auto packed = Isa::Pack(Isa::LoadRaw(state.data()), Isa::LoadRaw(state.data() + 4));
    for (std::size_t i = 0; i < N; i++) spread.streams[i] = packed;
    return spread;
  }

  static KERNEL_INLINE Block LoadBlock(const std::uint8_t* in, std::size_t stride) {
    Block block;
    for (std::size_t i = 0; i < N; i++) {
      const std::uint8_t* from = in + i * stride;
      block.streams[i] = {Isa::Load(from), Isa::Load(from + 16), Isa::Load(from + 32), Isa::Load(from + 48)};
    }
    return block;
  }

  static KERNEL_INLINE Block HeaderEnd(const std::uint8_t* in) {
    Block block;
    for (std::size_t i = 0; i < N; i++) block.streams[i] = PadHeader(Isa::Load(in + i * 80 + 64));
    return block;
  }

  static KERNEL_INLINE Block DigestBlock(const State& state) {
    const Words bit = Isa::Set(kPaddingBit, 0, 0, 0);
    const Words length = Isa::Set(0, 0, 0, kBits32Bytes);
    return Follow(state, bit, length);
  }

  static KERNEL_INLINE Block PairBlock(const State& state, const std::uint8_t* sibling) {
    return Follow(state, Isa::Load(sibling), Isa::Load(sibling + 16));
  }

  static KERNEL_INLINE Block NonceBlock(const ScanJob& job, std::uint32_t nonce) {
    Block block;
    for (std::uint32_t i = 0; i < N; i++) {
      block.streams[i] =
          PadHeader(Isa::Set(job.words[0], job.words[1], job.words[2], __builtin_bswap32(nonce + i)));
    }
    return block;
  }

  static KERNEL_INLINE void Compress(State& state, Block block) {
    State turned = state;
    AllRounds(turned, block, std::make_index_sequence<16>{});
    Add(state, turned);
  }

  static KERNEL_INLINE void Compress(State& state, const Sha256Schedule& schedule) {
    State turned = state;
    AllRounds(turned, schedule, std::make_index_sequence<16>{});
    Add(state, turned);
  }

  static KERNEL_INLINE void Store(const State& state, std::uint8_t* out) {
    for (std::size_t i = 0; i < N; i++) {
      Words abcd, efgh;
      Isa::Unpack(state.streams[i], abcd, efgh);
      Isa::Store(abcd, out + i * 32);
      Isa::Store(efgh, out + i * 32 + 16);
    }
  }

  static KERNEL_INLINE void TopWords(const State& state, std::uint32_t* out) {
    for (std::size_t i = 0; i < N; i++) {
      Words abcd, efgh;
      std::uint32_t words[4];
      Isa::Unpack(state.streams[i], abcd, efgh);
      Isa::StoreRaw(efgh, words);
      out[i] = words[3];
    }
  }

  /// For a group of one.
  static KERNEL_INLINE void StoreState(const State& state, Sha256State& out) {
    Words abcd, efgh;
    Isa::Unpack(state.streams[0], abcd, efgh);
    Isa::StoreRaw(abcd, out.data());
    Isa::StoreRaw(efgh, out.data() + 4);
  }

 private:
  // All rounds are unrolled and everything stays in registers: through memory, each round would wait for a store of the
  // one before (70 instead of 36 ns a block when tried).
  template <class Source, std::size_t... Quad>
  static KERNEL_INLINE void AllRounds(State& state, Source& source, std::index_sequence<Quad...>) {
    (FourRounds<Quad>(state, source), ...);
  }

  template <std::size_t Quad>
  static KERNEL_INLINE void FourRounds(State& state, Block& block) {
    Isa::FourRounds(state.streams[0], NextSum<Quad>(block.streams[0]));
    if constexpr (N == 2) Isa::FourRounds(state.streams[1], NextSum<Quad>(block.streams[1]));
  }

  template <std::size_t Quad>
  static KERNEL_INLINE void FourRounds(State& state, const Sha256Schedule& schedule) {
    const Words sum = Isa::LoadRaw(&schedule[Quad * 4]);
    Isa::FourRounds(state.streams[0], sum);
    if constexpr (N == 2) Isa::FourRounds(state.streams[1], sum);
  }

  /// Words and constants of four rounds; the window of sixteen words turns in place.
  template <std::size_t Quad>
  static KERNEL_INLINE Words NextSum(Message& message) {
    Words& words = message.words[Quad % 4];
    if constexpr (Quad >= 4) {
      words = Isa::Expand(words, message.words[(Quad + 1) % 4], message.words[(Quad + 2) % 4],
                          message.words[(Quad + 3) % 4]);
    }
    return Isa::Add(words, Isa::LoadRaw(&kSha256Rounds[Quad * 4]));
  }

  static KERNEL_INLINE void Add(State& state, const State& turned) {
    for (std::size_t i = 0; i < N; i++) Isa::AddTo(state.streams[i], turned.streams[i]);
  }

  static KERNEL_INLINE Message PadHeader(Words end) {
    return {end, Isa::Set(kPaddingBit, 0, 0, 0), Isa::Set(0, 0, 0, 0), Isa::Set(0, 0, 0, kBits80Bytes)};
  }

  /// The digests, and the same eight words after each.
  static KERNEL_INLINE Block Follow(const State& state, Words third, Words fourth) {
    Block block;
    for (std::size_t i = 0; i < N; i++) {
      Words* words = block.streams[i].words;
      Isa::Unpack(state.streams[i], words[0], words[1]);
      words[2] = third;
      words[3] = fourth;
    }
    return block;
  }
};

}  // namespace
}  // namespace penstock

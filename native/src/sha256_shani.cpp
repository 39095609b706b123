#include "sha256_kernels.h"

// SHA-256 with the x86 SHA extensions. sha256rnds2 has several cycles of latency and every round waits for the one
// before, so independent messages are computed in pairs wherever there are pairs.
#if defined(__x86_64__)

#include <immintrin.h>

#include <utility>

#include "cpu.h"

namespace penstock {
namespace {

// State and words must stay in registers: through memory, each round would wait for a store of the one before (70
// instead of 37 ns a block when tried).
#define KERNEL_INLINE [[gnu::always_inline]] inline

/// The state as sha256rnds2 wants it: words {f, e, b, a} and {h, g, d, c}, lowest lane first.
struct Registers {
  __m128i abef;
  __m128i cdgh;
};

/// A block of 16 words, lowest lane first.
struct Block {
  __m128i words[4];
};

KERNEL_INLINE Registers Pack(__m128i abcd, __m128i efgh) {
  const __m128i badc = _mm_shuffle_epi32(abcd, 0xb1);
  const __m128i hgfe = _mm_shuffle_epi32(efgh, 0x1b);
  return {_mm_alignr_epi8(badc, hgfe, 8), _mm_blend_epi16(hgfe, badc, 0xf0)};
}

KERNEL_INLINE Registers Load(const Sha256State& state) {
  const auto* words = reinterpret_cast<const __m128i*>(state.data());
  return Pack(_mm_loadu_si128(words), _mm_loadu_si128(words + 1));
}

struct Words {
  __m128i abcd;
  __m128i efgh;
};

KERNEL_INLINE Words Unpack(const Registers& registers) {
  const __m128i abef = _mm_shuffle_epi32(registers.abef, 0x1b);
  const __m128i ghcd = _mm_shuffle_epi32(registers.cdgh, 0xb1);
  return {_mm_blend_epi16(abef, ghcd, 0xf0), _mm_alignr_epi8(ghcd, abef, 8)};
}

KERNEL_INLINE __m128i SwapWordBytes(__m128i words) {
  return _mm_shuffle_epi8(words, _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
}

KERNEL_INLINE __m128i LoadWords(FixedBytes<16> bytes) {
  return SwapWordBytes(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes.data())));
}

KERNEL_INLINE Block LoadBlock(FixedBytes<64> bytes) {
  return {LoadWords(bytes.subspan<0, 16>()), LoadWords(bytes.subspan<16, 16>()),
          LoadWords(bytes.subspan<32, 16>()), LoadWords(bytes.subspan<48, 16>())};
}

KERNEL_INLINE __m128i Set(std::uint32_t w0, std::uint32_t w1, std::uint32_t w2, std::uint32_t w3) {
  return _mm_set_epi32(static_cast<int>(w3), static_cast<int>(w2), static_cast<int>(w1), static_cast<int>(w0));
}

/// Padding after 16 bytes of the last block, for the message length in bits; the first four words are the caller's.
KERNEL_INLINE Block PadAfter16(__m128i first, std::uint32_t bits) {
  return {first, Set(kPaddingBit, 0, 0, 0), _mm_setzero_si128(), Set(0, 0, 0, bits)};
}

KERNEL_INLINE Block Padding64() {
  return {Set(kPaddingBit, 0, 0, 0), _mm_setzero_si128(), _mm_setzero_si128(), Set(0, 0, 0, kBits64Bytes)};
}

/// The block that hashes a digest of 32 bytes.
KERNEL_INLINE Block DigestBlock(const Registers& digest) {
  const Words words = Unpack(digest);
  return {words.abcd, words.efgh, Set(kPaddingBit, 0, 0, 0), Set(0, 0, 0, kBits32Bytes)};
}

/// Rounds 4 * Quad … 4 * Quad + 3 for one message; its window of 16 words turns in place.
template <std::size_t Quad>
KERNEL_INLINE void FourRounds(Registers& state, Block& block) {
  __m128i& words = block.words[Quad % 4];
  if constexpr (Quad >= 4) {
    const __m128i& next = block.words[(Quad + 1) % 4];
    const __m128i& beforeLast = block.words[(Quad + 2) % 4];
    const __m128i& last = block.words[(Quad + 3) % 4];
    words = _mm_add_epi32(_mm_sha256msg1_epu32(words, next), _mm_alignr_epi8(last, beforeLast, 4));
    words = _mm_sha256msg2_epu32(words, last);
  }
  const auto* constants = reinterpret_cast<const __m128i*>(&kSha256Rounds[Quad * 4]);
  const __m128i sum = _mm_add_epi32(words, _mm_load_si128(constants));
  state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, sum);
  state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, _mm_shuffle_epi32(sum, 0x0e));
}

template <std::size_t N, std::size_t... Quads>
KERNEL_INLINE void AllRounds(std::array<Registers, N>& states, std::array<Block, N>& blocks,
                             std::index_sequence<Quads...>) {
  if constexpr (N == 1) {
    (FourRounds<Quads>(states[0], blocks[0]), ...);
  } else {
    static_assert(N == 2);
    ((FourRounds<Quads>(states[0], blocks[0]), FourRounds<Quads>(states[1], blocks[1])), ...);
  }
}

/// Folds one block into each of N independent states, step by step side by side.
template <std::size_t N>
KERNEL_INLINE void CompressLanes(std::array<Registers, N>& states, std::array<Block, N> blocks) {
  std::array<Registers, N> turned = states;
  AllRounds(turned, blocks, std::make_index_sequence<16>{});
  for (std::size_t lane = 0; lane < N; lane++) {
    states[lane].abef = _mm_add_epi32(states[lane].abef, turned[lane].abef);
    states[lane].cdgh = _mm_add_epi32(states[lane].cdgh, turned[lane].cdgh);
  }
}

template <std::size_t N>
KERNEL_INLINE std::array<Registers, N> InitialLanes() {
  std::array<Registers, N> states;
  states.fill(Load(kSha256Initial));
  return states;
}

template <std::size_t N>
KERNEL_INLINE std::array<Registers, N> HashDigests(const std::array<Registers, N>& digests) {
  std::array<Registers, N> states = InitialLanes<N>();
  std::array<Block, N> blocks;
  for (std::size_t lane = 0; lane < N; lane++) blocks[lane] = DigestBlock(digests[lane]);
  CompressLanes<N>(states, blocks);
  return states;
}

KERNEL_INLINE void StoreDigest(std::span<std::uint8_t, 32> out, const Registers& registers) {
  const Words words = Unpack(registers);
  auto* target = reinterpret_cast<__m128i*>(out.data());
  _mm_storeu_si128(target, SwapWordBytes(words.abcd));
  _mm_storeu_si128(target + 1, SwapWordBytes(words.efgh));
}

template <std::size_t N>
KERNEL_INLINE void Double64Lanes(std::span<std::uint8_t> out, Bytes in) {
  std::array<Registers, N> states = InitialLanes<N>();
  std::array<Block, N> blocks;
  for (std::size_t lane = 0; lane < N; lane++) blocks[lane] = LoadBlock(in.subspan(lane * 64).first<64>());
  CompressLanes<N>(states, blocks);
  blocks.fill(Padding64());
  CompressLanes<N>(states, blocks);
  states = HashDigests<N>(states);
  for (std::size_t lane = 0; lane < N; lane++) StoreDigest(out.subspan(lane * 32).first<32>(), states[lane]);
}

/// Top 32 bits of the double hash for each of N nonces from `nonce` on.
template <std::size_t N>
KERNEL_INLINE std::array<std::uint32_t, N> TopWords(const Registers& midstate, const ScanJob& job, std::uint32_t nonce) {
  std::array<Registers, N> states;
  states.fill(midstate);
  std::array<Block, N> blocks;
  for (std::size_t lane = 0; lane < N; lane++) {
    const std::uint32_t nonceWord = __builtin_bswap32(nonce + static_cast<std::uint32_t>(lane));
    blocks[lane] = PadAfter16(Set(job.words[0], job.words[1], job.words[2], nonceWord), kBits80Bytes);
  }
  CompressLanes<N>(states, blocks);
  states = HashDigests<N>(states);
  std::array<std::uint32_t, N> tops;
  for (std::size_t lane = 0; lane < N; lane++) {
    tops[lane] = __builtin_bswap32(static_cast<std::uint32_t>(_mm_cvtsi128_si32(states[lane].cdgh)));
  }
  return tops;
}

bool Supported() { return DetectCpu().sha; }

void Compress(Sha256State& state, Bytes blocks) {
  std::array<Registers, 1> lanes = {Load(state)};
  for (; blocks.size() >= 64; blocks = blocks.subspan(64)) CompressLanes<1>(lanes, {LoadBlock(blocks.first<64>())});
  const Words words = Unpack(lanes[0]);
  auto* target = reinterpret_cast<__m128i*>(state.data());
  _mm_storeu_si128(target, words.abcd);
  _mm_storeu_si128(target + 1, words.efgh);
}

void Double64(std::span<std::uint8_t> out, Bytes in) {
  for (; in.size() >= 128; in = in.subspan(128), out = out.subspan(64)) Double64Lanes<2>(out, in);
  if (in.size() >= 64) Double64Lanes<1>(out, in);
}

void Double80One(std::span<std::uint8_t, 32> out, FixedBytes<80> header) {
  std::array<Registers, 1> lanes = InitialLanes<1>();
  CompressLanes<1>(lanes, {LoadBlock(header.first<64>())});
  CompressLanes<1>(lanes, {PadAfter16(LoadWords(header.last<16>()), kBits80Bytes)});
  StoreDigest(out, HashDigests<1>(lanes)[0]);
}

void Double80(std::span<std::uint8_t> out, Bytes headers) {
  for (; headers.size() >= 80; headers = headers.subspan(80), out = out.subspan(32)) {
    Double80One(out.first<32>(), headers.first<80>());
  }
}

std::uint64_t Scan(const ScanJob& job, std::uint64_t first, std::uint64_t end) {
  const Registers midstate = Load(job.midstate);
  std::uint64_t nonce = first;
  for (; nonce + 2 <= end; nonce += 2) {
    const auto tops = TopWords<2>(midstate, job, static_cast<std::uint32_t>(nonce));
    if (tops[0] <= job.topLimit) return nonce;
    if (tops[1] <= job.topLimit) return nonce + 1;
  }
  if (nonce < end && TopWords<1>(midstate, job, static_cast<std::uint32_t>(nonce))[0] > job.topLimit) nonce++;
  return nonce;
}

}  // namespace

const Sha256Kernel kSha256ShaNi = {"sha-ni", Supported, Compress, Double64, Double80, Scan};

}  // namespace penstock

#endif

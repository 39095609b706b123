#include "sha256_kernels.h"

// SHA-256 as FIPS 180-4 writes it, in plain C++: the reference for the other kernels and the fallback everywhere.
namespace penstock {
namespace {

using Block = std::array<std::uint32_t, 16>;

/// Padding block of a message of 64 bytes.
constexpr Block kPadding64 = {kPaddingBit, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, kBits64Bytes};

inline std::uint32_t Choose(std::uint32_t e, std::uint32_t f, std::uint32_t g) { return g ^ (e & (f ^ g)); }
inline std::uint32_t Majority(std::uint32_t a, std::uint32_t b, std::uint32_t c) { return (a & b) | (c & (a | b)); }
inline std::uint32_t BigSigma0(std::uint32_t x) { return std::rotr(x, 2) ^ std::rotr(x, 13) ^ std::rotr(x, 22); }
inline std::uint32_t BigSigma1(std::uint32_t x) { return std::rotr(x, 6) ^ std::rotr(x, 11) ^ std::rotr(x, 25); }
inline std::uint32_t SmallSigma0(std::uint32_t x) { return std::rotr(x, 7) ^ std::rotr(x, 18) ^ (x >> 3); }
inline std::uint32_t SmallSigma1(std::uint32_t x) { return std::rotr(x, 17) ^ std::rotr(x, 19) ^ (x >> 10); }

/// One round with the roles of a…h as arguments: the next round shifts the names instead of the values.
inline void Round(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t& d, std::uint32_t e,
                  std::uint32_t f, std::uint32_t g, std::uint32_t& h, std::uint32_t wordAndConstant) {
  const std::uint32_t t1 = h + BigSigma1(e) + Choose(e, f, g) + wordAndConstant;
  d += t1;
  h = t1 + BigSigma0(a) + Majority(a, b, c);
}

void CompressWords(Sha256State& state, Block w) {
  auto [a, b, c, d, e, f, g, h] = state;
  for (std::size_t round = 0; round < 64; round += 16) {
    if (round > 0) {
      // In place: w[i] becomes the word 16 rounds on, from w[i-16], w[i-15], w[i-7] and w[i-2].
      for (std::size_t i = 0; i < 16; i++) {
        w[i] += SmallSigma0(w[(i + 1) % 16]) + w[(i + 9) % 16] + SmallSigma1(w[(i + 14) % 16]);
      }
    }
    for (std::size_t half = 0; half < 16; half += 8) {
      const std::uint32_t* k = &kSha256Rounds[round + half];
      const std::uint32_t* x = &w[half];
      Round(a, b, c, d, e, f, g, h, k[0] + x[0]);
      Round(h, a, b, c, d, e, f, g, k[1] + x[1]);
      Round(g, h, a, b, c, d, e, f, k[2] + x[2]);
      Round(f, g, h, a, b, c, d, e, k[3] + x[3]);
      Round(e, f, g, h, a, b, c, d, k[4] + x[4]);
      Round(d, e, f, g, h, a, b, c, k[5] + x[5]);
      Round(c, d, e, f, g, h, a, b, k[6] + x[6]);
      Round(b, c, d, e, f, g, h, a, k[7] + x[7]);
    }
  }
  const Sha256State sum = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < sum.size(); i++) state[i] += sum[i];
}

Block LoadBlock(FixedBytes<64> bytes) {
  Block words;
  for (std::size_t i = 0; i < words.size(); i++) words[i] = ReadBe32(bytes.subspan(i * 4).first<4>());
  return words;
}

/// SHA-256 of a digest of 32 bytes, given and returned as words.
Sha256State HashDigest(const Sha256State& digest) {
  Block words = {};
  for (std::size_t i = 0; i < digest.size(); i++) words[i] = digest[i];
  words[8] = kPaddingBit;
  words[15] = kBits32Bytes;
  Sha256State state = kSha256Initial;
  CompressWords(state, words);
  return state;
}

void StoreDigest(std::span<std::uint8_t, 32> out, const Sha256State& state) {
  for (std::size_t i = 0; i < state.size(); i++) WriteBe32(out.subspan(i * 4).first<4>(), state[i]);
}

bool Supported() { return true; }

void Compress(Sha256State& state, Bytes blocks) {
  for (; blocks.size() >= 64; blocks = blocks.subspan(64)) CompressWords(state, LoadBlock(blocks.first<64>()));
}

void Double64(std::span<std::uint8_t> out, Bytes in) {
  for (; in.size() >= 64; in = in.subspan(64), out = out.subspan(32)) {
    Sha256State state = kSha256Initial;
    CompressWords(state, LoadBlock(in.first<64>()));
    CompressWords(state, kPadding64);
    StoreDigest(out.first<32>(), HashDigest(state));
  }
}

void Double80One(std::span<std::uint8_t, 32> out, FixedBytes<80> header) {
  Sha256State state = kSha256Initial;
  CompressWords(state, LoadBlock(header.first<64>()));
  Block last = {};
  for (std::size_t i = 0; i < 4; i++) last[i] = ReadBe32(header.subspan(64 + i * 4).first<4>());
  last[4] = kPaddingBit;
  last[15] = kBits80Bytes;
  CompressWords(state, last);
  StoreDigest(out, HashDigest(state));
}

void Double80(std::span<std::uint8_t> out, Bytes headers) {
  for (; headers.size() >= 80; headers = headers.subspan(80), out = out.subspan(32)) {
    Double80One(out.first<32>(), headers.first<80>());
  }
}

std::uint64_t Scan(const ScanJob& job, std::uint64_t first, std::uint64_t end) {
  Block last = {job.words[0], job.words[1], job.words[2]};
  last[4] = kPaddingBit;
  last[15] = kBits80Bytes;
  for (std::uint64_t nonce = first; nonce < end; nonce++) {
    last[3] = __builtin_bswap32(static_cast<std::uint32_t>(nonce));
    Sha256State state = job.midstate;
    CompressWords(state, last);
    if (__builtin_bswap32(HashDigest(state)[7]) <= job.topLimit) return nonce;
  }
  return end;
}

}  // namespace

const Sha256Kernel kSha256Portable = {"portable", Supported, Compress, Double64, Double80, Scan};

}  // namespace penstock

#pragma once

#include <bit>
#include <vector>

#include "bytes.h"

// SHA-256 and what Bitcoin builds of it, as their definitions read: what the kernels are compared with. It shares no line
// with them.
namespace penstock::reference {

/// FIPS 180-4, 4.2.2 and 5.3.3: fractions of the square and cube roots of the first primes.
struct Constants {
  std::array<std::uint32_t, 8> initial;
  std::array<std::uint32_t, 64> rounds;
};

/// The first 32 bits of the fraction of a square or cube root, by bisection in whole numbers.
inline std::uint32_t RootFraction(std::uint32_t prime, int degree) {
  using Wide = unsigned __int128;
  std::uint64_t low = 0;
  std::uint64_t high = std::uint64_t{1} << 37;
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    const Wide power = degree == 2 ? Wide{middle} * middle : Wide{middle} * middle * middle;
    (power <= Wide{prime} << (32 * degree) ? low : high) = middle;
  }
  return static_cast<std::uint32_t>(low);
}

inline const Constants& TheConstants() {
  static const Constants constants = [] {
    Constants made;
    std::size_t count = 0;
    for (std::uint32_t candidate = 2; count < 64; candidate++) {
      bool prime = true;
      for (std::uint32_t divisor = 2; divisor * divisor <= candidate; divisor++) prime &= candidate % divisor != 0;
      if (!prime) continue;
      if (count < 8) made.initial[count] = RootFraction(candidate, 2);
      made.rounds[count++] = RootFraction(candidate, 3);
    }
    return made;
  }();
  return constants;
}

// Left as it is: watched, it would take most of the time, and lead the fuzzer nowhere.
[[clang::no_sanitize("address", "undefined", "coverage")]] inline void Compress(std::array<std::uint32_t, 8>& state, FixedBytes<64> block) {
  std::array<std::uint32_t, 64> w;
  for (std::size_t t = 0; t < 16; t++) w[t] = ReadBe32(block.subspan(4 * t).first<4>());
  for (std::size_t t = 16; t < 64; t++) {
    const std::uint32_t s0 = std::rotr(w[t - 15], 7) ^ std::rotr(w[t - 15], 18) ^ (w[t - 15] >> 3);
    const std::uint32_t s1 = std::rotr(w[t - 2], 17) ^ std::rotr(w[t - 2], 19) ^ (w[t - 2] >> 10);
    w[t] = w[t - 16] + s0 + w[t - 7] + s1;
  }
  auto [a, b, c, d, e, f, g, h] = state;
  for (std::size_t t = 0; t < 64; t++) {
    const std::uint32_t t1 = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + ((e & f) ^ (~e & g)) +
                             TheConstants().rounds[t] + w[t];
    const std::uint32_t t2 =
        (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  const std::array<std::uint32_t, 8> added = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; i++) state[i] += added[i];
}

inline Hash Sha256(Bytes message) {
  std::vector<std::uint8_t> padded(message.begin(), message.end());
  padded.push_back(0x80);
  while (padded.size() % 64 != 56) padded.push_back(0);
  for (int shift = 56; shift >= 0; shift -= 8) {
    padded.push_back(static_cast<std::uint8_t>(std::uint64_t{message.size()} * 8 >> shift));
  }
  std::array<std::uint32_t, 8> state = TheConstants().initial;
  for (std::size_t at = 0; at < padded.size(); at += 64) Compress(state, Bytes(padded).subspan(at).first<64>());
  Hash hash;
  for (std::size_t i = 0; i < 8; i++) WriteBe32(std::span(hash).subspan(4 * i).first<4>(), state[i]);
  return hash;
}

inline Hash Sha256d(Bytes message) { return Sha256(Sha256(message)); }

inline Hash HashPair(const Hash& left, const Hash& right) {
  std::vector<std::uint8_t> both(left.begin(), left.end());
  both.insert(both.end(), right.begin(), right.end());
  return Sha256d(both);
}

/// Of all txids, the coinbase's first.
inline Hash MerkleRoot(std::vector<Hash> level) {
  while (level.size() > 1) {
    if (level.size() % 2 == 1) level.push_back(level.back());
    std::vector<Hash> above;
    for (std::size_t i = 0; i < level.size(); i += 2) above.push_back(HashPair(level[i], level[i + 1]));
    level = above;
  }
  return level.front();
}

/// a <= b as 256-bit integers, least significant byte first.
inline bool LessOrEqual(const Hash& a, const Hash& b) {
  for (std::size_t i = 32; i-- > 0;) {
    if (a[i] != b[i]) return a[i] < b[i];
  }
  return true;
}

}  // namespace penstock::reference

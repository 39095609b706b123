#include "sha256_lanes.h"

// Plain C++, one message at a time: the reference for the other kernels and the fallback everywhere.
namespace penstock {
namespace {

struct Plain {
  static constexpr std::size_t kLanes = 1;
  using Words = std::uint32_t;

  static Words Spread(std::uint32_t word) { return word; }
  template <int N>
  static Words Rotate(Words x) {
    return std::rotr(x, N);
  }
  static Words Xor(Words a, Words b, Words c) { return a ^ b ^ c; }
  static Words Choose(Words e, Words f, Words g) { return g ^ (e & (f ^ g)); }
  static Words Majority(Words a, Words b, Words c) { return (a & b) | (c & (a | b)); }

  static void Load(Words* words, const std::uint8_t* in, std::size_t) {
    for (std::size_t i = 0; i < 8; i++) words[i] = ReadBe32(FixedBytes<4>(in + i * 4, 4));
  }
  static void Store(const Words* words, std::uint8_t* out) {
    for (std::size_t i = 0; i < 8; i++) WriteBe32(std::span<std::uint8_t, 4>(out + i * 4, 4), words[i]);
  }
};

bool Supported() { return true; }

}  // namespace

const Sha256Kernel kSha256Portable = GroupKernel<NoRest, Use<LaneGroup<Plain>>>::Table("portable", Supported);

}  // namespace penstock

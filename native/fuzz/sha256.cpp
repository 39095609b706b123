// Every kernel computes SHA-256: messages of any length, merkle steps and headers of any number, and the search.
#include "sha256.h"

#include "fuzz.h"
#include "reference.h"

namespace penstock {
namespace {

using Many = std::vector<std::uint8_t>;

Many HashAll(const Many& messages, std::size_t length) {
  Many hashes;
  for (std::size_t at = 0; at < messages.size(); at += length) {
    const Hash hash = reference::Sha256d(Bytes(messages).subspan(at, length));
    hashes.insert(hashes.end(), hash.begin(), hash.end());
  }
  return hashes;
}

/// The whole units at the front of the bytes.
Many UnitsOf(const Many& bytes, std::size_t length) {
  return {bytes.begin(), bytes.end() - static_cast<std::ptrdiff_t>(bytes.size() % length)};
}

void TestMessage(const Many& message) {
  const Hash expected = reference::Sha256(message);
  const Hash twice = reference::Sha256d(message);
  for (const Sha256Kernel* kernel : UsableKernels()) {
    CHECK(Sha256(*kernel, message) == expected);
    CHECK(Sha256d(*kernel, message) == twice);
  }
}

void TestPairs(const Many& pairs) {
  const Many expected = HashAll(pairs, 64);
  for (const Sha256Kernel* kernel : UsableKernels()) {
    Many apart(pairs.size() / 2);
    kernel->double64(apart, pairs);
    CHECK(apart == expected);
    Many inPlace = pairs;
    kernel->double64(std::span(inPlace).first(pairs.size() / 2), inPlace);
    CHECK(std::equal(expected.begin(), expected.end(), inPlace.begin()));
  }
}

void TestHeaders(const Many& headers) {
  const Many expected = HashAll(headers, 80);
  for (const Sha256Kernel* kernel : UsableKernels()) {
    Many hashes(headers.size() / 80 * 32);
    kernel->double80(hashes, headers);
    CHECK(hashes == expected);
  }
}

/// A target so easy that a nonce of the few is often among those that meet it.
void TestScan(Many header, std::uint32_t topLimit, std::uint64_t first, std::uint64_t count) {
  const std::uint64_t end = std::min(first + count, std::uint64_t{1} << 32);
  std::uint64_t expected = first;
  for (; expected < end; expected++) {
    WriteLe32(std::span(header).subspan(76).first<4>(), static_cast<std::uint32_t>(expected));
    if (ReadLe32(FixedBytes<32>(reference::Sha256d(header)).last<4>()) <= topLimit) break;
  }
  std::array<std::uint32_t, 8> midstate = reference::TheConstants().initial;
  reference::Compress(midstate, Bytes(header).first<64>());
  ScanJob job = {midstate, {}, topLimit};
  for (std::size_t i = 0; i < 3; i++) job.words[i] = ReadBe32(Bytes(header).subspan(64 + 4 * i).first<4>());
  for (const Sha256Kernel* kernel : UsableKernels()) CHECK(kernel->scan(job, first, end) == expected);
}

void Test(Input input) {
  const std::uint8_t kind = input.Byte() % 4;
  if (kind == 0) TestMessage(input.Rest());
  if (kind == 1) TestPairs(UnitsOf(input.Rest(), 64));
  if (kind == 2) TestHeaders(UnitsOf(input.Rest(), 80));
  if (kind != 3) return;
  const std::uint32_t topLimit = input.Word();
  const std::uint32_t first = input.Word();
  const std::size_t count = input.UpTo(40);
  TestScan(input.Make(80), topLimit, first, count);
}

const Target kTarget("sha256", [](Bytes bytes) { Test(Input(bytes)); });

}  // namespace
}  // namespace penstock

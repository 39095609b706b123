// Runs the core under the sanitizers, on its own: test/unit/native/sanitizers.test.ts builds and starts it. Inputs lie in
// heap blocks of exactly their size, so that one byte too many is seen. Values are compared with plain code or with the
// portable kernel; known answers and the rules of judging are tested from JavaScript.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>
#include <set>
#include <vector>

#include "aead.h"
#include "cpu.h"
#include "crc32c.h"
#include "frame_transport.h"
#include "judge.h"
#include "merkle.h"
#include "scan.h"
#include "sha256_kernels.h"
#include "share_record.h"
#include "share_rows.h"
#include "u256.h"

namespace penstock {
namespace {

#define CHECK(condition) Check((condition), #condition, __LINE__)

void Check(bool holds, const char* what, int line) {
  if (holds) return;
  std::fprintf(stderr, "core_test.cpp:%d: %s does not hold\n", line, what);
  std::exit(1);
}

class Random {
 public:
  std::uint64_t Word() { return engine_(); }
  /// Both bounds included.
  std::size_t Between(std::size_t least, std::size_t most) { return least + engine_() % (most - least + 1); }

  /// Its memory ends where it ends.
  std::vector<std::uint8_t> Make(std::size_t length) {
    std::vector<std::uint8_t> bytes(length);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(engine_());
    return bytes;
  }

  template <std::size_t Length>
  std::array<std::uint8_t, Length> Fixed() {
    std::array<std::uint8_t, Length> bytes;
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(engine_());
    return bytes;
  }

 private:
  std::mt19937_64 engine_{20090103};
};

void TestMessages(const Sha256Kernel& kernel, Random& random) {
  for (std::size_t length = 0; length <= 400; length++) {
    const auto data = random.Make(length);
    CHECK(Sha256d(kernel, data) == Sha256d(kSha256Portable, data));
  }
}

void TestMerkleSteps(const Sha256Kernel& kernel, Random& random) {
  for (std::size_t count = 0; count <= 40; count++) {
    auto pairs = random.Make(count * 64);
    std::vector<std::uint8_t> apart(count * 32);
    kernel.double64(apart, pairs);
    for (std::size_t i = 0; i < count; i++) {
      const Hash expected = Sha256d(kSha256Portable, Bytes(pairs).subspan(i * 64, 64));
      CHECK(std::equal(expected.begin(), expected.end(), apart.begin() + static_cast<std::ptrdiff_t>(i * 32)));
    }
    kernel.double64(std::span(pairs).first(count * 32), pairs);
    CHECK(std::equal(apart.begin(), apart.end(), pairs.begin()));
  }
}

void TestHeaders(const Sha256Kernel& kernel, Random& random) {
  for (std::size_t count = 0; count <= 40; count++) {
    const auto headers = random.Make(count * 80);
    std::vector<std::uint8_t> hashes(count * 32);
    kernel.double80(hashes, headers);
    for (std::size_t i = 0; i < count; i++) {
      const Hash expected = Sha256d(kSha256Portable, Bytes(headers).subspan(i * 80, 80));
      CHECK(std::equal(expected.begin(), expected.end(), hashes.begin() + static_cast<std::ptrdiff_t>(i * 32)));
    }
  }
}

void TestMerkleTrees(const Sha256Kernel& kernel, Random& random) {
  for (std::size_t count = 0; count <= 70; count++) {
    const auto txids = random.Make(count * 32);
    const std::vector<Hash> branch = MerkleBranch(kernel, txids);
    CHECK(branch == MerkleBranch(kSha256Portable, txids));
    std::vector<std::uint8_t> flat;
    for (const Hash& element : branch) flat.insert(flat.end(), element.begin(), element.end());
    const Hash coinbase = random.Fixed<32>();
    CHECK(MerkleRoot(kernel, coinbase, flat) == MerkleRoot(kSha256Portable, coinbase, flat));
  }
}

void TestScans(const Sha256Kernel& kernel, Random& random) {
  for (int round = 0; round < 300; round++) {
    const auto header = random.Fixed<80>();
    Hash target = random.Fixed<32>();
    target[31] = static_cast<std::uint8_t>(random.Between(0, 8));
    const auto first = static_cast<std::uint32_t>(round % 4 == 0 ? 0xffffffff - random.Between(0, 50) : random.Word());
    const std::uint64_t count = random.Between(0, 120);
    CHECK(ScanNonces(kernel, header, target, first, count) ==
          ScanNonces(kSha256Portable, header, target, first, count));
  }
}

void TestCrc32c(Random& random) {
  for (std::size_t length = 0; length <= 300; length++) {
    const auto data = random.Make(length);
    std::uint32_t plain = 0xffffffff;
    for (const std::uint8_t byte : data) {
      plain ^= byte;
      for (int bit = 0; bit < 8; bit++) plain = (plain >> 1) ^ ((plain & 1) != 0 ? 0x82f63b78 : 0);
    }
    CHECK(Crc32cTable(data) == ~plain);
    CHECK(Crc32c(data) == ~plain);
#if defined(__x86_64__)
    if (DetectCpu().sse42) CHECK(Crc32cSse42(data) == ~plain);
#endif
  }
}

void TestComparison(Random& random) {
  const auto plain = [](const Hash& a, const Hash& b) {
    return !std::lexicographical_compare(b.rbegin(), b.rend(), a.rbegin(), a.rend());
  };
  for (int round = 0; round < 2'000; round++) {
    const Hash a = random.Fixed<32>();
    Hash b = a;
    if (round % 8 != 0) b[random.Between(0, 31)] = static_cast<std::uint8_t>(random.Word());
    CHECK(LessOrEqual(a, b) == plain(a, b));
    CHECK(LessOrEqual(b, a) == plain(b, a));
  }
}

Submission RandomSubmission(Random& random) {
  auto bytes = random.Make(SubmissionLayout::kSize);
  if (random.Between(0, 1) == 0) {  // one that breaks no rule
    std::fill(bytes.begin() + SubmissionLayout::kVersionMask, bytes.end(), std::uint8_t{0xff});
    std::fill_n(bytes.begin() + SubmissionLayout::kFlags, 8, std::uint8_t{0});  // and the least ntime
    if (random.Between(0, 1) == 0) bytes[SubmissionLayout::kFlags] = kWholeVersionFlag;
  }
  return ReadSubmission(Bytes(bytes).first<SubmissionLayout::kSize>());
}

/// The coinbase with extranonces as they stand in it.
std::vector<std::uint8_t> CoinbaseOf(Bytes coinbase1, Bytes extranonce1, Bytes extranonce2, Bytes coinbase2) {
  std::vector<std::uint8_t> coinbase;
  for (const Bytes part : {coinbase1, extranonce1, extranonce2, coinbase2}) {
    coinbase.insert(coinbase.end(), part.begin(), part.end());
  }
  return coinbase;
}

void TestJobs(const Sha256Kernel& kernel, Random& random, std::size_t extranonce2Length) {
  for (std::size_t length1 = 0; length1 <= 140; length1++) {
    const auto coinbase1 = random.Make(length1);
    const auto coinbase2 = random.Make(random.Between(0, 200));
    const auto branch = random.Make(32 * random.Between(0, 5));
    const Hash previousHash = random.Fixed<32>();
    const Hash networkTarget = random.Fixed<32>();
    const PreparedJob job(kernel, {.version = 0x20000000,
                                   .previousHash = previousHash,
                                   .bits = 0x1d00ffff,
                                   .minTime = 0,
                                   .coinbase1 = coinbase1,
                                   .coinbase2 = coinbase2,
                                   .extranonce2Length = extranonce2Length,
                                   .merkleBranch = branch,
                                   .networkTarget = networkTarget,
                                   .tipNumber = 1});
    SeenWindow seen(10, {random.Word(), random.Word()});
    const Submission submission = RandomSubmission(random);
    const Verdict verdict = Judge(kernel, job, seen, submission);

    const auto coinbase = CoinbaseOf(coinbase1, submission.extranonce1,
                                     Bytes(submission.extranonce2).first(extranonce2Length), coinbase2);
    const Hash root = MerkleRoot(kSha256Portable, Sha256d(kSha256Portable, coinbase), branch);
    CHECK(std::equal(root.begin(), root.end(), verdict.header.begin() + 36));
    const std::uint32_t version = submission.wholeVersion ? submission.version : 0x20000000 | submission.version;
    CHECK(ReadLe32(std::span(verdict.header).first<4>()) == version);
    CHECK(verdict.hash == Sha256d(kSha256Portable, verdict.header));
    CHECK(seen.size() == (verdict.refusal == Refusal::kNone ? 1 : 0));

    std::vector<std::uint8_t> out(VerdictLayout::kSize);
    WriteVerdict(std::span(out).first<VerdictLayout::kSize>(), verdict);
    const Verdict again = Judge(kernel, job, seen, submission);
    CHECK(again.refusal == (verdict.refusal == Refusal::kNone ? Refusal::kDuplicate : verdict.refusal));
  }
}

/// Side by side or alone, apart or back to back, every choice has the root of its own coinbase.
void TestRoots(const Sha256Kernel& kernel, Random& random, std::size_t extranonce2Length) {
  const Hash hash = {};
  for (std::size_t count = 0; count <= 40; count++) {
    const auto coinbase1 = random.Make(random.Between(0, 140));
    const auto coinbase2 = random.Make(random.Between(0, 200));
    const auto branch = random.Make(32 * random.Between(0, 5));
    const PreparedJob job(kernel, {.version = 0,
                                   .previousHash = hash,
                                   .bits = 0,
                                   .minTime = 0,
                                   .coinbase1 = coinbase1,
                                   .coinbase2 = coinbase2,
                                   .extranonce2Length = extranonce2Length,
                                   .merkleBranch = branch,
                                   .networkTarget = hash,
                                   .tipNumber = 1});
    std::vector<Extranonces> choices(count);
    for (Extranonces& choice : choices) choice = {random.Fixed<4>(), random.Fixed<16>()};
    std::vector<Hash> roots(count);
    job.Roots(kernel, choices, roots);
    std::vector<std::uint8_t> backToBack;
    for (std::size_t i = 0; i < count; i++) {
      const Bytes extranonce2 = Bytes(choices[i].extranonce2).first(extranonce2Length);
      const auto coinbase = CoinbaseOf(coinbase1, choices[i].extranonce1, extranonce2, coinbase2);
      const auto extranonces = CoinbaseOf({}, choices[i].extranonce1, extranonce2, {});
      backToBack.insert(backToBack.end(), extranonces.begin(), extranonces.end());
      CHECK(roots[i] == MerkleRoot(kSha256Portable, Sha256d(kSha256Portable, coinbase), branch));
      CHECK(roots[i] == job.Root(kernel, choices[i]));
    }
    backToBack.shrink_to_fit();
    CHECK(backToBack.size() == count * job.extranoncesLength());
    std::vector<std::uint8_t> flat(count * 32);
    job.Roots(kernel, Bytes(backToBack), std::span(flat));
    for (std::size_t i = 0; i < count; i++) {
      CHECK(std::equal(roots[i].begin(), roots[i].end(), flat.begin() + static_cast<std::ptrdiff_t>(i * 32)));
    }
  }
}

/// Against a std::set, with hashes as an attacker would like them: free-slot marks, equal halves, all in one place.
void TestSeenWindow(SeenWindow::Seed seed, Random& random) {
  constexpr std::size_t kMax = 3'000;
  const std::array<Hash, 3> blocks = {random.Fixed<32>(), random.Fixed<32>(), random.Fixed<32>()};
  std::array<std::set<Hash>, 3> plain;
  std::array<std::uint64_t, 3> newest = {};
  SeenWindow seen(kMax, seed);
  std::uint64_t oldest = 0;
  for (std::uint64_t step = 0; step < 20'000; step++) {
    const std::size_t block = random.Between(0, 2);
    const std::uint64_t number = oldest + random.Between(0, 2);
    const SeenWindow::Tip tip = {number, blocks[block]};
    Hash hash = random.Fixed<32>();
    std::fill_n(hash.begin() + 2, 14, std::uint8_t{0});
    if (step % 2 == 0) hash[1] = hash[0] = 0;
    hash[8] = static_cast<std::uint8_t>(step % 64);
    std::fill(hash.begin() + 16, hash.end(), std::uint8_t{0});

    const bool known = plain[block].contains(hash);
    CHECK(seen.Contains(tip, hash) == known);
    if (!plain[block].empty()) newest[block] = std::max(newest[block], number);
    if (!known) {
      const std::size_t held = plain[0].size() + plain[1].size() + plain[2].size();
      CHECK(seen.size() == held);
      CHECK(seen.Insert(tip, hash) == (held < kMax));
      if (held < kMax) {
        plain[block].insert(hash);
        newest[block] = std::max(newest[block], number);
      }
    }
    if (step % 4'000 == 3'999) {
      oldest = number + random.Between(0, 2);
      seen.ForgetBefore(oldest);
      CHECK(oldest == 0 || seen.Forgotten(oldest - 1));
      CHECK(!seen.Forgotten(oldest));
      for (std::size_t i = 0; i < 3; i++) {
        if (newest[i] < oldest) plain[i].clear(), newest[i] = 0;
      }
    }
  }
}

/// A journal record of few names and targets; now and then one of its bytes is changed, and its checksum not always.
std::vector<std::uint8_t> MakeRecord(std::uint64_t sequence, Random& random) {
  const std::size_t account = random.Between(0, 20);
  const std::size_t worker = random.Between(0, 3) == 0 ? random.Between(0, 255) : random.Between(0, 5);
  std::vector<std::uint8_t> record((128 + account + worker + 7) / 8 * 8);
  const auto put = [&record](std::size_t offset, std::uint64_t value, std::size_t length) {
    std::memcpy(record.data() + offset, &value, length);
  };
  put(4, record.size(), 4);
  put(8, sequence, 8);
  put(20, 7, 4);  // epoch
  put(24, random.Between(1, 6) == 1 ? 2 : 1, 1);
  put(25, random.Between(1, 2), 1);
  put(26, random.Between(0, 1), 1);
  put(27, account, 1);
  put(28, worker, 1);
  put(32, 1'700'000'000'000 + random.Between(0, 200'000), 8);
  put(72, random.Between(1, 3), 1);
  std::fill_n(record.begin() + 128, account + worker, 'a');
  if (random.Between(1, 10) == 1) record[random.Between(0, record.size() - 1)] ^= 1 << random.Between(0, 7);
  if (random.Between(1, 20) > 1) put(0, Crc32c(Bytes(record).subspan(4)), 4);
  return record;
}

/// Records of both protocols, in their exact room, are what the survey takes as sound.
void TestShareRecords(Random& random) {
  std::vector<std::uint8_t> bytes;
  std::uint64_t sequence = 0;
  for (const Protocol protocol : {Protocol::kV1, Protocol::kV2}) {
    for (const bool solo : {false, true}) {
      const Hash hash = random.Fixed<32>();
      const std::array<std::uint8_t, 16> work = {9};
      const ShareRecord record = {.epoch = 7,
                                  .sequence = ++sequence,
                                  .index = 0,
                                  .timeMs = 1'700'000'000'000,
                                  .hash = hash,
                                  .target = hash,
                                  .work = work,
                                  .height = 800'000,
                                  .protocol = protocol,
                                  .solo = solo,
                                  .account = "account",
                                  .worker = "worker"};
      std::vector<std::uint8_t> out(ShareRecordLength(record.account, record.worker));
      CHECK(WriteShareRecord(out, record) == out.size());
      CHECK(out[25] == (protocol == Protocol::kV1 ? 1 : 2));
      CHECK(out[26] == (solo ? 2 : 0));
      bytes.insert(bytes.end(), out.begin(), out.end());
    }
  }
  const auto survey = SurveyRecords(bytes, {7, 1, 10}, random.Word());
  CHECK(survey.length == bytes.size() && survey.shares == 4);
}

/// Stretches that are cut and changed anywhere; rows that are written of other records and groups than were surveyed.
void TestShareRows(Random& random) {
  std::size_t surveyed = 0;
  for (int round = 0; round < 5'000; round++) {
    std::vector<std::uint8_t> bytes;
    for (std::size_t left = random.Between(0, 11), sequence = 1; left > 0; left--, sequence++) {
      const auto record = MakeRecord(sequence, random);
      bytes.insert(bytes.end(), record.begin(), record.end());
    }
    if (random.Between(0, 2) == 0) bytes.resize(random.Between(0, bytes.size()));
    bytes.shrink_to_fit();
    const auto survey = SurveyRecords(bytes, {7, 1, random.Between(0, 15)}, random.Word());
    surveyed += survey.groupOf.size();

    std::vector<std::uint8_t> fields;
    std::vector<std::uint32_t> ends;
    for (std::size_t group = 0; group < survey.groups.size(); group++) {
      fields.resize(fields.size() + random.Between(0, 40));
      ends.push_back(static_cast<std::uint32_t>(fields.size()));
    }
    std::vector<std::uint32_t> groupOf = survey.groupOf;
    const bool same = random.Between(0, 1) == 0;
    if (!same && !groupOf.empty()) {
      groupOf[random.Between(0, groupOf.size() - 1)] = static_cast<std::uint32_t>(random.Between(0, ends.size()));
    }
    if (!same && !bytes.empty()) bytes[random.Between(0, bytes.size() - 1)] ^= 1 << random.Between(0, 7);
    if (!same) bytes.resize(random.Between(0, bytes.size())), bytes.shrink_to_fit();
    const auto length = ShareRowsLength(groupOf, {fields, ends});
    CHECK(length.has_value() || !same);
    if (!length.has_value()) continue;
    std::vector<std::uint8_t> out(*length);
    CHECK(WriteShareRows(out, bytes, groupOf, {fields, ends}, 5) || !same);
  }
  CHECK(surveyed > 10'000);
}

/// The library's own writes are seen by no sanitizer: so what lies behind the room for `length` bytes must stay as it
/// was.
class Fenced {
 public:
  explicit Fenced(std::size_t length) : length_(length), bytes_(length + kFence, kMark) {}

  std::span<std::uint8_t> all() { return bytes_; }
  std::span<std::uint8_t> room() { return all().first(length_); }
  bool isSound() { return std::ranges::count(all().subspan(length_), kMark) == kFence; }

 private:
  static constexpr std::ptrdiff_t kFence = 64;
  static constexpr std::uint8_t kMark = 0xa5;
  std::size_t length_;
  std::vector<std::uint8_t> bytes_;
};

/// Parts of every length up to some hundred bytes and the longest, of two keys by turns; then under another number, and
/// with one bit changed.
void TestAead(Aead& aead, Random& random) {
  const std::array<AeadKey, 2> keys = {random.Fixed<32>(), random.Fixed<32>()};
  std::vector<std::size_t> lengths(300);
  std::iota(lengths.begin(), lengths.end(), 0);
  lengths.push_back(kMaxBlock);
  for (const std::size_t length : lengths) {
    const AeadKey& key = keys[length % 3 == 0 ? 1 : 0];
    const std::uint64_t counter = random.Word();
    const auto plain = random.Make(length);
    Fenced written(length + kMacLength);
    CHECK(aead.Seal(key, counter, plain, written.all()));
    CHECK(written.isSound());
    // Its memory ends where it ends.
    std::vector<std::uint8_t> sealed(written.room().begin(), written.room().end());
    Fenced opened(length);
    CHECK(aead.Open(key, counter, sealed, opened.all()));
    CHECK(std::ranges::equal(opened.room(), plain));
    CHECK(!aead.Open(key, counter + 1, sealed, opened.all()));
    sealed[random.Between(0, sealed.size() - 1)] ^= 1 << random.Between(0, 7);
    CHECK(!aead.Open(key, counter, sealed, opened.all()));
    CHECK(opened.isSound());
  }
}

// This program is linked with no OpenSSL, as if Node exported none: it has a cipher only where a library is put before
// it.
void TestAead(bool isExpected, Random& random) {
  const auto aead = CreateAead();
  CHECK((aead != nullptr) == isExpected);
  if (aead != nullptr) TestAead(*aead, random);
}

int Run(bool isAeadExpected) {
  Random random;
  for (const Sha256Kernel* kernel : UsableKernels()) {
    CHECK(FindKernel(kernel->name) == kernel);
    CHECK(SelfTest(*kernel));
    TestMessages(*kernel, random);
    TestMerkleSteps(*kernel, random);
    TestHeaders(*kernel, random);
    TestMerkleTrees(*kernel, random);
    TestScans(*kernel, random);
    for (const std::size_t extranonce2Length : {kExtranonce2Length, kWideExtranonce2Length}) {
      TestJobs(*kernel, random, extranonce2Length);
      TestRoots(*kernel, random, extranonce2Length);
    }
    std::printf("%s\n", kernel->name);
  }
  CHECK(FindKernel("abacus") == nullptr);
  TestCrc32c(random);
  TestComparison(random);
  TestShareRecords(random);
  TestShareRows(random);
  TestSeenWindow({random.Word(), random.Word()}, random);
  TestSeenWindow({0, 0}, random);  // the worst seed: half of these hashes have one place
  TestAead(isAeadExpected, random);
  return 0;
}

}  // namespace
}  // namespace penstock

/// @param arguments `aead` if a library with a cipher was put before this program.
int main(int count, char** arguments) {
  return penstock::Run(count > 1 && std::strcmp(arguments[1], "aead") == 0);
}

#include "share_rows.h"

#include <algorithm>

#include "crc32c.h"

namespace penstock {
namespace {

/// Offsets within a record, see src/journal/format.ts.
struct At {
  static constexpr std::size_t kChecksum = 0, kLength = 4, kSequence = 8, kEpoch = 20, kKind = 24, kProtocol = 25,
                               kFlags = 26, kNames = 27, kTime = 32, kHash = 40, kTarget = 72, kHeight = 120,
                               kText = 128;
};
constexpr std::uint8_t kShare = 1;
constexpr std::uint8_t kBlock = 2;
constexpr std::uint8_t kBlockFlag = 1;
constexpr std::uint8_t kSoloFlag = 2;
/// In the year 2255: its microseconds are still exact in JavaScript's numbers, by which the reference computes.
constexpr std::uint64_t kMaxTimeMs = 9'000'000'000'000;
constexpr std::uint64_t kMinuteMs = 60'000;

std::uint32_t Le32At(Bytes bytes, std::size_t offset) { return ReadLe32(bytes.subspan(offset).first<4>()); }
std::uint64_t Le64At(Bytes bytes, std::size_t offset) { return ReadLe64(bytes.subspan(offset).first<8>()); }

/// The record at the start of `bytes` if it is whole and its length is that of its names; else nothing.
Bytes WholeRecord(Bytes bytes) {
  if (bytes.size() < At::kText) return {};
  const std::size_t length = Le32At(bytes, At::kLength);
  const std::size_t names = std::size_t{bytes[At::kNames]} + bytes[At::kNames + 1];
  if (length != ((At::kText + names + 7) & ~std::size_t{7}) || length > bytes.size()) return {};
  return bytes.first(length);
}

bool IsUsual(Bytes record) {
  if (Le64At(record, At::kTime) > kMaxTimeMs) return false;
  const std::uint8_t flags = record[At::kFlags];
  if (record[At::kKind] == kBlock) return (flags & ~kSoloFlag) == 0;
  return record[At::kKind] == kShare && (record[At::kProtocol] == 1 || record[At::kProtocol] == 2) &&
         (flags & ~(kBlockFlag | kSoloFlag)) == 0;
}

/// Groups by what their records have in common: names (and how long each is), scheme, target and work. Open addressing, at most
/// half full.
class Groups {
 public:
  Groups(Bytes bytes, std::size_t maxRecords, std::uint64_t seed)
      : bytes_(bytes), seed_(seed | 1), slots_(std::bit_ceil(2 * maxRecords + 2), kNoGroup) {}

  /// Its group; a new one if there is none.
  std::uint32_t Find(Bytes record, std::uint32_t offset) {
    for (std::size_t slot = HashOf(record) & (slots_.size() - 1);; slot = (slot + 1) & (slots_.size() - 1)) {
      if (slots_[slot] == kNoGroup) {
        slots_[slot] = static_cast<std::uint32_t>(offsets_.size());
        offsets_.push_back(offset);
        return slots_[slot];
      }
      if (IsSame(record, bytes_.subspan(offsets_[slots_[slot]]))) return slots_[slot];
    }
  }

  std::vector<std::uint32_t> TakeOffsets() { return std::move(offsets_); }

 private:
  /// Both halves of a 128-bit product: a secret factor spreads over all bits.
  static std::uint64_t Mix(std::uint64_t left, std::uint64_t right) {
    const auto product = static_cast<unsigned __int128>(left) * right;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }

  std::uint64_t HashOf(Bytes record) const {
    constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
    std::uint64_t hash = seed_ ^ (record[At::kNames] | std::uint64_t{SchemeOf(record)} << 8);
    const auto add = [&](std::size_t from, std::size_t to) {
      for (std::size_t at = from; at < to; at += 8) hash = Mix(hash ^ Le64At(record, at), seed_ + at) + kOdd;
    };
    add(At::kTarget, At::kHeight);
    add(At::kText, record.size());
    return hash;
  }

  static std::uint8_t SchemeOf(Bytes record) { return record[At::kFlags] & kSoloFlag; }

  static bool IsSame(Bytes record, Bytes other) {
    const auto equal = [&](std::size_t from, std::size_t to) {
      return std::memcmp(record.data() + from, other.data() + from, to - from) == 0;
    };
    return SchemeOf(record) == SchemeOf(other) && equal(At::kNames, At::kNames + 2) && equal(At::kTarget, At::kHeight) && equal(At::kText, record.size());
  }

  Bytes bytes_;
  std::uint64_t seed_;
  std::vector<std::uint32_t> slots_;
  std::vector<std::uint32_t> offsets_;
};

/// Counts shares in runs and parts.
class Counter {
 public:
  explicit Counter(RecordSurvey& survey) : survey_(survey) {}

  void Share(std::uint64_t minute, std::uint32_t group) {
    if (!open_ || survey_.runs.back().minute != minute) Open(minute);
    if (group >= partOf_.size()) partOf_.resize(group + 1, {0, 0});
    auto& [run, part] = partOf_[group];
    if (run != survey_.runs.size()) {
      run = survey_.runs.size();
      part = static_cast<std::uint32_t>(survey_.parts.size());
      survey_.parts.push_back({group, 0});
      survey_.runs.back().parts++;
    }
    survey_.parts[part].shares++;
    survey_.shares++;
  }

  void Block(std::uint64_t minute) {
    Open(minute);
    open_ = false;
  }

 private:
  /// At the record that is about to be counted.
  void Open(std::uint64_t minute) {
    const auto record = static_cast<std::uint32_t>(survey_.groupOf.size());
    survey_.runs.push_back({minute, record, static_cast<std::uint32_t>(survey_.length), 0});
    open_ = true;
  }

  struct Place {
    /// Number of the run, from 1, in which the group was seen last, and its part there.
    std::size_t run;
    std::uint32_t part;
  };

  RecordSurvey& survey_;
  bool open_ = false;
  std::vector<Place> partOf_;
};

/// All of COPY's body that is not a row: signature, flags and extension before, the end after.
constexpr std::array<std::uint8_t, 19> kHead = {'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xff, '\r', '\n'};
constexpr std::array<std::uint8_t, 2> kTail = {0xff, 0xff};

/// A share's own fields with their lengths before them, ready to be filled in.
struct Row {
  static constexpr std::uint16_t kColumns = 5;
  static constexpr std::size_t kHash = 6, kSequence = 42, kTime = 54, kProtocol = 66, kBlock = 72, kSize = 73;
  static constexpr std::array<std::uint8_t, kSize> kEmpty = [] {
    std::array<std::uint8_t, kSize> row = {};
    row[kHash - 1] = 32;
    row[kSequence - 1] = 8;
    row[kTime - 1] = 8;
    row[kProtocol - 1] = 2;
    row[kBlock - 1] = 1;
    return row;
  }();
};

/// 2000-01-01, where Postgres' time begins.
constexpr std::uint64_t kPostgresEpochMs = 946'684'800'000;

void WriteBe64(std::uint8_t* to, std::uint64_t value) {
  value = __builtin_bswap64(value);
  std::memcpy(to, &value, sizeof value);
}

void WriteOwnFields(std::uint8_t* row, Bytes record, std::uint16_t columns) {
  std::memcpy(row, Row::kEmpty.data(), Row::kSize);
  row[0] = static_cast<std::uint8_t>(columns >> 8);
  row[1] = static_cast<std::uint8_t>(columns);
  std::memcpy(row + Row::kHash, record.data() + At::kHash, 32);
  WriteBe64(row + Row::kSequence, Le64At(record, At::kSequence));
  // Modulo 2^64: earlier times come out negative, as they should.
  WriteBe64(row + Row::kTime, (Le64At(record, At::kTime) - kPostgresEpochMs) * 1000);
  row[Row::kProtocol + 1] = record[At::kProtocol];
  row[Row::kBlock] = record[At::kFlags] & kBlockFlag;
}

}  // namespace

RecordSurvey SurveyRecords(Bytes bytes, const RecordRange& range, std::uint64_t seed) {
  bytes = bytes.first(std::min(bytes.size(), kMaxSurveyBytes));
  const std::size_t maxRecords = std::min(range.maxRecords, bytes.size() / At::kText);
  RecordSurvey survey;
  survey.groupOf.reserve(maxRecords);
  Groups groups(bytes, maxRecords, seed);
  Counter counter(survey);
  while (survey.groupOf.size() < maxRecords && survey.runs.size() + survey.parts.size() < kMaxRunsAndParts) {
    const Bytes record = WholeRecord(bytes.subspan(survey.length));
    if (record.empty() || Le32At(record, At::kEpoch) != range.epoch) break;
    if (Le64At(record, At::kSequence) != range.sequence + survey.groupOf.size()) break;
    if (Le32At(record, At::kChecksum) != Crc32c(record.subspan(At::kLength)) || !IsUsual(record)) break;
    const std::uint64_t minute = Le64At(record, At::kTime) / kMinuteMs;
    std::uint32_t group = kNoGroup;
    if (record[At::kKind] == kShare) {
      group = groups.Find(record, static_cast<std::uint32_t>(survey.length));
      counter.Share(minute, group);
    } else {
      counter.Block(minute);
    }
    survey.groupOf.push_back(group);
    survey.length += record.size();
  }
  survey.groups = groups.TakeOffsets();
  return survey;
}

std::optional<std::size_t> ShareRowsLength(std::span<const std::uint32_t> groupOf, const GroupFields& groups) {
  std::uint32_t start = 0;
  for (const std::uint32_t end : groups.ends) {
    if (end < start || end > groups.bytes.size()) return std::nullopt;
    start = end;
  }
  std::size_t length = kHead.size() + kTail.size();
  for (const std::uint32_t group : groupOf) {
    if (group == kNoGroup) continue;
    if (group >= groups.ends.size()) return std::nullopt;
    length += Row::kSize + groups.ends[group] - (group == 0 ? 0 : groups.ends[group - 1]);
  }
  return length;
}

bool WriteShareRows(std::span<std::uint8_t> out, Bytes records, std::span<const std::uint32_t> groupOf,
                    const GroupFields& groups, std::uint16_t groupColumns) {
  const auto columns = static_cast<std::uint16_t>(Row::kColumns + groupColumns);
  CopyBytes(out, kHead);
  std::size_t at = kHead.size();
  for (const std::uint32_t group : groupOf) {
    const Bytes record = WholeRecord(records);
    if (record.empty() || (record[At::kKind] == kShare) != (group != kNoGroup)) return false;
    records = records.subspan(record.size());
    if (group == kNoGroup) continue;
    const std::uint32_t start = group == 0 ? 0 : groups.ends[group - 1];
    const Bytes fields = groups.bytes.subspan(start, groups.ends[group] - start);
    WriteOwnFields(out.subspan(at, Row::kSize).data(), record, columns);
    CopyBytes(out.subspan(at + Row::kSize), fields);
    at += Row::kSize + fields.size();
  }
  CopyBytes(out.subspan(at), kTail);
  return true;
}

std::optional<bool> InsertShares(SeenWindow& seen, const SeenWindow::Tip& tip, std::uint32_t height, Bytes records) {
  while (!records.empty()) {
    const Bytes record = WholeRecord(records);
    if (record.empty()) return std::nullopt;
    records = records.subspan(record.size());
    if (record[At::kKind] != kShare || Le32At(record, At::kHeight) != height) continue;
    Hash hash;
    CopyBytes(hash, record.subspan<At::kHash, 32>());
    if (!seen.InsertOnce(tip, hash)) return false;
  }
  return true;
}

}  // namespace penstock

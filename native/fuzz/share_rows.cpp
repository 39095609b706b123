// Records as the journal holds them, whole, damaged, or sound and strange: the survey reads within its bytes, counts what
// stands there, stops only where it must, and the rows are written into exactly the room that they were said to need.
#include "share_rows.h"

#include <map>
#include <string>

#include "crc32c.h"
#include "fuzz.h"
#include "share_record.h"

namespace penstock {
namespace {

constexpr std::size_t kMaxRecords = 48;
constexpr std::uint32_t kEpoch = 5;

struct Journal {
  std::vector<std::uint8_t> bytes;
  /// Shares at the front that are as the journal writes them.
  std::size_t sound = 0;
};

std::string Name(Input& input) {
  // A few names that repeat, and some of any length.
  const std::uint8_t kind = input.Byte();
  return kind < 200 ? std::string(1, static_cast<char>('a' + kind % 4)) : std::string(input.UpTo(kMaxRecordText), 'x');
}

void AppendRecord(Journal& journal, Input& input, std::uint64_t sequence, bool& allSound) {
  const Hash hash = input.Fixed<32>();
  Hash target = {};
  target[0] = input.Byte() % 3;
  const std::array<std::uint8_t, 16> work = {target[0]};
  const std::string account = Name(input);
  const std::string worker = Name(input);
  const std::uint64_t timeMs = 1'700'000'000'000 + input.UpTo(40'000) * 10;
  const std::uint32_t height = input.Word();
  const ShareRecord record = {.epoch = kEpoch,
                              .sequence = sequence,
                              .index = 0,
                              .timeMs = timeMs,
                              .hash = hash,
                              .target = target,
                              .work = work,
                              .height = height,
                              .protocol = height % 4 < 2 ? Protocol::kV1 : Protocol::kV2,
                              .solo = height % 2 == 1,
                              .account = account,
                              .worker = worker};
  std::vector<std::uint8_t> bytes(ShareRecordLength(account, worker));
  WriteShareRecord(bytes, record);
  const std::uint8_t damage = input.Byte();
  if (damage > 240) {
    bytes[input.UpTo(bytes.size() - 1)] ^= static_cast<std::uint8_t>(1 + input.UpTo(254));
    // Half of them with a checksum that matches: what no disk, but a faulty writer would leave.
    if (damage % 2 == 0) WriteLe32(std::span(bytes).first<4>(), Crc32cTable(Bytes(bytes).subspan(4)));
    allSound = false;
  }
  journal.bytes.insert(journal.bytes.end(), bytes.begin(), bytes.end());
  if (allSound) journal.sound++;
}

Journal MakeJournal(Input& input, std::uint64_t sequence) {
  Journal journal;
  bool allSound = true;
  const std::size_t count = input.UpTo(kMaxRecords);
  for (std::size_t i = 0; i < count; i++) AppendRecord(journal, input, sequence + i, allSound);
  const std::vector<std::uint8_t> rest = input.Rest();
  journal.bytes.insert(journal.bytes.end(), rest.begin(), rest.end());
  journal.bytes.shrink_to_fit();
  return journal;
}

void CheckSurvey(const RecordSurvey& survey, const Journal& journal, std::size_t maxRecords) {
  CHECK(survey.length <= journal.bytes.size());
  CHECK(survey.groupOf.size() <= maxRecords);
  CHECK(survey.groupOf.size() >= std::min(journal.sound, maxRecords));
  for (const std::uint32_t offset : survey.groups) CHECK(offset + kRecordFixedLength <= survey.length);
  std::vector<std::uint32_t> shares(survey.groups.size());
  for (const std::uint32_t group : survey.groupOf) {
    if (group == kNoGroup) continue;
    CHECK(group < shares.size());
    shares[group]++;
  }
  std::size_t part = 0;
  std::uint32_t counted = 0;
  for (const auto& run : survey.runs) {
    CHECK(run.record < survey.groupOf.size() && run.offset < survey.length);
    CHECK(run.parts <= survey.parts.size() - part);
    for (std::size_t end = part + run.parts; part < end; part++) {
      CHECK(shares.at(survey.parts[part].group) >= survey.parts[part].shares);
      shares[survey.parts[part].group] -= survey.parts[part].shares;
      counted += survey.parts[part].shares;
    }
  }
  CHECK(part == survey.parts.size() && counted == survey.shares);
  CHECK(std::ranges::all_of(shares, [](std::uint32_t left) { return left == 0; }));
}

/// What shares of a group have in common: names, scheme, target and work.
std::string KeyOf(Bytes record) {
  std::string key(record.begin() + 72, record.begin() + 120);
  key.append(record.begin() + 27, record.begin() + 29);
  key.push_back(static_cast<char>(record[26] & 2));
  return key.append(record.begin() + kRecordFixedLength, record.end());
}

/// Every share has the group of its like, and of no others; what was surveyed has a checksum that matches.
void CheckGroups(const RecordSurvey& survey, Bytes bytes) {
  std::map<std::string, std::uint32_t> groups;
  std::size_t at = 0;
  for (const std::uint32_t group : survey.groupOf) {
    const Bytes record = bytes.subspan(at, ReadLe32(bytes.subspan(at + 4).first<4>()));
    CHECK(ReadLe32(record.first<4>()) == Crc32cTable(record.subspan(4)));
    if (group != kNoGroup) {
      const auto [known, isNew] = groups.emplace(KeyOf(record), group);
      CHECK(known->second == group && (!isNew || survey.groups[group] == at));
    }
    at += record.size();
  }
  CHECK(at == survey.length && groups.size() == survey.groups.size());
}

void CheckRows(const RecordSurvey& survey, const Journal& journal, std::uint8_t odd) {
  std::vector<std::uint8_t> fields;
  std::vector<std::uint32_t> ends;
  for (std::size_t group = 0; group < survey.groups.size(); group++) {
    fields.insert(fields.end(), group % 5, static_cast<std::uint8_t>(group));
    ends.push_back(static_cast<std::uint32_t>(fields.size()));
  }
  fields.shrink_to_fit();
  const GroupFields groups = {fields, ends};
  const auto length = ShareRowsLength(survey.groupOf, groups);
  CHECK(length.has_value());
  std::vector<std::uint8_t> rows(*length);
  const Bytes records = Bytes(journal.bytes).first(survey.length);
  CHECK(WriteShareRows(rows, records, survey.groupOf, groups, 3));

  // Records that are not those which were surveyed: refused, or the same length; never a byte too far.
  std::vector<std::uint8_t> others(records.begin(), records.end());
  if (!others.empty()) others[odd % others.size()] ^= odd;
  WriteShareRows(rows, others, survey.groupOf, groups, 3);
  const Bytes fewer = records.first(records.size() - std::min<std::size_t>(odd, records.size()));
  WriteShareRows(rows, fewer, survey.groupOf, groups, 3);
}

/// The window gets the shares of one height and no others, and never a byte too far is read.
void CheckInserted(const RecordSurvey& survey, const Journal& journal, std::uint8_t odd) {
  const Bytes records = Bytes(journal.bytes).first(survey.length);
  const std::uint32_t height = records.empty() ? 0 : ReadLe32(records.subspan(120).first<4>());
  const Hash block = {};
  SeenWindow seen(kMaxRecords + 10 + survey.groupOf.size(), {1, 2});
  CHECK(InsertShares(seen, {1, block}, height, records) == true);
  CHECK(seen.size() <= survey.shares);
  const std::size_t size = seen.size();
  CHECK(InsertShares(seen, {1, block}, height, records) == true);
  CHECK(seen.size() == size);
  if (size > 0) {
    SeenWindow full(size - 1, {1, 2});
    CHECK(InsertShares(full, {1, block}, height, records) == false);
  }
  InsertShares(seen, {1, block}, height, records.first(records.size() - std::min<std::size_t>(odd, records.size())));
}

void Test(Input input) {
  const std::uint64_t sequence = input.Word();
  const std::size_t maxRecords = input.UpTo(kMaxRecords + 10);
  const std::uint64_t seed = input.LongWord();
  const std::uint8_t odd = input.Byte();
  const Journal journal = MakeJournal(input, sequence);
  const RecordSurvey survey = SurveyRecords(journal.bytes, {kEpoch, sequence, maxRecords}, seed);
  CheckSurvey(survey, journal, maxRecords);
  CheckGroups(survey, journal.bytes);
  CheckRows(survey, journal, odd);
  CheckInserted(survey, journal, odd);
}

const Target kTarget("share_rows", [](Bytes bytes) { Test(Input(bytes)); });

}  // namespace
}  // namespace penstock

#pragma once

#include <optional>
#include <vector>

#include "bytes.h"
#include "seen_window.h"

namespace penstock {

/// What a batch of journal records says, without an object for each: shares that agree in all but hash, time, height,
/// protocol and block flag (so also in their scheme) are a group; shares of one group in one minute are counted together.
struct RecordSurvey {
  /// Shares of one minute that follow each other, or one block record (parts == 0).
  struct Run {
    /// Of the records' own time, since 1970.
    std::uint64_t minute;
    /// The first record: which one, and where.
    std::uint32_t record;
    std::uint32_t offset;
    /// How many of `parts`, which runs take in turn.
    std::uint32_t parts;
  };
  struct Part {
    std::uint32_t group;
    std::uint32_t shares;
  };

  /// Bytes of the records together.
  std::size_t length = 0;
  std::uint32_t shares = 0;
  /// Of each record; kNoGroup for a block's.
  std::vector<std::uint32_t> groupOf;
  /// Where the first record of each group stands.
  std::vector<std::uint32_t> groups;
  std::vector<Run> runs;
  /// In the order in which the groups come up in their run.
  std::vector<Part> parts;
};

inline constexpr std::uint32_t kNoGroup = 0xffffffff;
/// More bytes than this are not surveyed at once.
inline constexpr std::size_t kMaxSurveyBytes = 0x40000000;

/// A survey ends with so many runs and parts together: each of them is work for JavaScript.
inline constexpr std::size_t kMaxRunsAndParts = 4'096;

/// Which records are asked for.
struct RecordRange {
  std::uint32_t epoch;
  /// Of the first one.
  std::uint64_t sequence;
  std::size_t maxRecords;
};

/// Reads records from the start of `bytes`, whose layout src/journal/format.ts draws, as long as each is whole, has a
/// matching checksum, stands at its sequence, and is a share or a block of usual content. It stops before anything else
/// without a word: src/journal/codec.ts is the reference and says then what stands there. `seed` is a secret that decides
/// where groups are kept, lest somebody choose names that crowd one place.
RecordSurvey SurveyRecords(Bytes bytes, const RecordRange& range, std::uint64_t seed);

/// The fields that all shares of a group have in common, as they stand in a row, group after group.
struct GroupFields {
  Bytes bytes;
  /// Where each group's end.
  std::span<const std::uint32_t> ends;
};

/// Bytes that WriteShareRows writes; nullopt if a record's group or a group's fields do not exist.
std::optional<std::size_t> ShareRowsLength(std::span<const std::uint32_t> groupOf, const GroupFields& groups);

/// Writes the surveyed shares as the whole body of a COPY in Postgres' binary format, as src/ledger/share-rows.ts does.
/// Each row is: hash, sequence, time, protocol, block, then the fields of its group, `groupColumns` of them. `out` has
/// ShareRowsLength bytes. False if the records are not those that were surveyed; what is written then is of no use.
bool WriteShareRows(std::span<std::uint8_t> out, Bytes records, std::span<const std::uint32_t> groupOf,
                    const GroupFields& groups, std::uint16_t groupColumns);

/// Adds the hashes of the surveyed shares of this height to the window, as ones of this tip; those that it holds already
/// change nothing. False if the window is full before all are in; nullopt if the records are not ones that were surveyed.
std::optional<bool> InsertShares(SeenWindow& seen, const SeenWindow::Tip& tip, std::uint32_t height, Bytes records);

}  // namespace penstock

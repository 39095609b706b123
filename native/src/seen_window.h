#pragma once

#include <memory>
#include <vector>

#include "bytes.h"

namespace penstock {

/// Hashes of accepted shares, so that one proof is credited once.
///
/// Remembered are the lower 128 bits of a hash: those that no target bounds. To have a share of one's own refused as
/// another's duplicate takes a chance of 2^-128 a pair; two shares of one's own that agree take 2^64 hashes to find and
/// cost their finder one of them. No choice of shares credits one twice, since equal hashes always have equal parts.
/// Where an entry lies is decided by a secret seed, so that nobody can choose shares that crowd one place.
///
/// Entries are grouped by the block that they build on, which their headers name, so equal hashes meet even if the chain
/// left a tip and came back to it under a new number. Nothing is evicted: when `maxEntries` are held, insertion fails
/// and the share must be refused. Memory follows the entries (22 to 43 bytes each) and returns with ForgetBefore.
class SeenWindow {
 public:
  struct Seed {
    std::uint64_t low;
    std::uint64_t high;
  };
  /// The tip that a share builds on.
  struct Tip {
    std::uint64_t number;
    const Hash& previousHash;
  };

  SeenWindow(std::size_t maxEntries, Seed seed) : maxEntries_(maxEntries), seed_(seed) {}

  bool Contains(const Tip& tip, const Hash& hash);
  /// Has memory fetched that Contains and Insert will need for this hash: it is in no cache, and may come meanwhile.
  void Prefetch(const Tip& tip, const Hash& hash);
  /// False if the window is full or no memory is to be had. The hash must not be held yet.
  bool Insert(const Tip& tip, const Hash& hash);
  /// The same for a hash that may be held already: then nothing changes.
  bool InsertOnce(const Tip& tip, const Hash& hash) { return Contains(tip, hash) || Insert(tip, hash); }
  /// Drops the entries of blocks last seen as a tip below `tipNumber`.
  void ForgetBefore(std::uint64_t tipNumber);
  /// Whether hashes of that tip may have been dropped, so that a repetition would go unnoticed.
  bool Forgotten(std::uint64_t tipNumber) const { return tipNumber < forgottenBefore_; }

  std::size_t size() const { return size_; }
  /// Memory of the entries, used and free.
  std::size_t bytes() const;

 private:
  struct Key {
    std::uint64_t low;
    std::uint64_t high;
    bool operator==(const Key&) const = default;
  };

  /// Open addressing with linear probing, at most three quarters full; doubles. The place comes with each call.
  class Table {
   public:
    bool Contains(const Key& key, std::uint64_t place) const;
    void Prefetch(std::uint64_t place) const;
    /// Throws std::bad_alloc, and then is unchanged. `placeOf` gives the places of the keys that move when it grows.
    template <typename Places>
    void Insert(const Key& key, std::uint64_t place, const Places& placeOf);
    std::size_t size() const { return size_; }
    std::size_t capacity() const { return capacity_; }

   private:
    std::size_t SlotFor(const Key& key, std::uint64_t place) const;
    template <typename Places>
    void Grow(const Places& placeOf);

    std::unique_ptr<Key[]> slots_;
    std::size_t capacity_ = 0;  // a power of two, or 0
    std::size_t size_ = 0;
  };

  /// Many small tables instead of one: doubling one of them moves a 64th of the entries, so no share waits for all.
  static constexpr unsigned kTableBits = 6;
  struct Group {
    std::uint64_t tipNumber;
    Hash previousHash;
    std::array<Table, std::size_t{1} << kTableBits> tables;
  };

  static Key KeyOf(const Hash& hash);
  std::uint64_t PlaceOf(const Key& key) const;
  static Table& TableFor(Group& group, std::uint64_t place) { return group.tables[place >> (64 - kTableBits)]; }
  /// The group of a block, marked as seen under this tip's number; nullptr if there is none.
  Group* FindGroup(const Tip& tip);
  Group& AddGroup(const Tip& tip);

  std::size_t maxEntries_;
  Seed seed_;
  std::size_t size_ = 0;
  std::uint64_t forgottenBefore_ = 0;
  /// Oldest first. A group is made by its first entry, so there are at most as many as entries.
  std::vector<std::unique_ptr<Group>> groups_;
};

}  // namespace penstock

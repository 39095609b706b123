#include "seen_window.h"

#include <algorithm>
#include <new>

namespace penstock {
namespace {

constexpr std::size_t kFirstCapacity = 16;

}  // namespace

bool SeenWindow::Contains(const Tip& tip, const Hash& hash) {
  Group* group = FindGroup(tip);
  if (group == nullptr) return false;
  const Key key = KeyOf(hash);
  const std::uint64_t place = PlaceOf(key);
  return TableFor(*group, place).Contains(key, place);
}

void SeenWindow::Prefetch(const Tip& tip, const Hash& hash) {
  Group* group = FindGroup(tip);
  if (group == nullptr) return;
  const std::uint64_t place = PlaceOf(KeyOf(hash));
  TableFor(*group, place).Prefetch(place);
}

bool SeenWindow::Insert(const Tip& tip, const Hash& hash) {
  if (size_ >= maxEntries_) return false;
  try {
    Group* found = FindGroup(tip);
    Group& group = found != nullptr ? *found : AddGroup(tip);
    const Key key = KeyOf(hash);
    const std::uint64_t place = PlaceOf(key);
    TableFor(group, place).Insert(key, place, [this](const Key& moved) { return PlaceOf(moved); });
  } catch (const std::bad_alloc&) {
    return false;
  }
  size_++;
  return true;
}

void SeenWindow::ForgetBefore(std::uint64_t tipNumber) {
  forgottenBefore_ = std::max(forgottenBefore_, tipNumber);
  std::erase_if(groups_, [this](const auto& group) { return group->tipNumber < forgottenBefore_; });
  size_ = 0;
  for (const auto& group : groups_) {
    for (const Table& table : group->tables) size_ += table.size();
  }
}

std::size_t SeenWindow::bytes() const {
  std::size_t total = 0;
  for (const auto& group : groups_) {
    total += sizeof(Group);
    for (const Table& table : group->tables) total += table.capacity() * sizeof(Key);
  }
  return total;
}

SeenWindow::Key SeenWindow::KeyOf(const Hash& hash) {
  const FixedBytes<32> bytes = hash;
  Key key = {ReadLe64(bytes.subspan<0, 8>()), ReadLe64(bytes.subspan<8, 8>())};
  // Zero marks a free slot; it and 1 share one meaning, which is as unlikely as any other collision.
  if (key == Key{}) key.low = 1;
  return key;
}

/// The 128-bit product of the seeded halves, folded: each bit of the place depends on the secret and on all of the key.
std::uint64_t SeenWindow::PlaceOf(const Key& key) const {
  using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(key.low ^ seed_.low) * (key.high ^ seed_.high);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

SeenWindow::Group* SeenWindow::FindGroup(const Tip& tip) {
  // The newest comes first: nearly every share builds on it.
  for (auto group = groups_.rbegin(); group != groups_.rend(); ++group) {
    if ((*group)->previousHash != tip.previousHash) continue;
    (*group)->tipNumber = std::max((*group)->tipNumber, tip.number);
    return group->get();
  }
  return nullptr;
}

SeenWindow::Group& SeenWindow::AddGroup(const Tip& tip) {
  auto group = std::make_unique<Group>();
  group->tipNumber = tip.number;
  group->previousHash = tip.previousHash;
  groups_.push_back(std::move(group));
  return *groups_.back();
}

bool SeenWindow::Table::Contains(const Key& key, std::uint64_t place) const {
  return capacity_ > 0 && slots_[SlotFor(key, place)] == key;
}

void SeenWindow::Table::Prefetch(std::uint64_t place) const {
  if (capacity_ > 0) __builtin_prefetch(&slots_[place & (capacity_ - 1)], 1);
}

template <typename Places>
void SeenWindow::Table::Insert(const Key& key, std::uint64_t place, const Places& placeOf) {
  if ((size_ + 1) * 4 > capacity_ * 3) Grow(placeOf);
  slots_[SlotFor(key, place)] = key;
  size_++;
}

/// The slot that holds the key, or the free one where it belongs. There always is one: the table is never full.
std::size_t SeenWindow::Table::SlotFor(const Key& key, std::uint64_t place) const {
  std::size_t slot = place & (capacity_ - 1);
  while (slots_[slot] != Key{} && slots_[slot] != key) slot = (slot + 1) & (capacity_ - 1);
  return slot;
}

template <typename Places>
void SeenWindow::Table::Grow(const Places& placeOf) {
  Table larger;
  larger.capacity_ = capacity_ == 0 ? kFirstCapacity : capacity_ * 2;
  larger.slots_ = std::make_unique<Key[]>(larger.capacity_);
  for (std::size_t slot = 0; slot < capacity_; slot++) {
    const Key& key = slots_[slot];
    if (key != Key{}) larger.slots_[larger.SlotFor(key, placeOf(key))] = key;
  }
  larger.size_ = size_;
  *this = std::move(larger);
}

}  // namespace penstock

#include "share_record.h"

#include <algorithm>

#include "crc32c.h"

namespace penstock {
namespace {

constexpr std::uint8_t kShareKind = 1;
constexpr std::uint8_t kSoloFlag = 2;

Bytes BytesOf(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

void WriteLe64(std::span<std::uint8_t, 8> bytes, std::uint64_t value) {
  WriteLe32(bytes.first<4>(), static_cast<std::uint32_t>(value));
  WriteLe32(bytes.last<4>(), static_cast<std::uint32_t>(value >> 32));
}

}  // namespace

std::size_t ShareRecordLength(std::string_view account, std::string_view worker) {
  return (kRecordFixedLength + account.size() + worker.size() + 7) / 8 * 8;
}

std::size_t WriteShareRecord(std::span<std::uint8_t> out, const ShareRecord& record) {
  const std::size_t length = ShareRecordLength(record.account, record.worker);
  const std::span<std::uint8_t> bytes = out.first(length);
  const auto fixed = bytes.first<kRecordFixedLength>();
  WriteLe32(fixed.subspan<4, 4>(), static_cast<std::uint32_t>(length));
  WriteLe64(fixed.subspan<8, 8>(), record.sequence);
  WriteLe32(fixed.subspan<16, 4>(), record.index);
  WriteLe32(fixed.subspan<20, 4>(), record.epoch);
  fixed[24] = kShareKind;
  fixed[25] = static_cast<std::uint8_t>(record.protocol);
  fixed[26] = record.solo ? kSoloFlag : 0;  // no block
  fixed[27] = static_cast<std::uint8_t>(record.account.size());
  fixed[28] = static_cast<std::uint8_t>(record.worker.size());
  std::ranges::fill(fixed.subspan<29, 3>(), std::uint8_t{0});
  WriteLe64(fixed.subspan<32, 8>(), record.timeMs);
  CopyBytes(fixed.subspan<40, 32>(), record.hash);
  CopyBytes(fixed.subspan<72, 32>(), record.target);
  CopyBytes(fixed.subspan<104, 16>(), record.work);
  WriteLe32(fixed.subspan<120, 4>(), record.height);
  WriteLe32(fixed.subspan<124, 4>(), 0);
  const std::span<std::uint8_t> text = bytes.subspan(kRecordFixedLength);
  CopyBytes(text, BytesOf(record.account));
  CopyBytes(text.subspan(record.account.size()), BytesOf(record.worker));
  std::ranges::fill(text.subspan(record.account.size() + record.worker.size()), std::uint8_t{0});
  WriteLe32(fixed.first<4>(), Crc32c(bytes.subspan(4)));
  return length;
}

}  // namespace penstock

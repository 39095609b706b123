#include "crc32c.h"

#include "cpu.h"

namespace penstock {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // 0x1edc6f41, bits reversed

using Table = std::array<std::uint32_t, 256>;

/// tables[n][b]: the checksum of byte b followed by n zero bytes ("slicing by 8").
constexpr std::array<Table, 8> MakeTables() {
  std::array<Table, 8> tables = {};
  for (std::uint32_t byte = 0; byte < 256; byte++) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t zeros = 1; zeros < tables.size(); zeros++) {
    for (std::size_t byte = 0; byte < 256; byte++) {
      const std::uint32_t crc = tables[zeros - 1][byte];
      tables[zeros][byte] = (crc >> 8) ^ tables[0][crc & 0xff];
    }
  }
  return tables;
}

constexpr std::array<Table, 8> kTables = MakeTables();

using Function = std::uint32_t (*)(Bytes);

Function Choose() {
#if defined(__x86_64__)
  if (DetectCpu().sse42) return Crc32cSse42;
#endif
  return Crc32cTable;
}

}  // namespace

std::uint32_t Crc32c(Bytes data) {
  static const Function chosen = Choose();
  return chosen(data);
}

std::uint32_t Crc32cTable(Bytes data) {
  std::uint32_t crc = 0xffffffff;
  for (; data.size() >= 8; data = data.subspan(8)) {
    const std::uint64_t word = ReadLe64(data.first<8>()) ^ crc;
    crc = 0;
    for (std::size_t i = 0; i < 8; i++) crc ^= kTables[7 - i][(word >> (8 * i)) & 0xff];
  }
  for (const std::uint8_t byte : data) crc = (crc >> 8) ^ kTables[0][(crc ^ byte) & 0xff];
  return ~crc;
}

}  // namespace penstock

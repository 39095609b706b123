#include "work.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

#include "scan.h"

namespace bench {
namespace {

using penstock::Hash;

[[noreturn]] void Unreadable(std::string_view what, std::string_view line) {
  throw std::runtime_error("cannot read " + std::string(what) + ": " + std::string(line.substr(0, 300)));
}

/// All strings of the line after its key "params".
std::vector<std::string_view> StringsOf(std::string_view line) {
  constexpr std::string_view key = "\"params\":";
  std::size_t at = line.find(key);
  if (at == std::string_view::npos) Unreadable("params", line);
  at += key.size();
  std::vector<std::string_view> strings;
  for (;;) {
    const std::size_t start = line.find('"', at);
    if (start == std::string_view::npos) return strings;
    const std::size_t end = line.find('"', start + 1);
    if (end == std::string_view::npos) Unreadable("a string", line);
    strings.push_back(line.substr(start + 1, end - start - 1));
    at = end + 1;
  }
}

std::vector<std::uint8_t> BytesOf(std::string_view hex) {
  std::vector<std::uint8_t> bytes(hex.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); i++) {
    const char* digits = hex.data() + 2 * i;
    if (std::from_chars(digits, digits + 2, bytes[i], 16).ptr != digits + 2) Unreadable("hex", hex);
  }
  return bytes;
}

std::uint32_t NumberOf(std::string_view hex) {
  std::uint32_t number = 0;
  if (std::from_chars(hex.begin(), hex.end(), number, 16).ptr != hex.end()) Unreadable("a number", hex);
  return number;
}

constexpr std::size_t kLanes = 64;

}  // namespace

NotifyHead ReadNotifyHead(std::string_view line) {
  const std::size_t params = line.find("\"params\":[\"");
  if (params == std::string_view::npos) Unreadable("a job", line);
  const std::size_t id = params + 11;
  const std::size_t hash = line.find('"', id) + 3;
  if (hash + 64 > line.size()) Unreadable("a job", line);
  return {line.substr(hash, 64), line.find(",[],") == std::string_view::npos, line.ends_with("true]}")};
}

Work ReadNotify(const penstock::Sha256Kernel& kernel, std::string_view line) {
  const std::vector<std::string_view> strings = StringsOf(line);
  if (strings.size() < 7 || strings[1].size() != 64) Unreadable("a job", line);
  const std::size_t branchEnd = strings.size() - 3;

  std::vector<std::uint8_t> previousHash = BytesOf(strings[1]);
  // V1 sends it as eight words, each with its bytes swapped.
  for (std::size_t i = 0; i < previousHash.size(); i += 4) {
    std::swap(previousHash[i], previousHash[i + 3]);
    std::swap(previousHash[i + 1], previousHash[i + 2]);
  }
  const std::vector<std::uint8_t> coinbase1 = BytesOf(strings[2]);
  const std::vector<std::uint8_t> coinbase2 = BytesOf(strings[3]);
  std::vector<std::uint8_t> branch;
  for (std::size_t i = 4; i < branchEnd; i++) {
    const std::vector<std::uint8_t> element = BytesOf(strings[i]);
    branch.insert(branch.end(), element.begin(), element.end());
  }
  const Hash noTarget = {};
  const penstock::JobParts parts = {
      .version = NumberOf(strings[branchEnd]),
      .previousHash = penstock::FixedBytes<32>(previousHash),
      .bits = NumberOf(strings[branchEnd + 1]),
      .minTime = 0,
      .coinbase1 = coinbase1,
      .coinbase2 = coinbase2,
      .extranonce2Length = penstock::kExtranonce2Length,
      .merkleBranch = branch,
      .networkTarget = noTarget,
      .tipNumber = 0,
  };
  const std::string_view ntime = strings[branchEnd + 2];
  return {std::string(strings[0]), std::string(ntime), NumberOf(ntime),
          std::make_shared<const penstock::PreparedJob>(kernel, parts)};
}

double ReadDifficulty(std::string_view line) {
  const std::size_t params = line.find("\"params\":[");
  if (params == std::string_view::npos) Unreadable("a difficulty", line);
  const double difficulty = std::strtod(std::string(line.substr(params + 10)).c_str(), nullptr);
  if (!(difficulty > 0) || !std::isfinite(difficulty)) Unreadable("a difficulty", line);
  return difficulty;
}

std::array<std::uint8_t, penstock::kExtranonce1Length> ReadExtranonce1(std::string_view subscribeAnswer) {
  std::array<std::uint8_t, penstock::kExtranonce1Length> extranonce1;
  const std::size_t at = subscribeAnswer.find("]],\"");
  const std::size_t digits = 2 * extranonce1.size();
  if (at == std::string_view::npos || subscribeAnswer.substr(at + 4 + digits, 4) != "\",8]") {
    Unreadable("the answer to mining.subscribe", subscribeAnswer);
  }
  penstock::CopyBytes(extranonce1, BytesOf(subscribeAnswer.substr(at + 4, digits)));
  return extranonce1;
}

Hash TargetOf(double difficulty) {
  int exponent = 0;
  // difficulty = divisor * 2^exponent, exactly.
  const auto divisor = static_cast<std::uint64_t>(std::ldexp(std::frexp(difficulty, &exponent), 53));
  exponent -= 53;
  Hash target = {};
  const int shift = 208 - exponent;
  unsigned __int128 remainder = 0;
  // Long division of 0xffff << shift, bit by bit from the top.
  for (int bit = shift + 15; bit >= 0; bit--) {
    remainder = remainder << 1 | (bit >= shift ? 1 : 0);
    if (remainder < divisor) continue;
    remainder -= divisor;
    if (bit >= 256) {
      target.fill(0xff);
      return target;
    }
    target[static_cast<std::size_t>(bit / 8)] |= static_cast<std::uint8_t>(1 << bit % 8);
  }
  return target;
}

void MakeShares(const penstock::Sha256Kernel& kernel, const Work& work,
                const std::array<std::uint8_t, penstock::kExtranonce1Length>& extranonce1, const Hash& target,
                std::uint32_t first, std::span<Share> shares) {
  constexpr std::uint64_t kNonces = 1 << 20;
  std::array<penstock::Extranonces, kLanes> choices;
  std::array<Hash, kLanes> roots;
  std::array<std::uint8_t, 80> header;
  for (std::size_t done = 0; done < shares.size();) {
    const std::size_t count = std::min(kLanes, shares.size() - done);
    for (std::size_t i = 0; i < count; i++) {
      const std::uint32_t extranonce2 = first + static_cast<std::uint32_t>(done + i);
      shares[done + i].extranonce2 = extranonce2;
      choices[i] = {extranonce1, {}};
      penstock::WriteBe32(std::span(choices[i].extranonce2).first<penstock::kExtranonce2Length>().last<4>(), extranonce2);
    }
    work.job->Roots(kernel, std::span(choices).first(count), std::span(roots).first(count));
    for (std::size_t i = 0; i < count; i++) {
      work.job->WriteHeader(roots[i], work.job->version(), work.ntimeValue, 0, header);
      const auto nonce = penstock::ScanNonces(kernel, header, target, 0, kNonces);
      if (!nonce) throw std::runtime_error("the difficulty is too high to prepare shares");
      shares[done + i].nonce = *nonce;
    }
    done += count;
  }
}

}  // namespace bench

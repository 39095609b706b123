#include "line_miner.h"

#include <stdexcept>
#include <utility>

namespace bench {
namespace {

/// All ids have seven digits: a line's length never changes.
constexpr std::uint32_t kFirstId = 1'000'000;
constexpr std::uint32_t kEndId = 10'000'000;
constexpr std::size_t kIdAt = 6;
constexpr std::size_t kIdDigits = 7;
constexpr std::string_view kLineStart = "{\"id\":";
constexpr std::string_view kAccepted = ",\"result\":true,";

constexpr auto kHexPairs = [] {
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<std::array<char, 2>, 256> pairs = {};
  for (std::size_t i = 0; i < pairs.size(); i++) pairs[i] = {digits[i >> 4], digits[i & 15]};
  return pairs;
}();

void WriteHex(char* to, std::uint32_t number) {
  for (int i = 0; i < 4; i++) std::memcpy(to + 2 * i, kHexPairs[number >> (24 - 8 * i) & 0xff].data(), 2);
}

constexpr std::size_t kLongestLine = 1 << 18;

}  // namespace

LineMiner::LineMiner(std::uint16_t port, std::string user, Opening opening)
    : Miner(port, opening), user_(std::move(user)), id_(kFirstId) {
  if (opening == Opening::kWaits) Introduce();
}

void LineMiner::Introduce() {
  Send("{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"bench/1\"]}\n");
  Send("{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"" + user_ + "\",\"x\"]}\n");
}

void LineMiner::Prepare(const penstock::Sha256Kernel& kernel, std::size_t shares, bool real,
                        std::vector<ShareTask>& tasks) {
  const std::uint32_t firstExtranonce2 = nextExtranonce2_;
  TakeWork(kernel, shares);
  for (std::size_t first = 0; first < shares; first += kSharesPerTask) {
    const std::span part = std::span(shares_).subspan(first, std::min(kSharesPerTask, shares - first));
    const std::uint32_t extranonce2 = firstExtranonce2 + static_cast<std::uint32_t>(first);
    tasks.push_back([this, &kernel, real, part, extranonce2] {
      if (real) return MakeShares(kernel, work_, extranonce1_, TargetOf(difficulty_), extranonce2, part);
      for (std::size_t i = 0; i < part.size(); i++) part[i] = {extranonce2 + static_cast<std::uint32_t>(i), 0};
    });
  }
}

/// Takes up the newest job and makes room for shares of it.
void LineMiner::TakeWork(const penstock::Sha256Kernel& kernel, std::size_t shares) {
  work_ = ReadNotify(kernel, notify_);
  line_ = std::string(kLineStart) + std::to_string(id_) + ",\"method\":\"mining.submit\",\"params\":[\"" + user_ +
          "\",\"" + work_.jobId + "\",\"00000000";
  extranonce2At_ = line_.size();
  line_ += "00000000\",\"" + work_.ntime + "\",\"";
  nonceAt_ = line_.size();
  line_ += "00000000\"]}\n";
  shares_.assign(shares, {nextExtranonce2_, 0});
  nextExtranonce2_ += static_cast<std::uint32_t>(shares);
  nextShare_ = 0;
}

void LineMiner::Begin(std::size_t mostUnderWay) {
  dueNs_.assign(std::bit_ceil(mostUnderWay * 4), 0);
}

void LineMiner::Submit(std::size_t count, std::uint64_t atNs, Tally& tally) {
  const std::size_t available = std::min(count, shares_.size() - nextShare_);
  if (available < count) tally.exhausted = true;
  if (available == 0) return;
  static thread_local std::string out;
  out.clear();
  for (std::size_t i = 0; i < available; i++) {
    const Share& share = shares_[nextShare_++];
    WriteHex(line_.data() + extranonce2At_, share.extranonce2);
    WriteHex(line_.data() + nonceAt_, share.nonce);
    out += line_;
    dueNs_[id_ & (dueNs_.size() - 1)] = atNs;
    NextId();
  }
  tally.underWay += available;
  Send(out);
}

void LineMiner::NextId() {
  if (++id_ == kEndId) {
    id_ = kFirstId;
    line_.replace(kIdAt, kIdDigits, std::to_string(id_));
    return;
  }
  char* digit = line_.data() + kIdAt + kIdDigits - 1;
  while (*digit == '9') *digit-- = '0';
  ++*digit;
}

void LineMiner::Take(std::span<const char> bytes, std::uint64_t nowNs, Tally& tally) {
  std::string_view left(bytes.data(), bytes.size());
  if (!rest_.empty()) left = rest_.append(left);
  for (std::size_t end; (end = left.find('\n')) != std::string_view::npos; left.remove_prefix(end + 1)) {
    OnLine(left.substr(0, end), nowNs, tally);
  }
  if (left.size() > kLongestLine) throw std::runtime_error("the pool sent a line that does not end");
  rest_ = std::string(left);
}

void LineMiner::OnLine(std::string_view line, std::uint64_t nowNs, Tally& tally) {
  if (OnAnswer(line, nowNs, tally)) return;
  if (line.find("\"mining.notify\",\"params\"") != std::string_view::npos) return OnNotify(line, nowNs, tally);
  if (line.find("\"mining.set_difficulty\",\"params\"") != std::string_view::npos) {
    difficulty_ = ReadDifficulty(line);
    return;
  }
  OnReply(line);
}

/// Returns whether it was the answer to a submission.
bool LineMiner::OnAnswer(std::string_view line, std::uint64_t nowNs, Tally& tally) {
  if (line.size() <= kIdAt + kIdDigits || line.substr(0, kIdAt) != kLineStart) return false;
  std::uint32_t id = 0;
  for (std::size_t i = kIdAt; i < kIdAt + kIdDigits; i++) {
    const auto digit = static_cast<std::uint32_t>(line[i] - '0');
    if (digit > 9) return false;
    id = id * 10 + digit;
  }
  answers_++;
  const bool accepted = line.substr(kIdAt + kIdDigits, kAccepted.size()) == kAccepted;
  if (!accepted && tally.firstRejection.empty()) tally.firstRejection = line;
  std::uint64_t& due = dueNs_[id & (dueNs_.size() - 1)];
  if (due == 0) {
    tally.unexpected++;
    return true;
  }
  tally.latencies.Record(nowNs - due);
  due = 0;
  tally.underWay--;
  (accepted ? tally.accepted : tally.rejected)++;
  return true;
}

void LineMiner::OnNotify(std::string_view line, std::uint64_t nowNs, Tally& tally) {
  notify_ = line;
  const NotifyHead head = ReadNotifyHead(line);
  if (head.clean) tally.newTip = true;
  if (tip_.tipBefore.empty() || head.previousHash == tip_.tipBefore) return;
  if (tip_.firstJobNs == 0) {
    tip_.firstJobNs = nowNs;
    tip_.firstJobBytes = line.size() + 1;
  }
  if (!head.hasTransactions || tip_.fullJobNs > 0) return;
  tip_.fullJobNs = nowNs;
  tip_.fullJobBytes = line.size() + 1;
}

/// Of subscribe and authorize.
void LineMiner::OnReply(std::string_view line) {
  if (line.starts_with("{\"id\":1,")) {
    extranonce1_ = ReadExtranonce1(line);
    subscribed_ = true;
  } else if (line.starts_with("{\"id\":2,\"result\":true")) {
    authorized_ = true;
  } else {
    throw std::runtime_error("the pool said: " + std::string(line.substr(0, 300)));
  }
}

void LineMiner::ExpectTip() {
  tip_ = {};
  tip_.tipBefore = ReadNotifyHead(notify_).previousHash;
}

}  // namespace bench

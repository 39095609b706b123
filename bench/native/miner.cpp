#include "miner.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
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

[[noreturn]] void Fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

int Connect(std::uint16_t port, bool waits) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (waits ? 0 : SOCK_NONBLOCK), 0);
  if (fd < 0) Fail("socket");
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int one = 1;
  const bool begun = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
                     (!waits && errno == EINPROGRESS);
  if (!begun || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0 ||
      (waits && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)) {
    const int error = errno;
    close(fd);
    errno = error;
    Fail("connecting to the pool");
  }
  return fd;
}

}  // namespace

std::uint64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

Miner::Miner(std::uint16_t port, std::string user, Opening opening)
    : fd_(Connect(port, opening == Opening::kWaits)), user_(std::move(user)), id_(kFirstId) {
  if (opening == Opening::kWaits) Introduce();
}

void Miner::Introduce() {
  Send("{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"bench/1\"]}\n");
  Send("{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"" + user_ + "\",\"x\"]}\n");
}

void Miner::Connected() {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length) < 0) Fail("asking for a socket's error");
  if (error != 0) {
    errno = error;
    Fail("connecting to the pool");
  }
  opening_.connectedNs = NowNs();
  Introduce();
}

std::uint32_t Miner::Retransmissions() const {
  tcp_info info = {};
  socklen_t length = sizeof info;
  if (getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) Fail("asking for TCP_INFO");
  return info.tcpi_total_retrans;
}

const Work& Miner::TakeWork(const penstock::Sha256Kernel& kernel, std::size_t shares) {
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
  return work_;
}

void Miner::Begin(std::size_t mostUnderWay) {
  dueNs_.assign(std::bit_ceil(mostUnderWay * 4), 0);
  answers_ = 0;
}

void Miner::Submit(std::size_t count, std::uint64_t atNs, Tally& tally) {
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

void Miner::NextId() {
  if (++id_ == kEndId) {
    id_ = kFirstId;
    line_.replace(kIdAt, kIdDigits, std::to_string(id_));
    return;
  }
  char* digit = line_.data() + kIdAt + kIdDigits - 1;
  while (*digit == '9') *digit-- = '0';
  ++*digit;
}

std::size_t Miner::Read(Tally& tally) {
  static thread_local std::array<char, 1 << 18> buffer;
  answers_ = 0;
  std::size_t held = rest_.copy(buffer.data(), buffer.size());
  const ssize_t got = recv(fd_, buffer.data() + held, buffer.size() - held, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (got < 0) Fail("reading from the pool");
  if (got == 0) throw std::runtime_error("the pool closed a connection");
  held += static_cast<std::size_t>(got);

  const std::uint64_t nowNs = NowNs();
  std::string_view bytes(buffer.data(), held);
  for (;;) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) break;
    OnLine(bytes.substr(0, end), nowNs, tally);
    bytes.remove_prefix(end + 1);
  }
  if (bytes.size() == buffer.size()) throw std::runtime_error("the pool sent a line that does not end");
  rest_ = bytes;
  if (opening_.readyNs == 0 && ready()) opening_.readyNs = nowNs;
  return answers_;
}

void Miner::OnLine(std::string_view line, std::uint64_t nowNs, Tally& tally) {
  if (OnAnswer(line, nowNs, tally)) return;
  if (line.find("\"mining.notify\",\"params\"") != std::string_view::npos) return OnNotify(line, nowNs, tally);
  if (line.find("\"mining.set_difficulty\",\"params\"") != std::string_view::npos) {
    difficulty_ = ReadDifficulty(line);
    return;
  }
  OnReply(line);
}

/// Returns whether it was the answer to a submission.
bool Miner::OnAnswer(std::string_view line, std::uint64_t nowNs, Tally& tally) {
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

void Miner::OnNotify(std::string_view line, std::uint64_t nowNs, Tally& tally) {
  notify_ = line;
  const NotifyHead head = ReadNotifyHead(line);
  if (head.clean) tally.newTip = true;
  if (tip_.tipBefore.empty() || head.previousHash == tip_.tipBefore) return;
  if (tip_.firstJobNs == 0) tip_.firstJobNs = nowNs;
  if (head.hasTransactions && tip_.fullJobNs == 0) tip_.fullJobNs = nowNs;
}

/// Of subscribe and authorize.
void Miner::OnReply(std::string_view line) {
  if (line.starts_with("{\"id\":1,")) {
    extranonce1_ = ReadExtranonce1(line);
    subscribed_ = true;
  } else if (line.starts_with("{\"id\":2,\"result\":true")) {
    authorized_ = true;
  } else {
    throw std::runtime_error("the pool said: " + std::string(line.substr(0, 300)));
  }
}

TipTimes& Miner::ExpectTip() {
  tip_ = {std::string(ReadNotifyHead(notify_).previousHash), 0, 0};
  return tip_;
}

void Miner::Send(std::string_view bytes) {
  if (unsent_.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) Fail("writing to the pool");
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  unsent_ += bytes;
}

void Miner::Flush() {
  const std::string bytes = std::exchange(unsent_, {});
  if (!bytes.empty()) Send(bytes);
}

}  // namespace bench

// A crowd of hostile V1 peers in one thread, for bench/crowd.ts and the test of the same name: what the honest miners
// beside it must not feel. Whoever is cut off comes back, from the next of its addresses.
//
//   readers     subscribe, authorize, ask fifty times a second and read nothing; every other one reads a byte a second
//   writers     one byte of a good line every 300 ms, never its end; every other one has authorized before
//   flooders    lines as fast as they are told, each with one of the tastes below
//   connectors  connect and are gone
//
// Commands are lines on standard input, each answered by a line of JSON on standard output.
//   start PORT USER ADDRESSES READERS WRITERS FLOODERS LINES_PER_SECOND CONNECTS_PER_SECOND
//               to 127.0.0.1; from that address too if ADDRESSES is 0, else each kind from so many of its own
//   tally       what was done so far
//   stop        closes everything; the answer is the last tally
// The end of the input ends the process.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace bench {
namespace {

constexpr std::uint64_t kMsNs = 1'000'000;
constexpr std::uint64_t kSecondNs = 1'000 * kMsNs;
constexpr std::uint64_t kAskEveryNs = 100 * kMsNs;
constexpr std::size_t kAskedAtOnce = 5;
constexpr std::uint64_t kByteEveryNs = 300 * kMsNs;
constexpr std::uint64_t kComeBackNs = 50 * kMsNs;
/// What a flooder writes at once, and what it is owed at most when it could not write for a while.
constexpr std::size_t kLinesAtOnce = 64;
constexpr std::size_t kMostUnsent = 256 * 1024;
/// Ends a network's addresses below 255.
constexpr std::uint32_t kAddressesPerSubnet = 250;

enum class Kind : std::uint8_t { kReader, kWriter, kFlooder, kConnector };

enum class Taste : std::uint8_t {
  kGarbage,
  kUnknownMethod,
  kDeep,
  kWide,
  kLong,
  kEndless,
  kUnauthorized,
  kDuplicate,
  kPing,
  kBlank,
  kCount
};

struct Plan {
  std::uint16_t port = 0;
  std::string user;
  std::uint32_t addresses = 0;
  std::size_t readers = 0;
  std::size_t writers = 0;
  std::size_t flooders = 0;
  double linesPerSecond = 0;
  double connectsPerSecond = 0;
};

struct Tally {
  std::uint64_t lines = 0;
  std::uint64_t bytes = 0;
  std::uint64_t connects = 0;
  std::uint64_t cutReaders = 0;
  std::uint64_t cutWriters = 0;
  std::uint64_t cutFlooders = 0;
};

struct Peer {
  Kind kind;
  std::size_t number;
  int fd = -1;
  std::uint32_t address = 0;
  std::uint64_t nextAtNs = 0;
  std::size_t cursor = 0;
  std::uint64_t lines = 0;
  std::string unsent;
  /// What came of the first job, then the submission that is made of it.
  std::string heard;
  std::string submission;
};

std::uint64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kSecondNs + static_cast<std::uint64_t>(now.tv_nsec);
}

double CpuSeconds() {
  timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

std::string Repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; i++) all += text;
  return all;
}

/// Lines that are the same for everybody, newline included.
std::string LineOf(Taste taste, const std::string& user) {
  switch (taste) {
    case Taste::kGarbage: return "{\x80\xff]}{{{\"id\":NaN,,\"method\":mining.submit" + Repeated("\x07?", 40) + "\n";
    case Taste::kUnknownMethod: return "{\"id\":1,\"method\":\"mining.pour_tea\",\"params\":[\"milk\",2]}\n";
    case Taste::kDeep: return "{\"id\":1,\"params\":" + Repeated("[", 500) + Repeated("]", 500) + "}\n";
    case Taste::kWide: return "{\"id\":1,\"params\":[0" + Repeated(",0", 500) + "]}\n";
    case Taste::kLong: return "{\"id\":1,\"method\":\"" + Repeated("x", 15'000) + "\",\"params\":[]}\n";
    case Taste::kEndless: return "{\"id\":1,\"method\":\"" + Repeated("x", 20'000);
    case Taste::kUnauthorized:
      return "{\"id\":1,\"method\":\"mining.submit\",\"params\":[\"" + user +
             ".nobody\",\"0000000000\",\"0000000000000000\",\"65000000\",\"00000000\"]}\n";
    case Taste::kPing: return "{\"id\":1,\"method\":\"mining.ping\",\"params\":[]}\n";
    case Taste::kDuplicate:
    case Taste::kBlank:
    case Taste::kCount: return "\n";
  }
  return "\n";
}

class Crowd {
 public:
  explicit Crowd(Plan plan) : plan_(std::move(plan)), epoll_(epoll_create1(EPOLL_CLOEXEC)), startedNs_(NowNs()) {
    for (std::size_t i = 0; i < lines_.size(); i++) lines_[i] = LineOf(static_cast<Taste>(i), plan_.user);
    Add(Kind::kReader, plan_.readers);
    Add(Kind::kWriter, plan_.writers);
    Add(Kind::kFlooder, plan_.flooders);
    tickNs_ = startedNs_;
  }
  ~Crowd() {
    for (Peer& peer : peers_) Close(peer);
    close(epoll_);
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  /// Some milliseconds of hostility.
  void Turn() {
    std::array<epoll_event, 512> events;
    const int count = epoll_wait(epoll_, events.data(), events.size(), 1);
    for (int i = 0; i < count; i++) Hear(*static_cast<Peer*>(events[i].data.ptr), events[i].events);
    const std::uint64_t now = NowNs();
    if (now - tickNs_ < kMsNs) return;
    const double seconds = static_cast<double>(now - tickNs_) / 1e9;
    tickNs_ = now;
    for (Peer& peer : peers_) Act(peer, now);
    Flood(seconds);
    ConnectAndGo(seconds);
  }

  void Print() const {
    std::printf(
        "{\"seconds\":%.3f,\"lines\":%lu,\"bytes\":%lu,\"connects\":%lu,\"cutReaders\":%lu,\"cutWriters\":%lu,"
        "\"cutFlooders\":%lu,\"cpuSeconds\":%.3f}\n",
        static_cast<double>(NowNs() - startedNs_) / 1e9, tally_.lines, tally_.bytes, tally_.connects, tally_.cutReaders,
        tally_.cutWriters, tally_.cutFlooders, CpuSeconds());
  }

 private:
  void Add(Kind kind, std::size_t count) {
    for (std::size_t i = 0; i < count; i++) {
      Peer& peer = peers_.emplace_back();
      peer.kind = kind;
      peer.number = i;
      // Not all at once: an address has a rate of its own.
      peer.nextAtNs = startedNs_ + i * 3 * kMsNs;
      if (kind == Kind::kFlooder) flooders_.push_back(&peer);
    }
  }

  sockaddr_in NextSource(Kind kind) {
    sockaddr_in source = {};
    source.sin_family = AF_INET;
    std::uint32_t host = INADDR_LOOPBACK;
    if (plan_.addresses > 0) {
      const std::uint32_t place = nextAddress_++ % plan_.addresses;
      host = 0x7f000000 + ((static_cast<std::uint32_t>(kind) + 1) << 16) + (place / kAddressesPerSubnet << 8) +
             place % kAddressesPerSubnet + 1;
    }
    source.sin_addr.s_addr = htonl(host);
    return source;
  }

  /// -1 when this machine or the pool has no place just now.
  int Open(Kind kind) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    const int one = 1;
    const int little = 2'048;
    const int segment = 1'448;
    const linger reset = {1, 0};
    // So that closing leaves no port behind; and readers have no room to read into.
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    // As on any other network: for the loopback's large segments the kernel would keep a megabyte of answers each.
    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    if (kind == Kind::kReader) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    const sockaddr_in source = NextSource(kind);
    sockaddr_in pool = {};
    pool.sin_family = AF_INET;
    pool.sin_port = htons(plan_.port);
    pool.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) == 0;
    if (!bound || (connect(fd, reinterpret_cast<const sockaddr*>(&pool), sizeof pool) < 0 && errno != EINPROGRESS)) {
      close(fd);
      return -1;
    }
    tally_.connects++;
    return fd;
  }

  void Come(Peer& peer, std::uint64_t now) {
    peer.fd = Open(peer.kind);
    peer.nextAtNs = now + kComeBackNs;
    if (peer.fd < 0) return;
    epoll_event event = {};
    event.events = EPOLLRDHUP;
    if (peer.kind == Kind::kFlooder) event.events |= EPOLLIN;
    event.data.ptr = &peer;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, peer.fd, &event) < 0) {
      throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
    peer.cursor = 0;
    peer.unsent.clear();
    peer.heard.clear();
    peer.submission.clear();
    const bool joins = peer.kind == Kind::kReader || (peer.kind == Kind::kWriter && peer.number % 2 == 1) ||
                       (peer.kind == Kind::kFlooder && TasteOf(peer) == Taste::kDuplicate);
    if (!joins) return;
    Send(peer, "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"crowd/1\"]}\n"
               "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"" + plan_.user + ".crowd\",\"x\"]}\n");
  }

  void Close(Peer& peer) {
    if (peer.fd >= 0) close(peer.fd);
    peer.fd = -1;
  }

  void Cut(Peer& peer) {
    Close(peer);
    peer.nextAtNs = NowNs() + kComeBackNs;
    if (peer.kind == Kind::kReader) tally_.cutReaders++;
    else if (peer.kind == Kind::kWriter) tally_.cutWriters++;
    else tally_.cutFlooders++;
  }

  void Hear(Peer& peer, std::uint32_t events) {
    if (peer.fd < 0) return;
    if (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) return Cut(peer);
    static std::array<char, 1 << 16> buffer;
    const ssize_t got = recv(peer.fd, buffer.data(), buffer.size(), 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) return Cut(peer);
    if (got > 0 && TasteOf(peer) == Taste::kDuplicate && peer.submission.empty()) {
      LearnJob(peer, {buffer.data(), static_cast<std::size_t>(got)});
    }
  }

  /// Makes sixteen submissions of the first job. Some are shares, once.
  void LearnJob(Peer& peer, std::string_view bytes) {
    peer.heard += bytes;
    const std::string_view start = "\"mining.notify\",\"params\":[\"";
    const std::size_t at = peer.heard.find(start);
    if (at == std::string::npos) return;
    const std::size_t end = peer.heard.find('\n', at);
    if (end == std::string::npos) return;
    const std::string_view line = std::string_view(peer.heard).substr(at + start.size(), end - at - start.size());
    const std::string job(line.substr(0, line.find('"')));
    const std::string ntime(line.substr(line.rfind(',') - 9, 8));
    for (const char nonce : std::string_view("0123456789abcdef")) {
      peer.submission += "{\"id\":3,\"method\":\"mining.submit\",\"params\":[\"" + plan_.user + ".crowd\",\"" + job +
                         "\",\"0000000000000000\",\"" + ntime + "\",\"0000000" + nonce + "\"]}\n";
    }
    peer.heard.clear();
  }

  void Act(Peer& peer, std::uint64_t now) {
    if (now < peer.nextAtNs) return;
    if (peer.fd < 0) return Come(peer, now);
    if (peer.kind == Kind::kReader) Ask(peer, now);
    else if (peer.kind == Kind::kWriter) WriteByte(peer, now);
  }

  /// An id as long as it may be: the answer repeats it.
  void Ask(Peer& peer, std::uint64_t now) {
    static const std::string request =
        "{\"id\":\"" + Repeated("i", 60) + "\",\"method\":\"mining.submit\",\"params\":[\"" + plan_.user +
        ".crowd\",\"0000000000\",\"0000000000000000\",\"65000000\",\"00000000\"]}\n";
    peer.nextAtNs = now + kAskEveryNs;
    char byte;
    if (peer.number % 2 == 1 && ++peer.cursor % 10 == 0) (void)!recv(peer.fd, &byte, 1, 0);
    Send(peer, Repeated(request, kAskedAtOnce));
    tally_.lines += kAskedAtOnce;
  }

  void WriteByte(Peer& peer, std::uint64_t now) {
    static const std::string_view line = "{\"id\": 3, \"method\": \"mining.submit\", \"params\": [\"";
    peer.nextAtNs = now + kByteEveryNs;
    const char byte = peer.cursor < line.size() ? line[peer.cursor] : 'x';
    peer.cursor++;
    Send(peer, {&byte, 1});
  }

  Taste TasteOf(const Peer& peer) const {
    return static_cast<Taste>(peer.number % static_cast<std::size_t>(Taste::kCount));
  }

  void Flood(double seconds) {
    owedLines_ = std::min(owedLines_ + seconds * plan_.linesPerSecond, plan_.linesPerSecond / 10);
    for (std::size_t tried = 0; tried < flooders_.size() && owedLines_ >= 1; tried++) {
      Peer& peer = *flooders_[nextFlooder_++ % flooders_.size()];
      if (peer.fd < 0) continue;
      if (!peer.unsent.empty()) {
        Send(peer, "");
        continue;
      }
      const auto lines = std::min(static_cast<std::size_t>(owedLines_), kLinesAtOnce);
      Send(peer, LinesOf(peer, lines));
      owedLines_ -= static_cast<double>(lines);
      tally_.lines += lines;
    }
  }

  std::string LinesOf(const Peer& peer, std::size_t count) const {
    if (peer.submission.empty()) return Repeated(lines_[static_cast<std::size_t>(TasteOf(peer))], count);
    return Repeated(peer.submission, (count + 15) / 16);
  }

  void ConnectAndGo(double seconds) {
    owedConnects_ = std::min(owedConnects_ + seconds * plan_.connectsPerSecond, plan_.connectsPerSecond / 10);
    for (; owedConnects_ >= 1; owedConnects_--) {
      const int fd = Open(Kind::kConnector);
      if (fd >= 0) close(fd);
    }
  }

  void Send(Peer& peer, std::string_view bytes) {
    peer.unsent += bytes;
    const ssize_t sent = send(peer.fd, peer.unsent.data(), peer.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != ENOTCONN) return Cut(peer);
    if (sent > 0) peer.unsent.erase(0, static_cast<std::size_t>(sent));
    if (sent > 0) tally_.bytes += static_cast<std::uint64_t>(sent);
    // Only readers and writers: what they write is whole lines, or bytes.
    if (peer.unsent.size() > kMostUnsent && peer.kind != Kind::kFlooder) peer.unsent.clear();
  }

  const Plan plan_;
  const int epoll_;
  const std::uint64_t startedNs_;
  std::deque<Peer> peers_;
  std::deque<Peer*> flooders_;
  std::array<std::string, static_cast<std::size_t>(Taste::kCount)> lines_;
  Tally tally_;
  std::uint64_t tickNs_ = 0;
  double owedLines_ = 0;
  double owedConnects_ = 0;
  std::size_t nextFlooder_ = 0;
  std::uint32_t nextAddress_ = 0;
};

Plan ReadPlan(std::istream& words) {
  Plan plan;
  words >> plan.port >> plan.user >> plan.addresses >> plan.readers >> plan.writers >> plan.flooders >>
      plan.linesPerSecond >> plan.connectsPerSecond;
  if (!words || plan.addresses > 60'000) throw std::runtime_error("start: wrong words");
  return plan;
}

/// The next command, or nothing after a turn of the crowd; the end of the input ends the process.
bool NextCommand(std::optional<Crowd>& crowd, std::string& line) {
  static std::string input;
  pollfd standardInput = {STDIN_FILENO, POLLIN, 0};
  if (crowd) crowd->Turn();
  if (poll(&standardInput, 1, crowd ? 0 : -1) > 0) {
    std::array<char, 4096> buffer;
    const ssize_t got = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got <= 0) std::exit(0);
    input.append(buffer.data(), static_cast<std::size_t>(got));
  }
  const std::size_t end = input.find('\n');
  if (end == std::string::npos) return false;
  line = input.substr(0, end);
  input.erase(0, end + 1);
  return true;
}

void Run(std::optional<Crowd>& crowd, const std::string& line) {
  std::istringstream words(line);
  std::string what;
  words >> what;
  if (what == "start") {
    crowd.emplace(ReadPlan(words));
  } else if (!crowd || (what != "tally" && what != "stop")) {
    throw std::runtime_error("no such command now: " + line);
  }
  crowd->Print();
  std::fflush(stdout);
  if (what == "stop") crowd.reset();
}

}  // namespace
}  // namespace bench

int main() {
  rlimit descriptors;
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
  std::optional<bench::Crowd> crowd;
  try {
    for (std::string line;;) {
      if (bench::NextCommand(crowd, line)) bench::Run(crowd, line);
    }
  } catch (const std::exception& error) {
    std::printf("{\"error\":\"%s\"}\n", error.what());
    return 1;
  }
}

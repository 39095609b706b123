#include "miner.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace bench {
namespace {

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

Miner::Miner(std::uint16_t port, Opening opening) : fd_(Connect(port, opening == Opening::kWaits)) {}

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

std::size_t Miner::Read(Tally& tally) {
  static thread_local std::array<char, 1 << 18> buffer;
  answers_ = 0;
  const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (got < 0) Fail("reading from the pool");
  if (got == 0) throw std::runtime_error("the pool closed a connection");
  const std::uint64_t nowNs = NowNs();
  traffic_.received += static_cast<std::uint64_t>(got);
  Take(std::span(buffer).first(static_cast<std::size_t>(got)), nowNs, tally);
  if (opening_.readyNs == 0 && ready()) opening_.readyNs = nowNs;
  return answers_;
}

void Miner::Send(std::string_view bytes) {
  traffic_.sent += bytes.size();
  Write(bytes);
}

void Miner::Write(std::string_view bytes) {
  if (unsent_.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) Fail("writing to the pool");
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  unsent_ += bytes;
}

void Miner::Flush() {
  const std::string bytes = std::exchange(unsent_, {});
  if (!bytes.empty()) Write(bytes);
}

}  // namespace bench

#include "sockets.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace penstock {
namespace {

std::int32_t SendOnce(std::int32_t socket, Bytes bytes) {
  for (;;) {
    // Linux takes less than 2^31 bytes at once, so that the count fits.
    const ssize_t taken = send(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken >= 0) return static_cast<std::int32_t>(taken);
    if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
    if (errno != EINTR) return -errno;
  }
}

std::int32_t Listen(const addrinfo& at, std::int32_t backlog) {
  const std::int32_t socket = ::socket(at.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return -errno;
  const std::int32_t on = 1;
  if (setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
      bind(socket, at.ai_addr, at.ai_addrlen) == 0 && listen(socket, backlog) == 0) {
    return socket;
  }
  const std::int32_t error = errno;
  close(socket);
  return -error;
}

}  // namespace

std::int32_t ListenOnSharedPort(const std::string& address, std::uint16_t port, std::int32_t backlog) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return -EINVAL;
  const std::int32_t outcome = Listen(*found, backlog);
  freeaddrinfo(found);
  return outcome;
}

void SendToMany(std::span<const std::int32_t> sockets, Bytes bytes, std::span<std::int32_t> sent) {
  for (std::size_t i = 0; i < sockets.size(); i++) sent[i] = SendOnce(sockets[i], bytes);
}

std::int64_t RoundTripMicroseconds(std::int32_t socket) {
  tcp_info info = {};
  socklen_t length = sizeof info;
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return -1;
  return info.tcpi_rtt;
}

}  // namespace penstock

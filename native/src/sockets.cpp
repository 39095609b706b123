#include "sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

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

}  // namespace

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

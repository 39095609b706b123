#include "floor.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "miner.h"

namespace bench {
namespace {

const std::string kZeros(64, '0');

/// A line of the length that the pool's has for a template with 12 branches.
std::string Notify(const std::string& previousHash) {
  std::string branch;
  for (int i = 0; i < 12; i++) branch += (i > 0 ? ",\"" : "\"") + kZeros + '"';
  return "{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"000000000100\",\"" + previousHash + "\",\"" +
         std::string(140, '0') + "\",\"" + std::string(160, '0') + "\",[" + branch +
         "],\"20000000\",\"17024a71\",\"60000000\",true]}\n";
}

const std::string kWork =
    ",\"result\":[[[\"mining.notify\",\"00\"]],\"00000001\",8],\"error\":null}\n"
    "{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":[1e-9]}\n" +
    Notify(kZeros);

struct Connection {
  explicit Connection(int descriptor) : fd(descriptor) {}

  const int fd;
  std::string rest;
};

/// By descriptor.
using Connections = std::map<int, std::unique_ptr<Connection>>;

/// Returns false when the connection is over.
bool Serve(Connection& connection) {
  static std::array<char, 1 << 16> buffer;
  static std::string answers;
  const ssize_t got = recv(connection.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0) return true;
  if (got == 0) return false;
  std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
  if (!connection.rest.empty()) bytes = connection.rest.append(bytes);
  answers.clear();
  for (std::size_t end; (end = bytes.find('\n')) != std::string_view::npos; bytes.remove_prefix(end + 1)) {
    const std::string_view line = bytes.substr(0, end);
    answers.append(line.substr(0, line.find(',')));
    if (line.find("mining.subscribe") == std::string_view::npos) answers += ",\"result\":true,\"error\":null}\n";
    else answers += kWork;
  }
  connection.rest = std::string(bytes);
  return send(connection.fd, answers.data(), answers.size(), MSG_NOSIGNAL) >= 0;
}

/// Returns false at the end of the input; a line is a new block.
bool TakeCommand() {
  std::array<char, 64> buffer;
  return read(STDIN_FILENO, buffer.data(), buffer.size()) > 0;
}

void SendNewTip(const Connections& connections) {
  static unsigned tips = 0;
  const std::uint64_t startedAt = NowNs();
  const std::string number = std::to_string(++tips);
  const std::string line = Notify(kZeros.substr(number.size()) + number);
  for (const auto& [fd, _] : connections) send(fd, line.data(), line.size(), MSG_NOSIGNAL);
  std::printf("{\"announcedMs\":%.3f}\n", static_cast<double>(startedAt) / 1e6);
  std::fflush(stdout);
}

}  // namespace

int ServeFloor() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int epoll = epoll_create1(0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener, generic, length) < 0 || listen(listener, 4096) < 0 ||
      getsockname(listener, generic, &length) < 0) {
    std::perror("floor");
    return 1;
  }
  std::printf("{\"port\":%d}\n", ntohs(address.sin_port));
  std::fflush(stdout);

  Connection accepting(listener);
  Connection input(STDIN_FILENO);
  Connections connections;
  for (Connection* each : {&accepting, &input}) {
    epoll_event event = {.events = EPOLLIN, .data = {.ptr = each}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, each->fd, &event);
  }
  std::array<epoll_event, 512> events;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), events.size(), -1);
    for (int i = 0; i < count; i++) {
      auto* const connection = static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (connection == &input) {
        if (!TakeCommand()) return 0;
        SendNewTip(connections);
      } else if (connection == &accepting) {
        for (int fd; (fd = accept(listener, nullptr, nullptr)) >= 0;) {
          auto made = std::make_unique<Connection>(fd);
          const int one = 1;
          setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
          epoll_event event = {.events = EPOLLIN, .data = {.ptr = made.get()}};
          epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
          connections.emplace(fd, std::move(made));
        }
      } else if (!Serve(*connection)) {
        const int fd = connection->fd;
        connections.erase(fd);
        close(fd);
      }
    }
  }
}

}  // namespace bench

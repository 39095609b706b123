#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "bytes.h"

namespace penstock {

/// Offers the same bytes to each of these sockets, once and without waiting. `sent` gets, in the same order, how many of
/// them a socket took (0 where there is no room), or its error as a negative errno; it is at least as long as `sockets`.
void SendToMany(std::span<const std::int32_t> sockets, Bytes bytes, std::span<std::int32_t> sent);

/// The kernel's smoothed round-trip time of a TCP connection in microseconds; -1 for anything else.
std::int64_t RoundTripMicroseconds(std::int32_t socket);

/// Opens a TCP socket that listens, and shares its port with others of the same kind and user (SO_REUSEPORT): the kernel
/// deals connections out among them, each with a queue of its own. Returns its descriptor, or a negative errno.
/// `address` is numeric; an IPv6 one serves IPv4 as well where it is unspecified.
std::int32_t ListenOnSharedPort(const std::string& address, std::uint16_t port, std::int32_t backlog);

}  // namespace penstock

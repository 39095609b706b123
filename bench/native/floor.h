#pragma once

namespace bench {

/// The lowest floor: a server that speaks just enough V1 to be talked to and answers every submission unread, one write
/// for each read. What it reaches is the load generator's own ceiling together with the kernel's sockets. Prints
/// {"port":…} and serves, in one thread, until its standard input ends. A line there is a new block: everybody is sent a
/// job on a new tip, then {"announcedMs":…} is printed, CLOCK_MONOTONIC. Returns the process's exit code.
int ServeFloor();

}  // namespace bench

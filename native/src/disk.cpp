#include "disk.h"

#include <unistd.h>

#include <cerrno>

namespace penstock {

int WriteToDisk(int file, Bytes bytes, std::uint64_t offset, bool sync) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    // A regular file takes at least one byte or says why not; without this a silent zero would loop for ever.
    if (written == 0) return EIO;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  // After an interruption nothing is known of what was synced: asked again, the kernel waits for the rest.
  while (sync && fdatasync(file) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

}  // namespace penstock

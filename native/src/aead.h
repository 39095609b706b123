#pragma once

#include <array>
#include <memory>

#include "bytes.h"

namespace penstock {

inline constexpr std::size_t kMacLength = 16;

using AeadKey = std::array<std::uint8_t, 32>;

/// ChaCha20-Poly1305 as Noise's CipherState has it: the nonce is 4 zero bytes and the counter, little-endian, and there is
/// no associated data. For one thread.
class Aead {
 public:
  virtual ~Aead() = default;

  /// Writes plain.size() + kMacLength bytes to the start of `sealed`. @returns false if the library failed.
  virtual bool Seal(const AeadKey& key, std::uint64_t counter, Bytes plain, std::span<std::uint8_t> sealed) = 0;

  /// Writes sealed.size() - kMacLength bytes to the start of `plain`.
  /// @returns false if these are not bytes that the key's other owner sealed with this counter; nothing that was written
  ///   may be used then.
  virtual bool Open(const AeadKey& key, std::uint64_t counter, Bytes sealed, std::span<std::uint8_t> plain) = 0;
};

/// OpenSSL's, as the process carries it: Node exports its functions. Where it does not, or its library has no
/// ChaCha20-Poly1305, there is none.
std::unique_ptr<Aead> CreateAead();

}  // namespace penstock

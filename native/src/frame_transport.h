#pragma once

#include <optional>
#include <vector>

#include "aead.h"

// Stratum V2 frames on their way through Noise's transport phase, section 4.6 of the specification:
//
//   plaintext   extension type u16 | message type u8 | length u24 | payload
//   sealed      the 6 bytes and a MAC | 65,519 bytes of payload and a MAC | … | what is left of it and a MAC
//
// Each sealed part uses up one number of its direction's counter, which does not wrap: 2^64 parts are more than any
// connection lives to see. An empty payload is sealed as nothing.
namespace penstock {

inline constexpr std::size_t kFrameHeaderLength = 6;
inline constexpr std::size_t kSealedHeaderLength = kFrameHeaderLength + kMacLength;
/// Of plaintext: a Noise message has at most 65,535 bytes, its MAC included.
inline constexpr std::size_t kMaxBlock = 65'535 - kMacLength;

struct FrameHeader {
  std::uint16_t extensionType = 0;
  std::uint8_t messageType = 0;
  /// Of the payload as plaintext, below 2^24.
  std::uint32_t length = 0;
};

FrameHeader ReadFrameHeader(FixedBytes<kFrameHeaderLength> bytes);

/// What whole frames, back to back, take when sealed; nothing if they are not whole.
std::optional<std::size_t> SealedLength(Bytes frames);

/// The sending direction.
class FrameSealer {
 public:
  explicit FrameSealer(const AeadKey& key) : key_(key) {}

  /// Seals whole frames to the start of `sealed`, which has the room that SealedLength says.
  /// @returns false if the library failed: the connection is of no use any more.
  bool Seal(Aead& aead, Bytes frames, std::span<std::uint8_t> sealed);

 private:
  bool SealPart(Aead& aead, Bytes plain, std::span<std::uint8_t>& sealed);

  AeadKey key_;
  std::uint64_t counter_ = 0;
};

/// What is to become of a payload that was asked about.
enum class LongPayload : std::uint8_t { kUndecided = 0, kTake = 1, kDiscard = 2 };

/// Why FrameOpener stopped.
enum class OpenStop : std::uint8_t {
  /// All that came was taken.
  kEnd = 0,
  /// The next frame, whose header is given, is whole but does not fit into what is left of `out`.
  kFull = 1,
  /// A header announces a payload that is longer than `longPayload`; the next call says what to do.
  kLong = 2,
  /// Something was not sealed by the other side, or not in this order. For good.
  kBroken = 3,
};

struct OpenTask {
  Bytes chunk;
  std::span<std::uint8_t> out;
  std::uint32_t longPayload;
  LongPayload verdict = LongPayload::kUndecided;
};

struct OpenOutcome {
  OpenStop stop;
  /// Bytes of the chunk that need not be given again.
  std::size_t taken;
  /// Bytes of whole frames in `out`, back to back.
  std::size_t written;
  /// Of the frame that stopped it, with kFull and kLong.
  FrameHeader header;
};

/// The receiving direction.
///
///            short                      whole
///   header ─────────► payload (taken) ────────► header
///     │               ▲
///     │ long          │ kTake
///     └──────► asked ─┤                         whole
///                     │ kDiscard ► (discarded) ────────► header
///   from everywhere: what cannot be opened ► broken
///
/// Holds nothing between frames; else only bytes that have come: at most one sealed part, and the opened parts of a
/// payload of several.
class FrameOpener {
 public:
  explicit FrameOpener(const AeadKey& key) : key_(key) {}

  /// Takes what has come, in whatever pieces, and writes the frames that became whole.
  OpenOutcome Open(Aead& aead, const OpenTask& task);

  /// Frees what is held; nothing can be opened any more.
  void Close();

  /// Memory beside the object itself, bytes.
  std::size_t held() const { return part_.capacity() + payload_.capacity(); }

 private:
  enum class State : std::uint8_t { kHeader, kAsked, kTaking, kDiscarding, kBroken };

  /// What is left of a task.
  struct Work {
    Aead& aead;
    Bytes chunk;
    std::span<std::uint8_t> out;
    std::uint32_t longPayload;
  };

  std::optional<OpenStop> Step(Work& work);
  std::optional<OpenStop> OpenHeader(Work& work);
  std::optional<OpenStop> OpenBlock(Work& work);
  bool HasPart(Work& work, std::size_t length);
  bool OpenPart(Work& work, std::size_t length, std::span<std::uint8_t> plain);
  std::span<std::uint8_t> GrowPayload(std::size_t length);
  void WriteFrame(Work& work);

  AeadKey key_;
  std::uint64_t counter_ = 0;
  /// The beginning of a sealed part whose end has not come.
  std::vector<std::uint8_t> part_;
  /// Opened parts of the frame's payload, all but the last.
  std::vector<std::uint8_t> payload_;
  /// Plaintext of the frame's payload that has not been opened.
  std::uint32_t left_ = 0;
  std::array<std::uint8_t, kFrameHeaderLength> header_ = {};
  State state_ = State::kHeader;
};

}  // namespace penstock

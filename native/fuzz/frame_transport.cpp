// Any bytes as what a peer sent, in pieces, into buffers of any size: the same frames as when all is read at once, the same
// verdicts asked for, and no more held than has come. What was opened is sealed again and comes out as it was.
#include "frame_transport.h"

#include "fuzz.h"

namespace penstock {
namespace {

/// Everything opens but a part whose last byte is 0xff, so that the fuzzer writes headers as a peer with the key would.
/// A wrong counter or key makes other bytes.
class ToyAead final : public Aead {
 public:
  bool Seal(const AeadKey& key, std::uint64_t counter, Bytes plain, std::span<std::uint8_t> sealed) override {
    for (std::size_t i = 0; i < plain.size(); i++) sealed[i] = plain[i] ^ Mask(key, counter);
    std::ranges::fill(sealed.subspan(plain.size(), kMacLength), Mask(key, counter));
    return true;
  }

  bool Open(const AeadKey& key, std::uint64_t counter, Bytes sealed, std::span<std::uint8_t> plain) override {
    CHECK(sealed.size() > kMacLength);
    for (std::size_t i = 0; i + kMacLength < sealed.size(); i++) plain[i] = sealed[i] ^ Mask(key, counter);
    return sealed.back() != 0xff;
  }

  /// Never 0xff for the keys of this target.
  static std::uint8_t Mask(const AeadKey& key, std::uint64_t counter) {
    return static_cast<std::uint8_t>(key[0] ^ (counter & 0x7f));
  }
};

constexpr AeadKey kKey = {0x11};
constexpr AeadKey kOtherKey = {0x22};

struct Opened {
  std::vector<std::uint8_t> frames;
  OpenStop stop = OpenStop::kEnd;
};

/// What becomes of a long payload is a matter of its message type.
LongPayload VerdictOn(const FrameHeader& header) { return static_cast<LongPayload>(header.messageType % 3); }

/// All at once, a part at a time, from the words of the specification.
Opened OpenPlainly(Bytes stream, std::uint32_t longPayload) {
  ToyAead aead;
  Opened opened;
  std::uint64_t counter = 0;
  const auto next = [&](std::size_t length, std::vector<std::uint8_t>& plain) {
    if (stream.size() < length + kMacLength) return OpenStop::kFull;  // not all has come
    std::vector<std::uint8_t> part(length);
    if (!aead.Open(kKey, counter++, stream.first(length + kMacLength), part)) return OpenStop::kBroken;
    plain.insert(plain.end(), part.begin(), part.end());
    stream = stream.subspan(length + kMacLength);
    return OpenStop::kEnd;
  };
  for (;;) {
    std::vector<std::uint8_t> frame;
    OpenStop stop = next(6, frame);
    if (stop != OpenStop::kEnd) {
      if (stop == OpenStop::kBroken) opened.stop = stop;
      return opened;
    }
    const FrameHeader header = ReadFrameHeader(std::span<const std::uint8_t>(frame).first<6>());
    const LongPayload verdict = header.length > longPayload ? VerdictOn(header) : LongPayload::kTake;
    if (verdict == LongPayload::kUndecided) {
      opened.stop = OpenStop::kLong;
      return opened;
    }
    while (frame.size() < 6 + header.length) {
      stop = next(std::min<std::size_t>(6 + header.length - frame.size(), 65'519), frame);
      if (stop == OpenStop::kEnd) continue;
      if (stop == OpenStop::kBroken) opened.stop = stop;
      return opened;
    }
    if (verdict == LongPayload::kTake) opened.frames.insert(opened.frames.end(), frame.begin(), frame.end());
  }
}

/// Piece by piece, as a connection does it.
Opened OpenInPieces(Bytes stream, std::uint32_t longPayload, std::size_t room, Input& input) {
  ToyAead aead;
  FrameOpener opener(kKey);
  Opened opened;
  std::size_t come = 0;
  while (come < stream.size()) {
    const std::size_t most = 1 + (input.Byte() % 32) * std::size_t{input.Byte()} * 16;
    const Bytes piece = stream.subspan(come, std::min(most, stream.size() - come));
    come += piece.size();
    std::vector<std::uint8_t> chunk(piece.begin(), piece.end());
    Bytes rest = chunk;
    std::size_t size = room;
    LongPayload verdict = LongPayload::kUndecided;
    for (bool again = true; again;) {
      std::vector<std::uint8_t> out(size);
      const OpenOutcome outcome =
          opener.Open(aead, {.chunk = rest, .out = out, .longPayload = longPayload, .verdict = verdict});
      CHECK(outcome.taken <= rest.size() && outcome.written <= out.size());
      CHECK(opener.held() <= 2 * come);
      rest = rest.subspan(outcome.taken);
      opened.frames.insert(opened.frames.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(outcome.written));
      opened.stop = outcome.stop;
      again = outcome.stop == OpenStop::kFull;
      if (outcome.stop == OpenStop::kFull) {
        // No bigger than the frame that it is for, which is one that has come.
        size = kFrameHeaderLength + outcome.header.length;
        CHECK(size <= come);
      } else {
        size = room;
      }
      verdict = LongPayload::kUndecided;
      if (outcome.stop == OpenStop::kLong) {
        verdict = VerdictOn(outcome.header);
        again = verdict != LongPayload::kUndecided;
      }
    }
    if (opened.stop == OpenStop::kBroken) CHECK(opener.held() == 0);
    if (opened.stop == OpenStop::kEnd) CHECK(rest.empty());
  }
  return opened;
}

void CheckSealing(const std::vector<std::uint8_t>& frames) {
  ToyAead aead;
  const auto length = SealedLength(frames);
  CHECK(length.has_value());
  if (frames.size() > 1) CHECK(!SealedLength(Bytes(frames).first(frames.size() - 1)).has_value());
  std::vector<std::uint8_t> sealed(*length);
  FrameSealer sealer(kOtherKey);
  CHECK(sealer.Seal(aead, frames, sealed));
  std::vector<std::uint8_t> out(frames.size());
  const OpenOutcome outcome =
      FrameOpener(kOtherKey).Open(aead, {.chunk = sealed, .out = out, .longPayload = 0xffffff});
  CHECK(outcome.stop == OpenStop::kEnd && outcome.taken == sealed.size() && out == frames);
}

void Test(Bytes bytes) {
  Input input(bytes);
  const std::uint32_t longPayload = input.Byte() * 16U;
  const std::size_t room = input.Byte() * std::size_t{8};
  // A few bytes for the sizes of pieces; past them all pieces have one byte.
  const std::vector<std::uint8_t> sizes = input.Make(input.Byte());
  // Zeros behind the rest make payloads of several parts, which no corpus has to hold.
  const std::size_t zeros = (input.Byte() % 64 == 63) ? input.Byte() * std::size_t{800} : 0;
  std::vector<std::uint8_t> stream = input.Rest();
  const bool isLong = zeros > 0;
  stream.resize(stream.size() + zeros);
  Input pieces(isLong ? Bytes() : Bytes(sizes));
  Opened expected = OpenPlainly(stream, longPayload);
  Opened opened;
  if (isLong) {
    // Large pieces: a byte at a time it would take too long.
    std::vector<std::uint8_t> large(400, 0xff);
    Input largePieces(large);
    opened = OpenInPieces(stream, longPayload, room, largePieces);
  } else {
    opened = OpenInPieces(stream, longPayload, room, pieces);
  }
  CHECK(opened.stop == expected.stop);
  CHECK(opened.frames == expected.frames);
  CheckSealing(opened.frames);
}

const Target kTarget("frame_transport", Test);

}  // namespace
}  // namespace penstock

#include "frame_transport.h"

#include <algorithm>

namespace penstock {
namespace {

std::size_t SealedPayloadLength(std::size_t length) {
  return length + (length + kMaxBlock - 1) / kMaxBlock * kMacLength;
}

/// Cuts the first frame off whole frames, or nothing.
Bytes FirstFrame(Bytes frames) {
  if (frames.size() < kFrameHeaderLength) return {};
  const std::size_t length = kFrameHeaderLength + ReadFrameHeader(frames.first<kFrameHeaderLength>()).length;
  return frames.size() < length ? Bytes() : frames.first(length);
}

void Free(std::vector<std::uint8_t>& bytes) { std::vector<std::uint8_t>().swap(bytes); }

}  // namespace

FrameHeader ReadFrameHeader(FixedBytes<kFrameHeaderLength> bytes) {
  return {.extensionType = static_cast<std::uint16_t>(bytes[0] | bytes[1] << 8),
          .messageType = bytes[2],
          .length = bytes[3] | std::uint32_t{bytes[4]} << 8 | std::uint32_t{bytes[5]} << 16};
}

std::optional<std::size_t> SealedLength(Bytes frames) {
  std::size_t sealed = 0;
  while (!frames.empty()) {
    const Bytes frame = FirstFrame(frames);
    if (frame.empty()) return std::nullopt;
    sealed += kSealedHeaderLength + SealedPayloadLength(frame.size() - kFrameHeaderLength);
    frames = frames.subspan(frame.size());
  }
  return sealed;
}

bool FrameSealer::Seal(Aead& aead, Bytes frames, std::span<std::uint8_t> sealed) {
  while (!frames.empty()) {
    const Bytes frame = FirstFrame(frames);
    if (!SealPart(aead, frame.first(kFrameHeaderLength), sealed)) return false;
    Bytes payload = frame.subspan(kFrameHeaderLength);
    while (!payload.empty()) {
      const Bytes block = payload.first(std::min(payload.size(), kMaxBlock));
      if (!SealPart(aead, block, sealed)) return false;
      payload = payload.subspan(block.size());
    }
    frames = frames.subspan(frame.size());
  }
  return true;
}

bool FrameSealer::SealPart(Aead& aead, Bytes plain, std::span<std::uint8_t>& sealed) {
  const std::size_t length = plain.size() + kMacLength;
  // Counted even if it fails: no number is used for two parts.
  if (!aead.Seal(key_, counter_++, plain, sealed.first(length))) return false;
  sealed = sealed.subspan(length);
  return true;
}

OpenOutcome FrameOpener::Open(Aead& aead, const OpenTask& task) {
  if (state_ == State::kAsked && task.verdict == LongPayload::kTake) state_ = State::kTaking;
  if (state_ == State::kAsked && task.verdict == LongPayload::kDiscard) state_ = State::kDiscarding;
  Work work = {.aead = aead, .chunk = task.chunk, .out = task.out, .longPayload = task.longPayload};
  std::optional<OpenStop> stop;
  while (!stop.has_value()) stop = Step(work);
  if (*stop == OpenStop::kBroken) Close();
  return {.stop = *stop,
          .taken = task.chunk.size() - work.chunk.size(),
          .written = task.out.size() - work.out.size(),
          .header = ReadFrameHeader(header_)};
}

void FrameOpener::Close() {
  state_ = State::kBroken;
  Free(part_);
  Free(payload_);
}

std::optional<OpenStop> FrameOpener::Step(Work& work) {
  switch (state_) {
    case State::kHeader:
      return OpenHeader(work);
    case State::kAsked:
      return OpenStop::kLong;
    case State::kTaking:
    case State::kDiscarding:
      return OpenBlock(work);
    case State::kBroken:
      break;
  }
  return OpenStop::kBroken;
}

std::optional<OpenStop> FrameOpener::OpenHeader(Work& work) {
  if (!HasPart(work, kSealedHeaderLength)) return OpenStop::kEnd;
  if (!OpenPart(work, kSealedHeaderLength, header_)) return OpenStop::kBroken;
  left_ = ReadFrameHeader(header_).length;
  state_ = left_ > work.longPayload ? State::kAsked : State::kTaking;
  return std::nullopt;
}

std::optional<OpenStop> FrameOpener::OpenBlock(Work& work) {
  const std::size_t length = ReadFrameHeader(header_).length;
  const std::size_t block = std::min<std::size_t>(left_, kMaxBlock);
  const std::size_t sealed = SealedPayloadLength(block);
  const bool isLast = block == left_;
  if (!HasPart(work, sealed)) return OpenStop::kEnd;
  if (state_ == State::kDiscarding) {
    // Opened all the same: what is discarded must be the other side's, too.
    std::vector<std::uint8_t> discarded(block);
    if (!OpenPart(work, sealed, discarded)) return OpenStop::kBroken;
    left_ -= static_cast<std::uint32_t>(block);
    if (isLast) state_ = State::kHeader;
    return std::nullopt;
  }
  if (isLast && work.out.size() < kFrameHeaderLength + length) return OpenStop::kFull;
  if (block > 0) {
    const auto plain =
        isLast ? work.out.subspan(kFrameHeaderLength + length - block, block) : GrowPayload(block);
    if (!OpenPart(work, sealed, plain)) return OpenStop::kBroken;
  }
  left_ -= static_cast<std::uint32_t>(block);
  if (isLast) WriteFrame(work);
  return std::nullopt;
}

/// Whether all of a sealed part has come. If not, keeps what has.
bool FrameOpener::HasPart(Work& work, std::size_t length) {
  if (part_.size() + work.chunk.size() >= length) return true;
  part_.insert(part_.end(), work.chunk.begin(), work.chunk.end());
  work.chunk = {};
  return false;
}

bool FrameOpener::OpenPart(Work& work, std::size_t length, std::span<std::uint8_t> plain) {
  const Bytes rest = work.chunk.first(length - part_.size());
  work.chunk = work.chunk.subspan(rest.size());
  if (part_.empty()) return work.aead.Open(key_, counter_++, rest, plain);
  part_.insert(part_.end(), rest.begin(), rest.end());
  const bool isSound = work.aead.Open(key_, counter_++, part_, plain);
  Free(part_);
  return isSound;
}

/// Room for one more part: twice what there was, as long as that is not more than the payload has.
std::span<std::uint8_t> FrameOpener::GrowPayload(std::size_t length) {
  const std::size_t before = payload_.size();
  if (payload_.capacity() < before + length) {
    const std::size_t most = ReadFrameHeader(header_).length;
    payload_.reserve(std::min(most, std::max(2 * before, length)));
  }
  payload_.resize(before + length);
  return std::span(payload_).subspan(before);
}

/// The last part of the payload is in its place already.
void FrameOpener::WriteFrame(Work& work) {
  CopyBytes(work.out, header_);
  CopyBytes(work.out.subspan(kFrameHeaderLength), payload_);
  Free(payload_);
  work.out = work.out.subspan(kFrameHeaderLength + ReadFrameHeader(header_).length);
  state_ = State::kHeader;
}

}  // namespace penstock

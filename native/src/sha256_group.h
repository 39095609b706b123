#pragma once

#include "sha256_kernels.h"

// The functions of a kernel, written once. A kernel's file describes a Group, messages that are hashed side by side, and
// gets its table from GroupKernel below.
//
// A Group has
//   kLanes, the number of its messages;
//   State and Block, the states and one block of each message;
//   Spread(Sha256State): State, the same for all;
//   LoadBlock(in, stride): Block, of 64 bytes each `stride` bytes apart;
//   HeaderEnd(in): Block, last and padded, of headers of 80 bytes back to back;
//   DigestBlock(State): Block, which hashes the digests;
//   PairBlock(State, sibling): Block, the digests each followed by the same 32 bytes;
//   NonceBlock(ScanJob, nonce): Block, the headers' last with nonces from `nonce` on;
//   Compress(State&, Block) and Compress(State&, Sha256Schedule), the latter with the same block for all;
//   Store(State, out), digests back to back, and TopWords(State, out), their last words.
//
// Everything here is in an unnamed namespace: each file that includes this is compiled for instructions of its own, so
// the linker must never take one's function for another's.
namespace penstock {
namespace {

#define KERNEL_INLINE __attribute__((always_inline)) inline

template <class Group>
struct GroupFunctions {
  using State = typename Group::State;

  static KERNEL_INLINE void HashDigests(State& state) {
    const auto block = Group::DigestBlock(state);
    state = Group::Spread(kSha256Initial);
    Group::Compress(state, block);
  }

  static void Double64(std::uint8_t* out, const std::uint8_t* in) {
    State state = Group::Spread(kSha256Initial);
    Group::Compress(state, Group::LoadBlock(in, 64));
    Group::Compress(state, kSchedulePadding64);
    HashDigests(state);
    Group::Store(state, out);
  }

  static void Double80(std::uint8_t* out, const std::uint8_t* in) {
    State state = Group::Spread(kSha256Initial);
    Group::Compress(state, Group::LoadBlock(in, 80));
    Group::Compress(state, Group::HeaderEnd(in));
    HashDigests(state);
    Group::Store(state, out);
  }

  static void Roots(std::uint8_t* out, const std::uint8_t* own, const RootJob& job) {
    State state = Group::Spread(job.midstate);
    for (std::size_t i = 0; i < job.ownBlocks; i++) {
      Group::Compress(state, Group::LoadBlock(own + i * 64, job.ownBlocks * 64));
    }
    for (const Sha256Schedule& block : job.commonBlocks) Group::Compress(state, block);
    HashDigests(state);
    // The nodes of a level never leave the registers.
    for (std::size_t at = 0; at < job.branch.size(); at += 32) {
      const auto pair = Group::PairBlock(state, job.branch.data() + at);
      state = Group::Spread(kSha256Initial);
      Group::Compress(state, pair);
      Group::Compress(state, kSchedulePadding64);
      HashDigests(state);
    }
    Group::Store(state, out);
  }

  /// True with the nonce that was found, false with the first that was not looked at.
  static bool Scan(const ScanJob& job, std::uint64_t& nonce, std::uint64_t end) {
    for (; end - nonce >= Group::kLanes; nonce += Group::kLanes) {
      std::uint32_t tops[Group::kLanes];
      HashNonces(tops, job, static_cast<std::uint32_t>(nonce));
      for (std::size_t lane = 0; lane < Group::kLanes; lane++) {
        if (__builtin_bswap32(tops[lane]) > job.topLimit) continue;
        nonce += lane;
        return true;
      }
    }
    return false;
  }

 private:
  /// A function of its own: what compilers keep for the next turn of the loop, they take from this one's registers.
  [[gnu::noinline]] static void HashNonces(std::uint32_t* tops, const ScanJob& job, std::uint32_t nonce) {
    State state = Group::Spread(job.midstate);
    Group::Compress(state, Group::NonceBlock(job, nonce));
    HashDigests(state);
    Group::TopWords(state, tops);
  }
};

/// Two blocks: a coinbase's own.
constexpr std::size_t kMaxMessageLength = 128;

/// Messages of `length` bytes each, and the place of their digests.
struct Messages {
  std::uint8_t* out;
  const std::uint8_t* in;
  std::size_t length;
  std::size_t count;

  std::span<std::uint8_t> Out() const { return {out, count * 32}; }
  Bytes In() const { return {in, count * length}; }

  void Skip(std::size_t done) {
    out += done * 32;
    in += done * length;
    count -= done;
  }
};

/// A group in a kernel; Worthwhile is how many messages it takes when there are not enough to fill it.
template <class Group, std::size_t Worthwhile = Group::kLanes>
struct Use : GroupFunctions<Group> {
  using Only = Group;
  static constexpr std::size_t kLanes = Group::kLanes;
  static constexpr std::size_t kWorthwhile = Worthwhile;
};

/// Hashes as many messages as fill groups, or are worth one that is not full.
template <class Used, class Function>
KERNEL_INLINE void TakeGroups(Messages& messages, const Function& function) {
  constexpr std::size_t kLanes = Used::kLanes;
  for (; messages.count >= kLanes; messages.Skip(kLanes)) function(messages.out, messages.in);
  if constexpr (Used::kWorthwhile < kLanes) {
    if (messages.count < Used::kWorthwhile) return;
    std::uint8_t in[kLanes * kMaxMessageLength] = {};
    std::uint8_t out[kLanes * 32];
    std::memcpy(in, messages.in, messages.count * messages.length);
    function(out, in);
    std::memcpy(messages.out, out, messages.count * 32);
    messages.Skip(messages.count);
  }
}

template <class... All>
using LastOf = typename decltype((std::type_identity<All>{}, ...))::type;

/// The kernel that hashes what groups leave over.
template <const Sha256Kernel& Kernel>
struct RestBy {
  static constexpr bool kNeeded = true;
  static const Sha256Kernel& Get() { return Kernel; }
};

/// Behind a group of one, which leaves nothing over.
struct NoRest {
  static constexpr bool kNeeded = false;
};

/// A kernel's functions: groups from wide to narrow, then another kernel.
template <class Rest, class... Uses>
struct GroupKernel {
  static void Double64(std::span<std::uint8_t> out, Bytes in) {
    Messages rest = {out.data(), in.data(), 64, in.size() / 64};
    (TakeGroups<Uses>(rest, Uses::Double64), ...);
    if constexpr (Rest::kNeeded) Rest::Get().double64(rest.Out(), rest.In());
  }

  static void Double80(std::span<std::uint8_t> out, Bytes headers) {
    Messages rest = {out.data(), headers.data(), 80, headers.size() / 80};
    (TakeGroups<Uses>(rest, Uses::Double80), ...);
    if constexpr (Rest::kNeeded) Rest::Get().double80(rest.Out(), rest.In());
  }

  static void Roots(std::span<std::uint8_t> out, const RootJob& job, Bytes own) {
    Messages rest = {out.data(), own.data(), job.ownBlocks * 64, out.size() / 32};
    (TakeGroups<Uses>(rest, [&job](auto* to, const auto* from) { Uses::Roots(to, from, job); }), ...);
    if constexpr (Rest::kNeeded) Rest::Get().roots(rest.Out(), job, rest.In());
  }

  static std::uint64_t Scan(const ScanJob& job, std::uint64_t first, std::uint64_t end) {
    std::uint64_t nonce = first;
    if ((Uses::Scan(job, nonce, end) || ...)) return nonce;
    if constexpr (Rest::kNeeded) return Rest::Get().scan(job, nonce, end);
    return nonce;
  }

  /// One message: for a group of one, or the other kernel.
  static void Compress(Sha256State& state, Bytes blocks) {
    if constexpr (Rest::kNeeded) {
      Rest::Get().compress(state, blocks);
    } else {
      using One = typename LastOf<Uses...>::Only;
      auto states = One::Spread(state);
      for (; blocks.size() >= 64; blocks = blocks.subspan(64)) {
        One::Compress(states, One::LoadBlock(blocks.data(), 64));
      }
      One::StoreState(states, state);
    }
  }

  static constexpr Sha256Kernel Table(const char* name, bool (*supported)()) {
    return {name, supported, Compress, Double64, Double80, Roots, Scan};
  }
};

}  // namespace
}  // namespace penstock

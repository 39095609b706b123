#include "frame_miner.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <utility>

#include "scan.h"

namespace bench {

using penstock::Bytes;
using penstock::Hash;

class Reader {
 public:
  explicit Reader(Bytes payload) : left_(payload) {}

  Bytes Take(std::size_t length) {
    if (length > left_.size()) throw std::runtime_error("the pool sent a message that is cut short");
    const Bytes taken = left_.first(length);
    left_ = left_.subspan(length);
    return taken;
  }
  std::uint8_t U8() { return Take(1)[0]; }
  std::uint16_t U16() {
    const Bytes bytes = Take(2);
    return static_cast<std::uint16_t>(bytes[0] | bytes[1] << 8);
  }
  std::uint32_t U32() { return penstock::ReadLe32(Take(4).first<4>()); }
  std::uint64_t U64() { return penstock::ReadLe64(Take(8).first<8>()); }
  Hash U256() {
    Hash hash;
    penstock::CopyBytes(hash, Take(hash.size()));
    return hash;
  }
  std::vector<std::uint8_t> Copy(std::size_t length) {
    const Bytes bytes = Take(length);
    return {bytes.begin(), bytes.end()};
  }
  std::string Text() {
    const Bytes bytes = Take(U8());
    return {bytes.begin(), bytes.end()};
  }

 private:
  Bytes left_;
};

namespace {

constexpr std::uint16_t kChannelMessage = 0x8000;
constexpr std::size_t kAct2Length = 234;
constexpr std::uint32_t kRequiresStandardJobs = 1;
/// What a standard share carries; an extended one has the length of its extranonce and the extranonce behind it.
constexpr std::size_t kStandardSubmission = 24;
constexpr std::size_t kLongestMessage = 1 << 18;
/// So many hashes a share takes at most, in the mean.
constexpr std::uint32_t kNoncesPerShare = 256;
constexpr std::size_t kLanes = 64;

/// Where fields are in a submission's frame.
struct At {
  std::size_t channelId = 6, sequence = 10, jobId = 14, nonce = 18, ntime = 22, version = 26, extranonceSize = 30, extranonce = 31;
};
constexpr At kAt;

namespace type {
constexpr std::uint8_t kSetupConnection = 0x00, kSetupConnectionSuccess = 0x01, kOpenStandard = 0x10,
                       kOpenStandardSuccess = 0x11, kOpenError = 0x12, kOpenExtended = 0x13, kOpenExtendedSuccess = 0x14,
                       kNewMiningJob = 0x15, kSubmitStandard = 0x1a, kSubmitExtended = 0x1b, kSubmitSuccess = 0x1c,
                       kSubmitError = 0x1d, kNewExtendedMiningJob = 0x1f, kSetNewPrevHash = 0x20, kSetTarget = 0x21;
}  // namespace type

template <typename Number>
void Add(std::string& bytes, Number value) {
  for (std::size_t i = 0; i < sizeof value; i++) bytes += static_cast<char>(value >> 8 * i & 0xff);
}

void AddText(std::string& bytes, std::string_view text) {
  bytes += static_cast<char>(text.size());
  bytes += text;
}

std::string_view TextOf(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::span<std::uint8_t, 4> Field(std::vector<std::uint8_t>& frame, std::size_t at) {
  return std::span(frame).subspan(at).first<4>();
}

/// What a frame of one block took on the wire.
std::size_t SealedLengthOf(std::size_t payload) {
  return penstock::kSealedHeaderLength + payload + (payload > 0 ? penstock::kMacLength : 0);
}

}  // namespace

FrameMiner::FrameMiner(std::uint16_t port, std::string user, Opening opening, const FrameMinerOptions& options)
    : Miner(port, opening), options_(options), user_(std::move(user)) {
  if (opening == Opening::kWaits) Introduce();
}

void FrameMiner::Introduce() { Send(options_.initiator.act1()); }

void FrameMiner::Take(std::span<const char> chunk, std::uint64_t nowNs, Tally& tally) {
  answered_.clear();
  Bytes bytes(reinterpret_cast<const std::uint8_t*>(chunk.data()), chunk.size());
  if (!opener_) bytes = ShakeHands(bytes);
  if (!bytes.empty()) Open(bytes, nowNs, tally);
}

/// Returns what came behind the handshake.
Bytes FrameMiner::ShakeHands(Bytes bytes) {
  const Bytes part = bytes.first(std::min(bytes.size(), kAct2Length - act2_.size()));
  act2_ += TextOf(part);
  if (act2_.size() == kAct2Length) {
    const auto [send, receive] = options_.initiator.Finish(Bytes(reinterpret_cast<const std::uint8_t*>(act2_.data()), act2_.size()));
    sealer_.emplace(send);
    opener_.emplace(receive);
    SetUp();
  }
  return bytes.subspan(part.size());
}

void FrameMiner::Open(Bytes bytes, std::uint64_t nowNs, Tally& tally) {
  static thread_local std::vector<std::uint8_t> out(2 * kLongestMessage);
  for (;;) {
    const penstock::OpenOutcome outcome =
        opener_->Open(options_.aead, {.chunk = bytes, .out = out, .longPayload = kLongestMessage});
    bytes = bytes.subspan(outcome.taken);
    Bytes frames = std::span(out).first(outcome.written);
    while (!frames.empty()) {
      const penstock::FrameHeader header = penstock::ReadFrameHeader(frames.first<penstock::kFrameHeaderLength>());
      OnFrame(header, frames.subspan(penstock::kFrameHeaderLength, header.length), nowNs, tally);
      frames = frames.subspan(penstock::kFrameHeaderLength + header.length);
    }
    if (outcome.stop == penstock::OpenStop::kEnd) return;
    if (outcome.stop != penstock::OpenStop::kFull) throw std::runtime_error("the pool sent what cannot be opened");
  }
}

void FrameMiner::OnFrame(const penstock::FrameHeader& header, Bytes payload, std::uint64_t nowNs, Tally& tally) {
  Reader reader(payload);
  const std::size_t wireBytes = SealedLengthOf(payload.size());
  switch (header.messageType) {
    case type::kSubmitSuccess: return OnSuccess(reader, nowNs, tally);
    case type::kSubmitError: return OnError(reader, nowNs, tally);
    case type::kSetupConnectionSuccess: return OpenChannels();
    case type::kOpenStandardSuccess: return OnOpened(reader, ChannelKind::kStandard);
    case type::kOpenExtendedSuccess: return OnOpened(reader, ChannelKind::kExtended);
    case type::kNewMiningJob: return OnJob(reader, ChannelKind::kStandard, nowNs, wireBytes);
    case type::kNewExtendedMiningJob: return OnJob(reader, ChannelKind::kExtended, nowNs, wireBytes);
    case type::kSetNewPrevHash: return OnPrevHash(reader, nowNs, wireBytes, tally);
    case type::kSetTarget: {
      const std::uint32_t id = reader.U32();
      const Hash target = reader.U256();
      return ForEach(id, [&](Channel& channel) { channel.target = target; });
    }
    case type::kOpenError: reader.U32(); throw std::runtime_error("the pool opens no channel: " + reader.Text());
    default: throw std::runtime_error("the pool sent a message of type " + std::to_string(header.messageType));
  }
}

void FrameMiner::SetUp() {
  std::string setup("\0\2\0\2\0", 5);
  Add<std::uint32_t>(setup, options_.kind == ChannelKind::kStandard ? kRequiresStandardJobs : 0);
  AddText(setup, "127.0.0.1");
  Add<std::uint16_t>(setup, 3333);
  for (const char* text : {"bench", "1", "", ""}) AddText(setup, text);
  AddFrame(0, type::kSetupConnection, setup);
  SendFrames();
}

void FrameMiner::OpenChannels() {
  const bool isExtended = options_.kind == ChannelKind::kExtended;
  for (std::uint32_t i = 0; i < options_.channels; i++) {
    std::string open;
    Add<std::uint32_t>(open, i);
    AddText(open, user_);
    Add<std::uint32_t>(open, std::bit_cast<std::uint32_t>(1e12F));
    open += std::string(32, '\xff');
    if (isExtended) Add<std::uint16_t>(open, penstock::kExtranonce2Length);
    AddFrame(0, isExtended ? type::kOpenExtended : type::kOpenStandard, open);
  }
  SendFrames();
}

void FrameMiner::OnOpened(Reader& reader, ChannelKind kind) {
  auto channel = std::make_unique<Channel>();
  reader.U32();
  channel->id = reader.U32();
  channel->target = reader.U256();
  if (kind == ChannelKind::kExtended && reader.U16() != penstock::kExtranonce2Length) {
    throw std::runtime_error("the pool gives extranonces of another length than was asked for");
  }
  channel->prefix = reader.Copy(reader.U8());
  if (kind == ChannelKind::kExtended && channel->prefix.size() != penstock::kExtranonce1Length) {
    throw std::runtime_error("the pool gives prefixes of another length than its jobs have room for");
  }
  channel->groupId = reader.U32();
  // Ids rise: channels can be found by halving.
  if (!channels_.empty() && channels_.back()->id >= channel->id) throw std::runtime_error("the ids of channels do not rise");
  channels_.push_back(std::move(channel));
}

void FrameMiner::OnJob(Reader& reader, ChannelKind kind, std::uint64_t nowNs, std::size_t wireBytes) {
  const std::uint32_t id = reader.U32();
  Job job;
  job.id = reader.U32();
  const bool isActive = (reader.U8() & 1) != 0;
  if (isActive) job.minNtime = reader.U32();
  job.version = reader.U32();
  if (kind == ChannelKind::kStandard) {
    job.root = reader.U256();
  } else {
    reader.U8();
    auto parts = std::make_shared<Job::Parts>();
    parts->branch = reader.Copy(std::size_t{32} * reader.U8());
    parts->coinbase1 = reader.Copy(reader.U16());
    parts->coinbase2 = reader.Copy(reader.U16());
    job.parts = std::move(parts);
  }
  if (isActive && tip_.fullJobNs == 0 && tip_.firstJobNs > 0) tip_.fullJobBytes += wireBytes;
  if (!isActive && tip_.firstJobNs == 0) tip_.firstJobBytes += wireBytes;
  ForEach(id, [&](Channel& channel) {
    if (!isActive) return channel.future.push_back(job);
    Activate(channel, job);
    if (channel.tipJobs == 1) OnTipJob(channel, true, nowNs);
  });
}

void FrameMiner::OnPrevHash(Reader& reader, std::uint64_t nowNs, std::size_t wireBytes, Tally& tally) {
  const std::uint32_t id = reader.U32();
  const std::uint32_t jobId = reader.U32();
  const Hash previousHash = reader.U256();
  const std::uint32_t minNtime = reader.U32();
  const std::uint32_t bits = reader.U32();
  tally.newTip = true;
  if (tip_.firstJobNs == 0) tip_.firstJobBytes += wireBytes;
  ForEach(id, [&](Channel& channel) {
    const auto job = std::ranges::find(channel.future, jobId, &Job::id);
    if (job == channel.future.end()) throw std::runtime_error("the pool named a job that it did not send");
    channel.previousHash = previousHash;
    channel.tipMinNtime = minNtime;
    channel.bits = bits;
    Activate(channel, *job);
    channel.future.clear();
    if (tip_.tipBefore.empty() || TextOf(previousHash) == tip_.tipBefore) return;
    // A standard job does not say whether it is a full one: there, the second on a tip is.
    const auto& parts = channel.active->parts;
    const bool isFull = parts != nullptr && !parts->branch.empty();
    channel.tipJobs = 0;
    OnTipJob(channel, false, nowNs);
    if (isFull) OnTipJob(channel, true, nowNs);
  });
}

void FrameMiner::Activate(Channel& channel, const Job& job) {
  if (!channel.active) working_++;
  channel.active = job;
}

void FrameMiner::OnTipJob(Channel& channel, bool isFull, std::uint64_t nowNs) {
  const int stage = isFull ? 2 : 1;
  channel.tipJobs = stage;
  std::uint64_t& moment = isFull ? tip_.fullJobNs : tip_.firstJobNs;
  const auto has = [&](const auto& each) { return each->tipJobs >= stage; };
  if (moment > 0 || !std::ranges::all_of(channels_, has)) return;
  moment = nowNs;
  // A full job may be the first on its tip, too.
  if (isFull && tip_.fullJobBytes == 0) tip_.fullJobBytes = tip_.firstJobBytes;
}

void FrameMiner::ExpectTip() {
  tip_ = {};
  tip_.tipBefore = TextOf(channels_.front()->previousHash);
  for (const auto& channel : channels_) channel->tipJobs = 0;
}

void FrameMiner::OnSuccess(Reader& reader, std::uint64_t nowNs, Tally& tally) {
  Channel& channel = ChannelOf(reader.U32());
  const std::uint32_t last = reader.U32();
  const std::uint32_t count = reader.U32();
  std::uint32_t covered = 0;
  while (channel.oldest <= last && channel.oldest < channel.nextSequence) {
    if (Settle(channel, channel.oldest++, nowNs, tally)) covered++;
  }
  tally.accepted += std::min(covered, count);
  // Those that it does not count stay unanswered for good.
  tally.unexpected += covered > count ? covered - count : count - covered;
  answers_ += covered;
  answered_.push_back({&channel, covered});
}

void FrameMiner::OnError(Reader& reader, std::uint64_t nowNs, Tally& tally) {
  Channel& channel = ChannelOf(reader.U32());
  const std::uint32_t sequence = reader.U32();
  if (tally.firstRejection.empty()) tally.firstRejection = reader.Text();
  const bool isOurs = sequence >= channel.oldest && sequence < channel.nextSequence;
  if (!isOurs || !Settle(channel, sequence, nowNs, tally)) {
    tally.unexpected++;
    return;
  }
  tally.rejected++;
  answers_++;
  answered_.push_back({&channel, 1});
}

bool FrameMiner::Settle(Channel& channel, std::uint32_t sequence, std::uint64_t nowNs, Tally& tally) {
  std::uint64_t& due = channel.dueNs[sequence & (channel.dueNs.size() - 1)];
  if (due == 0) return false;
  tally.latencies.Record(nowNs - due);
  due = 0;
  tally.underWay--;
  return true;
}

FrameMiner::Channel& FrameMiner::ChannelOf(std::uint32_t id) {
  const auto found = std::ranges::lower_bound(channels_, id, {}, [](const auto& channel) { return channel->id; });
  if (found == channels_.end() || (*found)->id != id) throw std::runtime_error("the pool named a channel that is not open");
  return **found;
}

template <typename Act>
void FrameMiner::ForEach(std::uint32_t id, Act act) {
  const auto found = std::ranges::lower_bound(channels_, id, {}, [](const auto& channel) { return channel->id; });
  if (found != channels_.end() && (*found)->id == id) return act(**found);
  for (const auto& channel : channels_) {
    if (channel->groupId == id) act(*channel);
  }
}

void FrameMiner::Prepare(const penstock::Sha256Kernel& kernel, std::size_t shares, bool real,
                         std::vector<ShareTask>& tasks) {
  const std::size_t each = (shares + channels_.size() - 1) / channels_.size();
  for (const auto& channel : channels_) {
    TakeWork(kernel, *channel, each);
    const std::uint32_t firstOfAll = channel->nextExtranonce2 - static_cast<std::uint32_t>(each);
    for (std::size_t first = 0; first < each; first += kSharesPerTask) {
      const std::span part = std::span(channel->shares).subspan(first, std::min(kSharesPerTask, each - first));
      const std::uint32_t number = firstOfAll + static_cast<std::uint32_t>(first);
      tasks.push_back([this, &kernel, real, part, number, &channel = *channel] {
        if (real) return MakeShares(kernel, channel, number, part);
        for (std::size_t i = 0; i < part.size(); i++) {
          const std::uint32_t own = number + static_cast<std::uint32_t>(i);
          part[i] = {own, own};
        }
      });
    }
  }
}

/// Takes up the newest job and makes room for shares of it.
void FrameMiner::TakeWork(const penstock::Sha256Kernel& kernel, Channel& channel, std::size_t shares) {
  static constexpr Hash kNoTarget = {};
  const Job& job = channel.active.value();
  const bool isExtended = options_.kind == ChannelKind::kExtended;
  const Job::Parts nothing;
  const Job::Parts& parts = isExtended ? *job.parts : nothing;
  // Of a standard job only the header is used, over the root that the pool gave.
  channel.prepared = std::make_shared<const penstock::PreparedJob>(
      kernel, penstock::JobParts{.version = job.version,
                                 .previousHash = channel.previousHash,
                                 .bits = channel.bits,
                                 .minTime = 0,
                                 .coinbase1 = parts.coinbase1,
                                 .coinbase2 = parts.coinbase2,
                                 .extranonce2Length = penstock::kExtranonce2Length,
                                 .merkleBranch = parts.branch,
                                 .networkTarget = kNoTarget,
                                 .tipNumber = 0});
  const std::size_t payload = kStandardSubmission + (isExtended ? 1 + penstock::kExtranonce2Length : 0);
  auto& frame = channel.frame;
  frame.assign(penstock::kFrameHeaderLength + payload, 0);
  frame[1] = kChannelMessage >> 8;
  frame[2] = isExtended ? type::kSubmitExtended : type::kSubmitStandard;
  frame[3] = static_cast<std::uint8_t>(payload);
  penstock::WriteLe32(Field(frame, kAt.channelId), channel.id);
  penstock::WriteLe32(Field(frame, kAt.jobId), job.id);
  penstock::WriteLe32(Field(frame, kAt.ntime), std::max(job.minNtime, channel.tipMinNtime));
  penstock::WriteLe32(Field(frame, kAt.version), job.version);
  if (isExtended) frame[kAt.extranonceSize] = penstock::kExtranonce2Length;
  channel.shares.assign(shares, {0, 0});
  channel.nextExtranonce2 += static_cast<std::uint32_t>(shares);
  channel.nextShare = 0;
}

void FrameMiner::MakeShares(const penstock::Sha256Kernel& kernel, const Channel& channel, std::uint32_t first,
                            std::span<Share> shares) const {
  const Job& job = *channel.active;
  const std::uint32_t ntime = std::max(job.minNtime, channel.tipMinNtime);
  std::array<std::uint8_t, 80> header;
  const auto search = [&](std::uint64_t from, std::uint64_t count) {
    const auto nonce = penstock::ScanNonces(kernel, header, channel.target, static_cast<std::uint32_t>(from), count);
    if (!nonce) throw std::runtime_error("the difficulty is too high to prepare shares");
    return *nonce;
  };
  if (options_.kind == ChannelKind::kStandard) {
    // Only nonces to choose from: each share has some of its own.
    channel.prepared->WriteHeader(job.root, job.version, ntime, 0, header);
    std::uint64_t next = std::uint64_t{first} * kNoncesPerShare;
    const std::uint64_t end = next + shares.size() * kNoncesPerShare;
    if (end > 1ULL << 32) throw std::runtime_error("a standard job has not that many shares");
    for (Share& share : shares) {
      if (next >= end) throw std::runtime_error("the difficulty is too high to prepare shares");
      share = {0, search(next, end - next)};
      next = std::uint64_t{share.nonce} + 1;
    }
    return;
  }
  std::array<penstock::Extranonces, kLanes> choices = {};
  std::array<Hash, kLanes> roots;
  for (std::size_t done = 0; done < shares.size();) {
    const std::size_t count = std::min(kLanes, shares.size() - done);
    for (std::size_t i = 0; i < count; i++) {
      const std::uint32_t extranonce2 = first + static_cast<std::uint32_t>(done + i);
      shares[done + i].extranonce2 = extranonce2;
      penstock::CopyBytes(choices[i].extranonce1, channel.prefix);
      penstock::WriteBe32(std::span(choices[i].extranonce2).first<penstock::kExtranonce2Length>().last<4>(), extranonce2);
    }
    channel.prepared->Roots(kernel, std::span(choices).first(count), std::span(roots).first(count));
    for (std::size_t i = 0; i < count; i++) {
      channel.prepared->WriteHeader(roots[i], job.version, ntime, 0, header);
      shares[done + i].nonce = search(0, 1 << 20);
    }
    done += count;
  }
}

void FrameMiner::Begin(std::size_t mostUnderWay) {
  answered_.clear();
  answers_ = 0;
  for (const auto& channel : channels_) {
    channel->dueNs.assign(std::bit_ceil(mostUnderWay * 4), 0);
    channel->oldest = channel->nextSequence;
  }
}

void FrameMiner::Submit(std::size_t count, std::uint64_t atNs, Tally& tally) {
  for (std::size_t i = 0; i < count; i++) {
    AddShares(*channels_[nextChannel_], 1, atNs, tally);
    nextChannel_ = (nextChannel_ + 1) % channels_.size();
  }
  SendFrames();
}

void FrameMiner::SubmitAnswered(std::uint64_t atNs, Tally& tally) {
  for (const auto& [channel, count] : answered_) AddShares(*channel, count, atNs, tally);
  answered_.clear();
  SendFrames();
}

void FrameMiner::AddShares(Channel& channel, std::size_t count, std::uint64_t atNs, Tally& tally) {
  const std::size_t available = std::min(count, channel.shares.size() - channel.nextShare);
  if (available < count) tally.exhausted = true;
  for (std::size_t i = 0; i < available; i++) {
    const Share& share = channel.shares[channel.nextShare++];
    auto& frame = channel.frame;
    penstock::WriteLe32(Field(frame, kAt.sequence), channel.nextSequence);
    penstock::WriteLe32(Field(frame, kAt.nonce), share.nonce);
    if (options_.kind == ChannelKind::kExtended) {
      penstock::WriteBe32(Field(frame, kAt.extranonce + penstock::kExtranonce2Length - 4), share.extranonce2);
    }
    frames_.insert(frames_.end(), frame.begin(), frame.end());
    channel.dueNs[channel.nextSequence++ & (channel.dueNs.size() - 1)] = atNs;
  }
  tally.underWay += available;
}

void FrameMiner::AddFrame(std::uint16_t extensionType, std::uint8_t messageType, const std::string& payload) {
  std::string frame;
  Add<std::uint16_t>(frame, extensionType);
  Add<std::uint8_t>(frame, messageType);
  Add<std::uint32_t>(frame, static_cast<std::uint32_t>(payload.size()));
  frame.pop_back();
  frame += payload;
  frames_.insert(frames_.end(), frame.begin(), frame.end());
}

/// Seals and sends what has been put together.
void FrameMiner::SendFrames() {
  if (frames_.empty()) return;
  static thread_local std::vector<std::uint8_t> sealed;
  sealed.resize(penstock::SealedLength(frames_).value());
  if (!sealer_->Seal(options_.aead, frames_, sealed)) throw std::runtime_error("the cipher failed");
  frames_.clear();
  Send(TextOf(sealed));
}

}  // namespace bench

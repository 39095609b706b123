#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "frame_transport.h"
#include "job.h"
#include "miner.h"

namespace bench {

/// Shakes hands for all miners, with one key of its own.
class Initiator {
 public:
  struct Keys {
    penstock::AeadKey send;
    penstock::AeadKey receive;
  };

  virtual ~Initiator() = default;
  virtual const std::string& act1() const = 0;
  virtual Keys Finish(penstock::Bytes act2) = 0;
};

enum class ChannelKind { kStandard, kExtended };

/// What V2 miners are.
struct FrameMinerOptions {
  Initiator& initiator;
  penstock::Aead& aead;
  ChannelKind kind;
  std::size_t channels;
};

/// A message's payload, read from the front. Throws std::runtime_error beyond its end.
class Reader;

/// One V2 connection: all of its channels are of one kind. Those with standard channels take no extended jobs.
class FrameMiner final : public Miner {
 public:
  FrameMiner(std::uint16_t port, std::string user, Opening opening, const FrameMinerOptions& options);

  /// All channels are open and have an active job.
  bool ready() const override { return working_ == options_.channels; }
  std::size_t channels() const override { return options_.channels; }
  void Prepare(const penstock::Sha256Kernel& kernel, std::size_t shares, bool real,
               std::vector<ShareTask>& tasks) override;
  void Begin(std::size_t mostUnderWay) override;
  void Submit(std::size_t count, std::uint64_t atNs, Tally& tally) override;
  void SubmitAnswered(std::uint64_t atNs, Tally& tally) override;
  void ExpectTip() override;

 private:
  /// As NewMiningJob or NewExtendedMiningJob told it.
  struct Job {
    std::uint32_t id = 0;
    std::uint32_t minNtime = 0;
    std::uint32_t version = 0;
    /// Of a standard job.
    penstock::Hash root = {};
    /// Of an extended one: what it is made of, shared by the channels of a group.
    struct Parts {
      std::vector<std::uint8_t> branch;
      std::vector<std::uint8_t> coinbase1;
      std::vector<std::uint8_t> coinbase2;
    };
    std::shared_ptr<const Parts> parts;
  };

  struct Channel {
    std::uint32_t id;
    std::uint32_t groupId;
    std::vector<std::uint8_t> prefix;
    penstock::Hash target;
    std::vector<Job> future;
    std::optional<Job> active;
    penstock::Hash previousHash = {};
    std::uint32_t tipMinNtime = 0;
    std::uint32_t bits = 0;
    /// Of the tip that is waited for: 1 with the first job, 2 with the full one.
    int tipJobs = 0;

    /// The job that is worked on, ready to be hashed.
    std::shared_ptr<const penstock::PreparedJob> prepared;
    std::vector<Share> shares;
    std::size_t nextShare = 0;
    std::uint32_t nextExtranonce2 = 0;
    /// The next submission's frame; numbers are written into it in place.
    std::vector<std::uint8_t> frame;
    std::uint32_t nextSequence = 1;
    /// All before it are answered.
    std::uint32_t oldest = 1;
    /// When those under way were due, by sequence number; 0 for answered. A power of two.
    std::vector<std::uint64_t> dueNs = {0};
  };

  struct Answered {
    Channel* channel;
    std::size_t count;
  };

  void Introduce() override;
  void Take(std::span<const char> bytes, std::uint64_t nowNs, Tally& tally) override;
  penstock::Bytes ShakeHands(penstock::Bytes bytes);
  void Open(penstock::Bytes bytes, std::uint64_t nowNs, Tally& tally);
  void OnFrame(const penstock::FrameHeader& header, penstock::Bytes payload, std::uint64_t nowNs, Tally& tally);
  void SetUp();
  void OpenChannels();
  void OnOpened(Reader& reader, ChannelKind kind);
  void OnJob(Reader& reader, ChannelKind kind, std::uint64_t nowNs, std::size_t wireBytes);
  void OnPrevHash(Reader& reader, std::uint64_t nowNs, std::size_t wireBytes, Tally& tally);
  void OnSuccess(Reader& reader, std::uint64_t nowNs, Tally& tally);
  void OnError(Reader& reader, std::uint64_t nowNs, Tally& tally);
  void Activate(Channel& channel, const Job& job);
  void OnTipJob(Channel& channel, bool isFull, std::uint64_t nowNs);
  /// Returns whether a share was under way there.
  bool Settle(Channel& channel, std::uint32_t sequence, std::uint64_t nowNs, Tally& tally);
  Channel& ChannelOf(std::uint32_t id);
  /// Calls act for a channel, or for all of a group.
  template <typename Act>
  void ForEach(std::uint32_t id, Act act);
  void TakeWork(const penstock::Sha256Kernel& kernel, Channel& channel, std::size_t shares);
  void MakeShares(const penstock::Sha256Kernel& kernel, const Channel& channel, std::uint32_t first,
                  std::span<Share> shares) const;
  void AddShares(Channel& channel, std::size_t count, std::uint64_t atNs, Tally& tally);
  void SendFrames();
  void AddFrame(std::uint16_t extensionType, std::uint8_t messageType, const std::string& payload);

  FrameMinerOptions options_;
  std::string user_;
  std::string act2_;
  std::optional<penstock::FrameSealer> sealer_;
  std::optional<penstock::FrameOpener> opener_;
  /// Their places stay: tasks and answers point to them.
  std::vector<std::unique_ptr<Channel>> channels_;
  std::size_t nextChannel_ = 0;
  /// Channels with an active job.
  std::size_t working_ = 0;
  std::vector<Answered> answered_;
  /// Frames that go out together.
  std::vector<std::uint8_t> frames_;
};

}  // namespace bench

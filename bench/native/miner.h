#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "histogram.h"
#include "sha256.h"

namespace bench {

std::uint64_t NowNs();

/// What a run counts, over all miners.
struct Tally {
  std::uint64_t accepted = 0;
  std::uint64_t rejected = 0;
  /// Answers to nothing that was asked.
  std::uint64_t unexpected = 0;
  std::uint64_t underWay = 0;
  std::string firstRejection;
  Histogram latencies;
  /// A miner ran out of prepared shares.
  bool exhausted = false;
  /// Work on another tip came: what was prepared is stale.
  bool newTip = false;
};

/// When a miner first got work on a tip other than the one it had: on all of its channels, if it has several.
struct TipTimes {
  std::string tipBefore;
  std::uint64_t firstJobNs = 0;
  std::uint64_t fullJobNs = 0;
  /// What came over the wire for them.
  std::size_t firstJobBytes = 0;
  std::size_t fullJobBytes = 0;
};

/// Moments of a connection that was opened without waiting; 0 until they come.
struct OpeningTimes {
  std::uint64_t connectedNs = 0;
  std::uint64_t readyNs = 0;
};

/// Payload of TCP.
struct Traffic {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
};

/// A prepared share: header version and time are the job's, what is left of the extranonce is zero.
struct Share {
  std::uint32_t extranonce2;
  std::uint32_t nonce;
};

/// Makes some of a miner's shares; on any thread, beside others.
using ShareTask = std::function<void()>;
/// Shares of one task.
inline constexpr std::size_t kSharesPerTask = 1'024;

/// One connection, whatever it speaks. It stays connected until the process ends.
class Miner {
 public:
  enum class Opening { kWaits, kGoesOn };

  virtual ~Miner() = default;
  Miner(const Miner&) = delete;
  Miner& operator=(const Miner&) = delete;

  int fd() const { return fd_; }
  /// It has work, and may submit.
  virtual bool ready() const = 0;
  /// To be called when a connection that goes on is writable: it stands, or this throws.
  void Connected();
  const OpeningTimes& openingTimes() const { return opening_; }
  /// How often the kernel had to send something again.
  std::uint32_t Retransmissions() const;
  const Traffic& traffic() const { return traffic_; }
  virtual std::size_t channels() const { return 1; }

  /// Takes up the newest work; the tasks make so many shares of it, real ones or any.
  virtual void Prepare(const penstock::Sha256Kernel& kernel, std::size_t shares, bool real,
                       std::vector<ShareTask>& tasks) = 0;
  /// Forgets what is under way and makes room for that many on each channel.
  virtual void Begin(std::size_t mostUnderWay) = 0;
  /// Sends up to `count` of the prepared shares in one write, all due at `atNs`; channels take turns.
  virtual void Submit(std::size_t count, std::uint64_t atNs, Tally& tally) = 0;
  /// The same for as many as the last read brought answers, where it brought them.
  virtual void SubmitAnswered(std::uint64_t atNs, Tally& tally) = 0;
  /// Reads what has come. Returns the number of submissions that it answers.
  std::size_t Read(Tally& tally);
  /// Goes on with a write that did not fit into the socket.
  void Flush();
  bool wantsFlush() const { return !unsent_.empty(); }

  virtual void ExpectTip() = 0;
  const TipTimes& tipTimes() const { return tip_; }

 protected:
  /// Connects to the port on 127.0.0.1. Who waits is to introduce himself at once.
  Miner(std::uint16_t port, Opening opening);

  /// The first that is sent.
  virtual void Introduce() = 0;
  /// What came.
  virtual void Take(std::span<const char> bytes, std::uint64_t nowNs, Tally& tally) = 0;
  void Send(std::string_view bytes);

  TipTimes tip_;
  /// Submissions that what is being read answers.
  std::size_t answers_ = 0;

 private:
  void Write(std::string_view bytes);

  int fd_;
  Traffic traffic_;
  std::string unsent_;
  OpeningTimes opening_;
};

}  // namespace bench

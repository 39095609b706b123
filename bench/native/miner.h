#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "histogram.h"
#include "work.h"

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
  /// A clean job came: what was prepared is stale.
  bool newTip = false;
};

/// When a miner first got work on a tip other than the one it had.
struct TipTimes {
  std::string tipBefore;
  std::uint64_t firstJobNs = 0;
  std::uint64_t fullJobNs = 0;
};

/// Moments of a connection that was opened without waiting; 0 until they come.
struct OpeningTimes {
  std::uint64_t connectedNs = 0;
  std::uint64_t readyNs = 0;
};

/// One V1 connection.
class Miner {
 public:
  enum class Opening { kWaits, kGoesOn };

  /// Connects to the port on 127.0.0.1 and sends subscribe and authorize: at once, or in `Connected`.
  Miner(std::uint16_t port, std::string user, Opening opening = Opening::kWaits);
  /// It stays connected until the process ends.
  Miner(const Miner&) = delete;
  Miner& operator=(const Miner&) = delete;

  int fd() const { return fd_; }
  /// Subscribed, authorized, with a difficulty and a job.
  bool ready() const { return authorized_ && subscribed_ && difficulty_ > 0 && !notify_.empty(); }
  /// To be called when a connection that goes on is writable: it stands, or this throws.
  void Connected();
  const OpeningTimes& openingTimes() const { return opening_; }
  /// How often the kernel had to send something again.
  std::uint32_t Retransmissions() const;
  const std::array<std::uint8_t, penstock::kExtranonce1Length>& extranonce1() const { return extranonce1_; }
  penstock::Hash target() const { return TargetOf(difficulty_); }

  /// Takes up the newest job and makes room for shares of it.
  const Work& TakeWork(const penstock::Sha256Kernel& kernel, std::size_t shares);
  std::span<Share> shares() { return shares_; }
  /// The first share's.
  std::uint32_t firstExtranonce2() const { return nextExtranonce2_ - static_cast<std::uint32_t>(shares_.size()); }

  /// Forgets what is under way and makes room for that many.
  void Begin(std::size_t mostUnderWay);
  /// Sends up to `count` of the prepared shares in one write, all due at `atNs`.
  void Submit(std::size_t count, std::uint64_t atNs, Tally& tally);
  /// Reads what has come. Returns the number of answers to submissions.
  std::size_t Read(Tally& tally);
  /// Goes on with a write that did not fit into the socket.
  void Flush();
  bool wantsFlush() const { return !unsent_.empty(); }

  TipTimes& ExpectTip();
  const TipTimes& tipTimes() const { return tip_; }
  /// Of the newest job's line, its newline included.
  std::size_t notifyLength() const { return notify_.size() + 1; }

 private:
  void OnLine(std::string_view line, std::uint64_t nowNs, Tally& tally);
  bool OnAnswer(std::string_view line, std::uint64_t nowNs, Tally& tally);
  void OnNotify(std::string_view line, std::uint64_t nowNs, Tally& tally);
  void OnReply(std::string_view line);
  void Introduce();
  void Send(std::string_view bytes);
  void NextId();

  int fd_;
  std::string user_;
  bool subscribed_ = false;
  bool authorized_ = false;
  double difficulty_ = 0;
  std::array<std::uint8_t, penstock::kExtranonce1Length> extranonce1_ = {};
  std::string notify_;

  Work work_;
  std::vector<Share> shares_;
  std::size_t nextShare_ = 0;
  std::uint32_t nextExtranonce2_ = 0;

  /// The next submission's line; numbers are written into it in place.
  std::string line_;
  std::size_t extranonce2At_ = 0;
  std::size_t nonceAt_ = 0;
  std::uint32_t id_;
  /// When those under way were due, by id; 0 for none. A power of two.
  std::vector<std::uint64_t> dueNs_ = {0};
  std::size_t answers_ = 0;

  std::string rest_;
  std::string unsent_;
  TipTimes tip_;
  OpeningTimes opening_;
};

}  // namespace bench

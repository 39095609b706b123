#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "miner.h"
#include "work.h"

namespace bench {

/// One V1 connection.
class LineMiner final : public Miner {
 public:
  /// Sends subscribe and authorize: at once, or in `Connected`.
  LineMiner(std::uint16_t port, std::string user, Opening opening);

  /// Subscribed, authorized, with a difficulty and a job.
  bool ready() const override { return authorized_ && subscribed_ && difficulty_ > 0 && !notify_.empty(); }
  void Prepare(const penstock::Sha256Kernel& kernel, std::size_t shares, bool real,
               std::vector<ShareTask>& tasks) override;
  void Begin(std::size_t mostUnderWay) override;
  void Submit(std::size_t count, std::uint64_t atNs, Tally& tally) override;
  void SubmitAnswered(std::uint64_t atNs, Tally& tally) override { Submit(answers_, atNs, tally); }
  void ExpectTip() override;

 private:
  void Introduce() override;
  void Take(std::span<const char> bytes, std::uint64_t nowNs, Tally& tally) override;
  void TakeWork(const penstock::Sha256Kernel& kernel, std::size_t shares);
  void OnLine(std::string_view line, std::uint64_t nowNs, Tally& tally);
  bool OnAnswer(std::string_view line, std::uint64_t nowNs, Tally& tally);
  void OnNotify(std::string_view line, std::uint64_t nowNs, Tally& tally);
  void OnReply(std::string_view line);
  void NextId();

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

  /// A line that has begun.
  std::string rest_;
};

}  // namespace bench

#pragma once

#include <string>
#include <unordered_map>

#include "intake.h"
#include "submit_line.h"

namespace penstock {

/// mining.submit lines of one V1 connection that JavaScript has judged once, and whose like may be judged natively:
/// jobs, and user names with the names that they are credited under.
class LineLane {
 public:
  /// Strings of at most kMaxRecordText bytes.
  struct Worker {
    std::string account;
    std::string worker;
  };

  /// Other terms than before take all jobs back.
  void GrantJob(const MinerTerms& terms, GrantedJob job);
  void GrantWorker(std::string user, Worker worker);
  /// Takes all jobs back.
  void Forget();

  const MinerTerms& terms() const { return terms_; }
  GrantedJob* FindJob(const JobName& name) { return jobs_.Find(name.wire()); }
  const Worker* FindWorker(Bytes user);

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Workers = std::unordered_map<std::string, Worker, TextHash, std::equal_to<>>;

  MinerTerms terms_ = {};
  GrantedJobs jobs_;
  Workers workers_;
  const Workers::value_type* lastWorker_ = nullptr;
};

/// TakeAll of lines: a run of records has one tag.
ReadOutcome TakeLines(const Intake& intake, LineLane& lane, const ReadTask& task);

}  // namespace penstock

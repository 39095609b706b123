// Thousands of miners in one thread, for bench/pool.ts, bench/connections.ts and bench/v2.ts. Shares are real: each has a header of its own
// that meets the assigned target. They are prepared before the clock starts, so that sending them and reading answers is all that happens
// while it runs.
//
// Commands are lines on standard input, each answered by a line of JSON on standard output; one that fails is answered
// by {"error": …} and ends the process.
//   connect PORT COUNT USER     to 127.0.0.1; done when every miner has work
//   storm PORT COUNT USER       the same for COUNT connections opened at once, each going on by itself; with times
//   prepare SHARES real|any     for the newest job, divided among the miners; "any": for servers that do not look
//   closed SECONDS OUTSTANDING  keeps that many submissions under way on every channel; V1 has one a connection
//   open SECONDS PER_SECOND     evenly spaced, all connections in turn; latency counts from when a share was due
//   block                       says {"armed":true}, then waits until all miners have the full job of a new tip
#include "load.h"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>


namespace bench {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kSetUpNs = 60 * kSecondNs;
/// How long answers may take after the last submission.
constexpr std::uint64_t kDrainNs = 10 * kSecondNs;

double CpuSeconds() {
  timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c < ' ' ? ' ' : c;
  }
  return quoted + '"';
}

double Ms(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e6; }

/// The processors that this process may use while it prepares; afterwards it returns to its own.
class AllProcessors {
 public:
  AllProcessors() {
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t all;
    CPU_ZERO(&all);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) CPU_SET(cpu, &all);
    sched_setaffinity(0, sizeof all, &all);
  }
  ~AllProcessors() { sched_setaffinity(0, sizeof before_, &before_); }
  AllProcessors(const AllProcessors&) = delete;
  AllProcessors& operator=(const AllProcessors&) = delete;

 private:
  cpu_set_t before_;
};

/// The clock of an open loop must not wait until whoever has the processor has used up its slice. Without the right to
/// real-time scheduling it does, and the table's "sent late" says how long.
class RealTime {
 public:
  RealTime() { Set(SCHED_FIFO, 1); }
  ~RealTime() { Set(SCHED_OTHER, 0); }
  RealTime(const RealTime&) = delete;
  RealTime& operator=(const RealTime&) = delete;

 private:
  static void Set(int policy, int priority) {
    const sched_param parameters = {.sched_priority = priority};
    sched_setscheduler(0, policy, &parameters);
  }
};

using Miners = std::vector<std::unique_ptr<Miner>>;

/// What a run used, since the meter was made.
class Meter {
 public:
  explicit Meter(const Miners& miners) : miners_(miners), cpuBefore_(CpuSeconds()), before_(Sum()) {}

  double cpuSeconds() const { return CpuSeconds() - cpuBefore_; }
  Traffic traffic() const {
    const auto [sent, received] = Sum();
    return {sent - before_.sent, received - before_.received};
  }

 private:
  Traffic Sum() const {
    Traffic sum;
    for (const auto& miner : miners_) {
      sum.sent += miner->traffic().sent;
      sum.received += miner->traffic().received;
    }
    return sum;
  }

  const Miners& miners_;
  const double cpuBefore_;
  const Traffic before_;
};

class Load {
 public:
  explicit Load(const MakeMiner& make)
      : make_(make), epoll_(epoll_create1(EPOLL_CLOEXEC)), kernel_(*penstock::UsableKernels().front()) {
    Watch(STDIN_FILENO, nullptr);
  }

  void Connect(std::uint16_t port, std::size_t count, const std::string& user) {
    Tally ignored;
    for (std::size_t i = 0; i < count; i++) {
      Miner& miner = Add(port, user, Miner::Opening::kWaits);
      Watch(miner.fd(), &miner);
    }
    const std::uint64_t deadline = NowNs() + kSetUpNs;
    const auto ready = [&] { return std::ranges::all_of(miners_, [](const auto& miner) { return miner->ready(); }); };
    while (!ready()) {
      Turn(100, [&](Miner& miner) { miner.Read(ignored); });
      if (NowNs() > deadline) throw std::runtime_error("miners have no work a minute after they connected");
    }
    std::printf("{\"connections\":%zu,\"kernel\":\"%s\"}\n", miners_.size(), kernel_.name);
  }

  /// Everybody connects before anybody goes on: the most that a listener's queue has to hold.
  void Storm(std::uint16_t port, std::size_t count, const std::string& user) {
    Tally ignored;
    Failures failures;
    const double cpuBefore = CpuSeconds();
    const std::uint64_t startedAt = NowNs();
    for (std::size_t i = 0; i < count; i++) {
      failures.Watched([&] {
        Miner& miner = Add(port, user, Miner::Opening::kGoesOn);
        Watch(miner.fd(), &miner, EPOLLIN | EPOLLOUT);
      });
    }
    const std::uint64_t openedAt = NowNs();
    std::size_t ready = 0;
    const std::uint64_t deadline = openedAt + kSetUpNs;
    while (ready + failures.count < count && NowNs() < deadline) {
      Turn(100, [&](Miner& miner) {
        const bool wasReady = miner.ready();
        const bool well = failures.Watched([&] { GoOn(miner, ignored); });
        if (!well) epoll_ctl(epoll_, EPOLL_CTL_DEL, miner.fd(), nullptr);
        if (well && !wasReady && miner.ready()) ready++;
      });
    }
    PrintStorm(count, ready, failures, startedAt, openedAt, CpuSeconds() - cpuBefore);
  }

  void Prepare(std::size_t shares, bool real) {
    Idle();
    const std::size_t each = (shares + miners_.size() - 1) / miners_.size();
    std::vector<ShareTask> tasks;
    for (const auto& miner : miners_) miner->Prepare(kernel_, each, real, tasks);
    InParallel(tasks.size(), [&](std::size_t i) { tasks[i](); });
    std::printf("{\"shares\":%zu}\n", each * miners_.size());
  }

  void ClosedLoop(double seconds, std::size_t outstanding) {
    Tally tally;
    Begin(outstanding);
    const Meter meter(miners_);
    const std::uint64_t startedAt = NowNs();
    const std::uint64_t endsAt = startedAt + static_cast<std::uint64_t>(seconds * 1e9);
    for (const auto& miner : miners_) Submit(*miner, outstanding * miner->channels(), NowNs(), tally);
    while (tally.underWay > 0 && NowNs() < endsAt + kDrainNs) {
      Turn(100, [&](Miner& miner) {
        const std::size_t answers = miner.Read(tally);
        const std::uint64_t now = NowNs();
        if (answers == 0 || now >= endsAt || tally.newTip) return;
        miner.SubmitAnswered(now, tally);
        NoteStuck(miner);
      });
    }
    Print(tally, nullptr, NowNs() - startedAt, meter);
  }

  void OpenLoop(double seconds, double perSecond) {
    const RealTime meanwhile;
    Tally tally;
    Histogram late;
    Begin(kMostUnderWayInOpenLoop);
    const Meter meter(miners_);
    const auto total = static_cast<std::uint64_t>(seconds * perSecond);
    const double spacing = 1e9 / perSecond;
    const std::uint64_t startedAt = NowNs() + kSecondNs / 100;
    const auto dueAt = [&](std::uint64_t i) {
      return startedAt + static_cast<std::uint64_t>(spacing * static_cast<double>(i));
    };
    const Timer timer(startedAt, static_cast<std::uint64_t>(spacing));
    Watch(timer.fd, this);
    std::uint64_t sent = 0;
    const auto sendDue = [&] {
      for (std::uint64_t now = NowNs(); sent < total && dueAt(sent) <= now && !tally.newTip; sent++) {
        late.Record(now - dueAt(sent));
        Submit(*miners_[sent % miners_.size()], 1, dueAt(sent), tally);
      }
    };
    const std::uint64_t deadline = dueAt(total) + kDrainNs;
    while ((sent < total || tally.underWay > 0) && !tally.exhausted && NowNs() < deadline) {
      Turn(100, [&](Miner& miner) { miner.Read(tally); }, [&] { timer.Clear(); });
      sendDue();
      if (tally.newTip && tally.underWay == 0) break;
    }
    Print(tally, &late, NowNs() - startedAt, meter);
  }

  void ExpectBlock() {
    Idle();
    Tally ignored;
    for (const auto& miner : miners_) miner->ExpectTip();
    std::printf("{\"armed\":true}\n");
    std::fflush(stdout);
    const std::uint64_t deadline = NowNs() + kSetUpNs;
    while (!std::ranges::all_of(miners_, [](const auto& miner) { return miner->tipTimes().fullJobNs > 0; })) {
      Turn(100, [&](Miner& miner) { miner.Read(ignored); });
      if (NowNs() > deadline) throw std::runtime_error("miners have no work on a new tip within a minute");
    }
    const auto [first, last] = Ends([](const Miner& miner) { return miner.tipTimes().firstJobNs; });
    const auto [firstFull, lastFull] = Ends([](const Miner& miner) { return miner.tipTimes().fullJobNs; });
    std::printf("{\"firstJobMs\":[%.3f,%.3f],\"fullJobMs\":[%.3f,%.3f],\"firstJobBytes\":%zu,\"fullJobBytes\":%zu}\n",
                Ms(first), Ms(last), Ms(firstFull), Ms(lastFull), miners_.front()->tipTimes().firstJobBytes,
                miners_.front()->tipTimes().fullJobBytes);
  }

  /// Waits for a command; the end of the input ends the process.
  std::string NextCommand() {
    Tally ignored;
    for (;;) {
      const std::size_t end = input_.find('\n');
      if (end != std::string::npos) {
        const std::string line = input_.substr(0, end);
        input_.erase(0, end + 1);
        return line;
      }
      Turn(-1, [&](Miner& miner) { miner.Read(ignored); });
    }
  }

 private:
  static constexpr std::size_t kMostUnderWayInOpenLoop = 1'024;

  /// A clock that ticks from a moment on.
  struct Timer {
    Timer(std::uint64_t firstNs, std::uint64_t everyNs)
        : fd(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
      const itimerspec spec = {SpecOf(everyNs), SpecOf(firstNs)};
      if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, nullptr) < 0) {
        throw std::system_error(errno, std::generic_category(), "timerfd_settime");
      }
    }
    ~Timer() { close(fd); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    void Clear() const {
      std::uint64_t ticks;
      if (read(fd, &ticks, sizeof ticks) < 0 && errno != EAGAIN) {
        throw std::system_error(errno, std::generic_category(), "reading a timer");
      }
    }

    static timespec SpecOf(std::uint64_t ns) {
      return {static_cast<time_t>(ns / kSecondNs), static_cast<long>(ns % kSecondNs)};
    }

    const int fd;
  };

  struct Failures {
    std::size_t count = 0;
    std::string first;

    /// Returns whether it went well.
    template <typename Act>
    bool Watched(Act act) {
      try {
        act();
        return true;
      } catch (const std::exception& error) {
        if (count++ == 0) first = error.what();
        return false;
      }
    }
  };

  /// A connection that is being opened is writable, or has something to read.
  void GoOn(Miner& miner, Tally& tally) {
    if (miner.openingTimes().connectedNs > 0) {
      miner.Read(tally);
      return;
    }
    miner.Connected();
    epoll_event event = {.events = EPOLLIN, .data = {.ptr = &miner}};
    if (epoll_ctl(epoll_, EPOLL_CTL_MOD, miner.fd(), &event) < 0) {
      throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
  }

  void PrintStorm(std::size_t asked, std::size_t ready, const Failures& failures, std::uint64_t startedAt,
                  std::uint64_t openedAt, double cpuSeconds) const {
    std::vector<std::uint64_t> connected;
    std::vector<std::uint64_t> complete;
    std::vector<std::uint64_t> work;
    std::size_t retried = 0;
    for (const auto& miner : miners_) {
      const auto [connectedNs, readyNs] = miner->openingTimes();
      if (connectedNs > 0) connected.push_back(connectedNs - startedAt);
      if (readyNs > 0) complete.push_back(readyNs - startedAt);
      if (readyNs > 0) work.push_back(readyNs - connectedNs);
      if (miner->Retransmissions() > 0) retried++;
    }
    std::printf(
        "{\"ready\":%zu,\"failed\":%zu,\"firstFailure\":%s,\"retried\":%zu,\"openedMs\":%.3f,"
        "\"connectedMs\":%s,\"readyMs\":%s,\"workMs\":%s,\"cpuSeconds\":%.6f}\n",
        ready, asked - ready, failures.first.empty() ? "null" : Quoted(failures.first).c_str(), retried, Ms(openedAt - startedAt),
        Spread(connected).c_str(), Spread(complete).c_str(), Spread(work).c_str(), cpuSeconds);
  }

  /// Median, 99th percentile and last, in milliseconds.
  static std::string Spread(std::vector<std::uint64_t>& times) {
    if (times.empty()) return "[0,0,0]";
    std::ranges::sort(times);
    const auto at = [&](double fraction) {
      return Ms(times[static_cast<std::size_t>(fraction * static_cast<double>(times.size() - 1))]);
    };
    std::array<char, 100> text;
    std::snprintf(text.data(), text.size(), "[%.3f,%.3f,%.3f]", at(0.5), at(0.99), at(1));
    return text.data();
  }

  void Watch(int fd, void* who, std::uint32_t events = EPOLLIN) {
    epoll_event event = {};
    event.events = events;
    event.data.ptr = who;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) < 0) {
      throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
  }

  /// Waits for events at most that long (-1: for ever) and handles them.
  template <typename OnMiner>
  void Turn(int timeoutMs, OnMiner onMiner) {
    Turn(timeoutMs, onMiner, [] {});
  }

  template <typename OnMiner, typename OnTimer>
  void Turn(int timeoutMs, OnMiner onMiner, OnTimer onTimer) {
    std::array<epoll_event, 512> events;
    const int count = epoll_wait(epoll_, events.data(), events.size(), stuck_.empty() ? timeoutMs : 1);
    for (int i = 0; i < count; i++) {
      void* const who = events[static_cast<std::size_t>(i)].data.ptr;
      if (who == nullptr) ReadInput();
      else if (who == this) onTimer();
      else onMiner(*static_cast<Miner*>(who));
    }
    if (!stuck_.empty()) FlushStuck();
  }

  void Submit(Miner& miner, std::size_t count, std::uint64_t dueNs, Tally& tally) {
    miner.Submit(count, dueNs, tally);
    NoteStuck(miner);
  }

  void NoteStuck(Miner& miner) {
    if (miner.wantsFlush()) stuck_.push_back(&miner);
  }

  Miner& Add(std::uint16_t port, const std::string& user, Miner::Opening opening) {
    return *miners_.emplace_back(make_(port, user, opening));
  }

  /// Writes that did not fit are rare: a pool that does not read. They are tried again at every turn.
  void FlushStuck() {
    for (Miner* miner : stuck_) miner->Flush();
    std::erase_if(stuck_, [](const Miner* miner) { return !miner->wantsFlush(); });
  }

  void ReadInput() {
    std::array<char, 4096> buffer;
    const ssize_t got = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got > 0) {
      input_.append(buffer.data(), static_cast<std::size_t>(got));
      return;
    }
    // Whoever started this is gone, or has no more commands.
    std::_Exit(0);
  }

  /// Reads what has come meanwhile.
  void Idle() {
    Tally ignored;
    for (std::size_t i = 0; i < 2 + miners_.size() / 512; i++) Turn(0, [&](Miner& miner) { miner.Read(ignored); });
  }

  void Begin(std::size_t mostUnderWay) {
    Idle();
    for (const auto& miner : miners_) miner->Begin(mostUnderWay);
  }

  template <typename Pick>
  std::pair<std::uint64_t, std::uint64_t> Ends(Pick pick) const {
    std::pair<std::uint64_t, std::uint64_t> ends = {pick(*miners_.front()), pick(*miners_.front())};
    for (const auto& miner : miners_) {
      ends = {std::min(ends.first, pick(*miner)), std::max(ends.second, pick(*miner))};
    }
    return ends;
  }

  template <typename Work>
  static void InParallel(std::size_t tasks, Work work) {
    const AllProcessors meanwhile;
    std::atomic<std::size_t> next = 0;
    std::exception_ptr failure;
    std::mutex mutex;
    const auto run = [&] {
      try {
        for (std::size_t i = next++; i < tasks; i = next++) work(i);
      } catch (...) {
        const std::scoped_lock lock(mutex);
        failure = std::current_exception();
      }
    };
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < std::thread::hardware_concurrency(); i++) threads.emplace_back(run);
    threads.clear();
    if (failure) std::rethrow_exception(failure);
  }

  static void Print(const Tally& tally, const Histogram* late, std::uint64_t tookNs, const Meter& meter) {
    const auto [sent, received] = meter.traffic();
    const Histogram& latencies = tally.latencies;
    std::printf(
        "{\"seconds\":%.6f,\"accepted\":%lu,\"rejected\":%lu,\"unanswered\":%lu,\"unexpected\":%lu,"
        "\"firstRejection\":%s,\"p50Ms\":%.4f,\"p99Ms\":%.4f,\"p999Ms\":%.4f,\"maxMs\":%.4f,"
        "\"exhausted\":%s,\"newTip\":%s,\"cpuSeconds\":%.6f,\"lateP50Ms\":%.4f,\"lateP99Ms\":%.4f,"
        "\"bytesSent\":%lu,\"bytesReceived\":%lu}\n",
        static_cast<double>(tookNs) / 1e9, tally.accepted, tally.rejected, tally.underWay, tally.unexpected,
        tally.firstRejection.empty() ? "null" : Quoted(tally.firstRejection).c_str(), Ms(latencies.Percentile(0.5)),
        Ms(latencies.Percentile(0.99)), Ms(latencies.Percentile(0.999)), Ms(latencies.max()),
        tally.exhausted ? "true" : "false", tally.newTip ? "true" : "false", meter.cpuSeconds(),
        late ? Ms(late->Percentile(0.5)) : 0, late ? Ms(late->Percentile(0.99)) : 0, sent, received);
  }

  const MakeMiner& make_;
  const int epoll_;
  const penstock::Sha256Kernel& kernel_;
  Miners miners_;
  std::vector<Miner*> stuck_;
  std::string input_;
};

void Run(Load& load, const std::string& line) {
  std::istringstream words(line);
  std::string what;
  words >> what;
  if (what == "connect" || what == "storm") {
    std::uint16_t port = 0;
    std::size_t count = 0;
    std::string user;
    if (words >> port >> count >> user && count > 0) {
      return what == "storm" ? load.Storm(port, count, user) : load.Connect(port, count, user);
    }
  } else if (what == "prepare") {
    std::size_t shares = 0;
    std::string kind;
    if (words >> shares >> kind) return load.Prepare(shares, kind == "real");
  } else if (what == "closed") {
    double seconds = 0;
    std::size_t outstanding = 0;
    if (words >> seconds >> outstanding) return load.ClosedLoop(seconds, outstanding);
  } else if (what == "open") {
    double seconds = 0;
    double perSecond = 0;
    if (words >> seconds >> perSecond && perSecond > 0) return load.OpenLoop(seconds, perSecond);
  } else if (what == "block") {
    return load.ExpectBlock();
  }
  throw std::runtime_error("no such command: " + line);
}

}  // namespace

int RunLoad(const MakeMiner& make) {
  RaiseDescriptorLimit();
  // Postgres uses this processor too, and the generator must not be what is waited for; refused to anyone but root.
  setpriority(PRIO_PROCESS, 0, -15);
  try {
    Load load(make);
    for (;;) {
      Run(load, load.NextCommand());
      std::fflush(stdout);
    }
  } catch (const std::exception& error) {
    std::printf("{\"error\":%s}\n", Quoted(error.what()).c_str());
    std::fflush(stdout);
    return 1;
  }
}

void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace bench

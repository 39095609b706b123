// Times every kernel that this processor can run, without JavaScript: bench/kernels.ts builds and starts this, and reads
// the JSON. Each figure is the least of many short runs, in nanoseconds.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "job.h"
#include "merkle.h"

namespace penstock {
namespace {

std::vector<std::uint8_t> Fill(std::size_t length) {
  std::vector<std::uint8_t> bytes(length);
  std::uint32_t state = 1;
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

/// Least time of one call, over runs of about 100 µs each.
template <class Function>
double Time(const Function& function) {
  using Clock = std::chrono::steady_clock;
  const auto run = [&function](std::size_t calls) {
    const auto start = Clock::now();
    for (std::size_t i = 0; i < calls; i++) function();
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
  };
  const auto calls = static_cast<std::size_t>(std::max(1.0, 2e6 / (run(20) + 1)));
  double least = run(calls);
  for (int i = 0; i < 300; i++) least = std::min(least, run(calls));
  return least / static_cast<double>(calls);
}

void MeasureDoubles(const Sha256Kernel& kernel, std::size_t length) {
  const auto messages = Fill(1024 * length);
  std::vector<std::uint8_t> digests(1024 * 32);
  const auto hash = length == 64 ? kernel.double64 : kernel.double80;
  std::printf(",\"double%zu\":{", length);
  for (const std::size_t count : {1, 2, 4, 8, 16, 64, 1024}) {
    const auto in = Bytes(messages).first(count * length);
    const auto out = std::span(digests).first(count * 32);
    const double each = Time([&] { hash(out, in); }) / static_cast<double>(count);
    std::printf("%s\"%zu\":%.2f", count == 1 ? "" : ",", count, each);
  }
  std::printf("}");
}

/// What bench/judge.ts judges: 250 bytes of coinbase, 12 branches.
PreparedJob MakeJob(const Sha256Kernel& kernel) {
  const auto coinbase1 = Fill(100);
  const auto coinbase2 = Fill(250 - 100 - kExtranonce1Length - kExtranonce2Length);
  const auto branch = Fill(12 * 32);
  const Hash zeros = {};
  return {kernel,
          {.version = 0x20000000,
           .previousHash = zeros,
           .bits = 0x1d00ffff,
           .minTime = 0,
           .coinbase1 = coinbase1,
           .coinbase2 = coinbase2,
           .extranonce2Length = kExtranonce2Length,
           .merkleBranch = branch,
           .networkTarget = zeros,
           .tipNumber = 1}};
}

void MeasureShares(const Sha256Kernel& kernel) {
  constexpr std::size_t kMost = 16;
  const PreparedJob job = MakeJob(kernel);
  std::array<Extranonces, kMost> choices = {};
  std::array<Hash, kMost> roots;
  std::array<std::uint8_t, kMost * 80> headers;
  std::array<std::uint8_t, kMost * 32> hashes;
  std::printf(",\"shares\":{");
  for (std::size_t count = 1; count <= kMost; count++) {
    const auto judge = [&] {
      job.Roots(kernel, std::span(choices).first(count), std::span(roots).first(count));
      for (std::size_t i = 0; i < count; i++) {
        job.WriteHeader(roots[i], job.version(), 0, 0, std::span(headers).subspan(i * 80).first<80>());
      }
      kernel.double80(std::span(hashes).first(count * 32), Bytes(headers).first(count * 80));
    };
    std::printf("%s\"%zu\":%.1f", count == 1 ? "" : ",", count, Time(judge) / static_cast<double>(count));
  }
  std::printf("}");
}

void MeasureTree(const Sha256Kernel& kernel) {
  const auto txids = Fill(4999 * 32);
  const Hash coinbase = {};
  std::printf(",\"branch5000\":%.0f", Time([&] { MerkleBranch(kernel, txids); }));
  std::printf(",\"root5000\":%.0f", Time([&] {
                const std::vector<Hash> branch = MerkleBranch(kernel, txids);
                return MerkleRoot(kernel, coinbase, {branch.front().data(), branch.size() * 32});
              }));
}

void MeasureKernel(const Sha256Kernel& kernel) {
  Sha256State state = kSha256Initial;
  const auto blocks = Fill(64 * 64);
  std::printf("{\"name\":\"%s\"", kernel.name);
  std::printf(",\"compress\":%.2f", Time([&] { kernel.compress(state, blocks); }) / 64);
  MeasureDoubles(kernel, 64);
  MeasureDoubles(kernel, 80);
  MeasureShares(kernel);
  MeasureTree(kernel);
  const ScanJob scan = {state, {1, 2, 3}, 0};
  std::printf(",\"scan\":%.2f}", Time([&] { kernel.scan(scan, 0, 1024); }) / 1024);
}

int Run() {
  std::printf("[");
  bool first = true;
  for (const Sha256Kernel* kernel : UsableKernels()) {
    if (!first) std::printf(",\n");
    first = false;
    MeasureKernel(*kernel);
  }
  std::printf("]\n");
  return 0;
}

}  // namespace
}  // namespace penstock

int main() { return penstock::Run(); }

#include "judge.h"

#include "u256.h"

namespace penstock {
Refusal Decide(const PreparedJob& job, SeenWindow& seen, const Hash& hash, const Claim& claim) {
  const SeenWindow::Tip tip = {job.tipNumber(), job.previousHash()};
  if (seen.Contains(tip, hash)) return Refusal::kDuplicate;
  // A tip whose hashes were dropped is stale whoever asks: a repetition would go unnoticed there.
  if (claim.stale || seen.Forgotten(tip.number)) return Refusal::kStale;
  if (claim.ntime < job.minTime() || claim.ntime < claim.ntimeMin || claim.ntime > claim.ntimeMax) {
    return Refusal::kNtimeOutOfRange;
  }
  if ((claim.versionBits & ~claim.versionMask) != 0) return Refusal::kVersionBitsNotAllowed;
  if (!LessOrEqual(hash, claim.target)) return Refusal::kLowDifficulty;
  return seen.Insert(tip, hash) ? Refusal::kNone : Refusal::kWindowFull;
}

Verdict Judge(const Sha256Kernel& kernel, const PreparedJob& job, SeenWindow& seen, const Submission& submission) {
  Verdict verdict;
  const Hash root = job.Root(kernel, {submission.extranonce1, submission.extranonce2});
  const std::uint32_t version = submission.wholeVersion ? submission.version : job.version() | submission.version;
  job.WriteHeader(root, version, submission.ntime, submission.nonce, verdict.header);
  kernel.double80(verdict.hash, verdict.header);
  // Asked before any rule: a solved block is never refused.
  verdict.block = LessOrEqual(verdict.hash, job.networkTarget());
  verdict.refusal = Decide(job, seen, verdict.hash,
                           {.ntime = submission.ntime,
                            .ntimeMin = submission.ntimeMin,
                            .ntimeMax = submission.ntimeMax,
                            .versionBits = submission.wholeVersion ? version ^ job.version() : submission.version,
                            .versionMask = submission.versionMask,
                            .stale = submission.stale,
                            .target = submission.target});
  return verdict;
}

Submission ReadSubmission(FixedBytes<SubmissionLayout::kSize> bytes) {
  using Layout = SubmissionLayout;
  Submission submission;
  CopyBytes(submission.extranonce1, bytes.subspan<Layout::kExtranonce1, kExtranonce1Length>());
  CopyBytes(submission.extranonce2, bytes.subspan<Layout::kExtranonce2, kWideExtranonce2Length>());
  submission.ntime = ReadLe32(bytes.subspan<Layout::kNtime, 4>());
  submission.nonce = ReadLe32(bytes.subspan<Layout::kNonce, 4>());
  submission.version = ReadLe32(bytes.subspan<Layout::kVersion, 4>());
  submission.versionMask = ReadLe32(bytes.subspan<Layout::kVersionMask, 4>());
  const std::uint32_t flags = ReadLe32(bytes.subspan<Layout::kFlags, 4>());
  submission.stale = (flags & kStaleFlag) != 0;
  submission.wholeVersion = (flags & kWholeVersionFlag) != 0;
  submission.ntimeMin = ReadLe32(bytes.subspan<Layout::kNtimeMin, 4>());
  submission.ntimeMax = ReadLe32(bytes.subspan<Layout::kNtimeMax, 4>());
  CopyBytes(submission.target, bytes.subspan<Layout::kTarget, 32>());
  return submission;
}

void WriteVerdict(std::span<std::uint8_t, VerdictLayout::kSize> bytes, const Verdict& verdict) {
  CopyBytes(bytes.subspan<VerdictLayout::kHash, 32>(), verdict.hash);
  CopyBytes(bytes.subspan<VerdictLayout::kHeader, 80>(), verdict.header);
}

}  // namespace penstock

#include "binding_intake.h"

#include <cmath>

#include "arguments.h"
#include "frame_lane.h"
#include "handles.h"
#include "line_lane.h"

namespace penstock {
namespace {

struct IntakeHandle {
  static constexpr napi_type_tag kTypeTag = {0x51c7e09ab36d42f8, 0x8e4f1d2b7a90c635};
  Intake intake;
};

struct LineLaneHandle {
  static constexpr napi_type_tag kTypeTag = {0xa6f20b8d417c4e93, 0x9d35c8e17f02ab64};
  LineLane lane;
};

struct FrameLaneHandle {
  static constexpr napi_type_tag kTypeTag = {0x38d5e19c7b024fa6, 0xc14a62f08e9b3d57};
  FrameLane lane;
};

constexpr std::uint64_t kMaxUint32 = 0xffffffff;

/// Numbers in and out of takeLines and takeFrames; src/native/layout.ts has the same places, and a test compares them.
enum FramePlace : std::size_t {
  kFrom = 0,
  kOldestJob,
  kTimeMs,
  kNtimeMax,
  kJournalStart,
  kJournalEnd,
  kEpoch,
  kSequence,
  kIndex,
  kTaken,
  kAgain,
  kRecords,
  kJournalBytes,
  kAnswerBytes,
  kTag,
  kRefused,
  kFrameLength = kRefused + kRefusalCount,
};

std::string TextOf(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

std::string RequireText(const Napi::Value& value, const char* name) {
  if (value.IsEmpty() || !value.IsString()) throw ArgumentError(std::string(name) + " must be a string");
  return value.As<Napi::String>();
}

std::string RequireRecordText(const Napi::Value& value, const char* name) {
  const Bytes bytes = RequireBytes(value, name);
  if (bytes.size() > kMaxRecordText) {
    throw ArgumentError(std::string(name) + " must have at most " + std::to_string(kMaxRecordText) + " bytes, not " +
                        std::to_string(bytes.size()));
  }
  return TextOf(bytes);
}

using Texts = std::array<std::string, kRefusalCount>;

Texts RequireTexts(const Napi::Object& options, const char* name) {
  const std::string path = std::string("options.") + name;
  const Napi::Object list = RequireObject(Property(options, name), path.c_str());
  Texts texts;
  for (std::uint32_t code = 1; code < kRefusalCount; code++) {
    texts[code] = RequireText(Property(list, std::to_string(code).c_str()), ("each of " + path).c_str());
  }
  return texts;
}

Texts RequireErrorCodes(const Napi::Object& options) {
  Texts codes = RequireTexts(options, "errorCodes");
  for (const std::string& code : codes) {
    if (code.size() > 255) throw ArgumentError("each of options.errorCodes must have at most 255 bytes");
  }
  return codes;
}

/// createIntake(options: IntakeOptions): Intake
Napi::Value CallCreateIntake(const Napi::CallbackInfo& info) {
  const Napi::Object options = RequireObject(info[0], "options");
  const Napi::Value seen = Property(options, "seen");
  const Napi::Value acceptedTail = Property(options, "acceptedTail");
  auto handle = std::make_unique<IntakeHandle>(IntakeHandle{{
      .kernel = *static_cast<const Sha256Kernel*>(info.Data()),
      .seen = Require<SeenHandle>(seen, "options.seen").window,
      .acceptedTail = RequireText(acceptedTail, "options.acceptedTail"),
      .refusalTails = RequireTexts(options, "refusalTails"),
      .errorCodes = RequireErrorCodes(options),
  }});
  Napi::Object object = Napi::Object::New(info.Env());
  WrapOwned(object, std::move(handle));
  return object;
}

template <typename Handle>
Napi::Value CallCreateLane(const Napi::CallbackInfo& info) {
  Napi::Object object = Napi::Object::New(info.Env());
  WrapOwned(object, std::make_unique<Handle>());
  return object;
}

MinerTerms RequireTerms(const Napi::Object& grant) {
  const Napi::Value extranonce1 = Property(grant, "extranonce1");
  const Napi::Value versionMask = Property(grant, "versionMask");
  MinerTerms terms = {.extranonce1 = {}, .versionMask = RequireUint32(versionMask, "grant.versionMask")};
  WriteBe32(std::span(terms.extranonce1), RequireUint32(extranonce1, "grant.extranonce1"));
  return terms;
}

/// What a grant of either protocol says of the job; neither its name, nor what V2 adds.
GrantedJob RequireGrantedJob(const Napi::Object& grant) {
  const Napi::Value jobNumber = Property(grant, "jobNumber");
  const Napi::Value prepared = Property(grant, "prepared");
  const Napi::Value target = Property(grant, "target");
  const Napi::Value work = Property(grant, "work");
  const Napi::Value height = Property(grant, "height");
  const Napi::Value solo = Property(grant, "solo");
  const Napi::Value tag = Property(grant, "tag");
  GrantedJob job = {
      .name = 0,
      .number = RequireInteger(jobNumber, "grant.jobNumber", 0, kMaxSafeInteger),
      .prepared = Require<JobHandle>(prepared, "grant.prepared").job,
      .extranonce2 = std::nullopt,
      .ntimeMin = 0,
      .target = {},
      .work = {},
      .height = RequireUint32(height, "grant.height"),
      .solo = RequireBoolean(solo, "grant.solo"),
      .tag = RequireUint32(tag, "grant.tag"),
  };
  CopyBytes(job.target, RequireFixed<32>(target, "grant.target"));
  CopyBytes(job.work, RequireFixed<16>(work, "grant.work"));
  return job;
}

/// grantLines(lane: LineLane, grant: LineGrant): void
Napi::Value CallGrantLines(const Napi::CallbackInfo& info) {
  LineLane& lane = Require<LineLaneHandle>(info[0], "lane").lane;
  const Napi::Object grant = RequireObject(info[1], "grant");
  const Napi::Value user = Property(grant, "user");
  const Napi::Value account = Property(grant, "account");
  const Napi::Value worker = Property(grant, "worker");
  const Napi::Value variant = Property(grant, "variant");

  GrantedJob job = RequireGrantedJob(grant);
  job.name = JobName{job.number, static_cast<std::uint8_t>(RequireInteger(variant, "grant.variant", 0, 255))}.wire();
  if (job.prepared->extranonce2Length() != kExtranonce2Length) {
    throw ArgumentError("grant.prepared must be a job with an extranonce2 of " + std::to_string(kExtranonce2Length) +
                        " bytes");
  }
  const MinerTerms terms = RequireTerms(grant);
  LineLane::Worker names = {RequireRecordText(account, "grant.account"), RequireRecordText(worker, "grant.worker")};
  lane.GrantWorker(RequireText(user, "grant.user"), std::move(names));
  lane.GrantJob(terms, std::move(job));
  return info.Env().Undefined();
}

/// forgetLines(lane: LineLane): void
Napi::Value CallForgetLines(const Napi::CallbackInfo& info) {
  Require<LineLaneHandle>(info[0], "lane").lane.Forget();
  return info.Env().Undefined();
}

std::optional<Extranonce2> OptionalExtranonce2(const Napi::Value& value, const PreparedJob& job) {
  if (value.IsUndefined()) return std::nullopt;
  Extranonce2 extranonce2 = {};
  CopyBytes(extranonce2, RequireLength(value, "grant.extranonce2", job.extranonce2Length()));
  return extranonce2;
}

/// grantFrames(lane: FrameLane, grant: FrameGrant): void
Napi::Value CallGrantFrames(const Napi::CallbackInfo& info) {
  FrameLane& lane = Require<FrameLaneHandle>(info[0], "lane").lane;
  const Napi::Object grant = RequireObject(info[1], "grant");
  const Napi::Value channelId = Property(grant, "channelId");
  const Napi::Value jobName = Property(grant, "jobName");
  const Napi::Value extranonce2 = Property(grant, "extranonce2");
  const Napi::Value ntimeMin = Property(grant, "ntimeMin");
  const Napi::Value account = Property(grant, "account");
  const Napi::Value worker = Property(grant, "worker");

  GrantedJob job = RequireGrantedJob(grant);
  job.name = RequireUint32(jobName, "grant.jobName");
  job.extranonce2 = OptionalExtranonce2(extranonce2, *job.prepared);
  job.ntimeMin = RequireUint32(ntimeMin, "grant.ntimeMin");
  FrameLane::Owner owner = {RequireTerms(grant), RequireRecordText(account, "grant.account"),
                            RequireRecordText(worker, "grant.worker")};
  lane.Grant(RequireUint32(channelId, "grant.channelId"), std::move(owner), std::move(job));
  return info.Env().Undefined();
}

/// forgetFrames(lane: FrameLane, channelId?: number): void
Napi::Value CallForgetFrames(const Napi::CallbackInfo& info) {
  FrameLane& lane = Require<FrameLaneHandle>(info[0], "lane").lane;
  const Napi::Value channelId = info[1];
  if (channelId.IsUndefined()) {
    lane.ForgetAll();
  } else {
    lane.Forget(RequireUint32(channelId, "channelId"));
  }
  return info.Env().Undefined();
}

/// The frame's doubles, where they lie; valid during the call only.
std::span<double, kFrameLength> RequireFrame(const Napi::Value& value) {
  const std::span<std::uint8_t> bytes = RequireLength(value, "frame", kFrameLength * sizeof(double));
  // A Float64Array is aligned; another view of as many bytes need not be.
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(double) != 0) {
    throw ArgumentError("frame must be a Float64Array");
  }
  return std::span<double, kFrameLength>(reinterpret_cast<double*>(bytes.data()), kFrameLength);
}

std::uint64_t RequireWhole(double number, const char* name, std::uint64_t min, std::uint64_t max) {
  if (std::trunc(number) == number && number >= static_cast<double>(min) && number <= static_cast<double>(max)) {
    return static_cast<std::uint64_t>(number);
  }
  throw ArgumentError(std::string("frame: ") + name + " must be a whole number from " + std::to_string(min) + " to " +
                      std::to_string(max));
}

/// What both ways of taking are given, beside intake and lane; valid during the call only.
struct TaskArguments {
  std::span<double, kFrameLength> frame;
  ReadTask task;
};

/// (…, …, bytes: Uint8Array, journal: Uint8Array, answers: Uint8Array, frame: Float64Array, …)
TaskArguments RequireTask(const Napi::CallbackInfo& info) {
  const std::span<std::uint8_t> bytes = RequireBytes(info[2], "bytes");
  const std::span<std::uint8_t> journal = RequireBytes(info[3], "journal");
  const std::span<std::uint8_t> answers = RequireBytes(info[4], "answers");
  const std::span<double, kFrameLength> frame = RequireFrame(info[5]);

  const std::uint64_t journalEnd = RequireWhole(frame[kJournalEnd], "journalEnd", 0, journal.size());
  const std::uint64_t journalStart = RequireWhole(frame[kJournalStart], "journalStart", 0, journalEnd);
  return {.frame = frame,
          .task = {
              .bytes = bytes,
              .from = RequireWhole(frame[kFrom], "from", 0, bytes.size()),
              .oldestJob = RequireWhole(frame[kOldestJob], "oldestJob", 0, kMaxSafeInteger),
              .timeMs = RequireWhole(frame[kTimeMs], "timeMs", 0, kMaxSafeInteger),
              .ntimeMax = static_cast<std::uint32_t>(RequireWhole(frame[kNtimeMax], "ntimeMax", 0, kMaxUint32)),
              .journal = journal.subspan(journalStart, journalEnd - journalStart),
              .epoch = static_cast<std::uint32_t>(RequireWhole(frame[kEpoch], "epoch", 0, kMaxUint32)),
              .sequence = RequireWhole(frame[kSequence], "sequence", 0, kMaxSafeInteger),
              .index = static_cast<std::uint32_t>(RequireWhole(frame[kIndex], "index", 0, kMaxUint32)),
              .answers = answers,
          }};
}

void WriteOutcome(std::span<double, kFrameLength> frame, const ReadOutcome& outcome) {
  frame[kTaken] = static_cast<double>(outcome.taken);
  frame[kAgain] = outcome.again ? 1 : 0;
  frame[kRecords] = outcome.records;
  frame[kJournalBytes] = static_cast<double>(outcome.journalBytes);
  frame[kAnswerBytes] = static_cast<double>(outcome.answerBytes);
  frame[kTag] = outcome.tag;
  for (std::size_t code = 0; code < kRefusalCount; code++) frame[kRefused + code] = outcome.refused[code];
}

/// takeLines(intake: Intake, lane: LineLane, bytes: Uint8Array, journal: Uint8Array, answers: Uint8Array,
///   frame: Float64Array): void
Napi::Value CallTakeLines(const Napi::CallbackInfo& info) {
  const Intake& intake = Require<IntakeHandle>(info[0], "intake").intake;
  LineLane& lane = Require<LineLaneHandle>(info[1], "lane").lane;
  const auto [frame, task] = RequireTask(info);
  WriteOutcome(frame, TakeLines(intake, lane, task));
  return info.Env().Undefined();
}

/// The array's numbers, where they lie; valid during the call only.
std::span<std::uint32_t> RequireUint32Array(const Napi::Value& value, const char* name) {
  const std::span<std::uint8_t> bytes = RequireMultiple(value, name, sizeof(std::uint32_t));
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(std::uint32_t) != 0) {
    throw ArgumentError(std::string(name) + " must be a Uint32Array");
  }
  return {reinterpret_cast<std::uint32_t*>(bytes.data()), bytes.size() / sizeof(std::uint32_t)};
}

/// takeFrames(intake: Intake, lane: FrameLane, bytes: Uint8Array, journal: Uint8Array, answers: Uint8Array,
///   frame: Float64Array, accepted: Uint32Array): void
Napi::Value CallTakeFrames(const Napi::CallbackInfo& info) {
  const Intake& intake = Require<IntakeHandle>(info[0], "intake").intake;
  FrameLane& lane = Require<FrameLaneHandle>(info[1], "lane").lane;
  const auto [frame, task] = RequireTask(info);
  WriteOutcome(frame, TakeFrames(intake, lane, task, RequireUint32Array(info[6], "accepted")));
  return info.Env().Undefined();
}

}  // namespace

void AddIntake(Napi::Object& addon, const Sha256Kernel& kernel) {
  const auto add = [&]<Napi::Value (*Body)(const Napi::CallbackInfo&)>(const char* name) {
    // Node-API's data pointer is not const; nothing writes through it.
    void* data = const_cast<Sha256Kernel*>(&kernel);
    addon.Set(name, Napi::Function::New<Guarded<Body>>(addon.Env(), name, data));
  };
  add.operator()<CallCreateIntake>("createIntake");
  add.operator()<CallCreateLane<LineLaneHandle>>("createLineLane");
  add.operator()<CallGrantLines>("grantLines");
  add.operator()<CallForgetLines>("forgetLines");
  add.operator()<CallTakeLines>("takeLines");
  add.operator()<CallCreateLane<FrameLaneHandle>>("createFrameLane");
  add.operator()<CallGrantFrames>("grantFrames");
  add.operator()<CallForgetFrames>("forgetFrames");
  add.operator()<CallTakeFrames>("takeFrames");
}

Napi::Object FrameLayout(Napi::Env env) {
  Napi::Object layout = Napi::Object::New(env);
  const std::initializer_list<std::pair<const char*, std::size_t>> places = {
      {"from", kFrom},
      {"oldestJob", kOldestJob},
      {"timeMs", kTimeMs},
      {"ntimeMax", kNtimeMax},
      {"journalStart", kJournalStart},
      {"journalEnd", kJournalEnd},
      {"epoch", kEpoch},
      {"sequence", kSequence},
      {"index", kIndex},
      {"taken", kTaken},
      {"again", kAgain},
      {"records", kRecords},
      {"journalBytes", kJournalBytes},
      {"answerBytes", kAnswerBytes},
      {"tag", kTag},
      {"refused", kRefused},
      {"length", kFrameLength},
  };
  for (const auto& [name, place] : places) layout.Set(name, static_cast<double>(place));
  return layout;
}

}  // namespace penstock

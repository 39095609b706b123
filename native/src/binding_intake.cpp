#include "binding_intake.h"

#include <cmath>

#include "arguments.h"
#include "handles.h"
#include "intake.h"
#include "share_record.h"

namespace penstock {
namespace {

struct IntakeHandle {
  static constexpr napi_type_tag kTypeTag = {0x51c7e09ab36d42f8, 0x8e4f1d2b7a90c635};
  Intake intake;
};

struct LaneHandle {
  static constexpr napi_type_tag kTypeTag = {0xa6f20b8d417c4e93, 0x9d35c8e17f02ab64};
  Lane lane;
};

constexpr std::uint64_t kMaxUint32 = 0xffffffff;

/// Numbers in and out of takeSubmits; src/native/layout.ts has the same places, and a test compares them.
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

/// createIntake(options: IntakeOptions): Intake
Napi::Value CallCreateIntake(const Napi::CallbackInfo& info) {
  const Napi::Object options = RequireObject(info[0], "options");
  const Napi::Value seen = Property(options, "seen");
  const Napi::Value acceptedTail = Property(options, "acceptedTail");
  const Napi::Object refusalTails = RequireObject(Property(options, "refusalTails"), "options.refusalTails");
  auto handle = std::make_unique<IntakeHandle>(IntakeHandle{{
      .kernel = *static_cast<const Sha256Kernel*>(info.Data()),
      .seen = Require<SeenHandle>(seen, "options.seen").window,
      .acceptedTail = RequireText(acceptedTail, "options.acceptedTail"),
      .refusalTails = {},
  }});
  for (std::uint32_t code = 1; code < kRefusalCount; code++) {
    const Napi::Value tail = Property(refusalTails, std::to_string(code).c_str());
    handle->intake.refusalTails[code] = RequireText(tail, "each of options.refusalTails");
  }
  Napi::Object object = Napi::Object::New(info.Env());
  WrapOwned(object, std::move(handle));
  return object;
}

/// createLane(): Lane
Napi::Value CallCreateLane(const Napi::CallbackInfo& info) {
  Napi::Object object = Napi::Object::New(info.Env());
  WrapOwned(object, std::make_unique<LaneHandle>());
  return object;
}

std::shared_ptr<const PreparedJob> RequireV1Job(const Napi::Value& value, const char* name) {
  std::shared_ptr<const PreparedJob> job = Require<JobHandle>(value, name).job;
  if (job->extranonce2Length() == kExtranonce2Length) return job;
  throw ArgumentError(std::string(name) + " must be a job with an extranonce2 of " +
                      std::to_string(kExtranonce2Length) + " bytes");
}

/// grant(lane: Lane, grant: LaneGrant): void
Napi::Value CallGrant(const Napi::CallbackInfo& info) {
  Lane& lane = Require<LaneHandle>(info[0], "lane").lane;
  const Napi::Object grant = RequireObject(info[1], "grant");
  const Napi::Value extranonce1 = Property(grant, "extranonce1");
  const Napi::Value versionMask = Property(grant, "versionMask");
  const Napi::Value user = Property(grant, "user");
  const Napi::Value account = Property(grant, "account");
  const Napi::Value worker = Property(grant, "worker");
  const Napi::Value jobNumber = Property(grant, "jobNumber");
  const Napi::Value variant = Property(grant, "variant");
  const Napi::Value prepared = Property(grant, "prepared");
  const Napi::Value target = Property(grant, "target");
  const Napi::Value work = Property(grant, "work");
  const Napi::Value height = Property(grant, "height");
  const Napi::Value solo = Property(grant, "solo");
  const Napi::Value tag = Property(grant, "tag");

  Lane::Terms terms = {.extranonce1 = {}, .versionMask = RequireUint32(versionMask, "grant.versionMask")};
  WriteBe32(std::span(terms.extranonce1), RequireUint32(extranonce1, "grant.extranonce1"));
  Lane::Job job = {
      .name = {.number = RequireInteger(jobNumber, "grant.jobNumber", 0, kMaxSafeInteger),
               .variant = static_cast<std::uint8_t>(RequireInteger(variant, "grant.variant", 0, 255))},
      .prepared = RequireV1Job(prepared, "grant.prepared"),
      .target = {},
      .work = {},
      .height = RequireUint32(height, "grant.height"),
      .solo = RequireBoolean(solo, "grant.solo"),
      .tag = RequireUint32(tag, "grant.tag"),
  };
  CopyBytes(job.target, RequireFixed<32>(target, "grant.target"));
  CopyBytes(job.work, RequireFixed<16>(work, "grant.work"));
  Lane::Worker names = {RequireRecordText(account, "grant.account"), RequireRecordText(worker, "grant.worker")};
  lane.GrantWorker(RequireText(user, "grant.user"), std::move(names));
  lane.GrantJob(terms, std::move(job));
  return info.Env().Undefined();
}

/// forget(lane: Lane): void
Napi::Value CallForget(const Napi::CallbackInfo& info) {
  Require<LaneHandle>(info[0], "lane").lane.Forget();
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

/// takeSubmits(intake: Intake, lane: Lane, bytes: Uint8Array, journal: Uint8Array, answers: Uint8Array,
///   frame: Float64Array): void
Napi::Value CallTakeSubmits(const Napi::CallbackInfo& info) {
  const Intake& intake = Require<IntakeHandle>(info[0], "intake").intake;
  Lane& lane = Require<LaneHandle>(info[1], "lane").lane;
  const std::span<std::uint8_t> bytes = RequireBytes(info[2], "bytes");
  const std::span<std::uint8_t> journal = RequireBytes(info[3], "journal");
  const std::span<std::uint8_t> answers = RequireBytes(info[4], "answers");
  const std::span<double, kFrameLength> frame = RequireFrame(info[5]);

  const std::uint64_t journalEnd = RequireWhole(frame[kJournalEnd], "journalEnd", 0, journal.size());
  const std::uint64_t journalStart = RequireWhole(frame[kJournalStart], "journalStart", 0, journalEnd);
  const ReadOutcome outcome = TakeSubmits(
      intake, lane,
      {
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
      });
  frame[kTaken] = static_cast<double>(outcome.taken);
  frame[kAgain] = outcome.again ? 1 : 0;
  frame[kRecords] = outcome.records;
  frame[kJournalBytes] = static_cast<double>(outcome.journalBytes);
  frame[kAnswerBytes] = static_cast<double>(outcome.answerBytes);
  frame[kTag] = outcome.tag;
  for (std::size_t code = 0; code < kRefusalCount; code++) frame[kRefused + code] = outcome.refused[code];
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
  add.operator()<CallCreateLane>("createLane");
  add.operator()<CallGrant>("grant");
  add.operator()<CallForget>("forget");
  add.operator()<CallTakeSubmits>("takeSubmits");
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

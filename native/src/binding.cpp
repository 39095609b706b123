#include <random>

#include "arguments.h"
#include "binding_disk.h"
#include "binding_intake.h"
#include "binding_ledger.h"
#include "binding_sockets.h"
#include "binding_transport.h"
#include "crc32c.h"
#include "handles.h"
#include "judge.h"
#include "merkle.h"
#include "scan.h"
#include "share_rows.h"

// The only file that knows both sides: it checks, converts and calls. Nothing is decided here, nothing is global; each
// environment (main thread or worker) has functions of its own, whose data is a kernel, which is constant.
namespace penstock {
namespace {

/// Raised whenever a function's meaning changes; src/native/index.ts refuses any other.
constexpr std::uint32_t kInterfaceVersion = 7;

const Sha256Kernel& KernelOf(const Napi::CallbackInfo& info) { return *static_cast<const Sha256Kernel*>(info.Data()); }

Napi::Value ToBuffer(Napi::Env env, const Hash& hash) {
  return Napi::Buffer<std::uint8_t>::Copy(env, hash.data(), hash.size());
}

/// sha256d(data: Uint8Array): Buffer
Napi::Value CallSha256d(const Napi::CallbackInfo& info) {
  return ToBuffer(info.Env(), Sha256d(KernelOf(info), RequireBytes(info[0], "data")));
}

/// crc32c(data: Uint8Array, start: number, end: number): number
Napi::Value CallCrc32c(const Napi::CallbackInfo& info) {
  const Bytes data = RequireBytes(info[0], "data");
  const std::uint64_t start = RequireInteger(info[1], "start", 0, data.size());
  const std::uint64_t end = RequireInteger(info[2], "end", start, data.size());
  return Napi::Number::New(info.Env(), Crc32c(data.subspan(start, end - start)));
}

/// merkleBranch(txids: Uint8Array): Buffer[]
Napi::Value CallMerkleBranch(const Napi::CallbackInfo& info) {
  const std::vector<Hash> branch = MerkleBranch(KernelOf(info), RequireMultiple(info[0], "txids", 32));
  Napi::Array result = Napi::Array::New(info.Env(), branch.size());
  for (std::uint32_t i = 0; i < branch.size(); i++) result.Set(i, ToBuffer(info.Env(), branch[i]));
  return result;
}

/// merkleRoot(coinbaseTxid: Uint8Array, branch: Uint8Array): Buffer
Napi::Value CallMerkleRoot(const Napi::CallbackInfo& info) {
  Hash coinbaseTxid;
  CopyBytes(coinbaseTxid, RequireFixed<32>(info[0], "coinbaseTxid"));
  return ToBuffer(info.Env(), MerkleRoot(KernelOf(info), coinbaseTxid, RequireMultiple(info[1], "branch", 32)));
}

Bytes RequireCoinbasePart(const Napi::Value& value, const char* name) {
  const Bytes bytes = RequireBytes(value, name);
  if (bytes.size() > kMaxCoinbasePartLength) {
    throw ArgumentError(std::string(name) + " must have at most " + std::to_string(kMaxCoinbasePartLength) +
                        " bytes, not " + std::to_string(bytes.size()));
  }
  return bytes;
}

Bytes RequireBranch(const Napi::Value& value, const char* name) {
  const Bytes bytes = RequireMultiple(value, name, 32);
  if (bytes.size() > kMaxBranchElements * 32) {
    throw ArgumentError(std::string(name) + " must have at most " + std::to_string(kMaxBranchElements) + " elements");
  }
  return bytes;
}

std::size_t RequireExtranonce2Length(const Napi::Value& value, const char* name) {
  const std::uint64_t length = RequireInteger(value, name, 0, kWideExtranonce2Length);
  if (length == kExtranonce2Length || length == kWideExtranonce2Length) return length;
  throw ArgumentError(std::string(name) + " must be " + std::to_string(kExtranonce2Length) + " or " +
                      std::to_string(kWideExtranonce2Length) + ", not " + std::to_string(length));
}

/// prepareJob(job: PrepareJob): PreparedJob
Napi::Value CallPrepareJob(const Napi::CallbackInfo& info) {
  const Napi::Object job = RequireObject(info[0], "job");
  // All properties are read before the first view is opened: a getter could detach the memory behind it.
  const Napi::Value version = Property(job, "version");
  const Napi::Value previousHash = Property(job, "previousHash");
  const Napi::Value bits = Property(job, "bits");
  const Napi::Value minTime = Property(job, "minTime");
  const Napi::Value coinbase1 = Property(job, "coinbase1");
  const Napi::Value coinbase2 = Property(job, "coinbase2");
  const Napi::Value extranonce2Length = Property(job, "extranonce2Length");
  const Napi::Value merkleBranch = Property(job, "merkleBranch");
  const Napi::Value networkTarget = Property(job, "networkTarget");
  const Napi::Value tipNumber = Property(job, "tipNumber");
  const JobParts parts = {
      .version = RequireUint32(version, "job.version"),
      .previousHash = RequireFixed<32>(previousHash, "job.previousHash"),
      .bits = RequireUint32(bits, "job.bits"),
      .minTime = RequireUint32(minTime, "job.minTime"),
      .coinbase1 = RequireCoinbasePart(coinbase1, "job.coinbase1"),
      .coinbase2 = RequireCoinbasePart(coinbase2, "job.coinbase2"),
      .extranonce2Length = RequireExtranonce2Length(extranonce2Length, "job.extranonce2Length"),
      .merkleBranch = RequireBranch(merkleBranch, "job.merkleBranch"),
      .networkTarget = RequireFixed<32>(networkTarget, "job.networkTarget"),
      .tipNumber = RequireInteger(tipNumber, "job.tipNumber", 0, kMaxSafeInteger),
  };
  Napi::Object handle = Napi::Object::New(info.Env());
  WrapOwned(handle, std::make_unique<JobHandle>(JobHandle{std::make_shared<const PreparedJob>(KernelOf(info), parts)}));
  return handle;
}

/// jobRoots(job: PreparedJob, extranonces: Uint8Array, roots: Uint8Array): void
Napi::Value CallJobRoots(const Napi::CallbackInfo& info) {
  const PreparedJob& job = *Require<JobHandle>(info[0], "job").job;
  const Bytes extranonces = RequireMultiple(info[1], "extranonces", job.extranoncesLength());
  const std::size_t count = extranonces.size() / job.extranoncesLength();
  job.Roots(KernelOf(info), extranonces, RequireLength(info[2], "roots", count * sizeof(Hash)));
  return info.Env().Undefined();
}

SeenWindow& ThisWindow(const Napi::CallbackInfo& info) { return *Require<SeenHandle>(info.This(), "this").window; }

/// seen.size: number
Napi::Value GetSeenSize(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(ThisWindow(info).size()));
}

/// seen.bytes: number
Napi::Value GetSeenBytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(ThisWindow(info).bytes()));
}

/// seen.forgetBefore(tipNumber: number): void
Napi::Value CallForgetBefore(const Napi::CallbackInfo& info) {
  ThisWindow(info).ForgetBefore(RequireInteger(info[0], "tipNumber", 0, kMaxSafeInteger));
  return info.Env().Undefined();
}

/// seen.insert(tipNumber: number, previousHash: Uint8Array, hash: Uint8Array): boolean
Napi::Value CallInsert(const Napi::CallbackInfo& info) {
  const std::uint64_t tipNumber = RequireInteger(info[0], "tipNumber", 0, kMaxSafeInteger);
  Hash previousHash;
  Hash hash;
  CopyBytes(previousHash, RequireFixed<32>(info[1], "previousHash"));
  CopyBytes(hash, RequireFixed<32>(info[2], "hash"));
  return Napi::Boolean::New(info.Env(), ThisWindow(info).InsertOnce({tipNumber, previousHash}, hash));
}

/// seen.insertShares(tipNumber: number, previousHash: Uint8Array, height: number, records: Uint8Array): boolean
Napi::Value CallInsertShares(const Napi::CallbackInfo& info) {
  const std::uint64_t tipNumber = RequireInteger(info[0], "tipNumber", 0, kMaxSafeInteger);
  Hash previousHash;
  CopyBytes(previousHash, RequireFixed<32>(info[1], "previousHash"));
  const std::uint32_t height = RequireUint32(info[2], "height");
  const Bytes records = RequireBytes(info[3], "records");
  const auto inserted = InsertShares(ThisWindow(info), {tipNumber, previousHash}, height, records);
  if (!inserted.has_value()) throw ArgumentError("records are not those that were surveyed");
  return Napi::Boolean::New(info.Env(), *inserted);
}

SeenWindow::Seed RandomSeed() {
  std::random_device random;
  const auto word = [&random] { return std::uint64_t{random()} << 32 | random(); };
  return {word(), word()};
}

/// createSeenWindow(maxEntries: number): SeenWindow
Napi::Value CallCreateSeenWindow(const Napi::CallbackInfo& info) {
  const std::uint64_t maxEntries = RequireInteger(info[0], "maxEntries", 1, 0xffffffff);
  Napi::Object handle = Napi::Object::New(info.Env());
  WrapOwned(handle, std::make_unique<SeenHandle>(SeenHandle{std::make_shared<SeenWindow>(maxEntries, RandomSeed())}));
  handle.DefineProperties({
      Napi::PropertyDescriptor::Accessor<Guarded<GetSeenSize>>("size", napi_enumerable),
      Napi::PropertyDescriptor::Accessor<Guarded<GetSeenBytes>>("bytes", napi_enumerable),
      Napi::PropertyDescriptor::Value(
          "forgetBefore", Napi::Function::New<Guarded<CallForgetBefore>>(info.Env(), "forgetBefore"), napi_default),
      Napi::PropertyDescriptor::Value("insert", Napi::Function::New<Guarded<CallInsert>>(info.Env(), "insert"),
                                      napi_default),
      Napi::PropertyDescriptor::Value(
          "insertShares", Napi::Function::New<Guarded<CallInsertShares>>(info.Env(), "insertShares"), napi_default),
  });
  return handle;
}

/// judge(job: PreparedJob, seen: SeenWindow, submission: Uint8Array, verdict: Uint8Array): number
Napi::Value CallJudge(const Napi::CallbackInfo& info) {
  const PreparedJob& job = *Require<JobHandle>(info[0], "job").job;
  SeenWindow& seen = *Require<SeenHandle>(info[1], "seen").window;
  const Submission submission = ReadSubmission(RequireFixed<SubmissionLayout::kSize>(info[2], "submission"));
  const auto out = RequireFixed<VerdictLayout::kSize>(info[3], "verdict");
  const Verdict verdict = Judge(KernelOf(info), job, seen, submission);
  WriteVerdict(out, verdict);
  return Napi::Number::New(info.Env(),
                           static_cast<std::uint32_t>(verdict.refusal) | (verdict.block ? kBlockFlag : 0));
}

/// scanNonces(header: Uint8Array, target: Uint8Array, nonceStart: number, count: number): number
Napi::Value CallScanNonces(const Napi::CallbackInfo& info) {
  const auto header = RequireFixed<80>(info[0], "header");
  const auto target = RequireFixed<32>(info[1], "target");
  const std::uint32_t nonceStart = RequireUint32(info[2], "nonceStart");
  const std::uint64_t count = RequireInteger(info[3], "count", 0, (std::uint64_t{1} << 32) - nonceStart);
  const auto nonce = ScanNonces(KernelOf(info), header, target, nonceStart, count);
  return Napi::Number::New(info.Env(), nonce.has_value() ? static_cast<double>(*nonce) : -1);
}

/// addon(kernel: string): Addon, all of it computed by that kernel. An empty name asks for the best one.
Napi::Value CreateAddon(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) throw ArgumentError("kernel must be a string");
  const std::string name = info[0].As<Napi::String>();
  const Sha256Kernel* kernel = name.empty() ? UsableKernels().front() : FindKernel(name);
  if (kernel == nullptr) throw ArgumentError("kernel is not usable on this machine: " + name);

  const Napi::Env env = info.Env();
  Napi::Object addon = Napi::Object::New(env);
  const auto add = [&]<Napi::Value (*Body)(const Napi::CallbackInfo&)>(const char* functionName) {
    // Node-API's data pointer is not const; nothing writes through it.
    void* data = const_cast<Sha256Kernel*>(kernel);
    addon.Set(functionName, Napi::Function::New<Guarded<Body>>(env, functionName, data));
  };
  addon.Set("kernel", kernel->name);
  add.operator()<CallSha256d>("sha256d");
  add.operator()<CallCrc32c>("crc32c");
  add.operator()<CallMerkleBranch>("merkleBranch");
  add.operator()<CallMerkleRoot>("merkleRoot");
  add.operator()<CallPrepareJob>("prepareJob");
  add.operator()<CallJobRoots>("jobRoots");
  add.operator()<CallCreateSeenWindow>("createSeenWindow");
  add.operator()<CallJudge>("judge");
  add.operator()<CallScanNonces>("scanNonces");
  AddIntake(addon, *kernel);
  AddDisk(addon);
  AddSockets(addon);
  AddTransport(addon);
  AddLedgerFunctions(env, addon);
  addon.Freeze();
  return addon;
}

Napi::Object Record(Napi::Env env, std::initializer_list<std::pair<const char*, std::size_t>> entries) {
  Napi::Object record = Napi::Object::New(env);
  for (const auto& [name, value] : entries) record.Set(name, static_cast<double>(value));
  return record;
}

/// The numbers of judge.h, under the names of src/native/layout.ts.
Napi::Object Layout(Napi::Env env) {
  using S = SubmissionLayout;
  using V = VerdictLayout;
  Napi::Object layout = Record(
      env, {{"staleFlag", kStaleFlag}, {"wholeVersionFlag", kWholeVersionFlag}, {"blockFlag", kBlockFlag}});
  layout.Set("submission", Record(env, {{"size", S::kSize},
                                        {"extranonce1", S::kExtranonce1},
                                        {"extranonce2", S::kExtranonce2},
                                        {"ntime", S::kNtime},
                                        {"nonce", S::kNonce},
                                        {"version", S::kVersion},
                                        {"versionMask", S::kVersionMask},
                                        {"flags", S::kFlags},
                                        {"ntimeMin", S::kNtimeMin},
                                        {"ntimeMax", S::kNtimeMax},
                                        {"target", S::kTarget}}));
  layout.Set("verdict", Record(env, {{"size", V::kSize}, {"hash", V::kHash}, {"header", V::kHeader}}));
  layout.Set("frame", FrameLayout(env));
  layout.Set("open", OpenLayout(env));
  const auto code = [](Refusal refusal) { return static_cast<std::size_t>(refusal); };
  layout.Set("refusals", Record(env, {{"duplicate", code(Refusal::kDuplicate)},
                                      {"stale", code(Refusal::kStale)},
                                      {"ntime-out-of-range", code(Refusal::kNtimeOutOfRange)},
                                      {"version-bits-not-allowed", code(Refusal::kVersionBitsNotAllowed)},
                                      {"low-difficulty", code(Refusal::kLowDifficulty)},
                                      {"window-full", code(Refusal::kWindowFull)}}));
  return layout;
}

Napi::Array KernelNames(Napi::Env env) {
  const auto kernels = UsableKernels();
  Napi::Array names = Napi::Array::New(env, kernels.size());
  for (std::uint32_t i = 0; i < kernels.size(); i++) names.Set(i, kernels[i]->name);
  return names;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  try {
    exports.Set("kernels", KernelNames(env));
  } catch (const std::exception& error) {
    Napi::Error::New(env, error.what()).ThrowAsJavaScriptException();
    return exports;
  }
  exports.Set("interfaceVersion", kInterfaceVersion);
  exports.Set("layout", Layout(env));
  exports.Set("addon", Napi::Function::New<Guarded<CreateAddon>>(env, "addon"));
  return exports;
}

}  // namespace
}  // namespace penstock

static Napi::Object Init(Napi::Env env, Napi::Object exports) { return penstock::Init(env, exports); }

NODE_API_MODULE(penstock, Init)

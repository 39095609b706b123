#include "binding_transport.h"

#include <cmath>

#include "arguments.h"
#include "frame_transport.h"

namespace penstock {
namespace {

/// Transports hold on to the cipher, which may outlive the addon's functions.
using SharedAead = std::shared_ptr<Aead>;

struct TransportHandle {
  static constexpr napi_type_tag kTypeTag = {0x6c03d9b7e25f4a18, 0xb7418a6c9fd3e052};
  SharedAead aead;
  FrameOpener opener;
  FrameSealer sealer;
};

/// Numbers in and out of openFrames; src/native/layout.ts has the same places, and a test compares them.
enum OpenPlace : std::size_t {
  kFrom = 0,
  kLongPayload,
  kVerdict,
  kTaken,
  kWritten,
  kStop,
  kExtensionType,
  kMessageType,
  kPayloadLength,
  kOpenLength,
};

AeadKey RequireKey(const Napi::Value& value, const char* name) {
  AeadKey key;
  CopyBytes(key, RequireFixed<32>(value, name));
  return key;
}

TransportHandle& RequireTransport(const Napi::CallbackInfo& info) {
  return Require<TransportHandle>(info[0], "transport");
}

/// createTransport(receiveKey: Uint8Array, sendKey: Uint8Array): Transport
Napi::Value CallCreateTransport(const Napi::CallbackInfo& info) {
  const SharedAead& aead = *static_cast<const SharedAead*>(info.Data());
  if (aead == nullptr) throw std::runtime_error("this Node.js has no ChaCha20-Poly1305 that an addon can use");
  const AeadKey receiveKey = RequireKey(info[0], "receiveKey");
  const AeadKey sendKey = RequireKey(info[1], "sendKey");
  Napi::Object object = Napi::Object::New(info.Env());
  WrapOwned(object, std::make_unique<TransportHandle>(
                        TransportHandle{aead, FrameOpener(receiveKey), FrameSealer(sendKey)}));
  return object;
}

/// closeTransport(transport: Transport): void
Napi::Value CallCloseTransport(const Napi::CallbackInfo& info) {
  RequireTransport(info).opener.Close();
  return info.Env().Undefined();
}

/// transportBytes(transport: Transport): number
Napi::Value CallTransportBytes(const Napi::CallbackInfo& info) {
  const std::size_t bytes = sizeof(TransportHandle) + RequireTransport(info).opener.held();
  return Napi::Number::New(info.Env(), static_cast<double>(bytes));
}

/// sealFrames(transport: Transport, frames: Uint8Array, out: Uint8Array): number
Napi::Value CallSealFrames(const Napi::CallbackInfo& info) {
  TransportHandle& transport = RequireTransport(info);
  const Bytes frames = RequireBytes(info[1], "frames");
  const std::span<std::uint8_t> out = RequireBytes(info[2], "out");
  const auto length = SealedLength(frames);
  if (!length.has_value()) throw ArgumentError("frames must be whole frames, back to back");
  if (out.size() < *length) {
    throw ArgumentError("out must have at least " + std::to_string(*length) + " bytes, not " +
                        std::to_string(out.size()));
  }
  if (!transport.sealer.Seal(*transport.aead, frames, out)) throw std::runtime_error("OpenSSL failed to encrypt");
  return Napi::Number::New(info.Env(), static_cast<double>(*length));
}

/// The numbers, where they lie; valid during the call only.
std::span<double, kOpenLength> RequireNumbers(const Napi::Value& value) {
  const std::span<std::uint8_t> bytes = RequireLength(value, "numbers", kOpenLength * sizeof(double));
  // A Float64Array is aligned; another view of as many bytes need not be.
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(double) != 0) {
    throw ArgumentError("numbers must be a Float64Array");
  }
  return std::span<double, kOpenLength>(reinterpret_cast<double*>(bytes.data()), kOpenLength);
}

std::uint64_t RequireWhole(double number, const char* name, std::uint64_t max) {
  if (std::trunc(number) == number && number >= 0 && number <= static_cast<double>(max)) {
    return static_cast<std::uint64_t>(number);
  }
  throw ArgumentError(std::string("numbers: ") + name + " must be a whole number from 0 to " + std::to_string(max));
}

/// openFrames(transport: Transport, chunk: Uint8Array, out: Uint8Array, numbers: Float64Array): void
Napi::Value CallOpenFrames(const Napi::CallbackInfo& info) {
  TransportHandle& transport = RequireTransport(info);
  const Bytes chunk = RequireBytes(info[1], "chunk");
  const std::span<std::uint8_t> out = RequireBytes(info[2], "out");
  const std::span<double, kOpenLength> numbers = RequireNumbers(info[3]);
  const std::uint64_t from = RequireWhole(numbers[kFrom], "from", chunk.size());
  const OpenOutcome outcome = transport.opener.Open(
      *transport.aead,
      {
          .chunk = chunk.subspan(from),
          .out = out,
          .longPayload = static_cast<std::uint32_t>(RequireWhole(numbers[kLongPayload], "longPayload", 0xffffff)),
          .verdict = static_cast<LongPayload>(RequireWhole(numbers[kVerdict], "verdict", 2)),
      });
  numbers[kTaken] = static_cast<double>(from + outcome.taken);
  numbers[kWritten] = static_cast<double>(outcome.written);
  numbers[kStop] = static_cast<double>(outcome.stop);
  numbers[kExtensionType] = outcome.header.extensionType;
  numbers[kMessageType] = outcome.header.messageType;
  numbers[kPayloadLength] = outcome.header.length;
  return info.Env().Undefined();
}

}  // namespace

void AddTransport(Napi::Object& addon) {
  const Napi::Env env = addon.Env();
  auto aead = std::make_unique<SharedAead>(CreateAead());
  addon.Set("hasAead", *aead != nullptr);
  const auto createTransport =
      Napi::Function::New<Guarded<CallCreateTransport>>(env, "createTransport", aead.get());
  const auto release = [](napi_env, void* data, void*) { delete static_cast<SharedAead*>(data); };
  RequireOk(napi_add_finalizer(env, createTransport, aead.get(), release, nullptr, nullptr));
  static_cast<void>(aead.release());  // now the function's, which may outlive the addon's object
  addon.Set("createTransport", createTransport);
  addon.Set("closeTransport", Napi::Function::New<Guarded<CallCloseTransport>>(env, "closeTransport"));
  addon.Set("transportBytes", Napi::Function::New<Guarded<CallTransportBytes>>(env, "transportBytes"));
  addon.Set("sealFrames", Napi::Function::New<Guarded<CallSealFrames>>(env, "sealFrames"));
  addon.Set("openFrames", Napi::Function::New<Guarded<CallOpenFrames>>(env, "openFrames"));
}

Napi::Object OpenLayout(Napi::Env env) {
  Napi::Object layout = Napi::Object::New(env);
  const auto code = [](auto value) { return static_cast<std::size_t>(value); };
  const std::initializer_list<std::pair<const char*, std::size_t>> places = {
      {"from", kFrom},
      {"longPayload", kLongPayload},
      {"verdict", kVerdict},
      {"taken", kTaken},
      {"written", kWritten},
      {"stop", kStop},
      {"extensionType", kExtensionType},
      {"messageType", kMessageType},
      {"payloadLength", kPayloadLength},
      {"length", kOpenLength},
      {"stopEnd", code(OpenStop::kEnd)},
      {"stopFull", code(OpenStop::kFull)},
      {"stopLong", code(OpenStop::kLong)},
      {"stopBroken", code(OpenStop::kBroken)},
      {"verdictUndecided", code(LongPayload::kUndecided)},
      {"verdictTake", code(LongPayload::kTake)},
      {"verdictDiscard", code(LongPayload::kDiscard)},
  };
  for (const auto& [name, place] : places) layout.Set(name, static_cast<double>(place));
  return layout;
}

}  // namespace penstock

#include "binding_sockets.h"

#include "arguments.h"
#include "sockets.h"

namespace penstock {
namespace {

constexpr std::uint64_t kMaxDescriptor = 0x7fffffff;

/// The elements of a typed array, valid during the call only.
template <typename Element>
std::span<Element> RequireArray(const Napi::Value& value, const char* name, napi_typedarray_type type,
                                const char* typeName) {
  if (value.IsEmpty() || !value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    throw ArgumentError(std::string(name) + " must be " + typeName);
  }
  const std::span<std::uint8_t> bytes = RequireBytes(value, name);
  return {reinterpret_cast<Element*>(bytes.data()), bytes.size() / sizeof(Element)};
}

std::span<std::int32_t> RequireInt32s(const Napi::Value& value, const char* name) {
  return RequireArray<std::int32_t>(value, name, napi_int32_array, "an Int32Array");
}

template <typename Element>
void RequireRoom(std::span<Element> array, const char* name, std::uint64_t count) {
  if (array.size() < count) {
    throw ArgumentError(std::string(name) + " must have at least " + std::to_string(count) + " elements, not " +
                        std::to_string(array.size()));
  }
}

/// sendToMany(sockets: Int32Array, count: number, bytes: Uint8Array, sent: Int32Array): void
Napi::Value CallSendToMany(const Napi::CallbackInfo& info) {
  const auto sockets = RequireInt32s(info[0], "sockets");
  const std::uint64_t count = RequireInteger(info[1], "count", 0, sockets.size());
  const Bytes bytes = RequireBytes(info[2], "bytes");
  const auto sent = RequireInt32s(info[3], "sent");
  RequireRoom(sent, "sent", count);
  SendToMany(sockets.first(count), bytes, sent);
  return info.Env().Undefined();
}

/// roundTripMicroseconds(socket: number): number
Napi::Value CallRoundTripMicroseconds(const Napi::CallbackInfo& info) {
  const auto socket = static_cast<std::int32_t>(RequireInteger(info[0], "socket", 0, kMaxDescriptor));
  return Napi::Number::New(info.Env(), static_cast<double>(RoundTripMicroseconds(socket)));
}

/// roundTrips(sockets: Int32Array, count: number, microseconds: Float64Array): void
Napi::Value CallRoundTrips(const Napi::CallbackInfo& info) {
  const auto sockets = RequireInt32s(info[0], "sockets");
  const std::uint64_t count = RequireInteger(info[1], "count", 0, sockets.size());
  const auto microseconds =
      RequireArray<double>(info[2], "microseconds", napi_float64_array, "a Float64Array");
  RequireRoom(microseconds, "microseconds", count);
  for (std::size_t i = 0; i < count; i++) microseconds[i] = static_cast<double>(RoundTripMicroseconds(sockets[i]));
  return info.Env().Undefined();
}

/// listenOnSharedPort(address: string, port: number, backlog: number): number
Napi::Value CallListenOnSharedPort(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) throw ArgumentError("address must be a string");
  const std::string address = info[0].As<Napi::String>();
  const auto port = static_cast<std::uint16_t>(RequireInteger(info[1], "port", 0, 65'535));
  const auto backlog = static_cast<std::int32_t>(RequireInteger(info[2], "backlog", 1, 1'000'000));
  return Napi::Number::New(info.Env(), ListenOnSharedPort(address, port, backlog));
}

}  // namespace

void AddSockets(Napi::Object& addon) {
  const Napi::Env env = addon.Env();
  addon.Set("sendToMany", Napi::Function::New<Guarded<CallSendToMany>>(env, "sendToMany"));
  addon.Set("roundTripMicroseconds",
            Napi::Function::New<Guarded<CallRoundTripMicroseconds>>(env, "roundTripMicroseconds"));
  addon.Set("listenOnSharedPort", Napi::Function::New<Guarded<CallListenOnSharedPort>>(env, "listenOnSharedPort"));
  addon.Set("roundTrips", Napi::Function::New<Guarded<CallRoundTrips>>(env, "roundTrips"));
}

}  // namespace penstock

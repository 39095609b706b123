#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "bytes.h"

// Checks and conversions of what JavaScript hands in. Each failure is an ArgumentError that names the argument; Guarded
// turns it into a TypeError, so no C++ exception ever leaves the addon.
namespace penstock {

class ArgumentError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The bytes of a Uint8Array (or any other view), valid during the call only.
std::span<std::uint8_t> RequireBytes(const Napi::Value& value, const char* name);
/// The same with exactly `length` bytes.
std::span<std::uint8_t> RequireLength(const Napi::Value& value, const char* name, std::size_t length);
/// The same with a multiple of `unit` bytes.
std::span<std::uint8_t> RequireMultiple(const Napi::Value& value, const char* name, std::size_t unit);

template <std::size_t Length>
std::span<std::uint8_t, Length> RequireFixed(const Napi::Value& value, const char* name) {
  return RequireLength(value, name, Length).first<Length>();
}

/// The largest number up to which JavaScript has every whole one.
inline constexpr std::uint64_t kMaxSafeInteger = (std::uint64_t{1} << 53) - 1;

/// A whole number from `min` to `max`, both at most kMaxSafeInteger.
std::uint64_t RequireInteger(const Napi::Value& value, const char* name, std::uint64_t min, std::uint64_t max);
std::uint32_t RequireUint32(const Napi::Value& value, const char* name);
bool RequireBoolean(const Napi::Value& value, const char* name);

Napi::Object RequireObject(const Napi::Value& value, const char* name);
/// A property of a checked object; undefined if the object lacks it.
Napi::Value Property(const Napi::Object& object, const char* name);

/// Throws if JavaScript code that ran during the call (a getter) or Node-API itself failed.
void RequireOk(napi_status status);

/// The C++ object that a JavaScript object made by WrapOwned stands for. The tag tells it from every other object.
void* RequireWrapped(const Napi::Value& value, const char* name, const napi_type_tag& tag);

template <typename T>
T& Require(const Napi::Value& value, const char* name) {
  return *static_cast<T*>(RequireWrapped(value, name, T::kTypeTag));
}

/// Ties a C++ object to a JavaScript object, which frees it.
template <typename T>
void WrapOwned(const Napi::Object& object, std::unique_ptr<T> owned) {
  const auto release = [](napi_env, void* data, void*) { delete static_cast<T*>(data); };
  RequireOk(napi_type_tag_object(object.Env(), object, &T::kTypeTag));
  RequireOk(napi_wrap(object.Env(), object, owned.get(), release, nullptr, nullptr));
  static_cast<void>(owned.release());  // now the JavaScript object's
}

/// Makes a callback of `Body` from which no C++ exception escapes.
template <Napi::Value (*Body)(const Napi::CallbackInfo&)>
Napi::Value Guarded(const Napi::CallbackInfo& info) {
  try {
    return Body(info);
  } catch (const ArgumentError& error) {
    if (!info.Env().IsExceptionPending()) Napi::TypeError::New(info.Env(), error.what()).ThrowAsJavaScriptException();
  } catch (const std::exception& error) {
    if (!info.Env().IsExceptionPending()) Napi::Error::New(info.Env(), error.what()).ThrowAsJavaScriptException();
  }
  return {};
}

}  // namespace penstock

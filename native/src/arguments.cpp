#include "arguments.h"

#include <cmath>

namespace penstock {
namespace {

std::string Plural(std::size_t bytes) { return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes"); }

}  // namespace

std::span<std::uint8_t> RequireBytes(const Napi::Value& value, const char* name) {
  bool isView = false;
  void* data = nullptr;
  std::size_t length = 0;
  // Node's "buffer" is any view of an ArrayBuffer; a detached one has no length.
  if (value.IsEmpty() || napi_is_buffer(value.Env(), value, &isView) != napi_ok || !isView) {
    throw ArgumentError(std::string(name) + " must be a Uint8Array");
  }
  RequireOk(napi_get_buffer_info(value.Env(), value, &data, &length));
  return {static_cast<std::uint8_t*>(data), length};
}

std::span<std::uint8_t> RequireLength(const Napi::Value& value, const char* name, std::size_t length) {
  const std::span<std::uint8_t> bytes = RequireBytes(value, name);
  if (bytes.size() != length) {
    throw ArgumentError(std::string(name) + " must have " + Plural(length) + ", not " + std::to_string(bytes.size()));
  }
  return bytes;
}

std::span<std::uint8_t> RequireMultiple(const Napi::Value& value, const char* name, std::size_t unit) {
  const std::span<std::uint8_t> bytes = RequireBytes(value, name);
  if (bytes.size() % unit != 0) {
    throw ArgumentError(std::string(name) + " must have a multiple of " + Plural(unit) + ", not " +
                        std::to_string(bytes.size()));
  }
  return bytes;
}

std::uint64_t RequireInteger(const Napi::Value& value, const char* name, std::uint64_t min, std::uint64_t max) {
  double number = 0;
  const bool isNumber = !value.IsEmpty() && napi_get_value_double(value.Env(), value, &number) == napi_ok;
  if (!isNumber || std::trunc(number) != number || number < static_cast<double>(min) ||
      number > static_cast<double>(max)) {
    throw ArgumentError(std::string(name) + " must be a whole number from " + std::to_string(min) + " to " +
                        std::to_string(max));
  }
  return static_cast<std::uint64_t>(number);
}

std::uint32_t RequireUint32(const Napi::Value& value, const char* name) {
  return static_cast<std::uint32_t>(RequireInteger(value, name, 0, 0xffffffff));
}

bool RequireBoolean(const Napi::Value& value, const char* name) {
  if (value.IsEmpty() || !value.IsBoolean()) throw ArgumentError(std::string(name) + " must be a boolean");
  return value.As<Napi::Boolean>();
}

Napi::Object RequireObject(const Napi::Value& value, const char* name) {
  if (value.IsEmpty() || !value.IsObject()) throw ArgumentError(std::string(name) + " must be an object");
  return value.As<Napi::Object>();
}

Napi::Value Property(const Napi::Object& object, const char* name) {
  napi_value value = nullptr;
  RequireOk(napi_get_named_property(object.Env(), object, name, &value));
  return {object.Env(), value};
}

void RequireOk(napi_status status) {
  if (status != napi_ok) throw std::runtime_error("Node-API call failed with status " + std::to_string(status));
}

void* RequireWrapped(const Napi::Value& value, const char* name, const napi_type_tag& tag) {
  bool matches = false;
  void* data = nullptr;
  if (value.IsEmpty() || !value.IsObject() ||
      napi_check_object_type_tag(value.Env(), value, &tag, &matches) != napi_ok || !matches) {
    throw ArgumentError(std::string(name) + " is not what this addon made");
  }
  RequireOk(napi_unwrap(value.Env(), value, &data));
  return data;
}

}  // namespace penstock

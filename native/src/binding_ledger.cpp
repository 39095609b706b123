#include "binding_ledger.h"

#include <random>

#include "arguments.h"
#include "share_rows.h"

// Checks and conversions for the ledger's share rows. Nothing is decided here.
namespace penstock {
namespace {

constexpr std::size_t kNumbersOfRun = 4;

Napi::Value ToUint32Array(Napi::Env env, std::span<const std::uint32_t> numbers) {
  Napi::Uint32Array array = Napi::Uint32Array::New(env, numbers.size());
  std::copy(numbers.begin(), numbers.end(), array.Data());
  return array;
}

std::span<const std::uint32_t> RequireUint32Array(const Napi::Value& value, const char* name) {
  if (value.IsEmpty() || !value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
    throw ArgumentError(std::string(name) + " must be a Uint32Array");
  }
  const auto array = value.As<Napi::Uint32Array>();
  return {array.Data(), array.ElementLength()};
}

std::uint64_t RandomSeed() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

Napi::Value RunsOf(Napi::Env env, const RecordSurvey& survey) {
  Napi::Float64Array runs = Napi::Float64Array::New(env, survey.runs.size() * kNumbersOfRun);
  double* to = runs.Data();
  for (const auto& run : survey.runs) {
    *to++ = static_cast<double>(run.minute);
    *to++ = run.record;
    *to++ = run.offset;
    *to++ = run.parts;
  }
  return runs;
}

Napi::Value PartsOf(Napi::Env env, const RecordSurvey& survey) {
  Napi::Uint32Array parts = Napi::Uint32Array::New(env, survey.parts.size() * 2);
  std::uint32_t* to = parts.Data();
  for (const auto& part : survey.parts) {
    *to++ = part.group;
    *to++ = part.shares;
  }
  return parts;
}

/// surveyRecords(bytes: Uint8Array, epoch: number, sequence: number, maxRecords: number): RecordSurvey
Napi::Value CallSurveyRecords(const Napi::CallbackInfo& info) {
  const Bytes bytes = RequireBytes(info[0], "bytes");
  const RecordRange range = {
      .epoch = RequireUint32(info[1], "epoch"),
      .sequence = RequireInteger(info[2], "sequence", 0, kMaxSafeInteger),
      .maxRecords = RequireInteger(info[3], "maxRecords", 0, kMaxSafeInteger),
  };
  const RecordSurvey survey = SurveyRecords(bytes, range, RandomSeed());
  const Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  result.Set("length", static_cast<double>(survey.length));
  result.Set("shares", static_cast<double>(survey.shares));
  result.Set("groupOf", ToUint32Array(env, survey.groupOf));
  result.Set("groups", ToUint32Array(env, survey.groups));
  result.Set("runs", RunsOf(env, survey));
  result.Set("parts", PartsOf(env, survey));
  return result;
}

/// writeShareRows(rows: ShareRows, out: Uint8Array): number
Napi::Value CallWriteShareRows(const Napi::CallbackInfo& info) {
  const Napi::Object rows = RequireObject(info[0], "rows");
  // All properties are read before the first view is opened: a getter could detach the memory behind it.
  const Napi::Value recordsValue = Property(rows, "records");
  const Napi::Value groupOfValue = Property(rows, "groupOf");
  const Napi::Value fieldsValue = Property(rows, "fields");
  const Napi::Value endsValue = Property(rows, "ends");
  const Napi::Value columnsValue = Property(rows, "columns");
  const Bytes records = RequireBytes(recordsValue, "rows.records");
  const auto groupOf = RequireUint32Array(groupOfValue, "rows.groupOf");
  const GroupFields groups = {RequireBytes(fieldsValue, "rows.fields"), RequireUint32Array(endsValue, "rows.ends")};
  const auto columns = static_cast<std::uint16_t>(RequireInteger(columnsValue, "rows.columns", 0, 1'000));
  const auto out = RequireBytes(info[1], "out");
  const auto length = ShareRowsLength(groupOf, groups);
  if (!length.has_value()) throw ArgumentError("rows.groupOf, rows.fields and rows.ends do not belong together");
  if (*length <= out.size() && !WriteShareRows(out.first(*length), records, groupOf, groups, columns)) {
    throw ArgumentError("rows.records are not those that were surveyed");
  }
  return Napi::Number::New(info.Env(), static_cast<double>(*length));
}

}  // namespace

void AddLedgerFunctions(Napi::Env env, Napi::Object& addon) {
  addon.Set("surveyRecords", Napi::Function::New<Guarded<CallSurveyRecords>>(env, "surveyRecords"));
  addon.Set("writeShareRows", Napi::Function::New<Guarded<CallWriteShareRows>>(env, "writeShareRows"));
}

}  // namespace penstock

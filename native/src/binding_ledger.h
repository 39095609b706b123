#pragma once

#include <napi.h>

namespace penstock {

/// Adds surveyRecords and writeShareRows, see src/native/addon.ts.
void AddLedgerFunctions(Napi::Env env, Napi::Object& addon);

}  // namespace penstock

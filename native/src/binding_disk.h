#pragma once

#include <napi.h>

namespace penstock {

/// Adds writeToDisk: see Addon in src/native/addon.ts.
void AddDisk(Napi::Object& addon);

}  // namespace penstock

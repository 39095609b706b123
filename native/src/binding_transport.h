#pragma once

#include <napi.h>

namespace penstock {

/// Adds hasAead, createTransport, closeTransport, transportBytes, sealFrames and openFrames: see Addon in
/// src/native/addon.ts.
void AddTransport(Napi::Object& addon);

/// Places in the numbers of openFrames and its stops, under the names of src/native/layout.ts.
Napi::Object OpenLayout(Napi::Env env);

}  // namespace penstock

#pragma once

#include <napi.h>

#include "sha256.h"

namespace penstock {

/// Adds createIntake and what makes and works with lanes: see Addon in src/native/addon.ts.
void AddIntake(Napi::Object& addon, const Sha256Kernel& kernel);

/// Places of the numbers in a frame, under the names of src/native/layout.ts.
Napi::Object FrameLayout(Napi::Env env);

}  // namespace penstock

#pragma once

#include <napi.h>

namespace penstock {

/// Adds sendToMany, roundTripMicroseconds and roundTrips: see Addon in src/native/addon.ts.
void AddSockets(Napi::Object& addon);

}  // namespace penstock

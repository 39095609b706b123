#pragma once

#include <memory>

#include <napi.h>

#include "job.h"
#include "seen_window.h"

// What JavaScript holds of the core, each type under a tag of its own. Shared, since lanes hold on to jobs as well.
namespace penstock {

struct JobHandle {
  static constexpr napi_type_tag kTypeTag = {0x7d1a0c3e5b9f4826, 0x9c60f2ab4d7e1358};
  std::shared_ptr<const PreparedJob> job;
};

struct SeenHandle {
  static constexpr napi_type_tag kTypeTag = {0x2f84b6d90e1c5a73, 0xb3579a1ce8d02f46};
  std::shared_ptr<SeenWindow> window;
};

}  // namespace penstock

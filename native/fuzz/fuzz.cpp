// The program that holds all targets, so that the core is compiled once. It is the target by whose name it is started.
#include "fuzz.h"

#include <cstdio>
#include <map>

namespace penstock {
namespace {

using Targets = std::map<std::string_view, void (*)(Bytes)>;

Targets& AllTargets() {
  static Targets targets;
  return targets;
}

void (*chosen)(Bytes) = nullptr;

void Choose(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const auto found = AllTargets().find(name);
  if (found == AllTargets().end()) {
    std::fprintf(stderr, "%.*s is not a fuzz target\n", static_cast<int>(name.size()), name.data());
    std::exit(2);
  }
  chosen = found->second;
}

}  // namespace

Target::Target(std::string_view name, void (*test)(Bytes)) { AllTargets()[name] = test; }

}  // namespace penstock

extern "C" int LLVMFuzzerInitialize(const int*, char*** argv) {
  penstock::Choose(**argv);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::chosen({data, size});
  return 0;
}

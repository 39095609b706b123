// V1's generator and floor: a program of its own. Started as `generator floor` it is the other side: see floor.h.
#include "floor.h"
#include "line_miner.h"
#include "load.h"

int main(int count, char** words) {
  bench::RaiseDescriptorLimit();
  if (count > 1 && std::string_view(words[1]) == "floor") return bench::ServeFloor();
  return bench::RunLoad([](std::uint16_t port, const std::string& user, bench::Miner::Opening opening) {
    return std::make_unique<bench::LineMiner>(port, user, opening);
  });
}

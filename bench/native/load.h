#pragma once

#include <memory>
#include <string>

#include "miner.h"

namespace bench {

/// Makes a connection to the port on 127.0.0.1.
using MakeMiner = std::function<std::unique_ptr<Miner>(std::uint16_t port, const std::string& user, Miner::Opening)>;

/// Thousands of miners in one thread, as commands on standard input say. Returns the process's exit code when one of
/// them failed; the end of the input ends the process.
int RunLoad(const MakeMiner& make);

/// A descriptor for each connection, as many as the system lets this user have.
void RaiseDescriptorLimit();

}  // namespace bench

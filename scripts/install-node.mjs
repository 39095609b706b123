#!/usr/bin/env node
// npm run install-node: fetches the Bitcoin node alone and prints where its programs are; nothing else is set up.
import { dirname } from "node:path";
import { provideBitcoin } from "./lib/parts.mjs";
import { say } from "./lib/say.mjs";
import { runCommand } from "./lib/setup.mjs";

await runCommand("install-node", async () => {
  const { bitcoind } = await provideBitcoin({ log: say });
  process.stdout.write(`${dirname(bitcoind)}\n`);
  return 0;
});

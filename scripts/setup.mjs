#!/usr/bin/env node
// npm run setup [-- --tests]: everything that `npm start` (or `npm test`) needs, and nothing more.
import { runCommand, setUp } from "./lib/setup.mjs";

await runCommand("setup", async () => {
  await setUp({ tests: process.argv.includes("--tests") });
  return 0;
});

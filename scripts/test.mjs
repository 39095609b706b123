#!/usr/bin/env node
// npm test [-- VITEST ARGUMENTS]: sets everything up, checks style and types, runs the tests.
// With arguments, such as the path of a test, only vitest runs.
import { join } from "node:path";
import { projectDir } from "./lib/paths.mjs";
import { attach } from "./lib/run.mjs";
import { say } from "./lib/say.mjs";
import { runCommand, setUp } from "./lib/setup.mjs";

const vitestArguments = process.argv.slice(2);

await runCommand("npm test", async () => {
  await setUp({ tests: true });
  if (vitestArguments.length === 0) {
    if ((await tool("checking style and suspicious code", "biome", ["check"])) !== 0) return 1;
    if ((await tool("checking types", "tsc", ["--project", "."])) !== 0) return 1;
  }
  return tool("running the tests", "vitest", ["run", ...vitestArguments]);
});

function tool(what, name, args) {
  say(`… ${what}`);
  return attach(join(projectDir, "node_modules/.bin", name), args, { cwd: projectDir });
}

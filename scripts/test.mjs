#!/usr/bin/env node
// npm test [-- VITEST ARGUMENTS]: sets everything up, checks style and types, runs the tests.
// With arguments, such as the path of a test, only vitest runs.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheDir, projectDir } from "./lib/paths.mjs";
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
  const results = join(cacheDir, `test-results-${process.pid}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${results}`];
  const code = await tool("running the tests", "vitest", ["run", ...reporters, ...vitestArguments]);
  await printCounts(results);
  return code;
});

/** `N passed, N failed` alone on the last line, for programs that read it. */
async function printCounts(results) {
  const text = await readFile(results, "utf8").catch(() => undefined);
  if (text === undefined) return; // vitest has said why
  await rm(results);
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(text);
  const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : "";
  process.stdout.write(`${numPassedTests} passed, ${numFailedTests} failed${skipped}\n`);
}

function tool(what, name, args) {
  say(`… ${what}`);
  return attach(join(projectDir, "node_modules/.bin", name), args, { cwd: projectDir });
}

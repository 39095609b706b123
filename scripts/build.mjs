#!/usr/bin/env node
// npm run build: JavaScript in dist/ and the native addon, from a fresh clone on.
import { compileProgram } from "./lib/program.mjs";
import { step } from "./lib/say.mjs";
import { buildProgram, runCommand } from "./lib/setup.mjs";

await runCommand("npm run build", async () => {
  await buildProgram();
  await step("compiling TypeScript", () => compileProgram());
  return 0;
});

#!/usr/bin/env node
// npm run package -- FOLDER: what `npm run build` made, with the npm packages that it needs to run, in a new folder.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { SetupFailure } from "./lib/failure.mjs";
import { packProgram } from "./lib/program.mjs";
import { step } from "./lib/say.mjs";
import { runCommand } from "./lib/setup.mjs";

await runCommand("npm run package", async () => {
  const [folder] = process.argv.slice(2);
  if (!folder) throw new SetupFailure("No folder is named.", "Say npm run package -- FOLDER");
  if (existsSync(folder)) throw new SetupFailure(`${folder} exists already.`, "Name a new folder.");
  await step(`packing the program into ${folder}`, () => packProgram(resolve(folder)));
  return 0;
});

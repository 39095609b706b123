/** From the source to what runs without it: dist/, and a folder with all that an installed pool needs. */
import { cp, mkdir, readdir, rename, rm } from "node:fs/promises";
import { extname, join } from "node:path";
import { npmInstall } from "./dependencies.mjs";
import { SetupFailure } from "./failure.mjs";
import { projectDir } from "./paths.mjs";
import { capture } from "./run.mjs";

/** What an installed pool consists of, besides its npm packages. */
const PARTS = [
  "bin",
  "dist",
  "native/build/penstock.node",
  "package.json",
  "package-lock.json",
  "config/penstock.example.yaml",
  "config/firmware.yaml",
  "LICENSE",
];

/**
 * TypeScript to JavaScript, and beside it the files that the program reads (SQL).
 * @param {string} [folder] made anew, whole or not at all
 */
export async function compileProgram(folder = join(projectDir, "dist")) {
  const making = `${folder}.${process.pid}`;
  const compiler = join(projectDir, "node_modules/.bin/tsc");
  const args = ["--project", join(projectDir, "tsconfig.build.json"), "--outDir", making];
  try {
    const { code, stdout, stderr } = await capture(compiler, args, { cwd: projectDir });
    if (code !== 0)
      throw new SetupFailure(`The source does not compile:\n${stdout}${stderr}`, "Mend it first.");
    for (const path of await filesBelow(join(projectDir, "src"))) {
      if (extname(path) !== ".ts") await cp(join(projectDir, "src", path), join(making, path));
    }
    await rm(folder, { recursive: true, force: true });
    await rename(making, folder);
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

/** Copies the built program to `folder` and installs there what it needs to run, no more. */
export async function packProgram(folder) {
  await mkdir(folder, { recursive: true });
  for (const part of PARTS) await cp(join(projectDir, part), join(folder, part), { recursive: true });
  await npmInstall({ folder, production: true });
}

async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1));
}

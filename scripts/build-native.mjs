#!/usr/bin/env node
/**
 * Builds the native addon with the compiler alone: native/src/*.cpp → native/build/penstock.node.
 *
 * Node-API's headers come from npm packages, so nothing is fetched. A built file carries the checksum of what it was
 * built from (sources, headers, flags, compiler) as text, and is kept as long as that agrees. Objects are made in a
 * folder of their own and the result is renamed into place: builds may run at once, and a killed one does no harm.
 */
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describeFailure, SetupFailure } from "./lib/failure.mjs";
import { projectDir } from "./lib/paths.mjs";
import { capture } from "./lib/run.mjs";

const sourceDir = join(projectDir, "native/src");
const headerDirs = ["node-api-headers/include", "node-addon-api"].map((path) =>
  join(projectDir, "node_modules", path),
);

export const commonFlags = ["-std=c++20", "-Wall", "-Wextra", "-Werror"];
export const addonFlags = [
  "-O3",
  "-fPIC",
  "-fvisibility=hidden",
  "-DNAPI_VERSION=8",
  // The binding catches its own exceptions; Node-API's failures become JavaScript exceptions without C++'s.
  "-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS",
];

/** Instructions that a kernel's own file may use, by machine: it is called only where the processor has them. */
export const kernelFlags = {
  "crc32c_sse42.cpp": { x64: ["-msse4.2"] },
  "sha256_shani.cpp": { x64: ["-msha", "-msse4.1"] },
  "sha256_avx2.cpp": { x64: ["-mavx2"] },
  "sha256_avx512.cpp": { x64: ["-mavx2", "-mavx512f", "-mavx512vl"] },
  "sha256_armv8.cpp": { arm64: ["-march=armv8-a+crypto"] },
};

/** These know Node; everything else in native/src is the core. */
const isBinding = (name) => name.startsWith("binding") || name === "arguments.cpp";

/**
 * @param {{log: (line: string) => void, buildDir?: string, compiler?: string}} options compiler: a command line,
 *   default $CXX
 * @returns {Promise<{path: string, built: boolean}>}
 * @throws SetupFailure with what to do: no compiler, a folder that cannot be written, code that does not compile
 */
export async function buildNative({ log, ...options }) {
  return build({
    ...options,
    log,
    what: "the native addon",
    target: "penstock.node",
    sources: await sourcesIn(sourceDir),
    flags: addonFlags,
    linkFlags: ["-shared"],
  });
}

/**
 * Builds one program of native/test or native/fuzz together with the core, which never sees Node.
 * @param {{log: (line: string) => void, source: string, more?: readonly string[], flags: readonly string[],
 *   buildDir?: string, compiler?: string, machine?: string}} options source: path of the program's file, which names it;
 *   more: its other files, if it has any; flags: for compiling and linking; machine: what it is for, as in process.arch
 * @returns {Promise<{path: string, built: boolean}>}
 */
export async function buildCoreProgram({ source, more = [], flags, ...options }) {
  const core = (await sourcesIn(sourceDir)).filter((path) => !isBinding(basename(path)));
  return build({
    ...options,
    what: `${basename(source)} with the native core`,
    target: basename(source, ".cpp"),
    sources: [...core, resolve(source), ...more.map((path) => resolve(path))],
    ownHeaderDir: dirname(resolve(source)),
    flags: [...flags, `-I${sourceDir}`],
    linkFlags: flags,
  });
}

async function build(plan) {
  const { log, what, target, buildDir = join(projectDir, "native/build") } = plan;
  const compiler = await findCompiler(plan.compiler ?? process.env.CXX);
  const marker = `penstock-build:${await checksum(plan, compiler)}`;
  const path = join(buildDir, target);
  if (await carries(path, marker)) return { path, built: false };

  log(`compiling ${what} with ${compiler.command.join(" ")} (once, under half a minute)`);
  const workshop = await makeWorkshop(buildDir);
  try {
    const stamp = join(workshop, "stamp.cpp");
    await writeFile(
      stamp,
      `extern const char penstockBuild[];\n[[gnu::used]] const char penstockBuild[] = "${marker}";\n`,
    );
    const objects = await compileAll(compiler, { ...plan, sources: [...plan.sources, stamp] }, workshop);
    const made = join(workshop, target);
    await run(compiler, [...plan.linkFlags, ...objects, "-o", made], what);
    await rename(made, path);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
  return { path, built: true };
}

/** $CXX if it is set, else the first of the usual compilers; with what it says of its version. */
async function findCompiler(chosen) {
  const candidates = chosen ? [chosen] : ["g++", "clang++"];
  for (const candidate of candidates) {
    // A path may have a space in it.
    const command = existsSync(candidate) ? [candidate] : candidate.trim().split(/\s+/);
    const { code, stdout } = await capture(command[0], [...command.slice(1), "--version"]);
    if (code === 0) return { command, version: stdout };
  }
  if (chosen) {
    throw new SetupFailure(
      `The C++ compiler that CXX names cannot be run: ${chosen}.`,
      "Unset CXX or set it to a C++20 compiler such as g++.",
    );
  }
  throw new SetupFailure(
    "No C++ compiler was found (g++ or clang++).",
    "Install one (Debian: apt-get install g++) or name yours in CXX.",
  );
}

async function sourcesIn(folder, suffix = ".cpp") {
  const names = (await readdir(folder)).filter((name) => name.endsWith(suffix));
  return names.sort().map((name) => join(folder, name));
}

/** Of everything that the result depends on. Paths do not count: a project that was moved need not be built again. */
async function checksum({ sources, flags, linkFlags, machine = process.arch, ownHeaderDir = [] }, compiler) {
  const folders = [sourceDir, ...headerDirs].concat(ownHeaderDir);
  const headers = await Promise.all(folders.map((folder) => headersIn(folder)));
  const settings = { flags, linkFlags, commonFlags, kernelFlags, compiler, machine };
  const hash = createHash("sha256").update(JSON.stringify(settings).replaceAll(projectDir, ""));
  for (const path of [...sources, ...headers.flat()]) {
    hash.update(`\0${basename(path)}\0`).update(await readFile(path));
  }
  return hash.digest("hex");
}

async function headersIn(folder) {
  try {
    return await sourcesIn(folder, ".h");
  } catch (cause) {
    throw new SetupFailure(`Headers are missing: ${folder}.`, "Run npm ci, then this again.", { cause });
  }
}

async function carries(path, marker) {
  const file = await readFile(path).catch(() => undefined);
  return file?.includes(marker) ?? false;
}

/** A folder for this build alone, named by its process. */
async function makeWorkshop(buildDir) {
  const workshop = join(buildDir, `.making-${process.pid}-${randomBytes(4).toString("hex")}`);
  try {
    await mkdir(buildDir, { recursive: true });
    await removeLeftovers(buildDir);
    await mkdir(workshop);
  } catch (cause) {
    throw new SetupFailure(
      `The folder ${buildDir} cannot be written (${cause.code}).`,
      "Run this as its owner, or copy the project to a folder of your own.",
      { cause },
    );
  }
  return workshop;
}

/** Folders of builds that were killed: named by a process that is gone. */
async function removeLeftovers(buildDir) {
  for (const name of await readdir(buildDir)) {
    const pid = /^\.making-(\d+)-/.exec(name)?.[1];
    if (pid && !existsSync(`/proc/${pid}`)) await rm(join(buildDir, name), { recursive: true, force: true });
  }
}

/** Compiles each source to an object, as many at a time as there are processors. */
async function compileAll(compiler, { sources, flags, machine = process.arch }, workshop) {
  // Numbered: a program may have a file of the same name as one of the core.
  const waiting = sources.map((source, index) => ({
    source,
    output: join(workshop, `${index}-${basename(source)}.o`),
  }));
  const objects = waiting.map(({ output }) => output);
  const includes = headerDirs.flatMap((folder) => ["-isystem", folder]);
  const compileNext = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { source, output } = next;
      const name = basename(source);
      const own = kernelFlags[name]?.[machine] ?? [];
      await run(compiler, [...commonFlags, ...flags, ...own, ...includes, "-c", source, "-o", output], name);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, compileNext));
  return objects;
}

async function run({ command }, args, what) {
  const { code, stderr } = await capture(command[0], [...command.slice(1), ...args]);
  if (code === 0) return;
  const firstError =
    stderr.split("\n").find((line) => /error/i.test(line)) ?? stderr.trim().split("\n").at(-1);
  throw new SetupFailure(
    `Compiling ${what} failed: ${firstError?.trim() || `exit code ${code}`}.`,
    "It needs a C++20 compiler (g++ 11 or clang 14, or newer) and about 100 MB of free disk space.",
  );
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const { path, built } = await buildNative({ log: (line) => console.error(`… ${line}`) });
    console.error(built ? `built ${path}` : `${path} is up to date`);
  } catch (error) {
    console.error(`build-native: ${describeFailure(error)}`);
    process.exitCode = 1;
  }
}

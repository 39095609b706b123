/** The fuzz targets of native/fuzz: built as one program, run under the name of one of them. See docs/fuzzing.md. */
import { existsSync } from "node:fs";
import { mkdir, readdir, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { buildCoreProgram } from "../build-native.mjs";
import { provideClang } from "./parts.mjs";
import { projectDir } from "./paths.mjs";

export const fuzzDir = join(projectDir, "native/fuzz");
const buildDir = join(projectDir, "native/build/fuzz");

/** Never part of a campaign: its fault is the proof that faults are found. */
export const PLANTED = "planted";

/** Fast enough to get far, with the lines of a stack kept apart. */
const flags = ["-O1", "-g", "-fno-omit-frame-pointer"];

/** Names of all targets, the planted one left out. */
export async function fuzzTargets() {
  const names = (await readdir(fuzzDir))
    .filter((name) => name.endsWith(".cpp"))
    .map((name) => basename(name, ".cpp"));
  return names.filter((name) => name !== "fuzz" && name !== PLANTED).sort();
}

/**
 * Builds the program of all targets, unless it is there.
 * @param {{log: (line: string) => void}} options
 * @returns {Promise<(target: string) => string>} path by which a target is started
 */
export async function buildFuzzTargets({ log }) {
  const clang = await provideClang({ log });
  const targets = [...(await fuzzTargets()), PLANTED];
  const { path } = await buildCoreProgram({
    log,
    compiler: clang.compiler,
    source: join(fuzzDir, "fuzz.cpp"),
    more: targets.map((name) => join(fuzzDir, `${name}.cpp`)),
    flags: [...flags, ...clang.flags],
    buildDir,
  });
  const links = join(buildDir, "targets");
  await mkdir(links, { recursive: true });
  for (const name of targets) {
    await symlink(join("..", basename(path)), join(links, name)).catch((error) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
  return (name) => join(links, name);
}

/** Arguments of a run: what every one has, and the target's words if it has a dictionary. */
export function fuzzArguments(target, options) {
  const dictionary = join(fuzzDir, `${target}.dict`);
  const words = existsSync(dictionary) ? { dict: dictionary } : {};
  const settings = { ...words, timeout: 20, print_final_stats: 1, ...options };
  return Object.entries(settings).map(([name, value]) => `-${name}=${value}`);
}

/** Inputs that are in the repository. */
export function corpusOf(target) {
  return join(fuzzDir, "corpus", target);
}

/** The sanitizers find the lines of a stack by a program that every g++ comes with. */
export function fuzzEnvironment() {
  const { ASAN_OPTIONS = "" } = process.env;
  return { ...process.env, ASAN_OPTIONS: `allow_addr2line=1:${ASAN_OPTIONS}` };
}

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { buildNative } from "../../../scripts/build-native.mjs";
import { capture } from "../../../scripts/lib/run.mjs";
import { loadBinding } from "../../../src/native/index.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const folder = await temporaryFolder("build-native");
afterAll(folder.remove);

const script = new URL("../../../scripts/build-native.mjs", import.meta.url).pathname;
const silent = { log: () => {} };

/** A stand-in for the compiler: it answers --version, counts its calls, and writes what it is asked for. */
function fakeCompiler(name: string, body: string): string {
  const path = join(folder.path, name);
  const versionAnswer = 'if [ "$1" = --version ]; then echo "g++ 1.0"; exit 0; fi';
  writeFileSync(path, `#!/bin/sh\n${versionAnswer}\n${body}\n`, { mode: 0o755 });
  return path;
}

/** Puts the stamp's text into every output, as a linker does. */
const copies = `
  for last in "$@"; do :; done
  cat "$(dirname "$last")/stamp.cpp" > "$last"`;

test("two builds at once leave one whole file and nothing else; a third has nothing to do", async () => {
  const buildDir = join(folder.path, "both");
  const compiler = fakeCompiler("slow", copies);
  const results = await Promise.all([
    buildNative({ ...silent, buildDir, compiler }),
    buildNative({ ...silent, buildDir, compiler }),
  ]);
  expect(results.map(({ built }) => built)).toEqual([true, true]);
  expect(readdirSync(buildDir)).toEqual(["penstock.node"]);

  const written = statSync(results[0]!.path).mtimeMs;
  const lines: string[] = [];
  const third = await buildNative({ buildDir, compiler, log: (line) => lines.push(line) });
  expect(third.built).toBe(false);
  expect(lines).toEqual([]);
  expect(statSync(third.path).mtimeMs).toBe(written);
});

test("the addon of the project loads, and is not built again", async () => {
  const { path } = await buildNative(silent);
  expect(loadBinding(path).kernels).toContain("portable");
  expect(await buildNative(silent)).toEqual({ path, built: false });
});

test("builds again when the compiler is another, or the file is not what was built", async () => {
  const buildDir = join(folder.path, "again");
  const first = fakeCompiler("first", copies);
  const second = fakeCompiler("second", copies);
  const build = (compiler: string) => buildNative({ ...silent, buildDir, compiler });
  expect(await build(first)).toMatchObject({ built: true });
  expect(await build(first)).toMatchObject({ built: false });
  expect(await build(second)).toMatchObject({ built: true });
  writeFileSync(join(buildDir, "penstock.node"), "half");
  expect(await build(second)).toMatchObject({ built: true });
});

test("a build that fails leaves what was there, and says what the compiler said", async () => {
  const buildDir = join(folder.path, "fails");
  const { path } = await buildNative({ ...silent, buildDir, compiler: fakeCompiler("works", copies) });
  const before = readFileSync(path);
  const broken = fakeCompiler("broken", 'echo "judge.cpp:1:1: error: no such thing" >&2; exit 1');
  await expect(buildNative({ ...silent, buildDir, compiler: broken })).rejects.toMatchObject({
    message: expect.stringContaining("judge.cpp:1:1: error: no such thing"),
    hint: expect.stringContaining("C++20"),
  });
  expect(readFileSync(path)).toEqual(before);
  expect(readdirSync(buildDir)).toEqual(["penstock.node"]);
});

test("leftovers of a killed build go with the next one", async () => {
  const buildDir = join(folder.path, "killed");
  const dies = fakeCompiler("dies", "kill -9 $PPID");
  const { signal } = await capture(process.execPath, ["--eval", buildProgram(buildDir, dies)]);
  expect(signal).toBe("SIGKILL");
  expect(readdirSync(buildDir)).toHaveLength(1);
  await buildNative({ ...silent, buildDir, compiler: fakeCompiler("lives", copies) });
  expect(readdirSync(buildDir)).toEqual(["penstock.node"]);
});

test("without a compiler the script ends with one line that says what to install", async () => {
  const outcome = await capture(process.execPath, [script], { env: { PATH: join(folder.path, "nothing") } });
  expect(outcome).toMatchObject({
    code: 1,
    stderr:
      "build-native: No C++ compiler was found (g++ or clang++). " +
      "Install one (Debian: apt-get install g++) or name yours in CXX.\n",
  });
});

test("a compiler in CXX that cannot be run is named", async () => {
  const env = { ...process.env, CXX: "/no/such/compiler -O0" };
  const { code, stderr } = await capture(process.execPath, [script], { env });
  expect(code).toBe(1);
  expect(stderr).toBe(
    "build-native: The C++ compiler that CXX names cannot be run: /no/such/compiler -O0. " +
      "Unset CXX or set it to a C++20 compiler such as g++.\n",
  );
});

test("a folder that cannot be written is named, before anything is compiled", async () => {
  const file = join(folder.path, "file");
  writeFileSync(file, "");
  const buildDir = join(file, "build");
  await expect(buildNative({ ...silent, buildDir })).rejects.toMatchObject({
    message: `The folder ${buildDir} cannot be written (ENOTDIR).`,
    hint: expect.stringContaining("owner"),
  });
});

function buildProgram(buildDir: string, compiler: string): string {
  const options = `{ log() {}, buildDir: ${JSON.stringify(buildDir)}, compiler: ${JSON.stringify(compiler)} }`;
  return `import(${JSON.stringify(script)}).then(({ buildNative }) => buildNative(${options}))`;
}

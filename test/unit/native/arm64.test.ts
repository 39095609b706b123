import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { buildCoreProgram } from "../../../scripts/build-native.mjs";
import { provideArm64 } from "../../../scripts/lib/parts.mjs";
import { capture } from "../../../scripts/lib/run.mjs";
import { currentBinding } from "./binding.ts";

const at = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
/** The emulated processor has everything; a real one may lack the instructions for SHA-256. */
const kernels =
  process.arch === "arm64" ? (await currentBinding()).kernels : ["armv8", "armv8-1", "portable"];
const quiet = { log: () => {} };

test("on 64-bit ARM the core agrees with its portable kernel, in every kernel", async () => {
  const { compiler, run } = await provideArm64(quiet);
  const { path } = await buildCoreProgram({
    ...quiet,
    source: at("native/test/core_test.cpp"),
    flags: ["-O1"],
    buildDir: at("native/build/arm64"),
    compiler,
    machine: "arm64",
  });
  const [program, ...args] = [...run, path];
  const { code, stdout, stderr } = await capture(program!, args);
  expect(stderr).toBe("");
  expect(stdout.trim().split("\n")).toEqual([...kernels]);
  expect(code).toBe(0);
}, 300_000);

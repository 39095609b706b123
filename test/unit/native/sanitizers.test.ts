import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { buildCoreProgram } from "../../../scripts/build-native.mjs";
import { capture } from "../../../scripts/lib/run.mjs";
import { currentBinding } from "./binding.ts";

const source = fileURLToPath(new URL("../../../native/test/core_test.cpp", import.meta.url));
const flags = ["-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

test("the core does no wrong that AddressSanitizer and UndefinedBehaviorSanitizer see, in any kernel", async () => {
  const { kernels } = await currentBinding();
  const { path } = await buildCoreProgram({ log: () => {}, source, flags });
  const { code, stdout, stderr } = await capture(path, []);
  expect(stderr).toBe("");
  expect(stdout.trim().split("\n")).toEqual([...kernels]);
  expect(code).toBe(0);
});

import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { buildCoreProgram } from "../../../scripts/build-native.mjs";
import { provideOpenssl } from "../../../scripts/lib/parts.mjs";
import { capture } from "../../../scripts/lib/run.mjs";
import { currentBinding } from "./binding.ts";

const source = fileURLToPath(new URL("../../../native/test/core_test.cpp", import.meta.url));
const flags = ["-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
const quiet = { log: () => {} };

test("the core does no wrong that AddressSanitizer and UndefinedBehaviorSanitizer see, in any kernel", async () => {
  const { kernels } = await currentBinding();
  const { path } = await buildCoreProgram({ ...quiet, source, flags });
  const { code, stdout, stderr } = await capture(path, []);
  expect(stderr).toBe("");
  expect(stdout.trim().split("\n")).toEqual([...kernels]);
  expect(code).toBe(0);
});

test("nor does it with a cipher, which it finds in a library put before it as it does in Node", async () => {
  const { path } = await buildCoreProgram({ ...quiet, source, flags });
  const env = { LD_PRELOAD: await libcrypto(), ASAN_OPTIONS: "verify_asan_link_order=0" };
  const { code, stderr } = await capture(path, ["aead"], { env });
  expect(stderr).toBe("");
  expect(code).toBe(0);
});

/** The library of OpenSSL's command: a system's own, or unpacked beside it. */
async function libcrypto(): Promise<string> {
  const { openssl, origin } = await provideOpenssl(quiet);
  if (origin !== "Debian") {
    const { stdout } = await capture("ldd", [openssl]);
    const path = /libcrypto\S* => (\S+)/.exec(stdout)?.[1];
    return path ?? expect.fail(`${openssl} is linked with no libcrypto:\n${stdout}`);
  }
  const root = join(dirname(openssl), "../root");
  const files = await readdir(root, { recursive: true });
  const file = files.find((name) => /\/libcrypto\.so\.\d+$/.test(name));
  return file === undefined ? expect.fail(`there is no libcrypto below ${root}`) : join(root, file);
}

import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { runV2 } from "../../../src/cli/v2.ts";
import { decodeAuthorityKey } from "../../../src/protocol/v2/noise/authority-key.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import vectors from "../../vectors/authority_keys.json" with { type: "json" };
import { minimal } from "../config/builders.ts";

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ path: folder, remove } = await temporaryFolder("cli-v2"));
});
afterAll(() => remove());

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const code = await runV2(args, {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
  });
  return { code, out, err };
}

async function configWith(name: string, stratum: Record<string, unknown> = {}): Promise<string> {
  const file = join(folder, `${name}.yaml`);
  await writeFile(file, stringify(minimal({ dataDirectory: `./${name}`, stratum })));
  return file;
}

test("key prints the public key, making it when there is none, and the same again", async () => {
  const config = await configWith("fresh");
  const first = await run("key", "--config", config);
  expect(first).toMatchObject({ code: 0, err: "" });
  expect(decodeAuthorityKey(first.out.trimEnd())).toHaveLength(32);
  expect(first.out).toMatch(/^\w+\n$/);
  expect(await run("key", "--config", config)).toEqual(first);
  expect((await stat(join(folder, "fresh", "authority.key"))).mode & 0o777).toBe(0o600);
});

test("key prints the public key of the file that is set", async () => {
  const [{ secret, public: text }] = vectors.pairs as [(typeof vectors.pairs)[number]];
  await writeFile(join(folder, "brought.key"), secret);
  const config = await configWith("set", { authorityKeyFile: "./brought.key" });
  expect(await run("key", "--config", config)).toEqual({ code: 0, out: `${text}\n`, err: "" });
});

test("new-key makes a key that the pool can use, and never a second one over it", async () => {
  const file = join(folder, "made.key");
  const made = await run("new-key", file);
  expect(made).toMatchObject({ code: 0, err: "" });
  const config = await configWith("uses", { authorityKeyFile: file });
  expect((await run("key", "--config", config)).out).toBe(made.out);
  const content = await readFile(file, "utf8");
  await expect(run("new-key", file)).rejects.toMatchObject({ code: "AUTHORITY_KEY_EXISTS" });
  expect(await readFile(file, "utf8")).toBe(content);
});

test("help is no error", async () => {
  expect(await run("--help")).toMatchObject({
    code: 0,
    out: expect.stringContaining("new-key FILE"),
    err: "",
  });
});

test.each([
  [],
  ["certificate"],
  ["key", "file"],
  ["new-key"],
  ["new-key", ""],
  ["new-key", "a", "b"],
  ["new-key", "a", "--config", "b"],
  ["key", "--unknown"],
])("what is not understood gets the usage (%j)", async (...args: string[]) => {
  expect(await run(...args)).toMatchObject({
    code: 2,
    out: "",
    err: expect.stringContaining("penstock v2 VERB"),
  });
});

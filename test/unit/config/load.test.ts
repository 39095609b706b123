import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { configFileOf, loadConfig } from "../../../src/config/index.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { minimal } from "./builders.ts";

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ path: folder, remove } = await temporaryFolder("config"));
});
afterAll(() => remove());

async function fileWith(name: string, contents: string | Buffer): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, contents);
  return file;
}

test("the file is the given one, else PENSTOCK_CONFIG, else penstock.yaml here", () => {
  expect(configFileOf("/a.yaml", { PENSTOCK_CONFIG: "/b.yaml" })).toBe("/a.yaml");
  expect(configFileOf(undefined, { PENSTOCK_CONFIG: "/b.yaml" })).toBe("/b.yaml");
  expect(configFileOf(undefined, { PENSTOCK_CONFIG: "" })).toBe(join(process.cwd(), "penstock.yaml"));
});

test("a good file is loaded, its relative paths starting beside it", async () => {
  const file = await fileWith("good.yaml", stringify(minimal()));
  const config = await loadConfig(undefined, { PENSTOCK_CONFIG: file });
  expect(config.dataDirectory).toBe(join(folder, "data"));
});

test("a byte order mark does no harm", async () => {
  const file = await fileWith("bom.yaml", `\ufeff${stringify(minimal())}`);
  expect((await loadConfig(file)).chain).toBe("mainnet");
});

test("faults come as one error with a line for each", async () => {
  const file = await fileWith("bad.yaml", "chain: x\nnodes: 1\n");
  await expect(loadConfig(file)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringMatching(
      /has 3 faults:\n {2}line 1: chain: .*\n {2}line 2: nodes: .*\n {2}pool.address: /,
    ),
  });
});

test("a file that is not there says where it was looked for", async () => {
  const file = join(folder, "none.yaml");
  await expect(loadConfig(file)).rejects.toMatchObject({
    code: "CONFIG_NOT_FOUND",
    message: expect.stringContaining(file),
  });
  await expect(loadConfig(join(folder, "good.yaml", "below"))).rejects.toMatchObject({
    code: "CONFIG_NOT_FOUND",
  });
});

test("a folder, a huge file and a file that is no text are refused before they are parsed", async () => {
  await mkdir(join(folder, "folder.yaml"));
  const huge = await fileWith("huge.yaml", Buffer.alloc(10_000_000, "a: 1\n"));
  const binary = await fileWith("binary.yaml", Buffer.from([0xff, 0xfe, 0x00, 0x80]));
  for (const file of [join(folder, "folder.yaml"), huge, binary, "/dev/zero"]) {
    await expect(loadConfig(file)).rejects.toMatchObject({ code: "CONFIG_UNREADABLE" });
  }
});

import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAuthorityKey, openAuthorityKey } from "../../../src/pool/authority-key-file.ts";
import { decodeAuthorityKey } from "../../../src/protocol/v2/noise/authority-key.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import vectors from "../../vectors/authority_keys.json" with { type: "json" };

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ path: folder, remove } = await temporaryFolder("authority"));
});
afterAll(() => remove());

test("the first start makes a key, in its folder, for its user alone; later ones find it", async () => {
  const file = join(folder, "new", "data", "authority.key");
  const made = await openAuthorityKey(file);
  expect(made).toMatchObject({ isNew: true, isOpenToOthers: false });
  expect(decodeAuthorityKey(made.publicText)).toHaveLength(32);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(folder, "new", "data"))).toEqual(["authority.key"]);
  const found = await openAuthorityKey(file);
  expect(found).toEqual({ ...made, isNew: false });
});

test("a key brought along from another pool server is read, with or without a newline", async () => {
  for (const [index, { secret, public: text }] of vectors.pairs.entries()) {
    const file = join(folder, `brought-${index}`);
    await writeFile(file, index === 0 ? secret : `${secret}\r\n`, { mode: 0o600 });
    expect(await openAuthorityKey(file)).toMatchObject({ publicText: text, isNew: false });
  }
});

test("two that start at once agree on one key", async () => {
  const file = join(folder, "at-once");
  const keys = await Promise.all([openAuthorityKey(file), openAuthorityKey(file)]);
  expect(keys[0].publicText).toBe(keys[1].publicText);
});

test("a file that others may read is told", async () => {
  const file = join(folder, "open");
  await openAuthorityKey(file);
  await chmod(file, 0o640);
  expect((await openAuthorityKey(file)).isOpenToOthers).toBe(true);
});

test.each([
  ["nothing", ""],
  ["something else", "not a key\n"],
  ["the public key", vectors.pairs[0]!.public],
  ["a misspelt key", vectors.pairs[0]!.secret.replace("z", "y")],
  ["far too much", "1".repeat(100_000)],
])("a file with %s is refused and stays", async (name, content) => {
  const file = join(folder, name);
  await writeFile(file, content);
  await expect(openAuthorityKey(file)).rejects.toMatchObject({ code: "AUTHORITY_KEY_MALFORMED" });
  expect(await readFile(file, "utf8")).toBe(content);
});

test("a path that cannot be read or made is named", async () => {
  await mkdir(join(folder, "a-folder"));
  await expect(openAuthorityKey(join(folder, "a-folder"))).rejects.toMatchObject({
    code: "AUTHORITY_KEY_UNREADABLE",
  });
  await writeFile(join(folder, "a-file"), "");
  await expect(createAuthorityKey(join(folder, "a-file", "authority.key"))).rejects.toMatchObject({
    code: "AUTHORITY_KEY_UNWRITABLE",
  });
});

test("a new key is never made over something that stands there, be it a link to nowhere", async () => {
  const file = join(folder, "taken");
  await writeFile(file, "precious");
  await expect(createAuthorityKey(file)).rejects.toMatchObject({ code: "AUTHORITY_KEY_EXISTS" });
  expect(await readFile(file, "utf8")).toBe("precious");
  await symlink(join(folder, "nowhere"), join(folder, "a-link"));
  await expect(createAuthorityKey(join(folder, "a-link"))).rejects.toMatchObject({
    code: "AUTHORITY_KEY_EXISTS",
  });
  await expect(openAuthorityKey(join(folder, "a-link"))).rejects.toMatchObject({
    code: "AUTHORITY_KEY_UNREADABLE",
  });
});

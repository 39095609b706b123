import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { temporaryFolder } from "../../support/temporary.ts";
import { currentBinding } from "./binding.ts";

const addon = (await currentBinding()).addon("");
const folder = await temporaryFolder("disk");
afterAll(folder.remove);

function write(file: number, bytes: Uint8Array, length: number, position: number, sync: boolean) {
  return new Promise<number>((resolve) => addon.writeToDisk(file, bytes, length, position, sync, resolve));
}

test("writes the first bytes of a buffer where it is told to, synced or not", async () => {
  const path = join(folder.path, "file");
  const file = openSync(path, "w+");
  const bytes = Buffer.from("abcdefgh");
  expect(await write(file, bytes, 8, 0, true)).toBe(0);
  expect(await write(file, bytes, 3, 6, false)).toBe(0);
  expect(await write(file, bytes, 0, 0, true)).toBe(0);
  closeSync(file);
  expect(readFileSync(path, "latin1")).toBe("abcdefabc");
});

test("many writes at once all arrive, whatever the garbage collector does to their buffers meanwhile", async () => {
  const path = join(folder.path, "many");
  const file = openSync(path, "w+");
  const results = await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      write(file, Buffer.alloc(10_000, index), 10_000, index * 10_000, false),
    ),
  );
  closeSync(file);
  expect(new Set(results)).toEqual(new Set([0]));
  const written = readFileSync(path);
  expect(written.every((byte, offset) => byte === Math.floor(offset / 10_000))).toBe(true);
});

test("says by its number what the system refused", async () => {
  const path = join(folder.path, "read-only");
  closeSync(openSync(path, "w"));
  const file = openSync(path, "r");
  expect(await write(file, Buffer.alloc(1), 1, 0, true)).toBe(9); // EBADF
  closeSync(file);
});

test("arguments of a wrong kind are TypeErrors that name them", () => {
  const bytes = Buffer.alloc(4);
  const call =
    (...args: unknown[]) =>
    () =>
      (addon.writeToDisk as (...all: unknown[]) => void)(...args);
  const done = () => {};
  expect(call(-1, bytes, 1, 0, true, done)).toThrow("file must be");
  expect(call(1, "text", 1, 0, true, done)).toThrow("bytes must be a Uint8Array");
  expect(call(1, bytes, 5, 0, true, done)).toThrow("length must be a whole number from 0 to 4");
  expect(call(1, bytes, 1, -1, true, done)).toThrow("position must be");
  expect(call(1, bytes, 1, 0, 1, done)).toThrow("sync must be a boolean");
  expect(call(1, bytes, 1, 0, true, undefined)).toThrow("done must be a function");
});

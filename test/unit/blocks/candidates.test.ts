import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "vitest";
import { displayHash, sha256d } from "../../../src/bitcoin/hash.ts";
import { openCandidateStore } from "../../../src/blocks/candidates.ts";
import { PoolError } from "../../../src/errors.ts";
import { temporaryFolder } from "../../support/temporary.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder("blocks");
});
afterEach(() => folder.remove());

function aBlock(byte: number): { block: Buffer; hash: Buffer } {
  const block = Buffer.alloc(300, byte);
  return { block, hash: sha256d(block.subarray(0, 80)) };
}

test("a stored block is there under its hash, byte for byte, also for the next process", () => {
  const { block, hash } = aBlock(1);
  assert.equal(openCandidateStore(folder.path).store(hash, block), "stored");
  const store = openCandidateStore(folder.path);
  assert.deepEqual(store.list(), [hash]);
  assert.deepEqual(store.read(hash), block);
});

test("the same block again is known", async () => {
  const store = openCandidateStore(folder.path);
  const { block, hash } = aBlock(1);
  store.store(hash, block);
  assert.equal(store.store(hash, block), "known");
  assert.equal((await readdir(folder.path)).length, 1);
});

test("what a crash left half written is neither listed nor in the way", async () => {
  const { block, hash } = aBlock(1);
  await writeFile(join(folder.path, `${displayHash(hash)}.block.77.tmp`), block.subarray(0, 100));
  await writeFile(join(folder.path, "notes.txt"), "");
  const store = openCandidateStore(folder.path);
  assert.deepEqual(store.list(), []);
  assert.equal(store.store(hash, block), "stored");
  assert.deepEqual(store.read(hash), block);
});

test("a removed block is gone; removing it twice is no error", () => {
  const store = openCandidateStore(folder.path);
  const { block, hash } = aBlock(1);
  store.store(hash, block);
  store.remove(hash);
  store.remove(hash);
  assert.equal(store.read(hash), undefined);
  assert.deepEqual(store.list(), []);
});

test("a block set aside is kept, and not listed", async () => {
  const store = openCandidateStore(folder.path);
  const { block, hash } = aBlock(1);
  store.store(hash, block);
  store.setAside(hash);
  store.setAside(hash);
  assert.deepEqual(store.list(), []);
  assert.deepEqual(await readFile(join(folder.path, `${displayHash(hash)}.refused`)), block);
});

test("a damaged file is named, not submitted", async () => {
  const store = openCandidateStore(folder.path);
  const { block, hash } = aBlock(1);
  store.store(hash, block);
  await writeFile(join(folder.path, `${displayHash(hash)}.block`), block.fill(2));
  assert.throws(
    () => store.read(hash),
    (error) => error instanceof PoolError && error.code === "BLOCK_FILE_DAMAGED",
  );
});

test("a directory that cannot be made is refused at once", async () => {
  await writeFile(join(folder.path, "file"), "");
  assert.throws(
    () => openCandidateStore(join(folder.path, "file", "blocks")),
    (error) => error instanceof PoolError && error.code === "BLOCK_DIRECTORY_UNUSABLE",
  );
});

test("a block that cannot be written is an error that says so, and leaves nothing behind", async () => {
  const store = openCandidateStore(join(folder.path, "blocks"));
  const { block, hash } = aBlock(1);
  // A directory in place of the temporary file: refused to root as well, unlike permissions.
  const temporary = join(folder.path, "blocks", `${displayHash(hash)}.block.${process.pid}.tmp`);
  await mkdir(temporary);
  assert.throws(
    () => store.store(hash, block),
    (error) => error instanceof PoolError && error.code === "BLOCK_NOT_STORED",
  );
  assert.deepEqual(store.list(), []);
});

import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { displayHash, fromDisplayHash, sha256d } from "../bitcoin/hash.ts";
import { headerLength } from "../bitcoin/header.ts";
import { PoolError } from "../errors.ts";

/**
 * Solved blocks on disk, a file each, `<hash in display order>.block`, which holds the block as it goes over the wire.
 * A file is there in full or not at all, and stays until the block is mature. `<hash>.refused` is kept for people: a block
 * that a node refused.
 */
export interface CandidateStore {
  /**
   * Returns when the block is on the disk, its name too. Blocks the thread: nothing may come before it.
   * @param hash 32 bytes, internal order.
   * @throws PoolError BLOCK_NOT_STORED; the block must be submitted all the same.
   */
  store(hash: Uint8Array, block: Uint8Array): "stored" | "known";
  /** Hashes of all stored blocks, internal order. */
  list(): Uint8Array[];
  /** @returns undefined if there is none. @throws PoolError BLOCK_FILE_DAMAGED if it holds something else. */
  read(hash: Uint8Array): Uint8Array | undefined;
  /** No file, no error. */
  remove(hash: Uint8Array): void;
  /** Keeps the file under a name that is not listed. No file, no error. */
  setAside(hash: Uint8Array): void;
}

const fileName = /^([0-9a-f]{64})\.block$/;

/** Many processes may use one directory. @throws PoolError BLOCK_DIRECTORY_UNUSABLE */
export function openCandidateStore(directory: string): CandidateStore {
  try {
    mkdirSync(directory, { recursive: true });
    syncDirectory(directory);
  } catch (cause) {
    throw new PoolError(
      "BLOCK_DIRECTORY_UNUSABLE",
      `The directory for found blocks, ${directory}, cannot be used (${reasonOf(cause)}).`,
      "Let this user write there.",
      { cause },
    );
  }
  const pathOf = (hash: Uint8Array) => join(directory, `${displayHash(hash)}.block`);
  return {
    store(hash, block) {
      const path = pathOf(hash);
      if (existsSync(path)) return "known";
      try {
        writeWhole(directory, path, block);
      } catch (cause) {
        throw new PoolError(
          "BLOCK_NOT_STORED",
          `Block ${displayHash(hash)} could not be written to ${directory} (${reasonOf(cause)}).`,
          "Make room or repair the disk; the block is submitted from memory.",
          { cause },
        );
      }
      return "stored";
    },
    list() {
      const names = readdirSync(directory).map((name) => fileName.exec(name)?.[1]);
      return names.filter((name) => name !== undefined).map(fromDisplayHash);
    },
    read(hash) {
      const block = readIfThere(pathOf(hash));
      if (block === undefined || isBlock(block, hash)) return block;
      throw new PoolError(
        "BLOCK_FILE_DAMAGED",
        `${pathOf(hash)} does not hold the block of its name.`,
        "Check the disk; move the file away to silence this.",
      );
    },
    remove: (hash) => rmSync(pathOf(hash), { force: true }),
    setAside(hash) {
      if (existsSync(pathOf(hash))) renameSync(pathOf(hash), join(directory, `${displayHash(hash)}.refused`));
    },
  };
}

/** Under a name of its own until it is whole and synced: two workers may find the same block, power may fail. */
function writeWhole(directory: string, path: string, block: Uint8Array): void {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = openSync(temporary, "w", 0o600);
  try {
    for (let written = 0; written < block.length; ) {
      written += writeSync(file, block, written, block.length - written);
    }
    fsyncSync(file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  syncDirectory(directory);
}

function syncDirectory(directory: string): void {
  const handle = openSync(directory, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function isBlock(block: Uint8Array, hash: Uint8Array): boolean {
  return block.length > headerLength && sha256d(block.subarray(0, headerLength)).equals(hash);
}

function reasonOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? String(cause);
}

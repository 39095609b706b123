/** The file with the pool's authority key: the secret's text on one line, for the pool's user alone. */
import { randomBytes } from "node:crypto";
import { link, mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { isPrivate } from "tiny-secp256k1";
import { PoolError } from "../errors.ts";
import {
  authorityKeyOf,
  decodeAuthoritySecret,
  encodeAuthorityKey,
  encodeAuthoritySecret,
} from "../protocol/v2/noise/authority-key.ts";

export interface AuthorityKey {
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** What miners are given: base58check(01 00 || x). */
  readonly publicText: string;
  /** Whether other users may read the file. */
  readonly isOpenToOthers: boolean;
}

/** Far more than the text has. */
const mostBytes = 1024;

/**
 * The key of the file; one is made if there is no such file.
 * @throws PoolError AUTHORITY_KEY_UNREADABLE, AUTHORITY_KEY_MALFORMED, AUTHORITY_KEY_UNWRITABLE
 */
export async function openAuthorityKey(file: string): Promise<AuthorityKey & { readonly isNew: boolean }> {
  const known = await readKey(file);
  if (known !== undefined) return { ...known, isNew: false };
  const isNew = await createFile(file);
  const key = await readKey(file);
  if (key === undefined) throw unreadable(file, "it is a link to nowhere, or was taken away again");
  return { ...key, isNew };
}

/**
 * Makes a key at a path where there is nothing yet.
 * @throws PoolError AUTHORITY_KEY_EXISTS, AUTHORITY_KEY_UNWRITABLE
 */
export async function createAuthorityKey(file: string): Promise<AuthorityKey> {
  if (!(await createFile(file))) {
    throw new PoolError(
      "AUTHORITY_KEY_EXISTS",
      `There is a file at ${file} already; it stays as it is.`,
      "Name a path where there is none: a key that is overwritten is lost, and every miner that knows it with it.",
    );
  }
  const key = await readKey(file);
  if (key === undefined) throw unreadable(file, "it is a link to nowhere, or was taken away again");
  return key;
}

/** @returns undefined if there is no such file. */
async function readKey(file: string): Promise<AuthorityKey | undefined> {
  const found = await readText(file);
  if (found === undefined) return undefined;
  const secret = decodeAuthoritySecret(found.text.trim());
  if (secret === undefined) {
    throw new PoolError(
      "AUTHORITY_KEY_MALFORMED",
      `The file ${file} does not hold an authority key.`,
      "It is one line, base58check of a 32-byte secret. Bring back the right file from a backup; `penstock v2 new-key FILE` makes another key, which every miner would have to be told.",
    );
  }
  return {
    secret,
    publicText: encodeAuthorityKey(authorityKeyOf(secret)),
    isOpenToOthers: found.isOpenToOthers,
  };
}

async function readText(file: string): Promise<{ text: string; isOpenToOthers: boolean } | undefined> {
  try {
    const handle = await open(file, "r");
    try {
      const { mode } = await handle.stat();
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(mostBytes), 0, mostBytes, 0);
      return { text: buffer.toString("latin1", 0, bytesRead), isOpenToOthers: (mode & 0o077) !== 0 };
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw unreadable(file, String(code), cause);
  }
}

/**
 * Whole and durable, or not at all; linked to its place, so that nothing that stands there is ever replaced.
 * @returns false if there is something at that path.
 */
async function createFile(file: string): Promise<boolean> {
  const making = `${file}.${randomBytes(8).toString("hex")}.tmp`;
  try {
    await mkdir(dirname(file), { recursive: true });
    const handle = await open(making, "wx", 0o600);
    try {
      await handle.writeFile(`${encodeAuthoritySecret(newSecret())}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    const isMade = await linkNew(making, file);
    await syncFolder(dirname(file));
    return isMade;
  } catch (cause) {
    throw new PoolError(
      "AUTHORITY_KEY_UNWRITABLE",
      `The authority key ${file} cannot be made (${(cause as NodeJS.ErrnoException).code}).`,
      "Let this user write to its folder, or set stratum.authorityKeyFile to another place.",
      { cause },
    );
  } finally {
    await rm(making, { force: true }).catch(() => {});
  }
}

/** @returns false if there is something at the new path. */
async function linkNew(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function newSecret(): Buffer {
  const secret = randomBytes(32);
  return isPrivate(secret) ? secret : newSecret();
}

function unreadable(file: string, why: string, cause?: unknown): PoolError {
  return new PoolError(
    "AUTHORITY_KEY_UNREADABLE",
    `The authority key ${file} cannot be read (${why}).`,
    "Let the pool's user read it: it must belong to whoever runs the pool.",
    { cause },
  );
}

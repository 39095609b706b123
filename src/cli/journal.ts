/** `penstock journal verify|dump`: reads the journals without touching them, also while the pool serves. */
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { toHex } from "../bitcoin/bytes.ts";
import { displayHash } from "../bitcoin/hash.ts";
import { loadConfig } from "../config/index.ts";
import { describeError, PoolError } from "../errors.ts";
import {
  type BlockRecord,
  type Finding,
  type JournalRecord,
  type Position,
  verifyJournal,
} from "../journal/index.ts";
import type { Addon } from "../native/addon.ts";
import { loadAddon } from "../native/index.ts";

export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
}

/** A stream, or whatever collects text: one that says false is waited for. */
interface Output {
  write(text: string): unknown;
}

const usage = `penstock journal verify|dump [DIR] [--config FILE]

verify   says of each journal whether it is sound; names the first bad record by segment and offset
dump     prints every record as one line of JSON, oldest first, one journal after the other
DIR      the folder of one journal or of several; default: journal.directory of the configuration
Neither changes anything, and both may run while the pool serves.
`;

/** @returns the exit code: 0 all sound, 1 something is damaged or cannot be read, 2 not understood. */
export async function runJournal(args: readonly string[], io: Io = process): Promise<number> {
  const request = requestOf(args);
  if (request === undefined) {
    io.stderr.write(usage);
    return 2;
  }
  if (request.help) {
    io.stdout.write(usage);
    return 0;
  }
  const directory = request.directory ?? (await loadConfig(request.config)).journal.directory;
  const journals = await journalsIn(directory);
  const addon = loadAddon();
  let sound = true;
  for (const journal of journals) {
    const finding = request.dump
      ? await dump(journal, addon, io.stdout)
      : await verifyJournal({ directory: journal, addon });
    if (!request.dump && finding.damage === undefined) io.stdout.write(`${reportOf(journal, finding)}\n`);
    if (finding.damage !== undefined) io.stderr.write(`${describeError(finding.damage)}\n`);
    sound &&= finding.damage === undefined;
  }
  return sound ? 0 : 1;
}

interface Request {
  readonly help: boolean;
  readonly dump: boolean;
  readonly directory: string | undefined;
  readonly config: string | undefined;
}

function requestOf(args: readonly string[]): Request | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { help: { type: "boolean" }, config: { type: "string" } },
    });
    const [verb, directory, ...more] = positionals;
    const known = verb === "verify" || verb === "dump";
    if (!values.help && (!known || more.length > 0)) return undefined;
    return { help: values.help === true, dump: verb === "dump", directory, config: values.config };
  } catch {
    return undefined; // an option that does not exist: the usage says which do
  }
}

/** The folder itself if it holds segments, else those of its folders that do. */
async function journalsIn(directory: string): Promise<string[]> {
  if (await holdsSegments(directory)) return [directory];
  const entries = await readdir(directory, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(directory, name));
  const journals: string[] = [];
  for (const folder of folders.sort()) {
    if (await holdsSegments(folder)) journals.push(folder);
  }
  if (journals.length > 0) return journals;
  throw new PoolError(
    "JOURNAL_MISSING",
    `There is no journal in ${directory}.`,
    "Name the folder of a journal, or a configuration whose journal.directory holds some.",
  );
}

async function holdsSegments(directory: string): Promise<boolean> {
  const names = await readdir(directory).catch((cause) => {
    throw new PoolError(
      "JOURNAL_UNREADABLE",
      `The folder ${directory} cannot be read: ${(cause as Error).message}.`,
      "Check the path and its owner.",
      { cause },
    );
  });
  return names.some((name) => name.endsWith(".wal"));
}

function reportOf(directory: string, { segments, records, last, unfinished }: Finding): string {
  const end = last.epoch === 0 ? "" : `, up to epoch ${last.epoch}, sequence ${last.sequence}`;
  const sound = `${directory}: sound: ${records} records in ${segments} segments${end}`;
  if (unfinished === undefined) return sound;
  return (
    `${sound}; note: ${unfinished.path} ends at offset ${unfinished.offset} in a commit that is not whole: ` +
    "it is being written now, or a crash cut it short and the next start removes it"
  );
}

async function dump(directory: string, addon: Addon, stdout: Output): Promise<Finding> {
  // Lines are joined: a write each would cost more than reading the record.
  let lines: string[] = [];
  const flush = async () => {
    const text = lines.join("");
    lines = [];
    if (text !== "" && stdout.write(text) === false) await once(stdout as NodeJS.WritableStream, "drain");
  };
  const finding = await verifyJournal({
    directory,
    addon,
    onRecord: (record, position) => {
      lines.push(`${JSON.stringify(toLine(record, position))}\n`);
      return lines.length >= 256 ? flush() : undefined;
    },
  });
  await flush();
  return finding;
}

/** For people: hashes as block explorers print them, targets big-endian, integers that may be large as strings. */
function toLine(record: JournalRecord, position: Position): object {
  const { kind, hash, height, account, worker } = record;
  const common = { ...position, kind, time: new Date(record.timeMs).toISOString(), hash: displayHash(hash) };
  if (record.kind === "share") {
    const { target, protocol, block, scheme } = record;
    const bigEndian = toHex(Uint8Array.from(target.bytes).reverse());
    return {
      ...common,
      account,
      worker,
      target: bigEndian,
      work: String(target.work),
      height,
      protocol,
      block,
      scheme,
    };
  }
  const { previousHash, bits, rewardSats, scheme } = record;
  return {
    ...common,
    previousHash: displayHash(previousHash),
    height,
    bits: bits.toString(16).padStart(8, "0"),
    rewardSats: String(rewardSats),
    scheme,
    ...termsOf(record),
    account,
    worker,
  };
}

/** What the block's credit is computed by. */
function termsOf(block: BlockRecord): object {
  if (block.scheme === "solo") return { feeSats: String(block.feeSats) };
  const { feeMillionths, windowThousandths } = block;
  return { feeMillionths, windowThousandths };
}

/**
 * A checkpoint: what `recompute` has in its memory at one batch of the order log, so that the journals before it may go.
 * It is made of the checkpoint before it and of journals, never of the database. Lines of JSON, integers that may be
 * large as digits, hashes as hex in internal byte order:
 *
 *   checkpoint-BATCH.ndjson
 *   {"kind":"checkpoint","version":2, …}   place in the order log and in each journal, PPLNS without its slices
 *   {"kind":"slice", …}                    oldest first, each with its work per account
 *   {"kind":"sum", …} {"kind":"block", …}  in any order; those of the checkpoint before are copied as they are, so that
 *                                          memory holds new ones only; sums of the same name add up
 *   {"kind":"end","sha256":"…"}            of all bytes above it
 */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { PoolError } from "../errors.ts";
import type { BlockRecord, SequencePosition } from "../journal/record.ts";
import type { MemoryStart, RebuiltBlock } from "./memory.ts";
import type { OrderMark } from "./order-log.ts";
import type { Slice, Window } from "./pplns.ts";
import type { ShareSum } from "./share-sums.ts";

const version = 2;
/** Version 1 knew no solo work, and its lines say nothing of a scheme; they are carried on as they are. */
const oldestVersion = 1;
const readBytes = 256 * 1024;
/** Only the lines of slices and blocks grow, with the accounts in them: about 200 bytes each. */
const longestLine = 256 * 1024 * 1024;

export interface CheckpointHead {
  readonly mark: OrderMark;
  /** Up to where the batches reach into each journal, by node. */
  readonly positions: ReadonlyMap<string, SequencePosition>;
  readonly shares: number;
  /** Shares of earlier days are not in the sums: their rows were due to be dropped. */
  readonly firstDay: number;
  readonly closed: boolean;
  readonly nextId: number;
  readonly largestWindow: bigint;
}

export interface SliceLine {
  readonly kind: "slice";
  readonly slice: Slice;
  readonly works: Map<string, bigint>;
}

export type CheckpointLine =
  | SliceLine
  | { readonly kind: "sum"; readonly sum: ShareSum }
  | { readonly kind: "block"; readonly block: RebuiltBlock };

/** A checkpoint whose bytes are sound. It stays readable while it is open, whatever happens to its name. */
export interface Checkpoint {
  readonly file: string;
  readonly head: CheckpointHead;
  /** The lines below the head, but the last; see `kindOf` and `parseLine`. One reading at a time. */
  texts(): AsyncGenerator<string>;
  close(): Promise<void>;
}

/** @throws PoolError CHECKPOINT_DAMAGED, CHECKPOINT_VERSION, CHECKPOINT_UNREADABLE */
export async function openCheckpoint(file: string): Promise<Checkpoint> {
  const handle = await open(file, "r").catch((error: Error) => {
    throw unreadable(file, error);
  });
  try {
    const head = await check(file, handle);
    return { file, head, texts: () => body(file, handle), close: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error instanceof PoolError ? error : unreadable(file, error as Error);
  }
}

/** All of it is read once before any of it is believed. */
async function check(file: string, handle: FileHandle): Promise<CheckpointHead> {
  const hash = createHash("sha256");
  let head: string | undefined;
  let last: string | undefined;
  for await (const text of textLines(file, handle)) {
    if (last !== undefined) hash.update(`${last}\n`);
    if (head === undefined) checkVersion(file, text);
    head ??= text;
    last = text;
  }
  if (head === undefined || last !== endLine(hash.digest("hex"))) throw damaged(file);
  return parseHead(head);
}

async function* body(file: string, handle: FileHandle): AsyncGenerator<string> {
  let above: string | undefined;
  let number = 0;
  for await (const text of textLines(file, handle)) {
    number += 1;
    if (above !== undefined) yield above;
    if (number > 1) above = text;
  }
}

/** Split at line feeds only: names of workers may hold whatever else ends a line for readline. */
async function* textLines(file: string, handle: FileHandle): AsyncGenerator<string> {
  const chunk = Buffer.alloc(readBytes);
  let position = 0;
  let parts: Buffer[] = [];
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(chunk, 0, readBytes, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0 && end < bytesRead; end = chunk.indexOf(0x0a, start)) {
      parts.push(chunk.subarray(start, end));
      yield Buffer.concat(parts).toString("utf8");
      parts = [];
      length = 0;
      start = end + 1;
    }
    parts.push(Buffer.from(chunk.subarray(start, bytesRead)));
    length += bytesRead - start;
    if (length > longestLine) throw damaged(file);
  }
  if (length > 0) throw damaged(file);
}

/** Writes checkpoints' lines and their end, whole buffers at a time; the caller makes the file durable. */
export class CheckpointWriter {
  readonly #handle: FileHandle;
  readonly #hash = createHash("sha256");
  #texts: string[] = [];
  #length = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  head(head: CheckpointHead): Promise<void> {
    return this.text(headText(head));
  }

  line(line: CheckpointLine): Promise<void> {
    return this.text(lineText(line));
  }

  /** A line that is text already, of another checkpoint. */
  async text(text: string): Promise<void> {
    this.#texts.push(`${text}\n`);
    this.#length += text.length;
    if (this.#length >= readBytes) await this.#flush();
  }

  async end(): Promise<void> {
    await this.#flush();
    await this.#handle.appendFile(`${endLine(this.#hash.digest("hex"))}\n`);
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.from(this.#texts.join(""));
    this.#texts = [];
    this.#length = 0;
    this.#hash.update(bytes);
    await this.#handle.appendFile(bytes);
  }
}

/** What a `MemoryLedger` needs to go on from a checkpoint; the sums of shares, which it does not, go to `onSum`. */
export async function startFrom(
  checkpoint: Checkpoint,
  onSum: (sum: ShareSum) => void = () => {},
): Promise<MemoryStart> {
  const { shares, closed, nextId, largestWindow } = checkpoint.head;
  const slices: Slice[] = [];
  const works = new Map<number, Map<string, bigint>>();
  const blocks = new Set<string>();
  for await (const text of checkpoint.texts()) {
    const line = parseLine(text);
    if (line.kind === "slice") {
      slices.push(line.slice);
      works.set(line.slice.id, line.works);
    } else if (line.kind === "sum") onSum(line.sum);
    else blocks.add(hexOf(line.block.record.hash));
  }
  return { pplns: { slices, closed, nextId, largestWindow }, works, shares, blocks };
}

/** The blocks of a checkpoint, one at a time in memory. */
export async function* blocksOf(checkpoint: Checkpoint): AsyncGenerator<RebuiltBlock> {
  for await (const text of checkpoint.texts()) {
    if (kindOf(text) !== "block") continue;
    const line = parseLine(text);
    if (line.kind === "block") yield line.block;
  }
}

export function kindOf(text: string): string | undefined {
  return /^\{"kind":"(\w+)"/.exec(text)?.[1];
}

function endLine(sha256: string): string {
  return JSON.stringify({ kind: "end", sha256 });
}

function headText(head: CheckpointHead): string {
  const { mark, positions, shares, firstDay, closed, nextId, largestWindow } = head;
  const { batch, checksum, end } = mark;
  return JSON.stringify({
    kind: "checkpoint",
    version,
    batch,
    checksum,
    end,
    positions: [...positions].map(([node, { epoch, sequence }]) => [node, epoch, sequence]),
    ...{ shares, firstDay, closed, nextId, largestWindow: String(largestWindow) },
  });
}

function parseHead(text: string): CheckpointHead {
  const { batch, checksum, end, positions, largestWindow, shares, firstDay, closed, nextId } =
    JSON.parse(text);
  return {
    mark: { batch, checksum, end },
    positions: new Map(
      positions.map(([node, epoch, sequence]: [string, number, number]) => [node, { epoch, sequence }]),
    ),
    ...{ shares, firstDay, closed, nextId, largestWindow: BigInt(largestWindow) },
  };
}

function lineText(line: CheckpointLine): string {
  const { kind } = line;
  switch (kind) {
    case "slice": {
      const works = [...line.works].map(([account, work]) => [account, String(work)]);
      return JSON.stringify({ kind, ...line.slice, work: String(line.slice.work), works });
    }
    case "sum":
      return JSON.stringify({ kind, ...line.sum, work: String(line.sum.work) });
    case "block":
      return JSON.stringify({ kind, ...plainBlock(line.block) });
  }
}

function plainBlock({ record, position, window, feeSats, lines }: RebuiltBlock) {
  return {
    record: plainRecord(record),
    position,
    ...(window && { window: plainWindow(window) }),
    feeSats: String(feeSats),
    lines: lines.map(({ account, work, sats }) => [account, String(work), String(sats)]),
  };
}

/** A solo block's fee stands beside its record already. */
function plainRecord(record: BlockRecord) {
  const { kind: _, hash, previousHash, rewardSats, ...fields } = record;
  const plain = { hash: hexOf(hash), previousHash: hexOf(previousHash), rewardSats: String(rewardSats) };
  if (fields.scheme === "pplns") return { ...fields, ...plain };
  const { feeSats: _fee, ...common } = fields;
  return { ...common, ...plain };
}

function plainWindow({ asked, wholeFrom, cut }: Window) {
  return {
    asked: String(asked),
    wholeFrom,
    ...(cut && { cut: { slice: cut.slice, work: String(cut.work) } }),
  };
}

type PlainBlock = ReturnType<typeof plainBlock>;

export function parseLine(text: string): CheckpointLine {
  const { kind, ...fields } = JSON.parse(text);
  switch (kind as CheckpointLine["kind"]) {
    case "slice": {
      const { id, span, minute, work, works } = fields;
      const perAccount = works.map(([account, part]: [string, string]) => [account, BigInt(part)]);
      return { kind, slice: { id, span, minute, work: BigInt(work) }, works: new Map(perAccount) };
    }
    case "sum":
      return { kind, sum: { ...fields, scheme: fields.scheme ?? "pplns", work: BigInt(fields.work) } };
    case "block":
      return { kind, block: blockOf(fields) };
  }
}

function blockOf({ record, position, window, feeSats, lines }: PlainBlock): RebuiltBlock {
  return {
    record: recordOf(record, BigInt(feeSats)),
    position,
    window: window && windowOf(window),
    feeSats: BigInt(feeSats),
    lines: lines.map(([account, work, sats]) => ({
      account: account!,
      work: BigInt(work!),
      sats: BigInt(sats!),
    })),
  };
}

function recordOf(plain: PlainBlock["record"], feeSats: bigint): BlockRecord {
  const whole = {
    kind: "block" as const,
    hash: Uint8Array.from(Buffer.from(plain.hash, "hex")),
    previousHash: Uint8Array.from(Buffer.from(plain.previousHash, "hex")),
    rewardSats: BigInt(plain.rewardSats),
  };
  if (plain.scheme === "solo") return { ...plain, ...whole, scheme: "solo", feeSats };
  return { ...plain, ...whole, scheme: "pplns" };
}

function windowOf({ asked, wholeFrom, cut }: ReturnType<typeof plainWindow>): Window {
  return {
    asked: BigInt(asked),
    wholeFrom,
    cut: cut && { slice: cut.slice, work: BigInt(cut.work) },
  };
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function checkVersion(file: string, text: string): void {
  const found = /^\{"kind":"checkpoint","version":(\d+)[,}]/.exec(text)?.[1];
  if (found === undefined) throw damaged(file);
  if (Number(found) >= oldestVersion && Number(found) <= version) return;
  throw new PoolError(
    "CHECKPOINT_VERSION",
    `The checkpoint ${file} has format ${found}; this version reads up to ${version}.`,
    "Use the version of the pool that wrote it, or a newer one.",
  );
}

function damaged(file: string): PoolError {
  return new PoolError(
    "CHECKPOINT_DAMAGED",
    `The checkpoint ${file} is damaged: its bytes are not what was written.`,
    "Check the disk. The one before it is used instead; bring the file back from a backup if that does not do.",
  );
}

function unreadable(file: string, cause: Error): PoolError {
  return new PoolError(
    "CHECKPOINT_UNREADABLE",
    `The checkpoint ${file} cannot be read: ${cause.message}.`,
    "Check the path, its owner and the disk.",
    { cause },
  );
}

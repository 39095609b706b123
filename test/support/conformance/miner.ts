/**
 * The client of a dialogue: reads lines in order, keeps what a miner must know of them, and makes real shares. Written
 * apart from the pool's own code paths: what it makes of a job and what the pool makes of it must agree.
 */
import { type Target, targetFromDifficulty } from "../../../src/bitcoin/target.ts";
import { loadAddon } from "../../../src/native/index.ts";
import { until } from "../deadline.ts";
import type { Message, RawClient } from "../stratum.ts";
import { headerOf, type V1Job } from "../v1-client.ts";
import { numberOf } from "./pattern.ts";

const addon = loadAddon();
const patienceMs = 5_000;

/** How a share is to be made and spelt; left out: as every miner does. */
export interface ShareWish {
  /** Id of a job that was read here or elsewhere; the newest one read here. */
  readonly job?: string;
  /** The name that is sent for it. */
  readonly named?: string;
  /** Difficulty that the hash meets: the one that came before the job. */
  readonly meets?: string;
  /** Difficulty that the hash does not meet. */
  readonly misses?: string;
  /** Seconds ahead of the job's (+7000) or of the pool's clock (now+7000). */
  readonly ntime?: string;
  /** Version bits: in the header, and as the sixth parameter. */
  readonly bits?: string;
  /** short | long | upper, or its digits. */
  readonly extranonce2?: string;
  /** unpadded | long | upper */
  readonly nonce?: string;
}

export interface SeenJob extends V1Job {
  /** What was assigned when it came. */
  readonly difficulty: number;
}

/** What all connections of a dialogue work on. */
export class Work {
  /** Jobs by id. */
  readonly jobs = new Map<string, SeenJob>();
  #extranonce2 = 0;

  /** No two shares have the same: a session that is taken up again elsewhere does not repeat its work. */
  nextExtranonce2(): string {
    this.#extranonce2 += 1;
    return `abcd${this.#extranonce2.toString(16).padStart(12, "0")}`;
  }
}

export class Miner {
  readonly client: RawClient;
  readonly #work: Work;
  readonly #ids = new Set<string>();
  #read = 0;
  #difficulty = 0;
  #owesJob = false;
  #newest: SeenJob | undefined;
  #extranonce1 = "";

  constructor(client: RawClient, work: Work) {
    this.client = client;
    this.#work = work;
  }

  /** Lines that came and were not read yet. */
  get unread(): readonly string[] {
    return this.client.lines.slice(this.#read);
  }

  /** The next line. @throws Error when none comes. */
  async nextLine(): Promise<string> {
    const { client } = this;
    await until(() => client.lines.length > this.#read || client.ended, {
      timeoutMs: patienceMs,
      what: "a line from the pool",
      intervalMs: 1,
    });
    const line = client.lines[this.#read];
    if (line === undefined) throw new Error("the pool closed the connection");
    this.#read += 1;
    return line;
  }

  /** What a miner makes of a message. @throws Error for what some miner breaks at, whatever the dialogue says. */
  take(message: Message): void {
    const { method, params, result } = message;
    const isAnswer = method === undefined;
    if (isAnswer && Object.keys(message).join() !== "id,result,error")
      throw new Error("an answer has id, result and error");
    if (this.#owesJob && method !== "mining.notify")
      throw new Error("no job came right behind the difficulty");
    this.#owesJob = method === "mining.set_difficulty";
    if (method === "mining.set_difficulty") this.#difficulty = params[0];
    else if (method === "mining.notify") this.#takeJob(jobOf(params));
    else if (Array.isArray(result) && Array.isArray(result[0])) this.#takeExtranonce(result[1]);
  }

  /** Devices break at more bytes, and proxies that share it out at fewer. */
  #takeExtranonce(extranonce1: unknown): void {
    if (typeof extranonce1 !== "string" || !/^[0-9a-f]{8}$/.test(extranonce1))
      throw new Error("extranonce1 is not 8 hex digits");
    this.#extranonce1 = extranonce1;
  }

  #takeJob(job: V1Job): void {
    if (this.#ids.has(job.id)) throw new Error(`the job id ${job.id} was sent on this connection before`);
    if (this.#difficulty === 0) throw new Error("a job came before any difficulty");
    this.#ids.add(job.id);
    this.#newest = { ...job, difficulty: this.#difficulty };
    this.#work.jobs.set(job.id, this.#newest);
  }

  /** Parameters of mining.submit behind the user's name. Each call gives another share. */
  makeShare(wish: ShareWish, nowMs: number): readonly string[] {
    const job = wish.job === undefined ? this.#newest : this.#work.jobs.get(wish.job);
    if (job === undefined) throw new Error("no such job was read");
    const meets = targetFromDifficulty(wish.meets === undefined ? job.difficulty : numberOf(wish.meets));
    const misses = wish.misses === undefined ? undefined : targetFromDifficulty(numberOf(wish.misses));
    const time = timeOf(job, wish.ntime, nowMs);
    const rolled = versionOf(job, wish.bits);
    for (;;) {
      const extranonce2 = this.#work.nextExtranonce2();
      const header = headerOf({ ...job, time, version: rolled }, this.#extranonce1, extranonce2);
      const nonce = findNonce(header, meets, misses);
      if (nonce === undefined) continue;
      const params = [
        wish.named ?? job.id,
        spellExtranonce2(extranonce2, wish.extranonce2),
        time,
        spellNonce(nonce, wish.nonce),
      ];
      return wish.bits === undefined ? params : [...params, wish.bits];
    }
  }
}

const scanned = 1 << 24;

function findNonce(header: Buffer, meets: Target, misses: Target | undefined): number | undefined {
  let from = 0;
  while (from < scanned) {
    const nonce = addon.scanNonces(header, meets.bytes, from, scanned - from);
    if (nonce < 0) return undefined;
    if (misses === undefined || addon.scanNonces(header, misses.bytes, nonce, 1) < 0) return nonce;
    from = nonce + 1;
  }
  return undefined;
}

function timeOf(job: V1Job, wish: string | undefined, nowMs: number): string {
  if (wish === undefined) return job.time;
  const base = wish.startsWith("now") ? Math.floor(nowMs / 1000) : Number.parseInt(job.time, 16);
  return hex8(base + Number(wish.replace("now", "")));
}

function versionOf(job: V1Job, bits: string | undefined): string {
  return hex8((Number.parseInt(job.version, 16) | Number.parseInt(bits ?? "0", 16)) >>> 0);
}

function spellExtranonce2(digits: string, wish: string | undefined): string {
  switch (wish) {
    case undefined:
      return digits;
    case "short":
      return digits.slice(2);
    case "long":
      return `${digits}00`;
    case "upper":
      return digits.toUpperCase();
    default:
      return wish;
  }
}

function spellNonce(nonce: number, wish: string | undefined): string {
  switch (wish) {
    case "unpadded":
      return nonce.toString(16);
    case "long":
      return `${hex8(nonce)}00`;
    case "upper":
      return hex8(nonce).toUpperCase();
    default:
      return hex8(nonce);
  }
}

function hex8(value: number): string {
  return value.toString(16).padStart(8, "0");
}

/** @throws Error naming what is wrong: clients refuse such jobs, or break. */
export function jobOf(params: Message): V1Job {
  if (!Array.isArray(params) || params.length !== 9) throw new Error("a job has 9 parameters");
  const [id, previousHash, coinbase1, coinbase2, branch, version, bits, time, clean] = params;
  const isHex = (text: unknown, bytes?: number) =>
    typeof text === "string" &&
    /^([0-9a-f]{2})+$/.test(text) &&
    (bytes ?? text.length / 2) === text.length / 2;
  if (typeof id !== "string") throw new Error("a job's id is a text");
  if (!isHex(previousHash, 32)) throw new Error("a job's previous hash is 64 hex digits");
  if (!isHex(coinbase1) || !isHex(coinbase2)) throw new Error("a job's coinbase is hex");
  if (!Array.isArray(branch) || !branch.every((hash) => isHex(hash, 32)))
    throw new Error("a job's branch is a list of hashes");
  if (![version, bits, time].every((text) => isHex(text, 4)))
    throw new Error("a job's version, bits and time are 8 hex digits each");
  if (typeof clean !== "boolean") throw new Error("a job ends with true or false");
  return { id, previousHash, coinbase1, coinbase2, branch, version, bits, time, clean };
}

import type { Clock } from "../clock.ts";
import type { Outcome, PoolClient, PoolClientEvents, Work, WorkUnit } from "./pool-client.ts";
import type { FromThread } from "./scan-messages.ts";
import { startScanThreads } from "./scan-threads.ts";

export interface MinerOptions {
  /** Begins a connection to the pool. */
  readonly connect: (events: PoolClientEvents) => PoolClient;
  readonly threads: number;
  /** Most hashes a second, of all threads together; Infinity for as many as they can. */
  readonly hashesPerSecond: number;
  readonly clock: Clock;
  /** Something a person should know. */
  readonly say: (event: MinerEvent) => void;
}

export type MinerEvent =
  | { readonly event: "connected" }
  | { readonly event: "disconnected"; readonly why: string; readonly retrySeconds: number }
  | { readonly event: "rejected"; readonly why: string }
  | { readonly event: "message"; readonly text: string };

export interface MinerTotals {
  hashes: number;
  accepted: number;
  rejected: number;
  /** Submitted on a connection that ended before the answer. */
  unanswered: number;
}

export interface Miner {
  readonly totals: Readonly<MinerTotals>;
  /** Resolves when it can never succeed, with the reason: the pool refuses the user, a thread died. */
  readonly failed: Promise<string>;
  /** Stops hashing, waits shortly for open answers, disconnects. */
  stop(): Promise<void>;
}

/** Shares under way to the pool before the threads that find more have to wait. */
const maxOpenSubmits = 64;
/** Units whose shares may still be handed in after newer work came. */
const maxUnits = 64;
const firstRetryMs = 1000;
const maxRetryMs = 30_000;
const lastAnswersMs = 2000;

export function startMiner(options: MinerOptions): Miner {
  const { clock, say } = options;
  const totals: MinerTotals = { hashes: 0, accepted: 0, rejected: 0, unanswered: 0 };
  const units = new Map<number, WorkUnit>();
  let client: PoolClient | undefined;
  let work: Work | undefined;
  let workSinceMs = 0;
  // Never starts over: the same job sent again under another name must not be searched from the beginning.
  let nextUnit = 0;
  let openSubmits = 0;
  let held: number[] = [];
  let retryMs = firstRetryMs;
  let retryTimer: NodeJS.Timeout | undefined;
  let isStopping = false;
  let whenAnswered = (): void => {};
  let fail: (sentence: string) => void;
  const failed = new Promise<string>((resolve) => {
    fail = resolve;
  });
  const threads = startScanThreads(options.threads, options.hashesPerSecond, fromThread, (error) =>
    fail(`a thread died: ${error instanceof Error ? error.message : String(error)}`),
  );

  function connect(): void {
    client = options.connect({
      work: takeWork,
      refused: fail,
      message: (text) => say({ event: "message", text }),
      closed: reconnect,
    });
  }

  function takeWork(next: Work): void {
    if (work === undefined) {
      retryMs = firstRetryMs;
      say({ event: "connected" });
    }
    work = next;
    workSinceMs = clock.monotonicMs();
    if (next.clean) units.clear();
    for (let index = 0; index < options.threads; index++) giveUnit(index);
  }

  function giveUnit(index: number): void {
    if (work === undefined || isStopping) return;
    const elapsed = Math.floor((clock.monotonicMs() - workSinceMs) / 1000);
    const number = nextUnit++;
    const unit = work.unit(number, elapsed);
    units.set(number, unit);
    if (units.size > Math.max(maxUnits, 2 * options.threads)) units.delete(units.keys().next().value!);
    threads.scan(index, number, unit.header, unit.target);
  }

  function fromThread(index: number, message: FromThread): void {
    totals.hashes += message.hashes;
    if (message.kind === "exhausted") giveUnit(index);
    if (message.kind !== "found") return;
    const unit = units.get(message.unit);
    if (unit !== undefined) void handIn(unit, message.nonce);
    if (openSubmits < maxOpenSubmits) threads.continue(index);
    else held.push(index);
  }

  async function handIn(unit: WorkUnit, nonce: number): Promise<void> {
    openSubmits += 1;
    count(await unit.submit(nonce));
    openSubmits -= 1;
    for (const index of held.splice(0)) threads.continue(index);
    if (openSubmits === 0) whenAnswered();
  }

  function count(outcome: Outcome): void {
    totals[outcome.kind] += 1;
    if (outcome.kind === "rejected") say({ event: "rejected", why: outcome.why });
  }

  function reconnect(why: string): void {
    client = undefined;
    work = undefined;
    units.clear();
    if (isStopping) return;
    // Spread, so that a pool's miners do not all come back at once.
    const delayMs = retryMs * (0.8 + 0.4 * Math.random());
    retryMs = Math.min(2 * retryMs, maxRetryMs);
    say({ event: "disconnected", why, retrySeconds: Math.round(delayMs / 100) / 10 });
    retryTimer = setTimeout(connect, delayMs);
  }

  async function stop(): Promise<void> {
    isStopping = true;
    clearTimeout(retryTimer);
    held = [];
    await threads.stop();
    if (openSubmits > 0) await lastAnswers();
    client?.close("the miner stops");
    if (openSubmits > 0) await lastAnswers();
  }

  function lastAnswers(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, lastAnswersMs);
      whenAnswered = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  connect();
  return { totals, failed, stop };
}

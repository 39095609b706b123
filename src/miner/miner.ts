import type { Clock } from "../clock.ts";
import type { Addon } from "../native/addon.ts";
import type { Answer } from "../protocol/v1/answer.ts";
import type { FromThread } from "./scan-messages.ts";
import { startScanThreads } from "./scan-threads.ts";
import type { V1ClientOptions } from "./v1-client.ts";
import { V1Client } from "./v1-client.ts";
import type { Assignment, WorkUnit } from "./work-unit.ts";
import { makeUnit } from "./work-unit.ts";

export interface MinerOptions extends V1ClientOptions {
  readonly threads: number;
  /** Most hashes a second, of all threads together; Infinity for as many as they can. */
  readonly hashesPerSecond: number;
  readonly addon: Pick<Addon, "sha256d" | "merkleRoot">;
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
  const { addon, clock, say } = options;
  const totals: MinerTotals = { hashes: 0, accepted: 0, rejected: 0, unanswered: 0 };
  const units = new Map<number, WorkUnit>();
  let client: V1Client | undefined;
  let assignment: Assignment | undefined;
  let assignedMs = 0;
  // Never starts over: the same job sent again under another name must not be searched from the beginning.
  let nextUnit = 0;
  let openSubmits = 0;
  let held: number[] = [];
  let retryMs = firstRetryMs;
  let retryTimer: NodeJS.Timeout | undefined;
  let isStopping = false;
  let whenAnswered = (): void => {};
  let fail: (why: string) => void;
  const failed = new Promise<string>((resolve) => {
    fail = resolve;
  });
  const threads = startScanThreads(options.threads, options.hashesPerSecond, fromThread, (error) =>
    fail(`a thread died: ${error instanceof Error ? error.message : String(error)}`),
  );

  function connect(): void {
    client = new V1Client(options, {
      work: takeWork,
      refused: (text) => fail(`the pool does not accept the user "${options.user}": ${text}`),
      message: (text) => say({ event: "message", text }),
      closed: reconnect,
    });
  }

  function takeWork(next: Assignment): void {
    if (assignment === undefined) {
      retryMs = firstRetryMs;
      say({ event: "connected" });
    }
    assignment = next;
    assignedMs = clock.monotonicMs();
    if (next.job.clean) units.clear();
    for (let index = 0; index < options.threads; index++) giveUnit(index);
  }

  function giveUnit(index: number): void {
    if (assignment === undefined || isStopping) return;
    const elapsed = Math.floor((clock.monotonicMs() - assignedMs) / 1000);
    const number = nextUnit++;
    const unit = makeUnit(assignment, number, elapsed, addon);
    units.set(number, unit);
    if (units.size > Math.max(maxUnits, 2 * options.threads)) units.delete(units.keys().next().value!);
    threads.scan(index, number, unit.header, unit.target);
  }

  function fromThread(index: number, message: FromThread): void {
    totals.hashes += message.hashes;
    if (message.kind === "exhausted") giveUnit(index);
    if (message.kind !== "found") return;
    const unit = units.get(message.unit);
    if (unit !== undefined && client !== undefined) void handIn(client, unit, message.nonce);
    if (openSubmits < maxOpenSubmits) threads.continue(index);
    else held.push(index);
  }

  async function handIn(to: V1Client, unit: WorkUnit, nonce: number): Promise<void> {
    openSubmits += 1;
    count(await to.submit({ ...unit, nonce }));
    openSubmits -= 1;
    for (const index of held.splice(0)) threads.continue(index);
    if (openSubmits === 0) whenAnswered();
  }

  function count(answer: Answer | undefined): void {
    if (answer === undefined) totals.unanswered += 1;
    else if (answer.result === true) totals.accepted += 1;
    else {
      totals.rejected += 1;
      say({ event: "rejected", why: answer.error?.text ?? "the pool gave no reason" });
    }
  }

  function reconnect(why: string): void {
    client = undefined;
    assignment = undefined;
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

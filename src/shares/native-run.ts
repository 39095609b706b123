import type { Target } from "../bitcoin/target.ts";
import type { Clock } from "../clock.ts";
import type { LiveJob, LiveJobs } from "../jobs/live-jobs.ts";
import type { Journal, RunPlace, Scheme } from "../journal/index.ts";
import type { LaneGrant } from "../native/addon.ts";
import { frameLayout, refusalCodes } from "../native/layout.ts";
import type { Reason } from "../protocol/reasons.ts";
import type { ShareCounters } from "./accept-shares.ts";
import { reasonOfRefusal } from "./refusal.ts";

/** A target with the difficulty that stands for it on the wire. */
export interface GrantedTarget {
  readonly target: Target;
  readonly difficulty: number;
}

/** What a grant says of job and miner, whatever the protocol. */
export interface GrantTerms {
  readonly job: LiveJob;
  readonly assignment: GrantedTarget;
  readonly extranonce1: number;
  readonly versionMask: number;
  readonly account: string;
  readonly worker: string;
  readonly scheme: Scheme;
}

/** @param tag comes back with accepted shares. */
export function laneGrantOf(terms: GrantTerms, tag: number): LaneGrant {
  const { job, assignment, extranonce1, versionMask, account, worker, scheme } = terms;
  return {
    extranonce1,
    versionMask,
    account: Buffer.from(account),
    worker: Buffer.from(worker),
    jobNumber: job.data.number,
    prepared: job.prepared,
    target: assignment.target.bytes,
    work: assignment.target.workBytes,
    height: job.data.height,
    solo: scheme === "solo",
    tag,
  };
}

/** What became of the submissions at the front of a read. */
export interface RunCounts {
  readonly submissions: number;
  readonly accepted: number;
  /** The others, by what they were refused for. */
  readonly refused: readonly Refusals[];
}

export interface Refusals {
  readonly reason: Reason;
  readonly submissions: number;
}

const noRefusals: readonly Refusals[] = [];

/** Accepted shares of a run. */
export interface RunCredit {
  /** Of all of them. */
  readonly work: bigint;
  /** Waits for their commit. */
  readonly settle: ((durable: boolean) => void) | undefined;
}

/** Whose submissions are taken, and how. */
export interface RunSource {
  readonly protocol: "v1" | "v2";
  /** One crossing: see Addon.takeLines. */
  takeNatively(bytes: Uint8Array, journal: Uint8Array, answers: Uint8Array, frame: Float64Array): void;
  /**
   * Hears what became of them, of one at least. Answers are views, valid during the call.
   * @returns undefined if none was accepted.
   */
  tell(counts: RunCounts, answers: Buffer, frame: Float64Array): RunCredit | undefined;
}

export interface RunTakerOptions {
  readonly jobs: LiveJobs;
  readonly journal: Pick<Journal, "appendRun">;
  readonly clock: Clock;
  /** How far ahead of the wall clock a share's ntime may be, seconds. */
  readonly ntimeAheadSeconds: number;
  readonly counters: ShareCounters;
}

/** Room for the answers to one run; what does not fit is another run. */
const answerBytes = 64 * 1024;

/** Has native code take runs of submissions into the commit that gathers, for all lanes of a worker. */
export class RunTaker {
  readonly #options: RunTakerOptions;
  readonly #answers = Buffer.allocUnsafeSlow(answerBytes);
  readonly #frame = new Float64Array(frameLayout.length);
  // What `#write` works on: set right before the journal calls it.
  #source: RunSource | undefined;
  #bytes: Uint8Array = this.#answers;

  constructor(options: RunTakerOptions) {
    this.#options = options;
  }

  /** Takes the submissions at the front of bytes[from…]. @returns up to where. */
  take(source: RunSource, bytes: Uint8Array, from: number): number {
    const frame = this.#frame;
    this.#source = source;
    this.#bytes = bytes;
    let at = from;
    for (;;) {
      frame[frameLayout.from] = at;
      if (!this.#options.journal.appendRun(this.#write)) return at;
      const taken = frame[frameLayout.taken]!;
      // Without progress there is nothing to try again: the message goes the long way.
      if (frame[frameLayout.again] === 0 || taken === at) return taken;
      at = taken;
    }
  }

  readonly #write = (place: RunPlace): void => {
    const { jobs, clock, ntimeAheadSeconds, counters } = this.#options;
    const source = this.#source!;
    const { protocol } = source;
    const frame = this.#frame;
    const timeMs = clock.wallMs();
    frame[frameLayout.oldestJob] = jobs.oldestNumber;
    frame[frameLayout.timeMs] = timeMs;
    frame[frameLayout.ntimeMax] = Math.min(Math.floor(timeMs / 1000) + ntimeAheadSeconds, 0xffffffff);
    frame[frameLayout.journalStart] = place.start;
    frame[frameLayout.journalEnd] = place.end;
    frame[frameLayout.epoch] = place.epoch;
    frame[frameLayout.sequence] = place.sequence;
    frame[frameLayout.index] = place.index;
    source.takeNatively(this.#bytes, place.bytes, this.#answers, frame);
    const accepted = frame[frameLayout.records]!;
    place.records = accepted;
    place.length = frame[frameLayout.journalBytes]!;
    const refused = this.#takeRefusals(protocol);
    const submissions = refused.reduce((sum, refusals) => sum + refusals.submissions, accepted);
    if (submissions === 0) return;
    counters.received(protocol, submissions);
    const answers = this.#answers.subarray(0, frame[frameLayout.answerBytes]);
    const credit = source.tell({ submissions, accepted, refused }, answers, frame);
    if (credit === undefined) return;
    place.done = (durable) => {
      if (durable) counters.accepted(protocol, credit.work, accepted);
      counters.answered(protocol, durable ? "accepted" : "unavailable", accepted);
      credit.settle?.(durable);
    };
  };

  /** Where there are none, which is nearly always, nothing is made. */
  #takeRefusals(protocol: "v1" | "v2"): readonly Refusals[] {
    const frame = this.#frame;
    let refused: Refusals[] | undefined;
    for (let code = 1; code < refusalCodes.length; code++) {
      const submissions = frame[frameLayout.refused + code]!;
      if (submissions === 0) continue;
      const reason = reasonOfRefusal(refusalCodes[code]!);
      this.#options.counters.answered(protocol, reason, submissions);
      refused ??= [];
      refused.push({ reason, submissions });
    }
    return refused ?? noRefusals;
  }
}

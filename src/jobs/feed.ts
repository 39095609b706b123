import type { Clock } from "../clock.ts";
import type { Template } from "../template/template.ts";
import type { JobData } from "./job.ts";
import type { KnownTip } from "./kept-jobs.ts";

/** What makes one job differ from another of the same template. */
export interface JobIssue {
  readonly number: number;
  readonly tipNumber: number;
  readonly clean: boolean;
  /** Seconds; the ntime that the job starts with. */
  readonly startTime: number;
}

export interface JobFeedOptions {
  readonly build: (template: Template, issue: JobIssue) => JobData;
  readonly nextNumber: () => number;
  readonly clock: Clock;
  /** No connection goes longer than this without a job: firmware takes silence for a dead pool (30 s at most). */
  readonly reissueMs: number;
  readonly onJob: (job: JobData, template: Template) => void;
  /** Where the last run stopped: its tip keeps its number, since jobs of it are still known, and others get later ones. */
  readonly lastTip?: KnownTip | undefined;
}

export interface JobFeed {
  readonly current: JobData | undefined;
  /** Issues a job for a newer template. A template that no job can be made of throws and changes nothing. */
  use(template: Template): void;
  /** To be called every second or so: issues the current template again when the last job is old. */
  tick(): void;
}

/** Turns templates into a never-ending row of jobs; also while every node is silent. */
export function createJobFeed(options: JobFeedOptions): JobFeed {
  const { clock } = options;
  let template: Template | undefined;
  let current: JobData | undefined;
  let issuedAt = Number.NEGATIVE_INFINITY;
  let tip = options.lastTip;

  function use(next: Template): void {
    const sameTip = tip !== undefined && equal(tip.previousHash, next.previousHash);
    const tipNumber = tip === undefined ? 1 : sameTip ? tip.tipNumber : tip.tipNumber + 1;
    const job = issue(next, tipNumber, !sameTip);
    template = next;
    tip = job;
    publish(job, next);
  }

  function tick(): void {
    if (template === undefined || current === undefined) return;
    if (clock.monotonicMs() - issuedAt < options.reissueMs) return;
    publish(issue(template, current.tipNumber, false), template);
  }

  function issue(from: Template, ofTip: number, clean: boolean): JobData {
    return options.build(from, {
      number: options.nextNumber(),
      tipNumber: ofTip,
      clean,
      startTime: startTimeOf(from, clock.monotonicMs()),
    });
  }

  function publish(job: JobData, from: Template): void {
    current = job;
    issuedAt = clock.monotonicMs();
    options.onJob(job, from);
  }

  return {
    use,
    tick,
    get current() {
      return current;
    },
  };
}

/** The node's own clock, carried on by a clock that never jumps; never below what the chain allows. */
function startTimeOf(template: Template, monotonicMs: number): number {
  const elapsed = Math.floor((monotonicMs - template.receivedMonotonicMs) / 1000);
  return Math.max(template.minTime, template.currentTime + Math.max(0, elapsed));
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}

/**
 * The share path without JavaScript: usual submissions are cut, read, judged, recorded and answered in native code, one
 * crossing for all that came in one read. The law is that of accept-shares.ts, which everything unusual takes, and every
 * block: journaled, then answered.
 *
 * A connection's lane is open for what accept-shares.ts was given once already: `grant` after a submission that its
 * session let through, `forget` whenever something changes that the session's decision rested on.
 */
import type { Target } from "../bitcoin/target.ts";
import type { Clock } from "../clock.ts";
import type { LiveJob, LiveJobs } from "../jobs/live-jobs.ts";
import type { Journal, RunPlace, Scheme } from "../journal/index.ts";
import type { Addon, Lane, SeenWindow } from "../native/addon.ts";
import { frameLayout, refusalCodes } from "../native/layout.ts";
import type { Reason } from "../protocol/reasons.ts";
import { acceptedTail, refusalTail } from "../protocol/v1/answer.ts";
import type { JobId } from "../protocol/v1/job-id.ts";
import type { ShareCounters } from "./accept-shares.ts";
import { reasonOfRefusal } from "./refusal.ts";

/** A target with the difficulty that stands for it on the wire. */
export interface GrantedTarget {
  readonly target: Target;
  readonly difficulty: number;
}

export interface Grant {
  readonly id: JobId;
  readonly job: LiveJob;
  readonly assignment: GrantedTarget;
  readonly extranonce1: number;
  readonly versionMask: number;
  /** As the client writes it. */
  readonly user: string;
  readonly account: string;
  readonly worker: string;
  readonly scheme: Scheme;
}

/** What became of the submissions at the front of a read. */
export interface Run {
  /** Lines for all of them in order, as they are if the accepted ones become durable. */
  readonly answers: string;
  readonly submissions: number;
  readonly accepted: number;
  /** The others, by what they were refused for. */
  readonly refused: readonly Refusals[];
  /** What the accepted ones are credited with, each. */
  readonly assignment: GrantedTarget | undefined;
}

export interface Refusals {
  readonly reason: Reason;
  readonly submissions: number;
}

const noRefusals: readonly Refusals[] = [];

/** @returns who waits for the commit: to be given if anything was accepted. */
export type OnRun = (run: Run) => ((durable: boolean) => void) | undefined;

export interface ShareLane {
  /** Whether anything was granted: without that `take` takes nothing. */
  readonly isOpen: boolean;
  grant(grant: Grant): void;
  forget(): void;
  /** Takes the submissions at the front of bytes[from…]. @returns up to where. */
  take(bytes: Uint8Array, from: number, onRun: OnRun): number;
}

export interface NativeIntakeOptions {
  readonly addon: Pick<Addon, "createIntake" | "createLane" | "grant" | "forget" | "takeSubmits">;
  readonly seen: SeenWindow;
  readonly jobs: LiveJobs;
  readonly journal: Pick<Journal, "appendRun">;
  readonly clock: Clock;
  /** How far ahead of the wall clock a share's ntime may be, seconds. */
  readonly ntimeAheadSeconds: number;
  readonly counters: ShareCounters;
}

export interface NativeIntake {
  createLane(): ShareLane;
}

/** Room for the answers to one run; what does not fit is another run. */
const answerBytes = 64 * 1024;

export function createNativeIntake(options: NativeIntakeOptions): NativeIntake {
  const { addon, jobs, journal, clock, counters, ntimeAheadSeconds } = options;
  const intake = addon.createIntake({
    seen: options.seen,
    acceptedTail,
    refusalTails: refusalCodes.map((code) =>
      code === undefined ? "" : refusalTail("null", reasonOfRefusal(code)),
    ),
  });
  const answers = Buffer.allocUnsafeSlow(answerBytes);
  const frame = new Float64Array(frameLayout.length);

  // What `write` works on: set right before the journal calls it.
  let current: { readonly native: Lane; readonly granted: readonly GrantedTarget[] };
  let bytes: Uint8Array;
  let onRun: OnRun;

  function write(place: RunPlace): void {
    const timeMs = clock.wallMs();
    frame[frameLayout.oldestJob] = jobs.oldestNumber;
    frame[frameLayout.timeMs] = timeMs;
    frame[frameLayout.ntimeMax] = Math.min(Math.floor(timeMs / 1000) + ntimeAheadSeconds, 0xffffffff);
    frame[frameLayout.journalStart] = place.start;
    frame[frameLayout.journalEnd] = place.end;
    frame[frameLayout.epoch] = place.epoch;
    frame[frameLayout.sequence] = place.sequence;
    frame[frameLayout.index] = place.index;
    addon.takeSubmits(intake, current.native, bytes, place.bytes, answers, frame);
    const accepted = frame[frameLayout.records]!;
    place.records = accepted;
    place.length = frame[frameLayout.journalBytes]!;
    const refused = takeRefusals();
    const submissions = refused.reduce((sum, refusals) => sum + refusals.submissions, accepted);
    if (submissions === 0) return;
    counters.received("v1", submissions);
    const assignment = accepted === 0 ? undefined : current.granted[frame[frameLayout.tag]!];
    const text = answers.toString("latin1", 0, frame[frameLayout.answerBytes]);
    const settle = onRun({ answers: text, submissions, accepted, refused, assignment });
    if (assignment === undefined) return;
    const { work } = assignment.target;
    place.done = (durable) => {
      if (durable) counters.accepted("v1", work * BigInt(accepted), accepted);
      counters.answered("v1", durable ? "accepted" : "unavailable", accepted);
      settle?.(durable);
    };
  }

  /** Where there are none, which is nearly always, nothing is made. */
  function takeRefusals(): readonly Refusals[] {
    let refused: Refusals[] | undefined;
    for (let code = 1; code < refusalCodes.length; code++) {
      const submissions = frame[frameLayout.refused + code]!;
      if (submissions === 0) continue;
      const reason = reasonOfRefusal(refusalCodes[code]!);
      counters.answered("v1", reason, submissions);
      refused ??= [];
      refused.push({ reason, submissions });
    }
    return refused ?? noRefusals;
  }

  function take(lane: typeof current, input: Uint8Array, from: number, receiver: OnRun): number {
    current = lane;
    bytes = input;
    onRun = receiver;
    let at = from;
    for (;;) {
      frame[frameLayout.from] = at;
      if (!journal.appendRun(write)) return at;
      const taken = frame[frameLayout.taken]!;
      // Without progress there is nothing to try again: the line goes the long way.
      if (frame[frameLayout.again] === 0 || taken === at) return taken;
      at = taken;
    }
  }

  function createLane(): ShareLane {
    const native = addon.createLane();
    const granted: GrantedTarget[] = [];
    const lane = { native, granted };
    let last: Grant | undefined;
    return {
      get isOpen() {
        return granted.length > 0;
      },
      grant(grant) {
        // Lines that are always unusual come with each submission.
        if (granted.length > 0 && last !== undefined && isSame(last, grant)) return;
        last = grant;
        const { id, job, assignment, extranonce1, versionMask, user, account, worker, scheme } = grant;
        let tag = granted.indexOf(assignment);
        if (tag < 0) tag = granted.push(assignment) - 1;
        addon.grant(native, {
          extranonce1,
          versionMask,
          user,
          account: Buffer.from(account),
          worker: Buffer.from(worker),
          jobNumber: id.number,
          variant: id.variant,
          prepared: job.prepared,
          target: assignment.target.bytes,
          work: assignment.target.workBytes,
          height: job.data.height,
          solo: scheme === "solo",
          tag,
        });
      },
      forget() {
        if (granted.length === 0) return;
        granted.length = 0;
        last = undefined;
        addon.forget(native);
      },
      take: (input, from, receiver) => take(lane, input, from, receiver),
    };
  }

  return { createLane };
}

function isSame(one: Grant, other: Grant): boolean {
  return (
    one.job === other.job &&
    one.id.variant === other.id.variant &&
    one.assignment === other.assignment &&
    one.scheme === other.scheme &&
    one.user === other.user
  );
}

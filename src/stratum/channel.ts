/**
 * What one miner works on: its piece of the extranonce space, the jobs it was sent and at which difficulty. The same for
 * every protocol; how it is put into bytes is the session's.
 */
import type { Clock } from "../clock.ts";
import type { LiveJob, LiveJobs } from "../jobs/live-jobs.ts";
import type { JobId } from "../protocol/v1/job-id.ts";
import type { DifficultyOptions, DifficultyTable } from "./difficulty.ts";
import { clamp } from "./difficulty.ts";
import { boundsOf, type DifficultyBounds, type Wishes } from "./difficulty-bounds.ts";
import type { FirmwareProfile } from "./firmware.ts";
import { sharesPerMinuteFor, staleGraceMsFor } from "./pace.ts";
import type { Scheme } from "./port.ts";
import { TipHistory } from "./tip-history.ts";
import { countShare, nextDifficulty, openWindow, reopenWindow, type VardiffWindow } from "./vardiff.ts";
import { type Assignment, WorkHistory } from "./work-history.ts";

/** What all channels of a worker share. */
export interface ChannelContext {
  readonly jobs: LiveJobs;
  readonly difficulties: DifficultyTable;
  readonly clock: Clock;
  readonly staleGraceMs: number;
  /** How far a slow link may lengthen that. */
  readonly staleGraceMaxMs: number;
  readonly metrics: { difficultyChanged(): void };
}

/** How one job goes to one channel. */
export interface Delivery extends JobId {
  readonly difficulty: number;
  /** The client must drop its earlier jobs. */
  readonly clean: boolean;
}

/** What a channel can be taken up again from. */
export interface ChannelState {
  readonly extranonce1: number;
  readonly work: WorkHistory;
  readonly tips: TipHistory;
  readonly wanted: number;
  /** What was handed out by one scheme is judged by no other. */
  readonly scheme: Scheme;
  /** Whether a share was ever accepted on it. */
  readonly hasShares: boolean;
}

/** How far silence eases a device that was never heard, unless it is one of the slow ones. */
const mostEasedUnheard = 64;

export class Channel {
  readonly extranonce1: number;
  readonly #context: ChannelContext;
  readonly #port: DifficultyOptions;
  readonly #work: WorkHistory;
  readonly #tips: TipHistory;
  #profile: FirmwareProfile;
  #bounds: DifficultyBounds;
  /** The difficulty that this channel would have if the network's were no limit. */
  #wanted: number;
  #vardiff: VardiffWindow | undefined;
  #hasShares = false;
  /** The first window's difficulty is what this miner came to before. */
  #isProven = false;
  #roundTripMs = 0;

  constructor(
    context: ChannelContext,
    port: DifficultyOptions,
    profile: FirmwareProfile,
    wishes: Wishes,
    from: number | ChannelState,
  ) {
    this.#context = context;
    this.#port = port;
    this.#profile = profile;
    this.#bounds = boundsOf(port, profile, wishes);
    const state = typeof from === "number" ? undefined : from;
    this.extranonce1 = typeof from === "number" ? from : from.extranonce1;
    this.#work = state?.work ?? new WorkHistory();
    this.#tips = state?.tips ?? new TipHistory();
    const { start, min, max } = this.#bounds;
    this.#wanted = state === undefined ? start : clamp(state.wanted, min, max);
    this.#isProven = state?.hasShares ?? false;
  }

  state(scheme: Scheme): ChannelState {
    const { extranonce1 } = this;
    const hasShares = this.#hasShares || this.#isProven;
    return { extranonce1, work: this.#work, tips: this.#tips, wanted: this.#wanted, scheme, hasShares };
  }

  /** What is in force now; undefined before the first job. */
  get assignment(): Assignment | undefined {
    return this.#work.assignment;
  }

  get lastJobNumber(): number {
    return this.#work.lastNumber;
  }

  /** Whether a share came here. */
  get hasShares(): boolean {
    return this.#hasShares;
  }

  /** The difficulty that this channel has come to, worth remembering for the next; undefined until a share proved it. */
  get provenDifficulty(): number | undefined {
    return this.#hasShares && this.#bounds.follows ? this.#wanted : undefined;
  }

  /** The difficulty that it would have if the network's were no limit. */
  get wanted(): number {
    return this.#wanted;
  }

  /** Round trips steer how often shares are asked for and how late they may come. */
  set roundTripMs(milliseconds: number) {
    this.#roundTripMs = milliseconds;
  }

  /** The difficulty for a job, never above its network's. */
  difficultyFor(job: LiveJob): number {
    return Math.min(this.#wanted, this.#context.difficulties.network(job.data.bits));
  }

  /** Whether a change of difficulty that could wait has room now, sent together with this job. */
  canAssign(job: LiveJob): boolean {
    this.#prune();
    return this.#work.canAssign(job.data.number);
  }

  /** Whether the job can be sent once more at all, though older ones may be forgotten for it. */
  hasName(job: LiveJob): boolean {
    return this.#work.hasName(job.data.number);
  }

  /** Assigns the wanted difficulty with this job, which must be sent right behind it. */
  assign(job: LiveJob): Delivery {
    const { data } = job;
    const { difficulties, metrics, clock } = this.#context;
    const nowMs = clock.monotonicMs();
    const difficulty = this.difficultyFor(job);
    const variant = this.#work.nextVariant(data.number);
    const present = this.#work.assignment;
    if (present !== undefined && present.difficulty !== difficulty) metrics.difficultyChanged();
    this.#prune();
    this.#work.assigned({
      number: data.number,
      variant,
      difficulty,
      target: difficulties.target(difficulty),
    });
    this.#measureAt(difficulty, nowMs);
    const isNewTip = this.#tips.sent(data.tipNumber, nowMs);
    return { number: data.number, variant, difficulty, clean: isNewTip || (variant === 0 && data.clean) };
  }

  #measureAt(difficulty: number, nowMs: number): void {
    if (this.#vardiff?.difficulty === difficulty) return;
    const isAgain = this.#isProven && !this.#hasShares;
    this.#vardiff = isAgain ? reopenWindow(difficulty, nowMs) : openWindow(difficulty, nowMs, this.#vardiff);
  }

  /** Whether the job can go out as everybody gets it: the difficulty stays. */
  keepsDifficulty(job: LiveJob): boolean {
    return this.difficultyFor(job) === this.#work.assignment?.difficulty;
  }

  /** The flag that everybody's form of the job must carry here. */
  isClean(job: LiveJob): boolean {
    return job.data.clean || this.#tips.isNew(job.data.tipNumber);
  }

  /** The job went out as everybody gets it. @returns whether it is the first on its tip. */
  sent(job: LiveJob): boolean {
    this.#work.sent(job.data.number);
    return this.#tips.sent(job.data.tipNumber, this.#context.clock.monotonicMs());
  }

  /** What holds for a share of this job; undefined if it was never sent here, or is forgotten. */
  inForce(id: JobId): Assignment | undefined {
    return this.#work.inForce(id);
  }

  isStale(job: LiveJob): boolean {
    const { clock, staleGraceMs, staleGraceMaxMs } = this.#context;
    const graceMs = Math.min(
      staleGraceMsFor(staleGraceMs, this.#roundTripMs),
      Math.max(staleGraceMs, staleGraceMaxMs),
    );
    return this.#tips.isStale(job.data.tipNumber, clock.monotonicMs(), graceMs);
  }

  /** Whether nothing newer was sent: what is granted on its tip does not become stale by the clock. */
  isOnNewestTip(job: LiveJob): boolean {
    return this.#tips.isNewest(job.data.tipNumber);
  }

  /** A share, or several at once, became durable. @param difficulty of all together. */
  count(difficulty: number): void {
    this.#hasShares = true;
    if (this.#vardiff !== undefined) countShare(this.#vardiff, difficulty);
  }

  /** New wishes, or a client that turned out to be something else. @returns whether the wanted difficulty changed. */
  reconsider(profile: FirmwareProfile, wishes: Wishes, from: "start" | "here"): boolean {
    this.#profile = profile;
    this.#bounds = boundsOf(this.#port, profile, wishes);
    const { start, min, max } = this.#bounds;
    return this.want(from === "start" ? start : clamp(this.#wanted, min, max));
  }

  /** Goes on where this miner's last connection ended. @returns whether that is a change. */
  wantAgain(difficulty: number): boolean {
    this.#isProven = true;
    return this.want(difficulty);
  }

  /** @returns whether that is a change. */
  want(difficulty: number): boolean {
    const { min, max } = this.#bounds;
    const before = this.#wanted;
    this.#wanted = clamp(difficulty, min, max);
    return this.#wanted !== before;
  }

  /** @returns whether another difficulty is wanted since the device is faster or slower than was thought. */
  adjust(nowMs: number): boolean {
    const window = this.#vardiff;
    const job = this.#context.jobs.current;
    if (!this.#bounds.follows || window === undefined || job === undefined) return false;
    const { min, max } = this.#bounds;
    const next = nextDifficulty(window, nowMs, {
      min,
      max: Math.min(max, this.#context.difficulties.network(job.data.bits)),
      sharesPerMinute: sharesPerMinuteFor(this.#port.sharesPerMinute, this.#roundTripMs),
      floorBeforeFirstShare: this.#floorBeforeFirstShare,
    });
    if (next === undefined) return false;
    if (next !== window.difficulty) return this.want(next);
    this.#vardiff = openWindow(next, nowMs, window);
    return false;
  }

  /** A rig that tunes itself for minutes must not begin with a flood; what takes fractions is slow, and not to wait long. */
  get #floorBeforeFirstShare(): number {
    const { easesBeforeFirstShare, fractionalDifficulty } = this.#profile;
    const { start, min } = this.#bounds;
    if (!easesBeforeFirstShare) return start;
    return fractionalDifficulty || start < 1 ? min : Math.max(min, start / mostEasedUnheard);
  }

  #prune(): void {
    this.#work.prune((number) => this.#context.jobs.get(number) !== undefined);
  }
}

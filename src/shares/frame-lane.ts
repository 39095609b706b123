import type { Addon, Intake, FrameLane as NativeLane } from "../native/addon.ts";
import {
  type GrantedTarget,
  type GrantTerms,
  laneGrantOf,
  type RunCounts,
  type RunCredit,
  type RunSource,
  type RunTaker,
} from "./native-run.ts";

/** Whatever a session knows a channel by; its id on the wire is never another channel's. */
interface WithId {
  readonly id: number;
}

export interface FrameGrant<Channel extends WithId> extends GrantTerms {
  readonly channel: Channel;
  /** As the channel's shares name the job. */
  readonly jobName: number;
  /** Of a standard channel: as long as the job says. Undefined where shares bring theirs. */
  readonly extranonce2: Uint8Array | undefined;
  /** The lowest ntime that was told with the job, seconds. */
  readonly ntimeMin: number;
}

export interface AcceptedFrame<Channel extends WithId> {
  readonly channel: Channel;
  readonly assignment: GrantedTarget;
  readonly sequenceNumber: number;
}

export interface FrameRun<Channel extends WithId> {
  /** Whole frames of SubmitShares.Error, in order. */
  readonly answers: Buffer;
  readonly submissions: number;
  readonly refused: RunCounts["refused"];
  /** In order; to be acknowledged once they are durable. */
  readonly accepted: readonly AcceptedFrame<Channel>[];
}

/** @returns who waits for the commit: to be given if anything was accepted. */
export type OnFrameRun<Channel extends WithId> = (
  run: FrameRun<Channel>,
) => ((durable: boolean) => void) | undefined;

export type FrameAddon = Pick<Addon, "createFrameLane" | "grantFrames" | "forgetFrames" | "takeFrames">;

/** What lanes of one worker share. */
export interface FrameLaneParts {
  readonly addon: FrameAddon;
  readonly intake: Intake;
  readonly taker: RunTaker;
  /** Two numbers for each share that one run can accept; what does not fit is another run. */
  readonly accepted: Uint32Array;
}

/**
 * What is granted at once, at most; beyond that it begins anew. Native code keeps as much: nothing that was taken back
 * here is left there.
 */
const mostChannels = 4_096;
const mostJobs = 4;

const noAnswers = Buffer.alloc(0);

interface Granted<Channel extends WithId> {
  readonly grant: FrameGrant<Channel>;
  readonly tag: number;
}

/** What one V2 connection may submit in native code. */
export class FrameLane<Channel extends WithId> implements RunSource {
  readonly protocol = "v2";
  readonly #parts: FrameLaneParts;
  readonly #native: NativeLane;
  /** By the ids of their channels: one for each job. */
  readonly #byChannel = new Map<number, Granted<Channel>[]>();
  readonly #byTag = new Map<number, FrameGrant<Channel>>();
  #nextTag = 0;
  #onRun: OnFrameRun<Channel> | undefined;

  constructor(parts: FrameLaneParts) {
    this.#parts = parts;
    this.#native = parts.addon.createFrameLane();
  }

  /** Whether anything was granted: without that `take` takes nothing. */
  get isOpen(): boolean {
    return this.#byTag.size > 0;
  }

  /** What other channels, and this one for other jobs, were granted stays. */
  grant(grant: FrameGrant<Channel>): void {
    const { channel, jobName, extranonce2, ntimeMin } = grant;
    const before = this.#grantOf(channel.id, jobName);
    // Shares that are always unusual come with each submission.
    if (before !== undefined && isSame(before, grant)) return;
    this.#makeRoom(channel.id, before !== undefined);
    const tag = this.#nextTag++;
    const others = (this.#byChannel.get(channel.id) ?? []).filter((one) => one.grant !== before);
    this.#byChannel.set(channel.id, [...others, { grant, tag }]);
    this.#byTag.set(tag, grant);
    this.#parts.addon.grantFrames(this.#native, {
      ...laneGrantOf(grant, tag),
      channelId: channel.id,
      jobName,
      extranonce2,
      ntimeMin,
    });
  }

  forget(): void {
    if (!this.isOpen) return;
    this.#byChannel.clear();
    this.#byTag.clear();
    this.#parts.addon.forgetFrames(this.#native);
  }

  forgetChannel(channelId: number): void {
    const granted = this.#byChannel.get(channelId);
    if (granted === undefined) return;
    for (const { tag } of granted) this.#byTag.delete(tag);
    this.#byChannel.delete(channelId);
    this.#parts.addon.forgetFrames(this.#native, channelId);
  }

  /** Takes the shares at the front of bytes[from…], where a frame begins. @returns up to where. */
  take(bytes: Uint8Array, from: number, onRun: OnFrameRun<Channel>): number {
    this.#onRun = onRun;
    return this.#parts.taker.take(this, bytes, from);
  }

  takeNatively(bytes: Uint8Array, journal: Uint8Array, answers: Uint8Array, frame: Float64Array): void {
    const { addon, intake, accepted } = this.#parts;
    addon.takeFrames(intake, this.#native, bytes, journal, answers, frame, accepted);
  }

  tell({ submissions, accepted: count, refused }: RunCounts, answers: Buffer): RunCredit | undefined {
    const accepted = this.#accepted(count);
    const frames = answers.length === 0 ? noAnswers : Buffer.from(answers);
    const settle = this.#onRun?.({ answers: frames, submissions, refused, accepted });
    return count === 0 ? undefined : { work: workOf(accepted), settle };
  }

  #accepted(count: number): AcceptedFrame<Channel>[] {
    const numbers = this.#parts.accepted;
    return Array.from({ length: count }, (_, index) => {
      const { channel, assignment } = this.#byTag.get(numbers[2 * index]!)!;
      return { channel, assignment, sequenceNumber: numbers[2 * index + 1]! };
    });
  }

  #grantOf(channelId: number, jobName: number): FrameGrant<Channel> | undefined {
    return this.#byChannel.get(channelId)?.find(({ grant }) => grant.jobName === jobName)?.grant;
  }

  #makeRoom(channelId: number, isKnownJob: boolean): void {
    const jobs = this.#byChannel.get(channelId)?.length;
    if (jobs === undefined && this.#byChannel.size >= mostChannels) this.forget();
    if (jobs === mostJobs && !isKnownJob) this.forgetChannel(channelId);
  }
}

function isSame<Channel extends WithId>(one: FrameGrant<Channel>, other: FrameGrant<Channel>): boolean {
  return one.job === other.job && one.assignment === other.assignment && one.scheme === other.scheme;
}

/** Neighbours mostly have one target. */
function workOf(accepted: readonly AcceptedFrame<WithId>[]): bigint {
  let sum = 0n;
  for (let at = 0; at < accepted.length; ) {
    const { target } = accepted[at]!.assignment;
    const from = at;
    while (accepted[at]?.assignment.target === target) at++;
    sum += target.work * BigInt(at - from);
  }
  return sum;
}

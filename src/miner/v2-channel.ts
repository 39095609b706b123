import { versionRollingMask } from "../bitcoin/header.ts";
import type { Addon } from "../native/addon.ts";
import { Malformed } from "../protocol/malformed.ts";
import type {
  OpenExtendedMiningChannelSuccess,
  OpenStandardMiningChannelSuccess,
  SetGroupChannel,
} from "../protocol/v2/channels.ts";
import type { NewExtendedMiningJob, NewMiningJob, SetNewPrevHash } from "../protocol/v2/jobs.ts";
import { LapTimes } from "./rolling.ts";
import type { V2Job } from "./v2-work-unit.ts";

export interface V2ChannelOptions {
  readonly opened: OpenStandardMiningChannelSuccess | OpenExtendedMiningChannelSuccess;
  /** The pool takes no version but the job's. */
  readonly isVersionFixed: boolean;
  readonly addon: Pick<Addon, "sha256d" | "merkleRoot">;
}

/** What was sent of a job. Its target and tip are told apart from it. */
type Announced = Pick<V2Job, "jobId" | "version" | "versionMask" | "extranonceSize" | "rootOf">;
type Tip = Pick<V2Job, "previousHash" | "nbits">;

/** Jobs that wait for their tip; pools keep one or two. */
const maxFutureJobs = 64;

/**
 * Pure: what the pool said of a channel, or of its group, and what there is to work on.
 *
 *     job without min_ntime ──► future jobs ──► SetNewPrevHash names one ──► it begins
 *     job with min_ntime ─────────────────────────────────────────────────► it begins, on the present tip
 *
 * A job has the target that is in force when it begins, and the extranonce prefix that was when it was sent.
 */
export class V2Channel {
  readonly id: number;
  readonly #options: V2ChannelOptions;
  readonly #extranonceSize: number;
  readonly #future = new Map<number, Announced>();
  #groupId: number;
  #target: Uint8Array;
  #prefix: Uint8Array;
  #tip: Tip | undefined;
  #last: { readonly key: string; readonly times: LapTimes } | undefined;

  constructor(options: V2ChannelOptions) {
    const { opened } = options;
    this.#options = options;
    this.id = opened.channelId;
    this.#groupId = opened.groupChannelId;
    this.#target = opened.target;
    this.#prefix = opened.extranoncePrefix;
    this.#extranonceSize = "extranonceSize" in opened ? opened.extranonceSize : 0;
  }

  /** Whether a message to this id is for the channel. */
  hears(id: number): boolean {
    return id === this.id || id === this.#groupId;
  }

  joinGroup({ groupChannelId, channelIds }: SetGroupChannel): void {
    if (channelIds.includes(this.id)) this.#groupId = groupChannelId;
  }

  /** For jobs that have not begun. */
  setTarget(target: Uint8Array): void {
    this.#target = target;
  }

  /** For jobs that are sent from now on. */
  setPrefix(prefix: Uint8Array): void {
    this.#prefix = prefix;
  }

  /** @returns the job if it begins at once. */
  takeJob(job: NewMiningJob | NewExtendedMiningJob): V2Job | Malformed | undefined {
    const announced = "merkleRoot" in job ? this.#standard(job) : this.#extended(job);
    const { minNtime } = job;
    if (minNtime !== undefined) return this.#begin(announced, minNtime);
    this.#future.set(job.jobId, announced);
    if (this.#future.size > maxFutureJobs) this.#future.delete(this.#future.keys().next().value!);
    return undefined;
  }

  /** @returns the job that begins. */
  takeTip({ jobId, previousHash, minNtime, nbits }: SetNewPrevHash): V2Job | Malformed {
    const announced = this.#future.get(jobId);
    if (announced === undefined)
      return new Malformed(`SetNewPrevHash names job ${jobId}, which was not sent before`);
    this.#future.clear();
    this.#tip = { previousHash, nbits };
    return this.#begin(announced, minNtime);
  }

  #standard({ jobId, version, merkleRoot }: NewMiningJob): Announced {
    const versionMask = this.#maskOf(true);
    return { jobId, version, versionMask, extranonceSize: 0, rootOf: () => merkleRoot };
  }

  #extended(job: NewExtendedMiningJob): Announced {
    const { jobId, version, versionRollingAllowed, merklePath, coinbaseTxPrefix, coinbaseTxSuffix } = job;
    const { addon } = this.#options;
    const prefix = this.#prefix;
    const branch = Buffer.concat(merklePath);
    return {
      jobId,
      version,
      versionMask: this.#maskOf(versionRollingAllowed),
      extranonceSize: this.#extranonceSize,
      rootOf(extranonce) {
        const coinbase = Buffer.concat([coinbaseTxPrefix, prefix, extranonce, coinbaseTxSuffix]);
        return addon.merkleRoot(addon.sha256d(coinbase), branch);
      },
    };
  }

  #maskOf(isAllowed: boolean): number {
    return isAllowed && !this.#options.isVersionFixed ? versionRollingMask : 0;
  }

  #begin(announced: Announced, minNtime: number): V2Job | Malformed {
    if (this.#tip === undefined) return new Malformed(`job ${announced.jobId} begins before there is a tip`);
    const target = this.#target;
    return { ...announced, ...this.#tip, minNtime, target, times: this.#timesOf(announced, this.#tip) };
  }

  /** A job that is sent again under another name goes on where it was. */
  #timesOf({ rootOf, extranonceSize }: Announced, { previousHash }: Tip): LapTimes {
    const root = rootOf(new Uint8Array(extranonceSize));
    const key = Buffer.concat([previousHash, root]).toString("hex");
    if (this.#last?.key !== key) this.#last = { key, times: new LapTimes() };
    return this.#last.times;
  }
}

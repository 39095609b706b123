import type { LiveJob } from "../../jobs/live-jobs.ts";
import { newExtendedMiningJob, setNewPrevHash } from "../../protocol/v2/jobs.ts";
import { newMiningJobBytes, writeNewMiningJob } from "../../protocol/v2/submit-shares.ts";

/** To whom a job goes, under which name. */
export interface Addressed {
  /** Of a channel or a group. */
  readonly channelId: number;
  readonly jobName: number;
  /** Undefined: a future job, which SetNewPrevHash activates. */
  readonly minNtime: number | undefined;
}

/** Where fields begin in whole frames: a channel's id, a job's name, and what says whether min_ntime follows. */
const at = { channelId: 6, jobName: 10, minNtime: 15 } as const;

interface Templates {
  active: Buffer | undefined;
  future: Buffer | undefined;
  prevHash: Buffer | undefined;
}

/**
 * A job's messages. What is the same for all of its receivers is encoded once; each gets a copy with its own ids.
 */
export class JobFrames {
  readonly #isVersionRollingAllowed: boolean;
  readonly #templates = new WeakMap<LiveJob, Templates>();
  /** The job that was asked for last, most often by the connection before. */
  #lastJob: LiveJob | undefined;
  #lastTemplates: Templates | undefined;

  constructor(isVersionRollingAllowed: boolean) {
    this.#isVersionRollingAllowed = isVersionRollingAllowed;
  }

  extended(job: LiveJob, { channelId, jobName, minNtime }: Addressed): Buffer {
    const templates = this.#of(job);
    const kind = minNtime === undefined ? "future" : "active";
    templates[kind] ??= this.#encodeExtended(job, minNtime);
    const frame = Buffer.from(templates[kind]);
    frame.writeUInt32LE(channelId, at.channelId);
    frame.writeUInt32LE(jobName, at.jobName);
    if (minNtime !== undefined) frame.writeUInt32LE(minNtime, at.minNtime);
    return frame;
  }

  /** @param merkleRoot 32 bytes, of the receiver's own coinbase. */
  standard({ data }: LiveJob, { channelId, jobName, minNtime }: Addressed, merkleRoot: Uint8Array): Buffer {
    const frame = Buffer.allocUnsafe(newMiningJobBytes);
    const { version } = data;
    const end = writeNewMiningJob(frame, 0, { channelId, jobId: jobName, minNtime, version, merkleRoot });
    return frame.subarray(0, end);
  }

  /** Has the future job begin on the job's tip, no earlier than it starts. */
  prevHash(job: LiveJob, channelId: number, jobName: number): Buffer {
    const templates = this.#of(job);
    templates.prevHash ??= setNewPrevHash.encode({
      channelId,
      jobId: jobName,
      previousHash: job.data.previousHash,
      minNtime: job.data.startTime,
      nbits: job.data.bits,
    });
    const frame = Buffer.from(templates.prevHash);
    frame.writeUInt32LE(channelId, at.channelId);
    frame.writeUInt32LE(jobName, at.jobName);
    return frame;
  }

  #encodeExtended({ data }: LiveJob, minNtime: number | undefined): Buffer {
    return newExtendedMiningJob.encode({
      channelId: 0,
      jobId: 0,
      minNtime,
      version: data.version,
      versionRollingAllowed: this.#isVersionRollingAllowed,
      merklePath: data.merkleBranch,
      coinbaseTxPrefix: data.coinbase1,
      coinbaseTxSuffix: data.coinbase2,
    });
  }

  #of(job: LiveJob): Templates {
    if (job === this.#lastJob) return this.#lastTemplates!;
    let templates = this.#templates.get(job);
    if (templates === undefined) {
      templates = { active: undefined, future: undefined, prevHash: undefined };
      this.#templates.set(job, templates);
    }
    this.#lastJob = job;
    this.#lastTemplates = templates;
    return templates;
  }
}

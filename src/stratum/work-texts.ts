import type { LiveJob } from "../jobs/live-jobs.ts";
import { encodeJobId } from "../protocol/v1/job-id.ts";
import type { NotifyBody } from "../protocol/v1/notify.ts";
import { encodeNotify, encodeNotifyBody } from "../protocol/v1/notify.ts";

interface Texts {
  readonly body: NotifyBody;
  /** The line that goes to everybody, as bytes: with and without the flag that earlier work is void. */
  clean: Buffer | undefined;
  carryOn: Buffer | undefined;
}

/** A job's lines, made once for all sessions. */
export class WorkTexts {
  readonly #texts = new WeakMap<LiveJob, Texts>();
  /** The job that was asked for last, most often by the connection before. */
  #lastJob: LiveJob | undefined;
  #lastTexts: Texts | undefined;

  /** The bytes that all sessions share: variant 0. */
  shared(job: LiveJob, clean: boolean): Buffer {
    const texts = this.#of(job);
    const key = clean ? "clean" : "carryOn";
    texts[key] ??= Buffer.from(encodeNotify(encodeJobId(job.data.number, 0), texts.body, clean), "latin1");
    return texts[key];
  }

  /** One session's own line. */
  own(job: LiveJob, variant: number, clean: boolean): string {
    return encodeNotify(encodeJobId(job.data.number, variant), this.#of(job).body, clean);
  }

  #of(job: LiveJob): Texts {
    if (job === this.#lastJob) return this.#lastTexts!;
    this.#lastTexts = this.#find(job);
    this.#lastJob = job;
    return this.#lastTexts;
  }

  #find(job: LiveJob): Texts {
    let texts = this.#texts.get(job);
    if (texts === undefined) {
      texts = { body: encodeNotifyBody(job.data), clean: undefined, carryOn: undefined };
      this.#texts.set(job, texts);
    }
    return texts;
  }
}

/**
 * From a template to a job that miners may have: its transactions on disk first, so that whoever solves it can complete
 * the block; then the job; then, beside it, the proof by a node of each shape that the job is handed out in.
 */
import { setTimeout as pause } from "node:timers/promises";
import { describeError, PoolError } from "../errors.ts";
import type { JobFeed } from "../jobs/feed.ts";
import type { JobData } from "../jobs/job.ts";
import { wideJob } from "../jobs/wide-job.ts";
import type { Logger } from "../log/index.ts";
import type { Template } from "../template/template.ts";
import { type ProposalVerdict, proposeJob } from "./proposals.ts";

export interface TemplateFlowOptions {
  readonly feed: Pick<JobFeed, "use" | "current">;
  readonly writeTransactions: (template: Template) => void;
  /** One getblocktemplate call in proposal mode. */
  readonly propose: (blockHex: string) => Promise<unknown>;
  /** How long after its job a proposal goes out whose kind of job was judged before; 0 if not given. */
  readonly proposalDelayMs?: number | undefined;
  /** The job as a solo miner has it, whose shape is shown to the node as well; undefined where nobody may mine solo. */
  readonly soloProbe?: ((job: JobData) => JobData) | undefined;
  readonly log: Logger;
  readonly onVerdict: (kind: ProposalVerdict["kind"]) => void;
  readonly onRefused: (code: string) => void;
  /** Something changed that `reasons` depends on. */
  readonly onChange: () => void;
}

type Shape = readonly [name: string, job: JobData];

export class TemplateFlow {
  readonly #options: TemplateFlowOptions;
  /** Why the job in use must not be mined on. */
  #unusable: string | undefined;
  /** What a node said against a shape of jobs; undefined: nothing. */
  readonly #refused = new Map<string, string | undefined>();
  /** Tip and kind whose shape was judged last: a refresh has the same shape. */
  #proposed: string | undefined;

  constructor(options: TemplateFlowOptions) {
    this.#options = options;
  }

  /** What speaks against serving miners; empty when nothing does. */
  get reasons(): string[] {
    const unjudged = this.#refused.size === 0 ? "no job has been shown to a node yet" : undefined;
    return [this.#unusable, unjudged, ...this.#refused.values()].filter((reason) => reason !== undefined);
  }

  async take(template: Template): Promise<void> {
    if (template.transactions.count > 0) this.#options.writeTransactions(template);
    const job = this.#use(template);
    if (job !== undefined) await this.#propose(job, template);
  }

  #use(template: Template): JobData | undefined {
    const { feed, log } = this.#options;
    try {
      feed.use(template);
      this.#setUnusable(undefined);
      return feed.current;
    } catch (error) {
      if (!(error instanceof PoolError)) throw error;
      this.#options.onRefused(error.code);
      if (this.#unusable !== error.message)
        log.error({ event: "template-unusable", code: error.code }, describeError(error));
      this.#setUnusable(error.message);
      return undefined;
    }
  }

  #setUnusable(reason: string | undefined): void {
    if (reason === this.#unusable) return;
    this.#unusable = reason;
    this.#options.onChange();
  }

  async #propose(job: JobData, template: Template): Promise<void> {
    const { propose, proposalDelayMs = 0 } = this.#options;
    const known = `${job.tipNumber} ${job.kind}`;
    if (known === this.#proposed) return;
    this.#proposed = known;
    const { data } = template.transactions;
    // A megabyte of hex can wait until the miners have their job; a shape that was never judged cannot.
    if (this.#refused.has(job.kind)) await pause(proposalDelayMs);
    try {
      for (const [shape, shaped] of this.#shapesOf(job))
        this.#judge(job, shape, await proposeJob(shaped, data, propose));
    } catch (error) {
      // No answer is no verdict: the next template is shown instead.
      this.#proposed = undefined;
      this.#options.log.warn({ event: "proposal-unanswered", job: job.number }, describeError(error));
    }
  }

  /** All that miners are handed out of a job, by the names of its shapes; the usual one first. */
  #shapesOf(job: JobData): readonly Shape[] {
    const { soloProbe } = this.#options;
    const usual: readonly Shape[] = [
      [job.kind, job],
      ...(soloProbe === undefined ? [] : [[`${job.kind} solo`, soloProbe(job)] as const]),
    ];
    const wide = usual.flatMap(([shape, data]): readonly Shape[] => {
      const widened = wideJob(data);
      // Without room in the coinbase's script nobody is given one.
      return widened === undefined ? [] : [[`${shape} wide`, widened]];
    });
    return [...usual, ...wide];
  }

  #judge(job: JobData, shape: string, verdict: ProposalVerdict): void {
    this.#options.onVerdict(verdict.kind);
    if (verdict.kind === "outdated") {
      this.#proposed = undefined;
      return;
    }
    const refused =
      verdict.kind === "refused" ? `the node refuses our blocks (${verdict.reason})` : undefined;
    const known = this.#refused.has(shape) && this.#refused.get(shape) === refused;
    if (known) return;
    this.#refused.set(shape, refused);
    if (refused !== undefined) {
      this.#options.log.fatal(
        { event: "job-refused", job: job.number, height: job.height, shape, reason: refused },
        "a node says that a block of this job would be invalid; miners are sent to their backup pools",
      );
    }
    this.#options.onChange();
  }
}

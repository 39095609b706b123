import type { Addon, Intake, LineLane as NativeLane } from "../native/addon.ts";
import { frameLayout } from "../native/layout.ts";
import type { JobId } from "../protocol/v1/job-id.ts";
import {
  type GrantedTarget,
  type GrantTerms,
  laneGrantOf,
  type RunCounts,
  type RunCredit,
  type RunSource,
  type RunTaker,
} from "./native-run.ts";

export interface LineGrant extends GrantTerms {
  readonly id: JobId;
  /** As the client writes it. */
  readonly user: string;
}

export interface LineRun extends RunCounts {
  /** Lines for all of them in order, as they are if the accepted ones become durable. */
  readonly answers: string;
  /** What the accepted ones are credited with, each. */
  readonly assignment: GrantedTarget | undefined;
}

/** @returns who waits for the commit: to be given if anything was accepted. */
export type OnLineRun = (run: LineRun) => ((durable: boolean) => void) | undefined;

export type LineAddon = Pick<Addon, "createLineLane" | "grantLines" | "forgetLines" | "takeLines">;

/** What lanes of one worker share. */
export interface LineLaneParts {
  readonly addon: LineAddon;
  readonly intake: Intake;
  readonly taker: RunTaker;
}

/** What one V1 connection may submit in native code. */
export class LineLane implements RunSource {
  readonly protocol = "v1";
  readonly #parts: LineLaneParts;
  readonly #native: NativeLane;
  /** By their tags. */
  readonly #granted: GrantedTarget[] = [];
  #last: LineGrant | undefined;
  #onRun: OnLineRun | undefined;

  constructor(parts: LineLaneParts) {
    this.#parts = parts;
    this.#native = parts.addon.createLineLane();
  }

  /** Whether anything was granted: without that `take` takes nothing. */
  get isOpen(): boolean {
    return this.#granted.length > 0;
  }

  grant(grant: LineGrant): void {
    // Lines that are always unusual come with each submission.
    if (this.isOpen && this.#last !== undefined && isSame(this.#last, grant)) return;
    this.#last = grant;
    const { id, assignment, user } = grant;
    let tag = this.#granted.indexOf(assignment);
    if (tag < 0) tag = this.#granted.push(assignment) - 1;
    this.#parts.addon.grantLines(this.#native, { ...laneGrantOf(grant, tag), user, variant: id.variant });
  }

  forget(): void {
    if (!this.isOpen) return;
    this.#granted.length = 0;
    this.#last = undefined;
    this.#parts.addon.forgetLines(this.#native);
  }

  /** Takes the submissions at the front of bytes[from…]. @returns up to where. */
  take(bytes: Uint8Array, from: number, onRun: OnLineRun): number {
    this.#onRun = onRun;
    return this.#parts.taker.take(this, bytes, from);
  }

  takeNatively(bytes: Uint8Array, journal: Uint8Array, answers: Uint8Array, frame: Float64Array): void {
    this.#parts.addon.takeLines(this.#parts.intake, this.#native, bytes, journal, answers, frame);
  }

  tell(counts: RunCounts, answers: Buffer, frame: Float64Array): RunCredit | undefined {
    const { submissions, accepted, refused } = counts;
    const assignment = accepted === 0 ? undefined : this.#granted[frame[frameLayout.tag]!];
    const text = answers.toString("latin1");
    const settle = this.#onRun?.({ answers: text, submissions, accepted, refused, assignment });
    return assignment && { work: assignment.target.work * BigInt(accepted), settle };
  }
}

function isSame(one: LineGrant, other: LineGrant): boolean {
  return (
    one.job === other.job &&
    one.id.variant === other.id.variant &&
    one.assignment === other.assignment &&
    one.scheme === other.scheme &&
    one.user === other.user
  );
}

import type { Target } from "../bitcoin/target.ts";
import type { JobId } from "../protocol/v1/job-id.ts";
import { maxVariant } from "../protocol/v1/job-id.ts";

/** A difficulty and its target, in force from the job (number, variant) on, which was sent right behind it. */
export interface Assignment extends JobId {
  readonly difficulty: number;
  readonly target: Target;
}

/** Changes of difficulty that are remembered; a change that can wait does so until older jobs have expired. */
const maxAssignments = 64;

/**
 * What one connection was sent, in order: job names rise, first by number, then by variant, so an assignment's name
 * tells which jobs came before and after it.
 */
export class WorkHistory {
  #assignments: Assignment[] = [];
  #first = Number.POSITIVE_INFINITY;
  #last = -1;
  #lastVariant = 0;

  /** As it was in another process. @param last the newest job that may have been sent. */
  static restored(assignments: readonly Assignment[], last: number): WorkHistory {
    const history = new WorkHistory();
    history.#assignments = [...assignments];
    history.#first = assignments[0]?.number ?? Number.POSITIVE_INFINITY;
    history.#last = Math.max(last, assignments.at(-1)?.number ?? -1);
    const newest = assignments.findLast(({ number }) => number === history.#last);
    history.#lastVariant = newest?.variant ?? 0;
    return history;
  }

  /** Number of the newest job sent; -1 before the first. */
  get lastNumber(): number {
    return this.#last;
  }

  get assignment(): Assignment | undefined {
    return this.#assignments[this.#assignments.length - 1];
  }

  /** Whether there is room for a change of difficulty that could wait, sent together with the job `number`. */
  canAssign(number: number): boolean {
    return this.#assignments.length < maxAssignments && this.hasName(number);
  }

  /** Whether the job `number` can be sent once more: each time it bears another name. */
  hasName(number: number): boolean {
    return this.nextVariant(number) <= maxVariant;
  }

  /** The variant under which the job `number` would be sent now: 0 the first time. */
  nextVariant(number: number): number {
    return number > this.#last ? 0 : this.#lastVariant + 1;
  }

  /** The job was sent under variant 0, at the difficulty assigned last. */
  sent(number: number): void {
    if (number < this.#first) this.#first = number;
    this.#last = number;
    this.#lastVariant = 0;
  }

  /** A difficulty was sent, and right behind it the job under this name. */
  assigned(assignment: Assignment): void {
    if (assignment.variant === 0) this.sent(assignment.number);
    this.#lastVariant = assignment.variant;
    // Most connections have one for hours: a list of one is as long as that, one that grew has room for sixteen.
    if (this.#assignments.length === 0) this.#assignments = [assignment];
    else this.#assignments.push(assignment);
    // Only a change that cannot wait comes here with a full history; the oldest jobs are then forgotten.
    if (this.#assignments.length > maxAssignments) this.#assignments.shift();
  }

  /**
   * The easiest of the assignment in force when the job was sent and all later ones, for devices apply a difficulty at
   * once or at their next job, and neither may cost them a share.
   * @returns undefined if this connection was never sent a job of this name.
   */
  inForce(id: JobId): Assignment | undefined {
    if (id.number < this.#first || id.number > this.#last) return undefined;
    let easiest: Assignment | undefined;
    for (let i = this.#assignments.length - 1; i >= 0; i--) {
      const assignment = this.#assignments[i]!;
      if (easiest === undefined || assignment.difficulty < easiest.difficulty) easiest = assignment;
      const order = compare(assignment, id);
      if (order === 0) return easiest;
      // A variant is known by the assignment that it was sent with.
      if (order < 0) return id.variant === 0 ? easiest : undefined;
    }
    // Older than what is remembered.
    return undefined;
  }

  /** Forgets assignments that no job still refers to. @param isLive whether the job `number` can still be judged. */
  prune(isLive: (number: number) => boolean): void {
    let unneeded = 0;
    // All jobs before the next assignment's are older than that one's.
    while (unneeded + 1 < this.#assignments.length && !isLive(this.#assignments[unneeded + 1]!.number))
      unneeded++;
    if (unneeded > 0) this.#assignments = this.#assignments.slice(unneeded);
  }
}

function compare(a: JobId, b: JobId): number {
  return a.number - b.number || a.variant - b.variant;
}

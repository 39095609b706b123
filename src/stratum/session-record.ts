/**
 * What must be known of a session so that its client can come back after a restart of the process, as lines of text.
 *
 *   penstock-sessions 1
 *   o <session> <extranonce1> <scheme>               it was opened
 *   a <session> <job number> <variant> <difficulty>  it was assigned this with that job
 *   e <session> <last job number> <wall ms>          it ended
 *   l <session>                                      it was taken up again: it lives
 *   t <wall ms>                                      everything so far happened before this
 *
 * A session that lives when the lines stop ended with its process: at the last `t`. One that was never assigned
 * anything is passed over: there is nothing to come back to. An extranonce1 belongs to the session that was opened with
 * it last.
 */
import type { JobId } from "../protocol/v1/job-id.ts";
import type { Scheme } from "./port.ts";

/** Hears of every session; what it keeps is for the next start. */
export interface SessionRecorder {
  opened(sessionId: string, extranonce1: number, scheme: Scheme): void;
  assigned(sessionId: string, assignment: JobId & { readonly difficulty: number }): void;
  ended(sessionId: string, lastJobNumber: number): void;
  resumed(sessionId: string): void;
}

export interface RecordedSession {
  readonly sessionId: string;
  readonly extranonce1: number;
  readonly scheme: Scheme;
  readonly assignments: readonly (JobId & { readonly difficulty: number })[];
  /** Undefined: it lives, or ended with its process. */
  readonly lastJobNumber: number | undefined;
  /** Wall clock; of one that lives, when that was last known. */
  readonly endedMs: number;
}

export interface EndedSession extends RecordedSession {
  /** The newest that it may have been sent. */
  readonly lastJobNumber: number;
}

export const sessionFormat = "penstock-sessions 1";

/** More assignments than this are not needed: older jobs are long gone. */
const assignmentsKept = 64;
const maxExtranonce1 = 0xffffffff;
/** Beyond anything that is mined with; a target can be made of it. */
const maxDifficulty = 1e15;

export const sessionLines = {
  opened: (sessionId: string, extranonce1: number, scheme: Scheme) =>
    `o ${sessionId} ${extranonce1} ${scheme}\n`,
  assigned: (sessionId: string, { number, variant, difficulty }: JobId & { readonly difficulty: number }) =>
    `a ${sessionId} ${number} ${variant} ${difficulty}\n`,
  ended: (sessionId: string, lastJobNumber: number, wallMs: number) =>
    `e ${sessionId} ${lastJobNumber} ${wallMs}\n`,
  resumed: (sessionId: string) => `l ${sessionId}\n`,
  time: (wallMs: number) => `t ${wallMs}\n`,
};

interface Draft {
  readonly extranonce1: number;
  readonly scheme: Scheme;
  readonly assignments: (JobId & { readonly difficulty: number })[];
  lastJobNumber: number | undefined;
  endedMs: number | undefined;
}

/** Reads lines back; what makes no sense, as a torn last line, is passed over. Sessions that ended first come first. */
export function readSessions(text: string): RecordedSession[] {
  const [first, ...lines] = text.split("\n");
  if (first !== sessionFormat) return [];
  const drafts = new Map<string, Draft>();
  let nowMs = 0;
  // Behind the last newline stands nothing, or a line that was not finished.
  for (const line of lines.slice(0, -1)) nowMs = Math.max(nowMs, readLine(drafts, line.split(" ")));
  const owners = new Map([...drafts].map(([sessionId, { extranonce1 }]) => [extranonce1, sessionId]));
  return [...drafts]
    .filter(
      ([sessionId, draft]) => draft.assignments.length > 0 && owners.get(draft.extranonce1) === sessionId,
    )
    .map(([sessionId, draft]) => ({ sessionId, ...draft, endedMs: draft.endedMs ?? nowMs }))
    .sort((left, right) => left.endedMs - right.endedMs);
}

/** @returns a time that the line tells of, or 0. */
function readLine(drafts: Map<string, Draft>, [kind, name = "", ...words]: string[]): number {
  if (kind === "t") return wholeNumber(name) ?? 0;
  const draft = drafts.get(name);
  const [one, two, three] = [wholeNumber(words[0]), wholeNumber(words[1]), Number(words[2])];
  if (
    kind === "o" &&
    one !== undefined &&
    one <= maxExtranonce1 &&
    (words[1] === "pplns" || words[1] === "solo")
  ) {
    drafts.set(name, {
      extranonce1: one,
      scheme: words[1],
      assignments: [],
      lastJobNumber: undefined,
      endedMs: undefined,
    });
  } else if (kind === "a" && draft && one !== undefined && two !== undefined && isDifficulty(three)) {
    draft.assignments.push({ number: one, variant: two, difficulty: three });
    if (draft.assignments.length > assignmentsKept) draft.assignments.shift();
  } else if (kind === "e" && draft && one !== undefined && two !== undefined) {
    draft.lastJobNumber = one;
    draft.endedMs = two;
    return two;
  } else if (kind === "l" && draft) {
    draft.lastJobNumber = undefined;
    draft.endedMs = undefined;
  }
  return 0;
}

function isDifficulty(number: number): boolean {
  return number > 0 && number <= maxDifficulty;
}

function wholeNumber(word: string | undefined): number | undefined {
  return word !== undefined && /^\d{1,15}$/.test(word) ? Number(word) : undefined;
}

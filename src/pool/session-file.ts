/**
 * The sessions of one worker process on disk, so that miners can go on where they were after a restart. Lines are
 * written once a second and not synced: a crash of the process loses a second of them, and then a client begins anew.
 */
import { appendFile, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Clock } from "../clock.ts";
import { describeError } from "../errors.ts";
import type { Logger } from "../log/index.ts";
import {
  type EndedSession,
  type RecordedSession,
  readSessions,
  type SessionRecorder,
  sessionFormat,
  sessionLines,
} from "../stratum/session-record.ts";

export interface SessionFileOptions {
  readonly file: string;
  readonly clock: Pick<Clock, "wallMs">;
  readonly log: Logger;
  /** How long after its end a session can be taken up. */
  readonly keepMs: number;
  readonly most: number;
}

/** Grown by so much, the file is written anew with what still counts. */
const rewriteBytes = 8 * 2 ** 20;
/** Beyond so much that a slow disk lets wait, nothing more is noted. */
const maxWaitingLength = 8 * 2 ** 20;

export class SessionFile implements SessionRecorder {
  readonly #options: SessionFileOptions;
  #lines = "";
  #grownBytes = 0;
  #last: Promise<void> = Promise.resolve();
  #hasFailed = false;

  constructor(options: SessionFileOptions) {
    this.#options = options;
  }

  /**
   * What the process before left, as far as it can still be taken up. Then the file holds no more than that, and all of
   * it as ended: who does not come back now is not waited for after the next start.
   * @param newestJob the last that those may have been sent whose end was not written down.
   */
  async open(newestJob: number): Promise<readonly EndedSession[]> {
    const sessions = (await this.#read()).map(({ lastJobNumber = newestJob, ...session }) => ({
      ...session,
      lastJobNumber,
    }));
    try {
      await mkdir(dirname(this.#options.file), { recursive: true });
      await this.#write(sessions);
    } catch (error) {
      this.#complain(error);
    }
    return sessions;
  }

  opened(...session: Parameters<SessionRecorder["opened"]>): void {
    this.#note(sessionLines.opened(...session));
  }

  assigned(...assignment: Parameters<SessionRecorder["assigned"]>): void {
    this.#note(sessionLines.assigned(...assignment));
  }

  ended(sessionId: string, lastJobNumber: number): void {
    // Before the first job it is -1: there is nothing to come back to.
    if (lastJobNumber < 0) return;
    this.#note(sessionLines.ended(sessionId, lastJobNumber, this.#options.clock.wallMs()));
  }

  resumed(sessionId: string): void {
    this.#note(sessionLines.resumed(sessionId));
  }

  #note(line: string): void {
    if (this.#lines.length < maxWaitingLength) this.#lines += line;
  }

  /** Writes what has come; to be called every second, and at the end. */
  flush(): Promise<void> {
    this.#last = this.#last.then(() => this.#append()).catch((error: unknown) => this.#complain(error));
    return this.#last;
  }

  async #append(): Promise<void> {
    const lines = this.#lines + sessionLines.time(this.#options.clock.wallMs());
    this.#lines = "";
    await appendFile(this.#options.file, lines);
    this.#grownBytes += lines.length;
    if (this.#grownBytes > rewriteBytes) await this.#write(await this.#read());
  }

  async #read(): Promise<RecordedSession[]> {
    const { file, clock, keepMs, most } = this.#options;
    // Without the file, or if it cannot be read, miners begin anew.
    const text = await readFile(file, "utf8").catch(() => "");
    const nowMs = clock.wallMs();
    const sessions = readSessions(text).filter(({ endedMs }) => nowMs - endedMs < keepMs);
    return sessions.slice(Math.max(0, sessions.length - most));
  }

  async #write(sessions: readonly RecordedSession[]): Promise<void> {
    const { file } = this.#options;
    const lines = sessions.map(({ sessionId, extranonce1, scheme, assignments, lastJobNumber, endedMs }) =>
      [
        sessionLines.opened(sessionId, extranonce1, scheme),
        ...assignments.map((assignment) => sessionLines.assigned(sessionId, assignment)),
        ...(lastJobNumber === undefined ? [] : [sessionLines.ended(sessionId, lastJobNumber, endedMs)]),
      ].join(""),
    );
    const timeMs = Math.max(0, ...sessions.map(({ endedMs }) => endedMs));
    await writeFile(`${file}.tmp`, `${sessionFormat}\n${lines.join("")}${sessionLines.time(timeMs)}`);
    await rename(`${file}.tmp`, file);
    this.#grownBytes = 0;
  }

  #complain(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#options.log.warn(
      { event: "sessions-not-saved", err: error },
      `${describeError(error)} After a restart miners begin with new sessions.`,
    );
  }
}

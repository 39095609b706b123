/**
 * A V1 session: what one connection was told and may do. Each method's rules are in the file of its name; here is what
 * they share, and when work is sent.
 */
import { randomBytes } from "node:crypto";
import type { LiveJob } from "../../jobs/live-jobs.ts";
import { encodeMethodNotFound, encodeRefusal, encodeTrue } from "../../protocol/v1/answer.ts";
import type { Line } from "../../protocol/v1/line.ts";
import { isBlank, readLine } from "../../protocol/v1/line.ts";
import { Malformed } from "../../protocol/v1/malformed.ts";
import { encodeSetDifficulty } from "../../protocol/v1/set-difficulty.ts";
import type { Run, ShareLane } from "../../shares/native-intake.ts";
import { AnswerQueue } from "../answer-queue.ts";
import type { Connection, ConnectionHandler } from "../connection.ts";
import { clamp } from "../difficulty.ts";
import type { CloseReason } from "../metrics.ts";
import { TipHistory } from "../tip-history.ts";
import type { VardiffWindow } from "../vardiff.ts";
import { nextDifficulty, openWindow } from "../vardiff.ts";
import { WorkHistory } from "../work-history.ts";
import { authorize } from "./authorize.ts";
import { configure } from "./configure.ts";
import type { SessionContext } from "./context.ts";
import { submit, takeRun } from "./submit.ts";
import { subscribe } from "./subscribe.ts";
import { suggestDifficulty } from "./suggest-difficulty.ts";

/** Who is credited for shares under a user name. */
export interface Worker {
  /** The payout address, in its one spelling. */
  readonly account: string;
  readonly worker: string;
}

export interface SessionSubscription {
  readonly sessionId: string;
  readonly extranonce1: number;
}

export class Session implements ConnectionHandler {
  readonly context: SessionContext;
  readonly connection: Connection;
  readonly answers: AnswerQueue;
  readonly work = new WorkHistory();
  readonly tips = new TipHistory();
  /** By user name as the client writes it. */
  readonly workers = new Map<string, Worker>();
  subscription: SessionSubscription | undefined;
  /** What the client calls itself. */
  agent = "";
  /** Bits agreed on by mining.configure; undefined without it. */
  versionMask: number | undefined;
  /** The difficulty that this connection would have if the network's were no limit. */
  wantedDifficulty: number;
  suggestion: { readonly difficulty: number; readonly atMs: number } | undefined;
  vardiff: VardiffWindow | undefined;
  /** What this connection may submit in native code. */
  readonly lane: ShareLane | undefined;
  readonly #openedMs: number;
  readonly #onClosed: (session: Session) => void;
  #lastRequestMs: number;
  #garbageInARow = 0;
  #paused = false;
  /** A job could not be sent, because the client is slow to read. */
  #owesWork = false;

  constructor(context: SessionContext, connection: Connection, onClosed: (session: Session) => void) {
    this.context = context;
    this.connection = connection;
    this.answers = new AnswerQueue((text) => connection.send(text));
    this.lane = context.intake?.createLane();
    const { start, min, max } = context.difficulty;
    this.wantedDifficulty = clamp(start, min, max);
    this.#openedMs = context.clock.monotonicMs();
    this.#lastRequestMs = this.#openedMs;
    this.#onClosed = onClosed;
  }

  lines(bytes: Buffer, from: number): number {
    if (this.lane === undefined || !this.lane.isOpen || from === bytes.length) return from;
    const taken = this.lane.take(bytes, from, this.#onRun);
    if (taken > from) {
      this.#garbageInARow = 0;
      this.#lastRequestMs = this.context.clock.monotonicMs();
      this.#holdBack();
    }
    return taken;
  }

  readonly #onRun = (run: Run) => takeRun(this, run);

  line(bytes: Buffer): void {
    // Some clients send empty lines as a sign of life.
    if (isBlank(bytes)) return;
    const line = readLine(bytes, this.context.limits.jsonDepth);
    if (line instanceof Malformed) this.#refuseGarbage(line.idText, line.detail);
    else if (line.method === undefined) this.#refuseGarbage(line.idText, "method is missing");
    else this.#request(line.method, line);
    this.#holdBack();
  }

  #request(method: string, line: Line): void {
    this.#garbageInARow = 0;
    this.#lastRequestMs = this.context.clock.monotonicMs();
    const problem = this.#dispatch(method, line);
    if (problem !== undefined) this.#refuseMalformed(line.idText, problem.detail);
  }

  /** @returns what is wrong with the parameters; otherwise the request is answered, or will be. */
  #dispatch(method: string, line: Line): Malformed | undefined {
    switch (method) {
      case "mining.submit":
        return submit(this, line);
      case "mining.subscribe":
        return subscribe(this, line);
      case "mining.authorize":
        return authorize(this, line);
      case "mining.configure":
        return configure(this, line);
      case "mining.suggest_difficulty":
        return suggestDifficulty(this, line);
      case "mining.extranonce.subscribe":
        // True costs nothing: extranonce1 never changes within a connection.
        this.answers.answer(encodeTrue(line.idText));
        return undefined;
      default:
        this.answers.answer(encodeMethodNotFound(line.idText));
        return undefined;
    }
  }

  #refuseMalformed(idText: string, detail: string): void {
    this.context.metrics.malformedLine();
    this.answers.answer(encodeRefusal(idText, "malformed", detail));
  }

  /** No request at all, whereas bad parameters of a known method are a mistake that costs nobody his connection. */
  #refuseGarbage(idText: string, detail: string): void {
    this.#refuseMalformed(idText, detail);
    this.#garbageInARow += 1;
    if (this.#garbageInARow >= this.context.limits.malformedLines) this.finish("garbage");
  }

  /** Too many answers wait for the journal: what the client sends next waits in its own memory. */
  #holdBack(): void {
    if (this.#paused || this.answers.size < this.context.limits.pendingAnswers) return;
    this.#paused = true;
    this.connection.pauseReading();
  }

  /** To be called when a pending answer was settled. */
  answered(): void {
    if (this.#paused && this.answers.size < this.context.limits.pendingAnswers / 2) {
      this.#paused = false;
      this.connection.resumeReading();
    }
    if (this.answers.size === 0) this.connection.end();
  }

  /** Starts the subscription: its session id is opaque and unguessable. */
  startSubscription(extranonce1: number): SessionSubscription {
    this.subscription = { sessionId: randomBytes(8).toString("hex"), extranonce1 };
    this.context.counts.subscribed += 1;
    return this.subscription;
  }

  /** The difficulty for a job on a network of this difficulty, which is never exceeded. */
  #difficultyFor(job: LiveJob): number {
    return Math.min(this.wantedDifficulty, this.context.difficulties.network(job.data.bits));
  }

  /** Lines that assign the wanted difficulty and send the job; they must be sent now. */
  takeWork(job: LiveJob): string {
    const { data } = job;
    const nowMs = this.context.clock.monotonicMs();
    const difficulty = this.#difficultyFor(job);
    const variant = this.work.nextVariant(data.number);
    const target = this.context.difficulties.target(difficulty);
    const present = this.work.assignment;
    if (present !== undefined && present.difficulty !== difficulty) this.context.metrics.difficultyChanged();
    this.work.prune((number) => this.context.jobs.get(number) !== undefined);
    this.work.assigned({ number: data.number, variant, difficulty, target });
    this.lane?.forget();
    if (this.vardiff?.difficulty !== difficulty) this.vardiff = openWindow(difficulty, nowMs, this.vardiff);
    const clean = this.tips.sent(data.tipNumber, nowMs) || (variant === 0 && data.clean);
    this.#owesWork = false;
    return encodeSetDifficulty(difficulty) + this.context.texts.own(job, variant, clean);
  }

  /** A new job for everybody. */
  deliver(job: LiveJob): void {
    const { data } = job;
    if (this.subscription === undefined || !this.connection.isOpen || data.number <= this.work.lastNumber)
      return;
    const clean = data.clean || this.tips.isNew(data.tipNumber);
    const shared = this.context.texts.shared(job, clean);
    if (this.connection.isBehind(shared.length)) {
      this.#owesWork = true;
      return;
    }
    const difficulty = this.#difficultyFor(job);
    if (difficulty !== this.work.assignment?.difficulty) {
      this.connection.send(this.takeWork(job));
      return;
    }
    this.work.sent(data.number);
    // What was granted on the tip before may become stale.
    if (this.tips.sent(data.tipNumber, this.context.clock.monotonicMs())) this.lane?.forget();
    this.#owesWork = false;
    this.connection.sendShared(shared);
  }

  /** Changes the difficulty by our own decision, now if there is a job to go with it, else with the next one. */
  want(difficulty: number): void {
    this.wantedDifficulty = difficulty;
    const job = this.context.jobs.current;
    const present = this.work.assignment;
    if (job === undefined || present === undefined || this.#difficultyFor(job) === present.difficulty) return;
    this.work.prune((number) => this.context.jobs.get(number) !== undefined);
    if (!this.work.canAssign(job.data.number)) return;
    this.connection.send(this.takeWork(job));
  }

  /** Looks after deadlines and difficulty; called every second or so. */
  sweep(nowMs: number): void {
    const { limits } = this.context;
    this.connection.sweep(nowMs, limits.writeSeconds * 1000);
    if (!this.connection.isOpen) return;
    const late = this.#missedDeadline(nowMs);
    if (late !== undefined) this.finish(late);
    else this.#adjustDifficulty(nowMs);
  }

  #missedDeadline(nowMs: number): CloseReason | undefined {
    const { subscribeSeconds, authorizeSeconds, idleSeconds } = this.context.limits;
    const ageMs = nowMs - this.#openedMs;
    if (this.subscription === undefined && ageMs >= subscribeSeconds * 1000) return "subscribe-timeout";
    if (this.workers.size === 0 && ageMs >= authorizeSeconds * 1000) return "authorize-timeout";
    return nowMs - this.#lastRequestMs >= idleSeconds * 1000 ? "idle" : undefined;
  }

  #adjustDifficulty(nowMs: number): void {
    const { vardiff } = this;
    const job = this.context.jobs.current;
    if (!this.context.difficulty.vardiff || vardiff === undefined || job === undefined) return;
    const { min, max, sharesPerMinute } = this.context.difficulty;
    const highest = Math.min(max, this.context.difficulties.network(job.data.bits));
    const next = nextDifficulty(vardiff, nowMs, { min, max: highest, sharesPerMinute });
    if (next === undefined) return;
    if (next === vardiff.difficulty) this.vardiff = openWindow(next, nowMs, vardiff);
    else this.want(next);
  }

  /** Ends the connection when all that was asked is answered. */
  finish(reason: CloseReason): void {
    this.connection.finish(reason, this.context.clock.monotonicMs());
    if (this.answers.size === 0) this.connection.end();
  }

  lineTooLong(): void {
    this.#refuseMalformed("null", `the line is longer than ${this.context.limits.lineBytes} bytes`);
    this.finish("line-too-long");
  }

  ended(): void {
    this.finish("peer");
  }

  drained(): void {
    const job = this.context.jobs.current;
    if (this.#owesWork && job !== undefined) this.deliver(job);
  }

  failed(error: unknown): void {
    this.context.metrics.sessionFailed();
    this.context.log.error(
      { event: "session-failed", remote: this.connection.remote, agent: this.agent, err: error },
      "a session met a bug and was closed; the others go on",
    );
    this.connection.close("failed");
  }

  closed(reason: CloseReason): void {
    const { counts, extranonces, log, metrics } = this.context;
    if (this.subscription !== undefined) {
      counts.subscribed -= 1;
      extranonces.giveBack(this.subscription.extranonce1);
    }
    counts.workers -= this.workers.size;
    metrics.connectionClosed(reason);
    const { remote } = this.connection;
    log.debug({ event: "connection-closed", remote, agent: this.agent, reason }, "a connection ended");
    this.#onClosed(this);
  }
}

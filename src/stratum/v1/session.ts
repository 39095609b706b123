/**
 * A V1 session: what one connection was told and may do. Each method's rules are in the file of its name; here is what
 * they share, and when work is sent.
 */
import type { LiveJob } from "../../jobs/live-jobs.ts";
import { Malformed } from "../../protocol/malformed.ts";
import { encodeMethodNotFound, encodeRefusal, encodeTrue } from "../../protocol/v1/answer.ts";
import { encodeGetVersion } from "../../protocol/v1/get-version.ts";
import type { Line } from "../../protocol/v1/line.ts";
import { isAnswer, isBlank, readLine } from "../../protocol/v1/line.ts";
import { encodePong, isPong } from "../../protocol/v1/ping.ts";
import { encodeReconnect, type Reconnect } from "../../protocol/v1/reconnect.ts";
import { encodeSetDifficulty } from "../../protocol/v1/set-difficulty.ts";
import { encodeSetVersionMask } from "../../protocol/v1/set-version-mask.ts";
import { encodeShowMessage } from "../../protocol/v1/show-message.ts";
import type { LineLane, LineRun } from "../../shares/line-lane.ts";
import type { Guest } from "../admission.ts";
import { AnswerQueue } from "../answer-queue.ts";
import { Channel, type ChannelState } from "../channel.ts";
import { Conduct } from "../conduct.ts";
import type { ConnectionHandler } from "../connection.ts";
import { boundsOf, type Wishes } from "../difficulty-bounds.ts";
import type { FanOut } from "../fan-out.ts";
import type { FirmwareProfile } from "../firmware.ts";
import { idleLimitMs } from "../idle.ts";
import type { LineConnection } from "../line-connection.ts";
import type { CloseReason } from "../metrics.ts";
import type { Port } from "../port.ts";
import type { StratumSession } from "../session.ts";
import { authorize } from "./authorize.ts";
import { configure } from "./configure.ts";
import type { SessionContext } from "./context.ts";
import { getTransactions } from "./get-transactions.ts";
import { submit, takeRun } from "./submit.ts";
import { subscribe } from "./subscribe.ts";
import { suggestDifficulty, suggestTarget } from "./suggest.ts";
import { takeVersion } from "./version.ts";
import { type Worker, Workers } from "./workers.ts";

/** What a session has come to that did not subscribe yet: plain data, since it crosses the process border. */
export interface SessionDraft {
  readonly remote: string;
  readonly ageMs: number;
  readonly versionMask: number | undefined;
  readonly wishes: Wishes;
}

/** The one request that the pool sends is client.get_version; its answer bears this, far from what clients count. */
const versionRequestId = 2_000_000_001;
const versionAfterMs = 60_000;

export class Session implements StratumSession, ConnectionHandler {
  readonly context: SessionContext;
  readonly connection: LineConnection;
  readonly port: Port;
  readonly guest: Guest | undefined;
  readonly answers: AnswerQueue;
  readonly conduct: Conduct;
  readonly workers = new Workers();
  /** It subscribed, and is answered as soon as there is an extranonce for it. */
  isWaiting = false;
  /** Set by the subscription. */
  channel: Channel | undefined;
  sessionId = "";
  /** What the client calls itself. */
  agent = "";
  profile: FirmwareProfile;
  wishes: Wishes = noWishes;
  /** When the last suggestion was followed. */
  suggestedAtMs = Number.NEGATIVE_INFINITY;
  /** Bits agreed on by mining.configure; undefined without it. */
  versionMask: number | undefined;
  readonly #openedMs: number;
  readonly #onClosed: (session: Session) => void;
  /** What this connection may submit in native code; made when there is something to grant. */
  #lane: LineLane | undefined;
  #lastRequestMs: number;
  #garbageInARow = 0;
  #resumesAtMs = Number.POSITIVE_INFINITY;
  /** A difficulty and a job were sent: those that a resumed session brings along were another connection's. */
  #hasWork = false;
  /** A job could not be sent, because the client is slow to read. */
  #owesWork = false;
  #askedVersion = false;
  #coinbaseBytes: number | undefined;
  #sentMask = false;
  #hasMoved = false;
  /** What is being answered. */
  #line: Buffer | undefined;

  constructor(
    context: SessionContext,
    connection: LineConnection,
    port: Port,
    guest: Guest | undefined,
    openedMs: number,
    onClosed: (session: Session) => void,
  ) {
    this.context = context;
    this.connection = connection;
    this.port = port;
    this.guest = guest;
    this.answers = new AnswerQueue(connection);
    this.conduct = new Conduct(this, context);
    this.profile = context.firmware("");
    this.#openedMs = openedMs;
    this.#lastRequestMs = openedMs;
    this.#onClosed = onClosed;
  }

  messages(bytes: Buffer, from: number): number {
    const lane = this.#lane;
    if (lane === undefined || !lane.isOpen || from === bytes.length) return from;
    const taken = lane.take(bytes, from, this.#onRun);
    if (taken > from) {
      this.#garbageInARow = 0;
      this.#lastRequestMs = this.context.clock.monotonicMs();
      this.#holdBack();
    }
    return taken;
  }

  get #onRun(): (run: LineRun) => ((durable: boolean) => void) | undefined {
    return (run) => takeRun(this, run);
  }

  /** The way past JavaScript for submissions; undefined where there is none. */
  get lane(): LineLane | undefined {
    this.#lane ??= this.context.intake?.createLineLane();
    return this.#lane;
  }

  /** What was granted rested on something that is no longer so. */
  forgetGrants(): void {
    this.#lane?.forget();
  }

  /** A connection that another process began. */
  takeUp({ versionMask, wishes }: SessionDraft): void {
    this.versionMask = versionMask;
    this.wishes = wishes;
    this.#hasMoved = true;
  }

  /**
   * Another process of this pool has the session that the client wants to take up: the connection goes there.
   * @returns whether it does; otherwise it begins anew here.
   */
  movesTo(worker: number): boolean {
    const { clock, moveTo } = this.context;
    if (this.#hasMoved || this.#line === undefined || this.answers.size > 0 || this.workers.size > 0)
      return false;
    const { versionMask, wishes } = this;
    const { remote } = this.connection;
    const draft = { remote, versionMask, wishes, ageMs: clock.monotonicMs() - this.#openedMs };
    return this.connection.handOver(this.#line, (socket, unread) =>
      moveTo(worker, this.port, socket, unread, draft),
    );
  }

  message(bytes: Buffer): void {
    // Some clients send empty lines as a sign of life.
    if (isBlank(bytes)) return;
    const line = readLine(bytes, this.context.limits.jsonDepth);
    this.#line = bytes;
    if (line instanceof Malformed) this.#refuseGarbage(line.idText, line.detail);
    else if (line.method !== undefined) this.#request(line.method, line);
    else if (isAnswer(line)) this.#takeAnswer(line);
    else this.#refuseGarbage(line.idText, "method is missing");
    this.#line = undefined;
    this.#holdBack();
  }

  #request(method: string, line: Line): void {
    this.#garbageInARow = 0;
    this.#lastRequestMs = this.context.clock.monotonicMs();
    const workersBefore = this.workers.size;
    const problem = this.#dispatch(method, line);
    // A farm's proxy authorizes thousands of names at once; their number has a limit of its own.
    const isNewWorker = this.workers.size > workersBefore;
    if (method !== "mining.submit" && !isNewWorker) this.context.discipline.requested(this);
    if (problem !== undefined) this.refuseMalformed(line.idText, problem.detail);
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
      case "mining.suggest_target":
        return suggestTarget(this, line);
      case "mining.get_transactions":
        return getTransactions(this, line);
      case "mining.extranonce.subscribe":
        // True costs nothing: extranonce1 never changes within a connection.
        this.answers.answer(encodeTrue(line.idText));
        return undefined;
      case "mining.ping":
        this.answers.answer(encodePong(line.idText));
        return undefined;
      default:
        if (!isPong(method)) this.answers.answer(encodeMethodNotFound(line.idText));
        return undefined;
    }
  }

  /** Some clients answer what was only a notice: nothing follows from that. */
  #takeAnswer(line: Line): void {
    this.#lastRequestMs = this.context.clock.monotonicMs();
    this.context.discipline.requested(this);
    if (this.#askedVersion && line.idText === String(versionRequestId)) takeVersion(this, line);
  }

  refuseMalformed(idText: string, detail: string): void {
    this.context.metrics.malformedLine();
    this.answers.answer(encodeRefusal(idText, "malformed", detail));
  }

  /** No request at all, whereas bad parameters of a known method are a mistake that costs nobody his connection. */
  #refuseGarbage(idText: string, detail: string): void {
    this.refuseMalformed(idText, detail);
    this.#garbageInARow += 1;
    this.connection.isTrusted = this.channel?.hasShares ?? false;
    const isTooMuch = this.#garbageInARow >= this.context.limits.malformedLines;
    if (isTooMuch) this.finish("garbage");
    this.context.discipline.offended(this, isTooMuch ? "garbage" : "malformed-line");
  }

  slowDown(untilMs: number): void {
    this.#resumesAtMs = untilMs;
    this.connection.pauseReading("penalty");
  }

  /** Too many answers wait for the journal: what the client sends next waits in its own memory. */
  #holdBack(): void {
    if (this.answers.size >= this.context.limits.pendingAnswers) this.connection.pauseReading("answers");
  }

  /** To be called when a pending answer was settled. */
  answered(): void {
    if (this.answers.size < this.context.limits.pendingAnswers / 2) this.connection.resumeReading("answers");
    if (this.answers.size === 0) this.connection.end();
  }

  /** @param difficulty of all shares together. */
  sharesAccepted(difficulty: number): void {
    this.channel?.count(difficulty);
    this.conduct.accepted();
  }

  /** Another name or other wishes than before. @param from whether the difficulty begins anew or stays if it may. */
  reconsider(from: "start" | "here"): void {
    if (this.channel?.reconsider(this.profile, this.wishes, from)) this.#followWanted();
  }

  /** What the client says it is decides what is known of it. */
  callItself(agent: string): void {
    this.agent = agent;
    this.profile = this.context.firmware(agent);
    this.context.metrics.firmwareSeen(this.profile.name);
    if (this.channel !== undefined) this.reconsider("here");
  }

  /** A worker's first connection begins where its last one ended, unless it asks for something else. */
  startWhereItWas(worker: Worker): void {
    const { fixed, start, suggested } = this.wishes;
    const remembered = this.context.remembered.get(worker);
    if (remembered === undefined || !this.port.difficulty.vardiff) return;
    if (fixed !== undefined || start !== undefined || !isNear(remembered, suggested)) return;
    if (this.channel?.wantAgain(remembered)) this.#followWanted();
  }

  /** What mining.configure says is in force: what is, or what the first job will have. */
  difficultyToTell(): number {
    const { current } = this.context.jobs;
    if (this.channel?.assignment !== undefined) return this.channel.assignment.difficulty;
    const { start } = boundsOf(this.port.difficulty, this.profile, this.wishes);
    return current === undefined
      ? start
      : Math.min(start, this.context.difficulties.network(current.data.bits));
  }

  /**
   * Whether work must go out now that it is known for whom: none did before (a channel that is taken up again had its on
   * another connection), or the mask must go with it.
   */
  get owesWorkNow(): boolean {
    return this.channel !== undefined && (!this.#hasWork || this.#isMaskDue);
  }

  /** The session can be worked on: it has its channel. */
  open(sessionId: string, from: number | ChannelState): Channel {
    this.sessionId = sessionId;
    this.channel = new Channel(this.context, this.port.difficulty, this.profile, this.wishes, from);
    this.context.counts.subscribed += 1;
    return this.channel;
  }

  /** The job as its client works on it; undefined as long as it is not known for whom. */
  workOn(job: LiveJob): LiveJob | undefined {
    if (this.port.scheme === "pplns") return job;
    const payee = this.workers.first;
    if (payee === undefined) return undefined;
    // What was handed out must be judged as it was: a name that comes later changes nothing.
    this.#coinbaseBytes ??= this.profile.coinbaseBytes;
    return this.context.soloJob(job, payee.account, this.#coinbaseBytes);
  }

  /** Whether there is a job to send. */
  get currentWork(): LiveJob | undefined {
    const { current } = this.context.jobs;
    return current && this.workOn(current);
  }

  /** Lines that assign the wanted difficulty and send the job; they must be sent now. */
  #takeWork(work: LiveJob): string {
    const channel = this.channel!;
    const delivery = channel.assign(work);
    const { difficulty, variant, clean } = delivery;
    this.context.recorder.assigned(this.sessionId, delivery);
    this.forgetGrants();
    this.#hasWork = true;
    this.#owesWork = false;
    return this.#maskFirst() + encodeSetDifficulty(difficulty) + this.context.texts.own(work, variant, clean);
  }

  /** Some firmware takes up version rolling only when it is told again; others hang up when that comes too soon. */
  #maskFirst(): string {
    if (!this.#isMaskDue) return "";
    this.#sentMask = true;
    return encodeSetVersionMask(this.versionMask!);
  }

  get #isMaskDue(): boolean {
    const { versionMaskMessage } = this.profile;
    const isWanted = versionMaskMessage === "before-first-job" && this.versionMask !== undefined;
    return isWanted && !this.#sentMask && this.workers.size > 0;
  }

  /**
   * Sends the current job anew, if there is one and it has a name left. Before the pool's first job there is none: it
   * comes when it is there.
   */
  sendWork(): void {
    const work = this.currentWork;
    const { channel } = this;
    if (work === undefined || channel === undefined) return;
    const hasRoom = this.#hasWork ? channel.canAssign(work) : channel.hasName(work);
    if (hasRoom) this.connection.send(this.#takeWork(work));
  }

  /** A new job for everybody. */
  deliver(job: LiveJob, fanOut: FanOut): void {
    const { channel } = this;
    if (channel === undefined || !this.connection.isOpen || job.data.number <= channel.lastJobNumber) return;
    const work = this.workOn(job);
    if (work === undefined) return;
    const shared = this.context.texts.shared(work, channel.isClean(work));
    if (this.connection.isBehind(shared.length)) {
      this.#owesWork = true;
      return;
    }
    if (!this.#hasWork || !channel.keepsDifficulty(work)) {
      this.connection.send(this.#takeWork(work));
      return;
    }
    // What was granted on the tip before may become stale.
    if (channel.sent(work)) this.forgetGrants();
    this.#owesWork = false;
    this.#hasWork = true;
    fanOut.add(this.connection, shared);
  }

  /** Another difficulty is wanted than is in force: it goes out now if there is a job to go with it, else with the next. */
  #followWanted(): void {
    const work = this.currentWork;
    const { channel } = this;
    if (work === undefined || channel === undefined || !this.#hasWork || channel.keepsDifficulty(work))
      return;
    if (channel.canAssign(work)) this.connection.send(this.#takeWork(work));
  }

  get isMining(): boolean {
    return this.channel !== undefined;
  }

  measured(roundTripMs: number): void {
    if (this.channel !== undefined) this.channel.roundTripMs = roundTripMs;
  }

  sweep(nowMs: number): void {
    const { limits } = this.context;
    this.connection.sweep(nowMs, limits.writeSeconds * 1000);
    if (!this.connection.isOpen) return;
    if (nowMs >= this.#resumesAtMs) {
      this.#resumesAtMs = Number.POSITIVE_INFINITY;
      this.connection.resumeReading("penalty");
    }
    if (this.agent === "" && !this.#askedVersion) this.#askVersion(nowMs);
    // A stream tells of its emptiness only if it was full; what is owed may not have come that far.
    if (this.#owesWork) this.drained();
    const late = this.#missedDeadline(nowMs);
    if (late !== undefined) this.#missed(late);
    else if (this.channel?.adjust(nowMs)) this.#followWanted();
  }

  /** A device that has mined for a while and did not say what it is: scanners and probes are not asked. */
  #askVersion(nowMs: number): void {
    if (!this.channel?.hasShares || nowMs - this.#openedMs < versionAfterMs) return;
    this.#askedVersion = true;
    this.connection.send(encodeGetVersion(versionRequestId));
  }

  #missed(reason: CloseReason): void {
    this.finish(reason);
    if (reason !== "idle") this.context.discipline.offended(this, "subscribe-timeout");
  }

  #missedDeadline(nowMs: number): CloseReason | undefined {
    const { subscribeSeconds, authorizeSeconds, idleSeconds } = this.context.limits;
    const ageMs = nowMs - this.#openedMs;
    if (this.channel === undefined && ageMs >= subscribeSeconds * 1000) return "subscribe-timeout";
    if (this.workers.size === 0 && ageMs >= authorizeSeconds * 1000) return "authorize-timeout";
    const difficulty = this.channel?.assignment?.difficulty ?? 0;
    return nowMs - this.#lastRequestMs >= idleLimitMs(idleSeconds * 1000, difficulty) ? "idle" : undefined;
  }

  show(text: string): boolean {
    if (!this.profile.showsMessages || this.channel === undefined) return false;
    this.connection.send(encodeShowMessage(text));
    return true;
  }

  followsReconnect(elsewhere: Reconnect | undefined): boolean {
    const { followsReconnect } = this.profile;
    if (this.channel === undefined || followsReconnect === "never") return false;
    return elsewhere === undefined || followsReconnect !== "same-host";
  }

  askToReconnect(elsewhere: Reconnect | undefined): void {
    this.connection.send(encodeReconnect(elsewhere));
  }

  finish(reason: CloseReason): void {
    this.connection.finish(reason, this.context.clock.monotonicMs());
    if (this.answers.size === 0) this.connection.end();
  }

  unreadable(): void {
    this.refuseMalformed("null", `the line is longer than ${this.context.limits.lineBytes} bytes`);
    this.finish("line-too-long");
    this.context.discipline.offended(this, "line-too-long");
  }

  ended(): void {
    this.finish("peer");
  }

  drained(): void {
    const job = this.context.jobs.current;
    if (this.#owesWork && job !== undefined) this.deliver(job, this.context.fanOut);
    this.context.fanOut.flush();
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
    const { counts, log, metrics, kept, recorder } = this.context;
    const { channel, connection } = this;
    if (channel !== undefined) {
      counts.subscribed -= 1;
      this.#remember(channel);
      kept.keep(this.sessionId, channel.state(this.port.scheme));
      recorder.ended(this.sessionId, channel.lastJobNumber);
    }
    counts.workers -= this.workers.size;
    if (reason === "slow-reader") this.context.discipline.offended(this, reason);
    metrics.connectionClosed(reason);
    log.debug(
      { event: "connection-closed", remote: connection.remote, agent: this.agent, reason },
      "a connection ended",
    );
    this.#onClosed(this);
  }

  #remember(channel: Channel): void {
    const { first } = this.workers;
    const difficulty = channel.provenDifficulty;
    if (first !== undefined && difficulty !== undefined) this.context.remembered.set(first, difficulty);
  }
}

const noWishes: Wishes = {};

/** What a device suggests each time it connects is a guess at what shares have shown; far from that it wants a change. */
function isNear(difficulty: number, suggested: number | undefined): boolean {
  if (suggested === undefined) return true;
  return difficulty <= suggested * nearRatio && difficulty >= suggested / nearRatio;
}

const nearRatio = 16;

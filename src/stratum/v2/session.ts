/**
 * A V2 session: what one connection was told and may do. Each message's rules are in the file of its name; here is what
 * they share, and what comes when.
 *
 *   handshake ──act 2──► setup ──SetupConnection.Success──► ready: channels open and close
 *
 * Before it is ready, one message is expected, and any other is a breach. Later, a message that is none of a client's, or
 * unknown, is ignored; one that is malformed ends the connection (the specification leaves it open).
 */
import type { LiveJob } from "../../jobs/live-jobs.ts";
import { Malformed } from "../../protocol/malformed.ts";
import type { Reconnect } from "../../protocol/v1/reconnect.ts";
import {
  closeChannel as closeChannelMessage,
  openExtendedMiningChannel,
  openStandardMiningChannel,
  updateChannel as updateChannelMessage,
} from "../../protocol/v2/channels.ts";
import {
  reconnect,
  type SetupConnection,
  setupConnection,
  setupConnectionError,
  setupConnectionSuccess,
} from "../../protocol/v2/common.ts";
import { setCustomMiningJob } from "../../protocol/v2/custom-jobs.ts";
import { requestExtensions } from "../../protocol/v2/extensions.ts";
import { frameHeaderBytes } from "../../protocol/v2/frame.ts";
import type { MessageCodec } from "../../protocol/v2/message.ts";
import type { Response } from "../../protocol/v2/noise/handshake.ts";
import { findMessage, mostPayload, mostPayloadBeforeSetup } from "../../protocol/v2/registry.ts";
import { submitSharesExtended, submitSharesStandard } from "../../protocol/v2/shares.ts";
import { readSubmitSharesExtended, readSubmitSharesStandard } from "../../protocol/v2/submit-shares.ts";
import { workerTrackingExtension } from "../../protocol/v2/worker-tracking.ts";
import type { FrameLane, FrameRun } from "../../shares/frame-lane.ts";
import type { Guest } from "../admission.ts";
import type { Channel } from "../channel.ts";
import { Conduct } from "../conduct.ts";
import type { ConnectionHandler } from "../connection.ts";
import type { FirmwareProfile } from "../firmware.ts";
import { idleLimitMs } from "../idle.ts";
import type { CloseReason } from "../metrics.ts";
import type { Port } from "../port.ts";
import type { StratumSession } from "../session.ts";
import { acknowledge } from "./acknowledge.ts";
import { ChannelList } from "./channel-list.ts";
import { closeChannel } from "./close-channel.ts";
import type { FrameSessionContext } from "./context.ts";
import { refuseCustomJob } from "./custom-job.ts";
import { deliver, deliveryBytes, sendWork } from "./delivery.ts";
import type { FrameConnection } from "./frame-connection.ts";
import { JobNames } from "./job-names.ts";
import type { MiningChannel, MiningChannelOptions } from "./mining-channel.ts";
import { takeRun } from "./native-shares.ts";
import { negotiate } from "./negotiate.ts";
import { openExtended, openStandard } from "./open-channel.ts";
import { agentOf, judgeSetup } from "./setup.ts";
import { submitExtended, submitStandard } from "./submit.ts";
import { updateChannel } from "./update-channel.ts";
import { WorkerNames } from "./worker-names.ts";

/** What may wait for a slow reader, for each channel: the work of a new tip, some times over. */
const queuedBytesPerChannel = 1_024;

const noExtra = Buffer.alloc(0);

export class FrameSession implements StratumSession, ConnectionHandler {
  readonly context: FrameSessionContext;
  readonly connection: FrameConnection;
  readonly port: Port;
  readonly guest: Guest | undefined;
  readonly conduct: Conduct;
  readonly channels = new ChannelList();
  readonly names = new JobNames();
  profile: FirmwareProfile;
  /** What the client calls itself. */
  agent = "";
  standardJobsOnly = false;
  /** Shares that are not settled. */
  pendingShares = 0;
  #workerNames: WorkerNames | undefined;
  #namesWorkers = false;
  #state: "handshake" | "setup" | "ready" = "handshake";
  /** When the present wait for the handshake, the setup or a first channel began. */
  #waitingSinceMs: number;
  #lastMessageMs: number;
  /** Channels that are asked for and wait for their extranonce. */
  #opening = 0;
  #resumesAtMs = Number.POSITIVE_INFINITY;
  /** A job could not be sent, because the client is slow to read. */
  #owesWork = false;
  /** What this connection may submit in native code; made when there is something to grant. */
  #lane: FrameLane<MiningChannel> | undefined;
  readonly #onClosed: (session: FrameSession) => void;

  constructor(
    context: FrameSessionContext,
    connection: FrameConnection,
    port: Port,
    guest: Guest | undefined,
    openedMs: number,
    onClosed: (session: FrameSession) => void,
  ) {
    this.context = context;
    this.connection = connection;
    this.port = port;
    this.guest = guest;
    this.profile = context.firmware("");
    this.conduct = new Conduct(this, context);
    this.#waitingSinceMs = openedMs;
    this.#lastMessageMs = openedMs;
    this.#onClosed = onClosed;
  }

  /** Where it was agreed that names of workers come with their shares. */
  get workerNames(): WorkerNames | undefined {
    return this.#namesWorkers ? this.#workerNames : undefined;
  }

  messages(bytes: Buffer, from: number): number {
    const lane = this.#lane;
    if (lane === undefined || !lane.isOpen || from === bytes.length) return from;
    const taken = lane.take(bytes, from, this.#onRun);
    if (taken > from) {
      this.#lastMessageMs = this.context.clock.monotonicMs();
      this.#holdBack();
    }
    return taken;
  }

  get #onRun(): (run: FrameRun<MiningChannel>) => ((durable: boolean) => void) | undefined {
    return (run) => takeRun(this, run);
  }

  /** The way past JavaScript for shares; undefined where there is none. */
  get lane(): FrameLane<MiningChannel> | undefined {
    this.#lane ??= this.context.intake?.createFrameLane();
    return this.#lane;
  }

  /** To be called when something changes that a channel's share is judged by: it may not go past JavaScript any more. */
  forgetGrants({ id }: MiningChannel): void {
    this.#lane?.forgetChannel(id);
  }

  message(bytes: Buffer): void {
    if (this.#state === "handshake") this.#shakeHands(bytes);
    else if (this.#state === "setup") this.#takeFirst(bytes);
    else this.#take(bytes);
  }

  #shakeHands(act1: Buffer): void {
    const isTaken = this.context.v2.handshakes.respond(act1, (response) => {
      // Many are answered in a row: none of them may stop the others.
      try {
        this.#secure(response);
      } catch (error) {
        this.failed(error);
      }
    });
    if (!isTaken) this.connection.close("handshakes-full");
  }

  #secure(response: Response | undefined): void {
    if (!this.connection.isOpen) return;
    if (response === undefined) {
      this.connection.close("unavailable");
      return;
    }
    const { act2, receiveKey, sendKey } = response;
    const transport = this.context.v2.transports({ receive: receiveKey, send: sendKey });
    this.connection.secured(act2, transport, (extensionType, messageType) =>
      this.#state === "ready"
        ? mostPayload(extensionType, messageType)
        : mostPayloadBeforeSetup(extensionType, messageType),
    );
    this.#enter("setup");
  }

  #enter(state: "setup" | "ready"): void {
    this.#state = state;
    this.#waitingSinceMs = this.context.clock.monotonicMs();
  }

  #takeFirst(frame: Buffer): void {
    const codec = codecOf(frame);
    if (codec !== setupConnection) {
      this.finish("first-message");
      this.context.discipline.offended(this, "garbage");
      return;
    }
    this.#decoded(setupConnection, frame, (setup) => this.#setUp(setup));
  }

  #setUp(setup: SetupConnection): void {
    const verdict = judgeSetup(setup, this.context.versionMask !== 0);
    this.context.discipline.requested(this);
    if (!verdict.isAccepted) {
      this.context.metrics.setupAnswered(verdict.answer.errorCode);
      this.connection.send(setupConnectionError.encode(verdict.answer));
      this.finish("setup-refused");
      return;
    }
    this.agent = agentOf(setup);
    this.profile = this.context.firmware(this.agent);
    this.standardJobsOnly = verdict.standardJobsOnly;
    this.context.metrics.firmwareSeen(this.profile.name);
    this.context.metrics.setupAnswered("accepted");
    this.connection.send(setupConnectionSuccess.encode(verdict.answer));
    this.#enter("ready");
  }

  #take(frame: Buffer): void {
    this.#lastMessageMs = this.context.clock.monotonicMs();
    const codec = codecOf(frame);
    switch (codec) {
      case submitSharesStandard: {
        const share = readSubmitSharesStandard(frame, frameHeaderBytes, frame.length);
        if (share !== undefined) submitStandard(this, share);
        else this.#decoded(submitSharesStandard, frame, (read) => submitStandard(this, read));
        break;
      }
      case submitSharesExtended: {
        const share = readSubmitSharesExtended(frame, frameHeaderBytes, frame.length);
        if (share !== undefined) submitExtended(this, share, noExtra);
        else this.#decoded(submitSharesExtended, frame, (read, extra) => submitExtended(this, read, extra));
        break;
      }
      // A farm's proxy opens a thousand: their number has a limit of its own, and what is refused counts.
      case openStandardMiningChannel:
        this.#decoded(openStandardMiningChannel, frame, (request) => openStandard(this, request));
        break;
      case openExtendedMiningChannel:
        this.#decoded(openExtendedMiningChannel, frame, (request) => openExtended(this, request));
        break;
      default:
        this.context.discipline.requested(this);
        this.#takeRequest(codec, frame);
    }
    this.#holdBack();
  }

  #takeRequest(codec: MessageCodec<unknown> | undefined, frame: Buffer): void {
    switch (codec) {
      case updateChannelMessage:
        this.#decoded(updateChannelMessage, frame, (request) => updateChannel(this, request));
        break;
      case closeChannelMessage:
        this.#decoded(closeChannelMessage, frame, (request) => closeChannel(this, request));
        break;
      case setCustomMiningJob:
        this.#decoded(setCustomMiningJob, frame, (request) => refuseCustomJob(this, request));
        break;
      case requestExtensions:
        this.#decoded(requestExtensions, frame, (request) => {
          const { answer, agreed } = negotiate(request);
          this.#namesWorkers = agreed.includes(workerTrackingExtension);
          if (this.#namesWorkers)
            this.#workerNames ??= new WorkerNames(this.context.limits.workersPerConnection);
          this.connection.send(answer);
        });
        break;
      default:
        this.context.metrics.messageIgnored();
    }
  }

  #decoded<Message>(
    codec: MessageCodec<Message>,
    frame: Buffer,
    then: (message: Message, extra: Buffer) => void,
  ): void {
    const decoded = codec.decodeWithExtra(frame.subarray(frameHeaderBytes));
    if (decoded instanceof Malformed) this.#refuseMalformed(decoded);
    else then(decoded.message, decoded.extra);
  }

  #refuseMalformed({ detail }: Malformed): void {
    const { log, metrics, discipline } = this.context;
    const { remote } = this.connection;
    metrics.malformedFrame();
    log.debug({ event: "frame-malformed", remote, agent: this.agent, detail }, "a frame makes no sense");
    this.finish("garbage");
    discipline.offended(this, "garbage");
  }

  unreadable(): void {
    this.context.metrics.malformedFrame();
    const { problem } = this.connection;
    const isBroken = problem === "broken";
    // Nothing that is sent now would be understood where the seals do not fit.
    if (problem === undefined) this.connection.close("garbage");
    else this.finish(isBroken ? "frame-broken" : "frame-too-long");
    this.context.discipline.offended(this, "garbage");
  }

  /** Too many shares wait for the journal: what the client sends next waits in its own memory. */
  #holdBack(): void {
    if (this.pendingShares >= this.context.limits.pendingAnswers) this.connection.pauseReading("answers");
  }

  /** To be called when a pending share was settled. */
  settled(): void {
    if (this.pendingShares < this.context.limits.pendingAnswers / 2) this.connection.resumeReading("answers");
    if (this.pendingShares === 0 && !this.connection.isOpen) this.#end();
  }

  /** Nothing is owed any more but what was put together for later. */
  #end(): void {
    for (const channel of this.channels) acknowledge(this, channel);
    this.connection.end();
  }

  finish(reason: CloseReason): void {
    this.connection.finish(reason, this.context.clock.monotonicMs());
    if (this.pendingShares === 0) this.#end();
  }

  slowDown(untilMs: number): void {
    this.#resumesAtMs = untilMs;
    this.connection.pauseReading("penalty");
  }

  /** Nobody may be given more: a device that does not find what the network accepts would keep blocks to itself. */
  get hardestDifficulty(): number {
    const { current } = this.context.jobs;
    const { max } = this.port.difficulty;
    return current === undefined ? max : Math.min(max, this.context.difficulties.network(current.data.bits));
  }

  /** Whether jobs have room for 16 bytes of extranonce. */
  get hasRoomForWide(): boolean {
    const { current } = this.context.jobs;
    return current === undefined || this.context.v2.wideJob(current) !== undefined;
  }

  /** The job as this channel works on it; undefined where it has no room for the channel's extranonce. */
  workOf(channel: MiningChannel, job: LiveJob): LiveJob | undefined {
    const shaped = channel.isWide ? this.context.v2.wideJob(job) : job;
    if (shaped === undefined || this.port.scheme === "pplns") return shaped;
    return this.context.soloJob(shaped, channel.miner.account, channel.coinbaseBytes);
  }

  /** Reserves a place for a channel. @returns whether there was one. */
  takePlace(): boolean {
    const isTaken = this.context.channelQuota.take(this.guest, this.channels.size + this.#opening);
    if (isTaken) this.#opening += 1;
    return isTaken;
  }

  giveBackPlace(): void {
    this.#opening -= 1;
    this.context.channelQuota.giveBack(this.guest, 1);
  }

  /** A channel takes the place that was reserved. @param told the difficulty that its answer tells. */
  opened(options: Omit<MiningChannelOptions, "id" | "group">, told: number): MiningChannel {
    if (this.channels.size === 0) this.context.counts.subscribed += 1;
    this.#opening -= 1;
    const channel = this.channels.open(options, told);
    this.context.channelCounts[channel.kind] += 1;
    this.#makeRoom();
    return channel;
  }

  /** Channels that were closed. */
  forget(closed: readonly MiningChannel[]): void {
    if (closed.length === 0) return;
    const { channelCounts, channelQuota, counts, extranonces, clock } = this.context;
    for (const channel of closed) {
      this.#remember(channel);
      this.forgetGrants(channel);
      extranonces.giveBack(channel.core.extranonce1);
      channelCounts[channel.kind] -= 1;
    }
    channelQuota.giveBack(this.guest, closed.length);
    this.#makeRoom();
    if (this.channels.size > 0) return;
    counts.subscribed -= 1;
    this.#waitingSinceMs = clock.monotonicMs();
  }

  #makeRoom(): void {
    this.connection.allowance = this.channels.size * queuedBytesPerChannel;
  }

  #remember({ core, miner }: MiningChannel): void {
    const difficulty = core.provenDifficulty;
    if (difficulty !== undefined) this.context.remembered.set(miner, difficulty);
  }

  deliver(job: LiveJob): void {
    if (this.channels.size === 0 || !this.connection.isOpen) return;
    this.#owesWork = this.connection.isBehind(deliveryBytes(this, job));
    if (!this.#owesWork) deliver(this, job);
  }

  drained(): void {
    const { current } = this.context.jobs;
    if (this.#owesWork && current !== undefined) this.deliver(current);
  }

  get isMining(): boolean {
    return this.channels.size > 0;
  }

  /** For whoever asks about the client as a whole: its first channel stands for all. */
  get channel(): Channel | undefined {
    return this.channels.first?.core;
  }

  get currentWork(): LiveJob | undefined {
    const { current } = this.context.jobs;
    const { first } = this.channels;
    return current && first && this.workOf(first, current);
  }

  measured(roundTripMs: number): void {
    for (const { core } of this.channels) core.roundTripMs = roundTripMs;
  }

  sweep(nowMs: number): void {
    this.connection.sweep(nowMs, this.context.limits.writeSeconds * 1000);
    if (!this.connection.isOpen) return;
    if (nowMs >= this.#resumesAtMs) {
      this.#resumesAtMs = Number.POSITIVE_INFINITY;
      this.connection.resumeReading("penalty");
    }
    // A stream tells of its emptiness only if it was full; what is owed may not have come that far.
    if (this.#owesWork) this.drained();
    const late = this.#missedDeadline(nowMs);
    if (late !== undefined) this.#missed(late);
    else this.#adjust(nowMs);
  }

  #missed(reason: CloseReason): void {
    if (this.#state === "handshake") this.connection.close(reason);
    else this.finish(reason);
    if (reason !== "idle") this.context.discipline.offended(this, "subscribe-timeout");
  }

  #missedDeadline(nowMs: number): CloseReason | undefined {
    const { handshakeSeconds, setupSeconds, channelSeconds, idleSeconds } = this.context.limits;
    const waitedMs = nowMs - this.#waitingSinceMs;
    if (this.#state === "handshake")
      return waitedMs >= handshakeSeconds * 1000 ? "handshake-timeout" : undefined;
    if (this.#state === "setup") return waitedMs >= setupSeconds * 1000 ? "setup-timeout" : undefined;
    if (this.channels.size === 0) return waitedMs >= channelSeconds * 1000 ? "channel-timeout" : undefined;
    const difficulty = this.channel?.assignment?.difficulty ?? 0;
    return nowMs - this.#lastMessageMs >= idleLimitMs(idleSeconds * 1000, difficulty) ? "idle" : undefined;
  }

  #adjust(nowMs: number): void {
    const { current } = this.context.jobs;
    for (const channel of this.channels) {
      const { core } = channel;
      if (!core.adjust(nowMs) || current === undefined || core.keepsDifficulty(current)) continue;
      if (core.canAssign(current)) sendWork(this, channel, current);
    }
  }

  /** The protocol has no words for people. */
  show(): boolean {
    return false;
  }

  followsReconnect(): boolean {
    return this.channels.size > 0 && this.profile.followsReconnect !== "never";
  }

  askToReconnect(elsewhere: Reconnect | undefined): void {
    const { host = "", port = 0 } = elsewhere ?? {};
    this.connection.send(reconnect.encode({ newHost: host, newPort: port }));
  }

  ended(): void {
    this.finish("peer");
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
    const { log, metrics, discipline } = this.context;
    this.forget(this.channels.closeAll());
    if (reason === "slow-reader") discipline.offended(this, reason);
    metrics.connectionClosed(reason);
    log.debug(
      { event: "connection-closed", remote: this.connection.remote, agent: this.agent, reason },
      "a connection ended",
    );
    this.#onClosed(this);
  }
}

function codecOf(frame: Buffer): MessageCodec<unknown> | undefined {
  const extensionType = frame.readUInt16LE(0) & 0x7fff;
  return findMessage(extensionType, frame[2]!);
}

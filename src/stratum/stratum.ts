import type { Socket } from "node:net";
import type { SecureContext } from "node:tls";
import type { Chain } from "../bitcoin/address.ts";
import type { Clock } from "../clock.ts";
import type { LiveJob, LiveJobs } from "../jobs/live-jobs.ts";
import type { Logger } from "../log/index.ts";
import type { Reconnect } from "../protocol/v1/reconnect.ts";
import type { NativeIntake } from "../shares/native-intake.ts";
import type { Shares } from "../shares/shares.ts";
import { AddressBook } from "./address-book.ts";
import { Admission } from "./admission.ts";
import { Arrival, type Arrived, type Reception } from "./arrival.ts";
import { type BanNotice, Bans } from "./bans.ts";
import { Broadcaster } from "./broadcast.ts";
import type { ChannelState } from "./channel.ts";
import type { Counts, StratumContext } from "./context.ts";
import { connectionsPossible } from "./descriptor-limit.ts";
import { DifficultyTable } from "./difficulty.ts";
import { Discipline } from "./discipline.ts";
import { Drain } from "./drain.ts";
import type { Extranonces } from "./extranonce-leases.ts";
import { ExtranonceLeases } from "./extranonce-leases.ts";
import { FanOut, type SocketWriter } from "./fan-out.ts";
import type { MatchFirmware } from "./firmware.ts";
import { Flusher } from "./flusher.ts";
import { KeptSessions, newSessionId } from "./kept-sessions.ts";
import type { StratumLimits } from "./limits.ts";
import { LineConnection } from "./line-connection.ts";
import type { ListenAddress, Listeners } from "./listener.ts";
import { listenAll } from "./listener.ts";
import type { CloseReason, StratumMetrics } from "./metrics.ts";
import type { Offence } from "./penalties.ts";
import type { Port } from "./port.ts";
import { Proxies } from "./proxies.ts";
import type { RememberedDifficulties } from "./remembered-difficulties.ts";
import type { StratumSession } from "./session.ts";
import type { EndedSession, SessionRecorder } from "./session-record.ts";
import { TipHistory } from "./tip-history.ts";
import { TooEasyReport } from "./too-easy-report.ts";
import { Turns } from "./turns.ts";
import type { SessionContext } from "./v1/context.ts";
import { Session, type SessionDraft } from "./v1/session.ts";
import { AcknowledgementTimer } from "./v2/acknowledge.ts";
import { ChannelQuota } from "./v2/channel-quota.ts";
import type { FrameSessionContext, V2Parts } from "./v2/context.ts";
import { FrameConnection } from "./v2/frame-connection.ts";
import { JobFrames } from "./v2/job-frames.ts";
import { FrameSession } from "./v2/session.ts";
import { versionMaskOf } from "./v2/version-mask.ts";
import { WorkHistory } from "./work-history.ts";
import { WorkTexts } from "./work-texts.ts";

/** What the addon does with sockets; undefined in StratumOptions: Node's streams do all. */
export interface NativeSockets extends SocketWriter {
  roundTripMicroseconds(descriptor: number): number;
  listenOnSharedPort(address: string, port: number, backlog: number): number;
}

export interface StratumOptions {
  readonly ports: readonly Port[];
  /** Undefined: TLS is not offered. Asked for each connection, so that a new certificate counts at once. */
  readonly secureContext: () => SecureContext | undefined;
  /** Its number is part of session ids. */
  readonly workerNumber: number;
  readonly chain: Chain;
  readonly jobs: LiveJobs;
  readonly shares: Shares;
  /** Judges usual submissions in native code, straight from the bytes; undefined: every line takes the long way. */
  readonly intake: NativeIntake | undefined;
  readonly sockets: NativeSockets | undefined;
  readonly v2: V2Parts;
  readonly extranonces: Extranonces;
  readonly firmware: MatchFirmware;
  readonly recorder: SessionRecorder;
  readonly remembered: RememberedDifficulties;
  readonly soloJob: SessionContext["soloJob"];
  readonly transactionsOf: SessionContext["transactionsOf"];
  /** Version bits that miners may roll. */
  readonly versionMask: number;
  readonly staleGraceSeconds: number;
  readonly staleGraceMaxSeconds: number;
  readonly resumeSeconds: number;
  readonly limits: StratumLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: StratumMetrics;
  /** Sends a connection to the worker process that has its session. @param port the place of its port in the list. */
  readonly onMove: (worker: number, moved: MovedConnection, socket: Socket) => void;
  /** An address was banned here: the other worker processes should know. */
  readonly onBan: (notice: BanNotice) => void;
}

/** A connection on its way to another process of this pool; its socket goes beside it. */
export interface MovedConnection {
  /** The place of its port in the list. */
  readonly port: number;
  readonly unread: Uint8Array;
  readonly draft: SessionDraft;
}

export interface Stratum {
  /** Goes on with a connection that another process began. */
  takeOver(moved: MovedConnection, socket: Socket): void;
  /** Starts to listen. @throws PoolError naming the address that cannot be had. */
  open(): Promise<void>;
  /** Sends a job, which must be the current one of `jobs`, to everybody. */
  broadcast(job: LiveJob): void;
  /** Stops listening and ends all connections, so that miners go to their backup pool. */
  suspend(reason: string): Promise<void>;
  /** Listens again after `suspend`. @throws PoolError as `open` */
  resume(): Promise<void>;
  /** Stops listening, answers what is pending, ends all connections; resolves when they have ended. */
  close(): Promise<void>;
  /** Words for the people behind the devices. @returns how many were sent them. */
  show(text: string): number;
  /**
   * Asks all clients to come again, here or elsewhere, one after the other over this time; nobody is cut off.
   * @returns how many are asked.
   */
  drain(elsewhere: Reconnect | undefined, overSeconds: number): number;
  /** Extranonces came in. @param isExhausted there will be none. */
  extranoncesArrived(isExhausted: boolean): void;
  /** Keeps a session of the process before for its client. @param keepMs how long it can still be taken up. */
  restore(session: EndedSession, keepMs: number): void;
  /** Bans that were decided elsewhere. @returns addresses among them that stand well here. */
  take(notices: readonly BanNotice[]): readonly string[];
  /** An address that was banned stands well elsewhere: it is not banned, here neither. */
  withdrawBan(network: string): void;
  readonly bans: Bans;
  readonly kept: KeptSessions;
  /** Where it listens now, with the ports that were found for port 0; in the order of `ports`. */
  readonly addresses: readonly ListenAddress[];
  readonly counts: Readonly<Counts>;
}

/** Sessions that are looked after before the event loop gets its turn. */
const sweepSlice = 500;
/** Every so many sweeps each connection's round-trip time is asked for. */
const roundTripSweeps = 10;

/** How long, and how many, connections of other processes wait for this one to serve. */
const earlyPatienceMs = 5_000;
const mostEarly = 1_024;

/** The Stratum ports of one worker process. */
export function createStratum(options: StratumOptions): Stratum {
  const { clock, limits, log, metrics, ports } = options;
  const sessions = new Set<StratumSession>();
  const arrivals = new Set<Arrival>();
  const counts: Counts = { connections: 0, subscribed: 0, workers: 0 };
  const extranonces = new ExtranonceLeases(options.extranonces, options.jobs);
  const fanOut = new FanOut(options.sockets);
  const kept = new KeptSessions({
    most: limits.resumableSessions,
    keepMs: options.resumeSeconds * 1000,
    clock,
    onForgotten: (_, { extranonce1 }: ChannelState) => extranonces.giveBack(extranonce1),
  });
  const bans = new Bans(limits.banSeconds * 1000);
  const discipline = new Discipline({ limits, bans, clock, log, metrics, onBan: options.onBan });
  const tooEasy = new TooEasyReport(clock, log);
  const shared: StratumContext = {
    ...options,
    counts,
    addresses: new AddressBook(options.chain),
    extranonces,
    difficulties: new DifficultyTable(),
    staleGraceMs: options.staleGraceSeconds * 1000,
    staleGraceMaxMs: options.staleGraceMaxSeconds * 1000,
    discipline,
    allTooEasy: (session) => tooEasy.report(session),
  };
  const context: SessionContext = {
    ...options,
    ...shared,
    fanOut,
    kept,
    newSessionId: () => newSessionId(options.workerNumber),
    moveTo: (worker, port, socket, unread, draft) =>
      options.onMove(worker, { port: ports.indexOf(port), unread, draft }, socket),
    texts: new WorkTexts(),
  };
  const channelCounts = { standard: 0, extended: 0 };
  const versionMask = versionMaskOf(options.versionMask);
  const frameContext: FrameSessionContext = {
    ...shared,
    v2: options.v2,
    versionMask,
    jobFrames: new JobFrames(versionMask !== 0),
    acknowledgements: new AcknowledgementTimer(clock),
    channelQuota: new ChannelQuota(limits, counts),
    channelCounts,
  };
  const admission = new Admission(
    { ...limits, connections: limits.connections ?? connectionsPossible() },
    (address) => bans.isBanned(address, clock.wallMs()),
  );
  const broadcaster = new Broadcaster(sessions, fanOut, clock, metrics.broadcastDone);
  const flusher = new Flusher();
  const turns = new Turns();
  const doors = ports.map((port) => ({
    port,
    proxies: new Proxies(port.proxyFrom),
    reception: receive(port),
  }));
  let listeners: Listeners | undefined;
  let sweeper: NodeJS.Timeout | undefined;
  let sweeps = 0;
  let isSweeping = false;
  let isServing = false;
  let drain: Drain | undefined;
  /** Connections that came over before this process served. */
  const early = new Map<NodeJS.Timeout, () => void>();
  let whenEmpty: (() => void)[] = [];

  function accept(socket: Socket, index: number): void {
    const address = socket.remoteAddress;
    // The peer was gone before we looked, or came while we stopped.
    if (address === undefined || !isServing) return void socket.destroy();
    const { proxies, reception } = doors[index]!;
    const isProxy = proxies.has(address);
    const nowMs = clock.monotonicMs();
    const refusal = isProxy ? admission.hold() : admission.enter(address, nowMs);
    if (refusal !== undefined) {
      metrics.connectionRefused(refusal);
      socket.on("error", () => {});
      socket.destroy();
      return;
    }
    counts.connections += 1;
    metrics.connectionOpened();
    arrivals.add(new Arrival(socket, address, isProxy, reception, nowMs));
  }

  function receive(port: Port): Reception {
    return {
      secureContext: options.secureContext,
      introduced(_, remote) {
        const refusal = admission.admit(remote, clock.monotonicMs());
        if (refusal !== undefined) metrics.connectionRefused(refusal);
        return refusal === undefined;
      },
      welcome: (arrival, arrived) => welcome(port, arrival, arrived),
      gone,
    };
  }

  function welcome(port: Port, arrival: Arrival, arrived: Arrived): void {
    arrivals.delete(arrival);
    const { protocol, firstBytes } = arrived;
    if (protocol === "v1") beginV1(port, arrival, arrived, firstBytes);
    else beginV2(port, arrival, arrived, firstBytes);
  }

  function beginV1(
    port: Port,
    { arrivedMs }: Arrival,
    { socket, tcp, remote }: Arrived,
    first: Buffer,
  ): void {
    const connection = new LineConnection(socket, remote, flusher, turns, limits, tcp);
    const session = new Session(context, connection, port, admission.guestOf(remote), arrivedMs, leave);
    sessions.add(session);
    connection.start(session, first);
  }

  function beginV2(
    port: Port,
    { arrivedMs }: Arrival,
    { socket, tcp, remote }: Arrived,
    first: Buffer,
  ): void {
    const connection = new FrameConnection(socket, remote, flusher, turns, limits, tcp);
    const guest = admission.guestOf(remote);
    const session = new FrameSession(frameContext, connection, port, guest, arrivedMs, leave);
    sessions.add(session);
    connection.start(session, first);
  }

  /** Its miner was here before the pool's restart; other processes may serve already, this one in a moment. */
  function keepForLater(moved: MovedConnection, socket: Socket): void {
    socket.on("error", () => {});
    const late = setTimeout(() => {
      early.delete(late);
      socket.destroy();
    }, earlyPatienceMs);
    early.set(late, () => takeOver(moved, socket));
  }

  function takeOver(moved: MovedConnection, socket: Socket): void {
    const { port: index, unread, draft } = moved;
    const port = ports[index];
    const { remote, ageMs } = draft;
    const nowMs = clock.monotonicMs();
    if (!isServing && early.size < mostEarly) {
      keepForLater(moved, socket);
      return;
    }
    const refusal = port === undefined || !isServing ? "connections" : admission.enter(remote, nowMs);
    if (port === undefined || refusal !== undefined) {
      if (refusal !== undefined) metrics.connectionRefused(refusal);
      socket.destroy();
      return;
    }
    counts.connections += 1;
    metrics.connectionOpened();
    socket.allowHalfOpen = true;
    const connection = new LineConnection(socket, remote, flusher, turns, limits);
    const session = new Session(context, connection, port, admission.guestOf(remote), nowMs - ageMs, leave);
    session.takeUp(draft);
    sessions.add(session);
    connection.start(session, Buffer.from(unread));
  }

  function gone(arrival: Arrival, reason: CloseReason): void {
    arrivals.delete(arrival);
    const offence = offenceOf(reason);
    const guest = arrival.isUnknown ? undefined : admission.guestOf(arrival.remote);
    if (offence !== undefined) discipline.endedBadly(arrival, guest, offence);
    // Who was not admitted behind a proxy is counted no more.
    if (arrival.isUnknown) {
      if (reason !== "not-admitted") admission.release();
    } else admission.leave(arrival.remote);
    metrics.connectionClosed(reason);
    left();
  }

  function leave(session: StratumSession): void {
    sessions.delete(session);
    admission.leave(session.connection.remote);
    left();
  }

  function left(): void {
    counts.connections -= 1;
    if (counts.connections > 0) return;
    for (const resolve of whenEmpty) resolve();
    whenEmpty = [];
  }

  async function listen(): Promise<void> {
    if (isServing) return;
    isServing = true;
    try {
      listeners = await listenAll({
        addresses: ports.map(({ address }) => address),
        listenOnSharedPort: options.sockets && ((...at) => options.sockets!.listenOnSharedPort(...at)),
        onConnection: accept,
        onError: ({ host, port }, err) =>
          log.error(
            { event: "stratum-accept-failed", host, port, err },
            "a connection could not be accepted",
          ),
      });
    } catch (error) {
      isServing = false;
      throw error;
    }
    sweeper = setInterval(sweep, limits.sweepSeconds * 1000);
    for (const [late, goOn] of early) {
      clearTimeout(late);
      goOn();
    }
    early.clear();
  }

  function sweep(): void {
    const nowMs = clock.monotonicMs();
    sweepArrivals(nowMs);
    admission.sweep(nowMs);
    discipline.sweep(nowMs);
    bans.sweep(clock.wallMs());
    kept.sweep();
    extranonces.sweep();
    metrics.subscribed(counts.subscribed);
    metrics.channels(channelCounts.standard, channelCounts.extended);
    if (drain?.step(nowMs)) drain = undefined;
    if (isSweeping) return;
    isSweeping = true;
    sweeps += 1;
    sweepSessions([...sessions], 0);
  }

  function sweepArrivals(nowMs: number): void {
    const { greetingSeconds, subscribeSeconds } = limits;
    for (const arrival of arrivals) {
      const ageMs = nowMs - arrival.arrivedMs;
      if (arrival.hasBegun && ageMs >= greetingSeconds * 1000) arrival.close("greeting-timeout");
      else if (ageMs >= subscribeSeconds * 1000) arrival.close("subscribe-timeout");
    }
  }

  function sweepSessions(all: readonly StratumSession[], from: number): void {
    const nowMs = clock.monotonicMs();
    const to = Math.min(from + sweepSlice, all.length);
    for (let i = from; i < to; i++) {
      const session = all[i]!;
      try {
        session.sweep(nowMs);
        if ((i + sweeps) % roundTripSweeps === 0) measureRoundTrip(session);
      } catch (error) {
        session.failed(error);
      }
    }
    if (to < all.length) setImmediate(() => sweepSessions(all, to));
    else isSweeping = false;
  }

  function measureRoundTrip(session: StratumSession): void {
    const { descriptor } = session.connection;
    if (options.sockets === undefined || !session.isMining || descriptor < 0) return;
    const microseconds = options.sockets.roundTripMicroseconds(descriptor);
    if (microseconds < 0) return;
    session.measured(microseconds / 1000);
    metrics.roundTrip(microseconds / 1e6);
  }

  /** Connections that do not read their last words are cut by the sweeper, which runs until all have gone. */
  async function stop(reason: CloseReason): Promise<void> {
    isServing = false;
    await listeners?.close();
    listeners = undefined;
    for (const arrival of arrivals) arrival.close(reason);
    for (const session of sessions) session.finish(reason);
    if (counts.connections > 0) await new Promise<void>((resolve) => whenEmpty.push(resolve));
    clearInterval(sweeper);
    sweep();
  }

  return {
    open: listen,
    resume: listen,
    broadcast: (job) => broadcaster.broadcast(job),
    async suspend(reason) {
      log.warn({ event: "stratum-suspended", reason }, "not serving miners: they go to their backup pools");
      await stop("suspended");
    },
    close: () => stop("shutdown"),
    show: (text) => [...sessions].filter((session) => session.show(text)).length,
    drain(elsewhere, overSeconds) {
      const asked = [...sessions].filter((session) => session.followsReconnect(elsewhere));
      drain = new Drain(asked, elsewhere, overSeconds * 1000, clock.monotonicMs());
      return asked.length;
    },
    takeOver,
    extranoncesArrived: (isExhausted) => extranonces.arrived(isExhausted),
    restore({ sessionId, extranonce1, scheme, assignments, lastJobNumber }, keepMs) {
      const { difficulties } = context;
      const work = WorkHistory.restored(
        assignments.map((assignment) => ({
          ...assignment,
          target: difficulties.target(assignment.difficulty),
        })),
        lastJobNumber,
      );
      const wanted = assignments.at(-1)!.difficulty;
      // Whether it had shares is not on file: it is given the benefit of the doubt, and there are only so many.
      const state = { extranonce1, scheme, work, tips: new TipHistory(), wanted, hasShares: true };
      kept.keep(sessionId, state, keepMs);
    },
    take(notices) {
      for (const notice of notices) bans.take(notice);
      const nowMs = clock.monotonicMs();
      return notices
        .filter(({ cause, network }) => cause !== "command" && admission.standsWell(network, nowMs))
        .map(({ network }) => network);
    },
    withdrawBan(network) {
      bans.withdraw(network);
      admission.vouch(network, clock.monotonicMs());
    },
    bans,
    kept,
    get addresses() {
      return listeners?.addresses ?? [];
    },
    counts,
  };
}

/** What the way in which an arrival ended says about its peer. */
function offenceOf(reason: CloseReason): Offence | undefined {
  switch (reason) {
    case "http":
    case "not-stratum":
    case "proxy-header":
      return "not-stratum";
    case "tls-failed":
      return "tls-failure";
    case "greeting-timeout":
    case "subscribe-timeout":
      return "subscribe-timeout";
    default:
      return undefined;
  }
}

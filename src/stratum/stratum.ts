import type { Socket } from "node:net";
import type { Chain } from "../bitcoin/address.ts";
import type { Clock } from "../clock.ts";
import type { LiveJob, LiveJobs } from "../jobs/live-jobs.ts";
import type { Logger } from "../log/index.ts";
import type { NativeIntake } from "../shares/native-intake.ts";
import type { Shares } from "../shares/shares.ts";
import { Admission, subnetLimits } from "./admission.ts";
import { Broadcaster } from "./broadcast.ts";
import { Connection } from "./connection.ts";
import { connectionsPossible } from "./descriptor-limit.ts";
import type { DifficultyOptions } from "./difficulty.ts";
import { DifficultyTable } from "./difficulty.ts";
import type { Extranonces } from "./extranonce-leases.ts";
import { ExtranonceLeases } from "./extranonce-leases.ts";
import { Flusher } from "./flusher.ts";
import type { StratumLimits } from "./limits.ts";
import type { ListenAddress, Listeners } from "./listener.ts";
import { listenAll } from "./listener.ts";
import type { CloseReason, StratumMetrics } from "./metrics.ts";
import type { Counts, SessionContext } from "./v1/context.ts";
import { Session } from "./v1/session.ts";
import { WorkTexts } from "./work-texts.ts";

export interface StratumOptions {
  readonly listen: readonly ListenAddress[];
  readonly chain: Chain;
  readonly jobs: LiveJobs;
  readonly shares: Shares;
  /** Judges usual submissions in native code, straight from the bytes; undefined: every line takes the long way. */
  readonly intake: NativeIntake | undefined;
  readonly extranonces: Extranonces;
  readonly difficulty: DifficultyOptions;
  /** Version bits that miners may roll. */
  readonly versionMask: number;
  readonly staleGraceSeconds: number;
  readonly limits: StratumLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: StratumMetrics;
}

export interface Stratum {
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
  /** Where it listens now, with the ports that were found for port 0. */
  readonly addresses: readonly ListenAddress[];
  readonly counts: Readonly<Counts>;
}

/** The Stratum port of one worker process. */
export function createStratum(options: StratumOptions): Stratum {
  const { clock, limits, log, metrics } = options;
  const sessions = new Set<Session>();
  const counts: Counts = { connections: 0, subscribed: 0, workers: 0 };
  const context: SessionContext = {
    ...options,
    counts,
    extranonces: new ExtranonceLeases(options.extranonces, options.jobs),
    difficulties: new DifficultyTable(),
    texts: new WorkTexts(),
    staleGraceMs: options.staleGraceSeconds * 1000,
  };
  const admission = new Admission({
    ...subnetLimits,
    ...limits,
    connections: limits.connections ?? connectionsPossible(),
  });
  const broadcaster = new Broadcaster(sessions, clock, metrics.broadcastDone);
  const flusher = new Flusher();
  let listeners: Listeners | undefined;
  let sweeper: NodeJS.Timeout | undefined;
  let isServing = false;
  let whenEmpty: (() => void)[] = [];

  function accept(socket: Socket): void {
    const address = socket.remoteAddress;
    // The peer was gone before we looked, or came while we stopped.
    if (address === undefined || !isServing) return void socket.destroy();
    const refusal = admission.enter(address, clock.monotonicMs());
    if (refusal !== undefined) {
      metrics.connectionRefused(refusal);
      socket.on("error", () => {});
      socket.destroy();
      return;
    }
    const connection = new Connection(socket, flusher, limits);
    const session = new Session(context, connection, leave);
    sessions.add(session);
    counts.connections += 1;
    metrics.connectionOpened();
    connection.start(session);
  }

  function leave(session: Session): void {
    sessions.delete(session);
    admission.leave(session.connection.remote);
    counts.connections -= 1;
    if (sessions.size > 0) return;
    for (const resolve of whenEmpty) resolve();
    whenEmpty = [];
  }

  async function listen(): Promise<void> {
    if (isServing) return;
    isServing = true;
    try {
      listeners = await listenAll(options.listen, accept, ({ host, port }, err) =>
        log.error({ event: "stratum-accept-failed", host, port, err }, "a connection could not be accepted"),
      );
    } catch (error) {
      isServing = false;
      throw error;
    }
    sweeper = setInterval(sweep, limits.sweepSeconds * 1000);
  }

  function sweep(): void {
    const nowMs = clock.monotonicMs();
    for (const session of sessions) {
      try {
        session.sweep(nowMs);
      } catch (error) {
        session.failed(error);
      }
    }
    admission.sweep(nowMs);
    context.extranonces.sweep();
    metrics.subscribed(counts.subscribed);
  }

  /** Connections that do not read their last words are cut by the sweeper, which runs until all have gone. */
  async function stop(reason: CloseReason): Promise<void> {
    isServing = false;
    await listeners?.close();
    listeners = undefined;
    for (const session of sessions) session.finish(reason);
    if (sessions.size > 0) await new Promise<void>((resolve) => whenEmpty.push(resolve));
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
    get addresses() {
      return listeners?.addresses ?? [];
    },
    counts,
  };
}

import type { Clock } from "../clock.ts";
import type { Logger } from "../log/index.ts";
import type { Guest } from "./admission.ts";
import type { BanNotice, Bans } from "./bans.ts";
import type { StratumLimits } from "./limits.ts";
import type { StratumMetrics } from "./metrics.ts";
import { type Network, parseNetwork } from "./network.ts";
import { type Offence, Penalties, type Penalty, slowMs } from "./penalties.ts";
import type { StratumSession } from "./session.ts";

interface DisciplineOptions {
  readonly limits: StratumLimits;
  readonly bans: Bans;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: StratumMetrics;
  /** An address was banned here: the other worker processes should know. */
  readonly onBan: (notice: BanNotice) => void;
}

/** Tells the penalties what peers do, and carries out what follows from it. */
export class Discipline {
  readonly #options: DisciplineOptions;
  readonly #penalties: Penalties;

  constructor(options: DisciplineOptions) {
    const { requestsPerSecond, refusedInARow, neverBanned } = options.limits;
    this.#options = options;
    this.#penalties = new Penalties({
      requestsPerSecond,
      refusedInARow,
      exempt: neverBanned.map(networkOfSetting),
    });
  }

  /** What the peer did wrong. */
  offended(session: StratumSession, offence: Offence): void {
    const penalty = this.#penalties.offence(session.connection, session.guest, offence, this.#nowMs());
    this.#punish(session, penalty, offence);
  }

  /** A request that is no submission came. */
  requested(session: StratumSession): void {
    const penalty = this.#penalties.request(session.connection, session.guest, this.#nowMs());
    this.#punish(session, penalty, "request-flood");
  }

  /** So many submissions in a row were refused. */
  refused(session: StratumSession, submissions: number): void {
    const penalty = this.#penalties.refused(session.connection, session.guest, submissions, this.#nowMs());
    this.#punish(session, penalty, "refused-flood");
  }

  /** Shares became durable: they speak for their address. */
  accepted(session: StratumSession): void {
    this.#penalties.accepted(session.connection, session.guest, this.#nowMs());
  }

  /**
   * A connection ended in a bad way before it was a session.
   * @param guest undefined while its address is not known.
   */
  endedBadly(connection: object, guest: Guest | undefined, offence: Offence): void {
    const penalty = this.#penalties.offence(connection, guest, offence, this.#nowMs());
    if (penalty !== "none") this.#options.metrics.penalty(penalty);
    if (penalty === "ban" && guest !== undefined) this.#ban(guest, offence);
  }

  sweep(nowMs: number): void {
    this.#penalties.sweep(nowMs);
  }

  #punish(session: StratumSession, penalty: Penalty, offence: Offence): void {
    if (penalty === "none") return;
    const { log, metrics } = this.#options;
    const { remote } = session.connection;
    metrics.penalty(penalty);
    switch (penalty) {
      case "warn":
        log.debug({ event: "peer-warned", remote, offence }, "a connection behaves badly");
        session.show(`This connection sends what makes no sense to the pool (${offence}).`);
        break;
      case "slow":
        session.slowDown(this.#nowMs() + slowMs);
        break;
      case "drop":
        session.finish("penalty");
        break;
      case "ban":
        if (session.guest !== undefined) this.#ban(session.guest, offence);
        session.finish("penalty");
        break;
    }
  }

  #ban({ network }: Guest, offence: Offence): void {
    const { bans, clock, limits, log, onBan } = this.#options;
    const notice = limits.banSeconds === 0 ? undefined : bans.ban(network, offence, clock.wallMs());
    if (notice === undefined) return;
    log.warn(
      { event: "address-banned", network, offence, round: notice.round, untilMs: notice.untilMs },
      "an address is refused for a time: its connections were closed for hostility over and over",
    );
    onBan(notice);
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}

function networkOfSetting({ address, prefix }: { address: string; prefix: number }): Network {
  return parseNetwork(`${address}/${prefix}`)!;
}

/** What operators tell a running pool: bans, messages, drains. The primary decides and tells all workers. */
import type { Clock } from "../clock.ts";
import type { ControlHandlers, ControlServer } from "../control/index.ts";
import { openControl } from "../control/index.ts";
import { describeError, PoolError } from "../errors.ts";
import type { Logger } from "../log/index.ts";
import type { ToWorker } from "../processes/messages.ts";
import type { Bans } from "../stratum/bans.ts";

/** Clients need not wait before they go elsewhere: they are asked one after the other. */
const waitSeconds = 0;

export interface CommandsOptions {
  readonly bans: Bans;
  readonly clock: Clock;
  readonly log: Logger;
  readonly broadcast: (message: ToWorker) => void;
  /** Has all workers do something. @returns to how many connections. */
  readonly tell: (message: (id: number) => ToWorker) => Promise<number>;
}

export function controlHandlers(options: CommandsOptions): ControlHandlers {
  const { bans, clock, broadcast, tell, log } = options;
  return {
    "bans-list": () => ({ bans: bans.list(clock.wallMs()) }),
    "bans-add": ({ network, forSeconds }) => {
      const ban = bans.command(network, forSeconds * 1000, clock.wallMs());
      broadcast({ type: "bans", notices: [ban] });
      log.info({ event: "ban-added", network: ban.network, forSeconds }, "a network is refused by command");
      return { ban };
    },
    "bans-lift": ({ network }) => {
      const { lifted, stillBannedBy } = bans.lift(network ?? undefined, clock.wallMs());
      broadcast({ type: "bans-lifted", network: network ?? undefined });
      log.info({ event: "bans-lifted", network, lifted }, "bans were lifted by command");
      return { lifted, stillBannedBy: stillBannedBy ?? null };
    },
    message: async ({ text }) => ({ connections: await tell((id) => ({ type: "show", id, text })) }),
    drain: async ({ to, overSeconds }) => {
      const elsewhere = to === null ? undefined : { ...to, waitSeconds };
      log.info({ event: "drain-started", to, overSeconds }, "miners are asked to connect anew");
      return { connections: await tell((id) => ({ type: "drain", id, elsewhere, overSeconds })) };
    },
  };
}

/**
 * The control socket; undefined where the data directory's path is too long for one: the pool serves without.
 * @throws PoolError as openControl does, when another pool runs on this directory.
 */
export async function openControlIfPossible(
  dataDirectory: string,
  handlers: ControlHandlers,
  log: Logger,
): Promise<ControlServer | undefined> {
  try {
    return await openControl({ dataDirectory, handlers, log });
  } catch (error) {
    if (!(error instanceof PoolError) || error.code !== "CONTROL_PATH_TOO_LONG") throw error;
    log.warn({ event: "control-unavailable" }, `${describeError(error)} Commands cannot reach this pool.`);
    return undefined;
  }
}

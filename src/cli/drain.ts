/** `penstock drain`: asks the miners of the running pool to reconnect, a few at a time. */
import { parseArgs } from "node:util";
import { loadConfig } from "../config/index.ts";
import { askPool, type ControlRequest, maxDrainSeconds } from "../control/index.ts";
import type { Io } from "./config.ts";
import { parseDuration, printDuration } from "./duration.ts";

const usage = `penstock drain [--to HOST:PORT] [--over 5m] [--config FILE]

Asks all miners of the running pool to reconnect (V1: client.reconnect, V2: Reconnect), spread evenly over a time, before maintenance or to
move them to another front end. Nobody is disconnected: many miners ignore the request, and most that obey go only to
the same host or domain.

--to HOST:PORT   where to; default: where they are connected now
--over TIME      90s, 5m, 1h; default: 5m, at most ${printDuration(maxDrainSeconds)}

Speaks to the pool through control.sock in its dataDirectory, which only the pool's user may open.
`;

const defaultOver = "5m";

/** @returns the exit code: 0, 2 not understood. */
export async function runDrain(args: readonly string[], io: Io = process): Promise<number> {
  const asked = requestOf(args);
  if (asked === undefined) {
    io.stderr.write(usage);
    return 2;
  }
  if (asked === "help") {
    io.stdout.write(usage);
    return 0;
  }
  const { dataDirectory } = await loadConfig(asked.config);
  const { request } = asked;
  const { connections } = await askPool({ dataDirectory }, "drain", request);
  const who = `${connections} ${connections === 1 ? "connection" : "connections"}`;
  io.stdout.write(`${who} will be asked to reconnect within ${printDuration(request.overSeconds)}\n`);
  return 0;
}

function requestOf(
  args: readonly string[],
): { readonly request: ControlRequest<"drain">; readonly config: string | undefined } | "help" | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        help: { type: "boolean" },
        to: { type: "string" },
        over: { type: "string", default: defaultOver },
        config: { type: "string" },
      },
    });
    if (values.help) return "help";
    const overSeconds = parseDuration(values.over);
    const to = values.to === undefined ? null : endpointOf(values.to);
    if (overSeconds === undefined || overSeconds > maxDrainSeconds || to === undefined) return undefined;
    return { request: { to, overSeconds }, config: values.config };
  } catch {
    return undefined; // an option that does not exist: the usage says which do
  }
}

/** `HOST:PORT`, IPv6 in brackets. */
function endpointOf(text: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65_535) return undefined;
  return { host: (match[1] ?? match[2])!, port };
}

/** `penstock bans list|add|lift`: who may not connect to the running pool. */
import { parseArgs } from "node:util";
import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import { loadConfig } from "../config/index.ts";
import { askPool, type ControlAnswer } from "../control/index.ts";
import type { Io } from "./config.ts";
import { parseDuration, printDuration } from "./duration.ts";

const usage = `penstock bans VERB [--config FILE]

list [--json]              who may not connect now, for how much longer and why; --json: one line of JSON each
add ADDRESS [--for 1h]     refuses new connections from an address or a network (192.0.2.0/24) for a time:
                           90s, 5m, 1h, 2d; default: 1h. Connections that are open stay.
lift ADDRESS | --all       ends the ban of an address, or all bans within a network, or every ban

An IPv6 address stands for its /64. Speaks to the running pool through control.sock in its dataDirectory, which only
the pool's user may open. Bans end with the pool.
`;

type Request =
  | { readonly verb: "list"; readonly json: boolean }
  | { readonly verb: "add"; readonly network: string; readonly forSeconds: number }
  | { readonly verb: "lift"; readonly network: string | null };

const defaultBan = "1h";

/** @returns the exit code: 0, 1 nothing was lifted, 2 not understood. */
export async function runBans(
  args: readonly string[],
  io: Io = process,
  clock: Clock = systemClock,
): Promise<number> {
  const asked = requestOf(args);
  if (asked === "help") return say(io.stdout, usage, 0);
  if (asked === undefined) return say(io.stderr, usage, 2);
  const { request, config } = asked;
  const { dataDirectory } = await loadConfig(config);
  switch (request.verb) {
    case "list": {
      const { bans } = await askPool({ dataDirectory }, "bans-list", {});
      return say(io.stdout, listed(bans, request.json, clock.wallMs()), 0);
    }
    case "add": {
      const { network, forSeconds } = request;
      const { ban } = await askPool({ dataDirectory }, "bans-add", { network, forSeconds });
      const until = new Date(ban.untilMs).toISOString();
      return say(io.stdout, `${ban.network} is banned until ${until}\n`, 0);
    }
    case "lift": {
      const answer = await askPool({ dataDirectory }, "bans-lift", { network: request.network });
      return say(io.stdout, liftedText(answer, request.network), answer.lifted > 0 ? 0 : 1);
    }
  }
}

function requestOf(
  args: readonly string[],
): { readonly request: Request; readonly config: string | undefined } | "help" | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: "boolean" },
        json: { type: "boolean" },
        all: { type: "boolean" },
        for: { type: "string" },
        config: { type: "string" },
      },
    });
    if (values.help) return "help";
    const [verb, network, ...more] = positionals;
    if (more.length > 0) return undefined;
    const { json = false, all = false, for: length } = values;
    const request = commandOf(verb, network, { json, all, length });
    return request && { request, config: values.config };
  } catch {
    return undefined; // an option that does not exist: the usage says which do
  }
}

/** An option of another verb is not passed over: whoever writes it means something. */
function commandOf(
  verb: string | undefined,
  network: string | undefined,
  { json, all, length }: { json: boolean; all: boolean; length: string | undefined },
): Request | undefined {
  if (verb === "list" && network === undefined && !all && length === undefined) return { verb, json };
  if (json) return undefined;
  if (verb === "add" && network !== undefined && !all) {
    const forSeconds = parseDuration(length ?? defaultBan);
    return forSeconds === undefined || forSeconds === 0 ? undefined : { verb, network, forSeconds };
  }
  if (verb === "lift" && length === undefined && (network === undefined) === all)
    return { verb, network: network ?? null };
  return undefined;
}

type Ban = ControlAnswer<"bans-list">["bans"][number];

function listed(bans: readonly Ban[], json: boolean, nowMs: number): string {
  if (json) {
    return bans
      .map(({ network, untilMs, cause, round }) => {
        const line = { network, until: new Date(untilMs).toISOString(), cause, round };
        return `${JSON.stringify(line)}\n`;
      })
      .join("");
  }
  if (bans.length === 0) return "nobody is banned\n";
  return bans
    .map(({ network, untilMs, cause }) => {
      const left = printDuration((untilMs - nowMs) / 1000);
      return `${network.padEnd(43)}  ${left.padStart(8)}  ${cause}\n`;
    })
    .join("");
}

function liftedText({ lifted, stillBannedBy }: ControlAnswer<"bans-lift">, network: string | null): string {
  const count = `${lifted} ${lifted === 1 ? "ban" : "bans"} lifted\n`;
  return stillBannedBy === null ? count : `${count}${network} is still banned by ${stillBannedBy}\n`;
}

function say(output: Io["stdout"], text: string, code: number): number {
  output.write(text);
  return code;
}

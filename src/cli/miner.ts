/** `penstock miner`: mines on the CPU, at any pool that speaks Stratum V1 or V2. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { systemClock } from "../clock.ts";
import { PoolError } from "../errors.ts";
import { measureHashRate } from "../miner/hash-rate.ts";
import type { Miner, MinerEvent, MinerOptions, MinerTotals } from "../miner/miner.ts";
import { startMiner } from "../miner/miner.ts";
import { type PoolAddress, parsePoolUrl } from "../miner/pool-url.ts";
import { V1Client } from "../miner/v1-client.ts";
import { type ChannelKind, V2Client } from "../miner/v2-client.ts";
import { loadAddon } from "../native/index.ts";
import { createTransports } from "../pool/frame-transports.ts";
import type { Io } from "./config.ts";

const usage = `penstock miner --url URL --user ADDRESS.worker [options]

Mines on the CPU, for trying and testing, until Ctrl-C. Exits with 0 if a share was accepted, else with 1.

  --url URL           the pool's Stratum port: stratum+tcp://HOST:PORT, or for Stratum V2
                      stratum2+tcp://HOST:PORT/KEY, where KEY is what the pool's operator publishes
  --user NAME         payout address, a dot and a name for this miner
  --password TEXT     most pools ignore it (default x)
  --channel KIND      standard or extended, with Stratum V2 (default extended)
  --threads N         threads that hash (default: one for each core)
  --hashrate N        most hashes a second, over all threads: 500k, 2.5M, 1G (default: as many as they can)
  --duration SECONDS  stop after this time
  --json              lines for programs: one JSON object each
`;

const reportMs = 5000;
const agent = "penstock-miner/1";
/** Nearly all that a pool sends is shorter. */
const longPayload = 65_536;

interface Request {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly channel: ChannelKind;
  readonly threads: number;
  readonly hashesPerSecond: number;
  readonly durationSeconds: number;
  readonly json: boolean;
}

/** @param stopped ends it as Ctrl-C does. @returns 0 if a share was accepted, 1 if none, 2 if not understood. */
export async function runMiner(
  args: readonly string[],
  io: Io = process,
  stopped?: AbortSignal,
): Promise<number> {
  const request = requestOf(args);
  if (request === "help") {
    io.stdout.write(usage);
    return 0;
  }
  if (request === undefined) {
    io.stderr.write(usage);
    return 2;
  }
  const print = printer(io, request.json);
  const startedMs = systemClock.monotonicMs();
  const miner = startMiner({
    ...request,
    connect: connector(request, parsePoolUrl(request.url)),
    clock: systemClock,
    say: (event) => print(event, sentenceOf(event, request.url)),
  });
  const reporter = startReports(miner, startedMs, print);
  const end = endOf(request.durationSeconds, stopped);
  const failure = await Promise.race([end.reached, miner.failed]);
  end.cancel();
  clearInterval(reporter);
  await miner.stop();
  const elapsedMs = systemClock.monotonicMs() - startedMs;
  const rate = (miner.totals.hashes / elapsedMs) * 1000;
  print(report("summary", miner, rate, elapsedMs), `in all: ${counts(miner, rate)}`);
  if (failure !== undefined) {
    const why = failure.replace(/\.$/, "");
    throw new PoolError("MINER_FAILED", `Mining ended: ${why}.`, "Check --url and --user.");
  }
  return miner.totals.accepted > 0 ? 0 : 1;
}

/** Speaks the protocol that the URL asks for. */
function connector(request: Request, pool: PoolAddress): MinerOptions["connect"] {
  const addon = loadAddon();
  const options = { ...request, agent, addon };
  if (pool.protocol === "v1") return (events) => new V1Client({ ...options, ...pool }, events);
  const transports = createTransports({ addon, longPayload });
  const nominalHashRate = Math.min(
    request.hashesPerSecond,
    request.threads * measureHashRate(addon, systemClock),
  );
  const v2Options = { ...options, ...pool, transports, nominalHashRate, clock: systemClock };
  return (events) => new V2Client(v2Options, events);
}

function requestOf(args: readonly string[]): Request | "help" | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        url: { type: "string" },
        user: { type: "string" },
        password: { type: "string", default: "x" },
        channel: { type: "string", default: "extended" },
        threads: { type: "string", default: String(availableParallelism()) },
        hashrate: { type: "string", default: "Infinity" },
        duration: { type: "string", default: "Infinity" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return "help";
    const { url, user, password, channel, json } = values;
    const threads = Number(values.threads);
    const hashesPerSecond = numberWithSuffix(values.hashrate);
    const durationSeconds = Number(values.duration);
    if (url === undefined || user === undefined) return undefined;
    if (channel !== "standard" && channel !== "extended") return undefined;
    if (!Number.isInteger(threads) || threads < 1 || threads > 1024) return undefined;
    if (!(hashesPerSecond > 0) || !(durationSeconds > 0)) return undefined;
    return { url, user, password, channel, threads, hashesPerSecond, durationSeconds, json };
  } catch {
    return undefined; // an option that does not exist: the usage says which do
  }
}

const suffixes: Readonly<Record<string, number>> = { "": 1, k: 1e3, M: 1e6, G: 1e9 };

/** @returns NaN for what is no number. */
function numberWithSuffix(text: string): number {
  const [, digits, suffix] = /^(\d+(?:\.\d+)?|Infinity)([kMG]?)$/.exec(text) ?? [];
  return digits === undefined ? Number.NaN : Number(digits) * suffixes[suffix!]!;
}

/** @param object for programs. @param sentence for people. */
type Print = (object: MinerEvent | Report, sentence: string) => void;

interface Report extends MinerTotals {
  readonly event: "status" | "summary";
  readonly hashesPerSecond: number;
  /** Since the start. */
  readonly seconds: number;
}

function printer(io: Io, json: boolean): Print {
  return (object, sentence) => io.stdout.write(json ? `${JSON.stringify(object)}\n` : `${sentence}\n`);
}

function startReports(miner: Miner, startedMs: number, print: Print): NodeJS.Timeout {
  let lastHashes = 0;
  let lastMs = startedMs;
  return setInterval(() => {
    const nowMs = systemClock.monotonicMs();
    const rate = ((miner.totals.hashes - lastHashes) / (nowMs - lastMs)) * 1000;
    lastHashes = miner.totals.hashes;
    lastMs = nowMs;
    print(report("status", miner, rate, nowMs - startedMs), counts(miner, rate));
  }, reportMs);
}

function report(event: Report["event"], { totals }: Miner, rate: number, elapsedMs: number): Report {
  return { event, seconds: elapsedMs / 1000, hashesPerSecond: rate, ...totals };
}

function counts({ totals }: Miner, rate: number): string {
  const lost = totals.unanswered > 0 ? `, ${totals.unanswered} without an answer` : "";
  return `${rateText(rate)}, ${totals.accepted} accepted, ${totals.rejected} rejected${lost}`;
}

function rateText(hashesPerSecond: number): string {
  const units = ["H/s", "kH/s", "MH/s", "GH/s"];
  const step = Math.min(
    units.length - 1,
    Math.max(0, Math.floor(Math.log10(Math.max(1, hashesPerSecond)) / 3)),
  );
  return `${(hashesPerSecond / 1000 ** step).toFixed(step === 0 ? 0 : 2)} ${units[step]}`;
}

function sentenceOf(event: MinerEvent, url: string): string {
  switch (event.event) {
    case "connected":
      return `connected to ${url}`;
    case "disconnected":
      return `no connection to ${url}: ${event.why}; trying again in ${event.retrySeconds} s`;
    case "rejected":
      return `a share was rejected: ${event.why}`;
    case "message":
      return `the pool says: ${event.text}`;
  }
}

/** The time is over, somebody pressed Ctrl-C, or the caller has had enough. */
function endOf(
  durationSeconds: number,
  stopped: AbortSignal | undefined,
): { readonly reached: Promise<undefined>; cancel(): void } {
  let end = (): void => {};
  const reached = new Promise<undefined>((resolve) => {
    end = () => resolve(undefined);
  });
  // A timer beyond 2^31 - 1 ms would fire at once.
  const timer = Number.isFinite(durationSeconds)
    ? setTimeout(end, Math.min(durationSeconds * 1000, 2 ** 31 - 1))
    : undefined;
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
  stopped?.addEventListener("abort", end, { once: true });
  if (stopped?.aborted) end();
  return {
    reached,
    cancel() {
      clearTimeout(timer);
      process.off("SIGINT", end);
      process.off("SIGTERM", end);
    },
  };
}

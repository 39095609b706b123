#!/usr/bin/env node
// npm start [-- OPTIONS]: a whole pool on a private signet of its own, with a node, a database and a miner.
import { mkdir } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join, relative, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  endChild,
  endLeftover,
  forgetMyself,
  lastLines,
  recordMyself,
  runningPid,
  startChild,
} from "./lib/demo/children.mjs";
import { writeConfig } from "./lib/demo/config.mjs";
import { demoAddresses, startNode, untilNodeAnswers } from "./lib/demo/node.mjs";
import { checkPort } from "./lib/demo/ports.mjs";
import { readAuthorityKey, readBalances, readCounters, statusLine } from "./lib/demo/status.mjs";
import { SetupFailure } from "./lib/failure.mjs";
import { projectDir } from "./lib/paths.mjs";
import { runCommand, setUp } from "./lib/setup.mjs";

const USAGE = `npm start [-- OPTIONS]
  --data DIR      where everything is kept (default data/demo)
  --host HOST     address that miners connect to (default 0.0.0.0: all of this machine's)
  --port PORT     port for miners (default 3333)
  --solo PORT     a second port for miners, whose blocks pay their finder (default: none)
  --http PORT     port of /metrics, /livez and /readyz on 127.0.0.1 (default 8080)
  --threads N     threads of the built-in miner (default 1; 0: no miner)
  --hashrate N    its hashes a second, such as 500k or 10M (default 2.5M: a block every two seconds)
`;
const READY_TIMEOUT_MS = 120_000;
/** What a pool lacks in its first moments is nobody's concern. */
const NOT_READY_YET_MS = 5_000;
const STATUS_SECONDS = 10;
const BALANCES_EVERY = 6;
/** How long each part may take to end before it is killed; the node writes its whole state. */
const PATIENCE_MS = { miner: 5_000, pool: 30_000, node: 60_000 };
/** In the order in which they end: who depends on others goes first. */
const PARTS = ["miner", "pool", "node"];

const program = join(projectDir, "bin/penstock.mjs");

await runCommand("npm start", async () => {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) return 0;
  const stop = stopSignals();
  stop.first.addEventListener("abort", endAtOnce);
  const { bitcoin } = await setUp();
  const demo = await openFolder(options);
  stop.first.removeEventListener("abort", endAtOnce);
  try {
    await runDemo(demo, bitcoin, stop.first);
  } catch (error) {
    if (!stop.first.aborted) throw error; // else it is the end that was asked for
  } finally {
    await close(demo, stop);
  }
  return 0;
});

/** While nothing has been started yet: what was set up so far stays for the next time. */
function endAtOnce() {
  print("Stopped while setting up; npm start goes on from here.");
  process.exit(130);
}

/** Runs until `stop` aborts (then it throws whatever was under way) or a part ends by itself. */
async function runDemo(demo, bitcoin, stop) {
  const { options, children, folder, configFile } = demo;
  print("… starting the Bitcoin node");
  const node = await startNode({
    folder: join(folder, "node"),
    recordFolder: folder,
    bitcoind: bitcoin.bitcoind,
  });
  children.node = node.child;
  await untilNodeAnswers(node, stop);
  const addresses = await demoAddresses(node);
  await writeConfig(configFile, {
    node,
    poolAddress: addresses.pool,
    stratum: `${options.host}:${options.port}`,
    solo: options.solo && `${options.host}:${options.solo}`,
    http: `127.0.0.1:${options.http}`,
  });
  stop.throwIfAborted();

  print("… starting the pool");
  await start(demo, "pool", [process.execPath, program, "serve", "--config", configFile]);
  await untilReady(demo, stop);
  if (options.threads > 0) await startMiner(demo, addresses.miner);
  const authorityKey = await readAuthorityKey(program, configFile);
  showWhereToLook(demo, bitcoin, { ...addresses, authorityKey });
  await Promise.race([showStatus(demo, stop), ...Object.values(children).map(endedByItself)]);
}

async function start(demo, name, command) {
  const [file, ...args] = command;
  demo.children[name] = await startChild({ name, file, args, folder: demo.folder });
}

async function startMiner(demo, address) {
  const url = `stratum+tcp://127.0.0.1:${demo.options.port}`;
  const { threads, hashrate } = demo.options;
  const pace = ["--threads", String(threads), "--hashrate", hashrate];
  const miner = [program, "miner", "--url", url, "--user", `${address}.demo`, ...pace];
  // It takes what nobody else wants of the processor.
  await start(demo, "miner", ["nice", "-n", "19", process.execPath, ...miner]);
}

function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      data: { type: "string", default: join(projectDir, "data/demo") },
      host: { type: "string", default: "0.0.0.0" },
      port: { type: "string", default: "3333" },
      solo: { type: "string" },
      http: { type: "string", default: "8080" },
      threads: { type: "string", default: "1" },
      hashrate: { type: "string", default: "2.5M" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return undefined;
  }
  return {
    data: resolve(values.data),
    host: values.host,
    port: wholeNumber("--port", values.port, 1, 65_535),
    solo: values.solo && wholeNumber("--solo", values.solo, 1, 65_535),
    http: wholeNumber("--http", values.http, 1, 65_535),
    threads: wholeNumber("--threads", values.threads, 0, 256),
    hashrate: hashrateOf(values.hashrate),
  };
}

function wholeNumber(option, text, min, max) {
  const number = Number(text);
  if (Number.isInteger(number) && number >= min && number <= max) return number;
  throw new SetupFailure(`${option} ${text} makes no sense.`, `Give a whole number from ${min} to ${max}.`);
}

/** As `penstock miner` takes it; said here, where the option was given. */
function hashrateOf(text) {
  if (/^\d+(\.\d+)?[kMG]?$/.test(text) && Number.parseFloat(text) > 0) return text;
  throw new SetupFailure(
    `--hashrate ${text} makes no sense.`,
    "Give a number above 0, such as 500k or 2.5M.",
  );
}

/** Takes the folder for this run alone, and ends what a killed run left in it. */
async function openFolder(options) {
  const folder = options.data;
  await mkdir(folder, { recursive: true });
  const other = await runningPid("start", folder);
  if (other !== undefined) {
    throw new SetupFailure(
      `The demo in ${shown(folder)} runs already (process ${other}).`,
      "Stop it with Ctrl-C there, or give this one a folder and ports of its own (npm start -- --help).",
    );
  }
  await recordMyself("start", folder);
  const demo = { options, folder, configFile: join(folder, "penstock.yaml"), children: {} };
  try {
    for (const part of PARTS) {
      if (await endLeftover(part, folder, PATIENCE_MS[part]))
        print(`… ended the ${part} of a run that was killed`);
    }
    await checkPort({ host: options.host, port: options.port, purpose: "for miners", option: "--port" });
    if (options.solo) {
      await checkPort({
        host: options.host,
        port: options.solo,
        purpose: "for solo miners",
        option: "--solo",
      });
    }
    await checkPort({ host: "127.0.0.1", port: options.http, purpose: "for metrics", option: "--http" });
  } catch (error) {
    await forgetMyself("start", folder);
    throw error;
  }
  return demo;
}

/** Ends all parts in order; a second signal kills what is left at once. */
async function close(demo, stop) {
  const { children, folder } = demo;
  const running = Object.values(children).filter((child) => !child.exited);
  if (running.length > 0) print("… stopping miner, pool and node, in this order");
  stop.second.addEventListener("abort", () => {
    for (const child of running) if (!child.exited) process.kill(child.pid, "SIGKILL");
  });
  for (const part of PARTS) if (children[part]) await endChild(children[part], folder, PATIENCE_MS[part]);
  await forgetMyself("start", folder);
  if (stop.first.aborted) print(`Stopped. All is kept in ${shown(folder)}; npm start goes on from here.`);
}

/** The first signal asks for a clean end, the second for a quick one. */
function stopSignals() {
  const [first, second] = [new AbortController(), new AbortController()];
  const ask = () => (first.signal.aborted ? second : first).abort();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, ask);
  // Nobody reads any more: the terminal is gone.
  process.stdout.on("error", () => first.abort());
  return { first: first.signal, second: second.signal };
}

async function untilReady(demo, stop) {
  const url = `http://127.0.0.1:${demo.options.http}/readyz`;
  const startedAt = performance.now();
  let said = "";
  while (performance.now() < startedAt + READY_TIMEOUT_MS) {
    const pool = demo.children.pool;
    if (pool.exited) throw await endedEarly(pool);
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    if (answer?.ok) return;
    const reasons = answer ? reasonsIn(await answer.text()) : "";
    if (performance.now() > startedAt + NOT_READY_YET_MS) {
      if (reasons && reasons !== said) print(`… the pool is not ready yet: ${reasons}`);
      said = reasons;
    }
    await pause(100, undefined, { signal: stop });
  }
  throw new SetupFailure(
    `The pool was not ready within ${READY_TIMEOUT_MS / 1000} s${said && `: ${said}`}.`,
    `Its log is ${demo.children.pool.logFile}.`,
  );
}

/** `{"ready":false,"reasons":[…]}` in words. */
function reasonsIn(body) {
  try {
    return JSON.parse(body).reasons?.join("; ") ?? "";
  } catch {
    return body.trim().slice(0, 200);
  }
}

async function endedByItself(child) {
  await child.exit;
  throw await endedEarly(child);
}

async function endedEarly(child) {
  const lines = await lastLines(child, 3);
  return new SetupFailure(
    `The ${child.name} ended by itself (${await child.exit}): ${lines.join(" / ")}`,
    `Its whole log is ${child.logFile}.`,
  );
}

function showWhereToLook(demo, { bitcoinCli }, addresses) {
  const { options, folder, configFile } = demo;
  const config = shown(configFile);
  print(`
Penstock is running: a private signet, one node, one pool${options.threads > 0 ? `, a miner on ${options.threads} thread${options.threads > 1 ? "s" : ""}` : ""}.

  Point a miner at     ${miningUrls(options.host, options.port).join("  or  ")}
                       user ADDRESS.worker, any password; ADDRESS is of this signet, for example
                       ${addresses.miner}.mine${soloLines(options)}${v2Lines(options, addresses.authorityKey)}
  Or a CPU             npx penstock miner --url stratum+tcp://127.0.0.1:${options.port} --user ${addresses.miner}.cpu
  Point a browser at   http://127.0.0.1:${options.http}/metrics  (also /readyz, /livez)

  Balances             npx penstock ledger balances --config ${config}
  Every share          npx penstock ledger shares --config ${config}
  Check the books      npx penstock ledger recompute --config ${config}
  Check the journal    npx penstock journal verify --config ${config}
  The node             ${shown(bitcoinCli)} -datadir=${shown(join(folder, "node"))} getblockchaininfo
  Logs                 ${shown(folder)}/{pool,miner,node}.log

  Ctrl-C stops all of it; npm start goes on where it stopped.
`);
}

function soloLines({ host, solo }) {
  if (!solo) return "";
  return `
  Mine solo at         ${miningUrls(host, solo).join("  or  ")}
                       a block pays ADDRESS in its coinbase, less the pool's fee`;
}

function v2Lines({ host, port }, authorityKey) {
  if (authorityKey === undefined) return "";
  const urls = miningUrls(host, port, "stratum2").map((url) => `${url}/${authorityKey}`);
  return `\n  With Stratum V2      ${urls.join("\n                       ")}`;
}

function miningUrls(host, port, protocol = "stratum") {
  if (host !== "0.0.0.0" && host !== "::") return [`${protocol}+tcp://${host}:${port}`];
  const lan = Object.values(networkInterfaces())
    .flat()
    .find(({ family, internal }) => family === "IPv4" && !internal);
  return ["127.0.0.1", lan?.address].filter(Boolean).map((address) => `${protocol}+tcp://${address}:${port}`);
}

async function showStatus(demo, stop) {
  const httpUrl = `http://127.0.0.1:${demo.options.http}`;
  let before = await untilFirstShare(httpUrl, stop);
  let readAt = performance.now();
  for (let round = 0; !stop.aborted; round += 1) {
    await pause(STATUS_SECONDS * 1000, undefined, { signal: stop });
    const now = await readCounters(httpUrl).catch(() => undefined);
    const at = performance.now();
    // The pool may be busy for a moment; its end would have been noticed.
    if (now) print(statusLine(now, before, (at - readAt) / 1000));
    if (round % BALANCES_EVERY === 0) {
      for (const line of await readBalances(program, demo.configFile)) print(`         ${line}`);
    }
    [before, readAt] = [now, at];
  }
}

async function untilFirstShare(httpUrl, stop) {
  const startedAt = performance.now();
  for (;;) {
    const counters = await readCounters(httpUrl).catch(() => undefined);
    if (counters?.accepted > 0) {
      print(`first share accepted after ${((performance.now() - startedAt) / 1000).toFixed(1)} s of mining`);
      return counters;
    }
    await pause(250, undefined, { signal: stop });
  }
}

function shown(path) {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short || ".";
}

function print(line) {
  process.stdout.write(`${line}\n`);
}

/** `penstock serve` in surroundings that do not fit: it says what is wrong and what to do, and leaves nothing behind. */
import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { stringify } from "yaml";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { until } from "../support/deadline.ts";
import { freePorts } from "../support/ports.ts";
import { launch, type Running } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { V1Client } from "../support/v1-client.ts";

const program = resolve(import.meta.dirname, "../../bin/penstock.mjs");
const regtestAddress = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const signetAddress = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
const mainnetAddress = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";

let node: Bitcoind;

beforeAll(async () => {
  node = await startBitcoind({ chain: "regtest" });
  await node.call("generatetoaddress", [1, regtestAddress]);
});

afterAll(() => node?.stop());

interface Serving {
  readonly folder: string;
  readonly running: Running;
}

async function serve(settings: unknown, environment: NodeJS.ProcessEnv = {}): Promise<Serving> {
  const { path: folder, remove } = await temporaryFolder("config");
  const file = join(folder, "penstock.yaml");
  await writeFile(file, typeof settings === "string" ? settings : stringify(settings));
  const running = launch({
    name: "penstock serve",
    file: process.execPath,
    args: [program, "serve", "--config", file],
    env: { ...process.env, ...environment },
  });
  onTestFinished(async () => {
    await running.stop("SIGTERM", 60_000);
    await remove();
  });
  return { folder, running };
}

/** Its exit code and what it wrote: lines for people alone, and those of the log. */
async function ending({ running }: Serving) {
  const { code } = await running.exit;
  const isLog = (line: string) => line.startsWith("{");
  const events = running.lines.filter(isLog).map((line) => JSON.parse(line) as { event: string });
  return { code, said: running.lines.filter((line) => !isLog(line)), events };
}

async function good(changes: Record<string, unknown> = {}) {
  const [stratumPort, httpPort] = (await freePorts(2)) as [number, number];
  const settings = {
    chain: node.chain,
    nodes: [{ rpc: node.rpcUrl, cookieFile: node.cookieFile }],
    dataDirectory: "./data",
    pool: { address: regtestAddress },
    stratum: { listen: [`127.0.0.1:${stratumPort}`], workers: 1 },
    http: { listen: `127.0.0.1:${httpPort}` },
    journal: { segmentMegabytes: 1, alarmFreeMegabytes: 2, refuseFreeMegabytes: 1 },
    ...changes,
  };
  return { settings, stratumPort, httpPort };
}

async function takePort(port = 0): Promise<Server> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen({ port, host: "127.0.0.1" }, listening));
  onTestFinished(() => void server.close());
  return server;
}

/** [path, what the line about it says]. */
const faults: readonly (readonly [string, RegExp])[] = [
  ["nods", /did you mean nodes\?/],
  ["nodes[0].usr", /did you mean user\?/],
  ["nodes[0].rpc", /expected an http/],
  ["nodes[0]", /has no login/],
  ["database.url", /expected embedded, postgres/],
  ["pool.address", /mainnet address, the pool is on signet/],
  ["pool.feePercent", /101 is not accepted; expected a number from 0 to 100/],
  ["pool.split[0].percent", /100 is not accepted/],
  ["stratum.workrs", /did you mean workers\?/],
  ["stratum.listen[0]", /expected HOST:PORT/],
  ["stratum.difficulty.start", /0 is not accepted/],
  ["stratum.difficulty.min", /is 5, above max \(1\)/],
  ["stratum.limits.lineBytes", /"long" is not accepted; expected a whole number/],
  ["stratum.limits.__proto__", /is not a known setting/],
  ["journal.segmentMegabytes", /0 is not accepted/],
  ["journal.durability", /expected fsync or os/],
  ["journal.refuseFreeMegabytes", /not below alarmFreeMegabytes/],
  ["http.listen", /expected HOST:PORT/],
];

const faulty = `
chain: signet
nods: []
nodes: [{ rpc: ftp://127.0.0.1:1, usr: x }]
dataDirectory: ./data
database: { url: mysql://user:hunter2@db }
pool:
  address: ${mainnetAddress}
  feePercent: 101
  split: [{ address: ${signetAddress}, percent: 100 }]
stratum:
  listen: ["127.0.0.1:99999"]
  workrs: 2
  difficulty: { start: 0, min: 5, max: 1 }
  limits: { lineBytes: long, __proto__: 1 }
journal: { segmentMegabytes: 0, durability: sometimes, alarmFreeMegabytes: 1, refuseFreeMegabytes: 9 }
http: { listen: nowhere }
`;

test("every fault of a configuration is named in one go, with its path and the nearest key, and nothing is started", async () => {
  const serving = await serve(faulty);
  const { code, said, events } = await ending(serving);
  expect(code).toBe(1);
  expect(events).toEqual([]);
  expect(said[0]).toContain(`has ${faults.length} faults`);
  for (const [path, words] of faults) {
    const lines = said.filter((line) => line.includes(`: ${path}: `));
    expect(lines, path).toHaveLength(1);
    expect(lines[0]).toMatch(words);
    expect(lines[0]).toMatch(/^ {2}line \d+: /);
  }
  expect(said).toHaveLength(faults.length + 2);
  expect(said.at(-1)).toContain("docs/configuration.md");
  expect(said.join("\n"), "a password in a setting is not printed").not.toContain("hunter2");
  expect(await readdir(serving.folder)).toEqual(["penstock.yaml"]);
});

test("an address of another chain is refused by name before anything is started", async () => {
  const { settings } = await good({ pool: { address: mainnetAddress } });
  const serving = await serve(settings);
  const { code, said } = await ending(serving);
  expect(code).toBe(1);
  expect(said.join("\n")).toMatch(
    new RegExp(`pool.address: "${mainnetAddress}" .*mainnet address, the pool is on regtest`),
  );
  expect(await readdir(serving.folder)).toEqual(["penstock.yaml"]);
});

test("a file that is not there, and one that is no YAML, are one clear line", async () => {
  const { running } = await serve("chain: [");
  expect((await running.exit).code).toBe(1);
  expect(running.lines.join("\n")).toMatch(/CONFIG_/);
  const missing = launch({
    name: "penstock serve",
    file: process.execPath,
    args: [program, "serve", "--config", "/nowhere/penstock.yaml"],
  });
  expect((await missing.exit).code).toBe(1);
  expect(missing.lines).toHaveLength(1);
  expect(missing.lines[0]).toMatch(/\/nowhere\/penstock.yaml.*\[CONFIG_NOT_FOUND\]/);
});

test("a node of another chain ends the pool with both chains' names, and Postgres with it", async () => {
  const { settings, stratumPort } = await good({ chain: "signet", pool: { address: signetAddress } });
  const serving = await serve(settings);
  const { code, said, events } = await ending(serving);
  expect(code).toBe(1);
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(/"regtest", not "signet".*\[NODE_WRONG_CHAIN\]/);
  expect(events.map(({ event }) => event)).not.toContain("worker-killed");
  expect(existsSync(join(serving.folder, "data/postgres/postmaster.pid"))).toBe(false);
  await takePort(stratumPort); // nobody has it
});

test("a taken HTTP port ends the pool with one line that names it", async () => {
  const { settings, httpPort } = await good();
  await takePort(httpPort);
  const serving = await serve(settings);
  const { code, said } = await ending(serving);
  expect(code).toBe(1);
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(new RegExp(`127.0.0.1:${httpPort}.*http.listen.*\\[HTTP_PORT_TAKEN\\]`));
  expect(existsSync(join(serving.folder, "data/postgres"))).toBe(false);
});

test("a taken Stratum port is one line of the log and a reason of /readyz, until it is free", async () => {
  const { settings, stratumPort, httpPort } = await good();
  const taker = await takePort(stratumPort);
  const { running } = await serve(settings);
  const line = await running.waitForLine(/"stratum-port-failed"/);
  expect(line).toContain("STRATUM_PORT_TAKEN");
  expect(line).toContain(`127.0.0.1:${stratumPort}`);
  expect(line).toContain("stratum.listen");
  const readyz = async () => {
    const response = await fetch(`http://127.0.0.1:${httpPort}/readyz`);
    return response.status === 503 && (await response.text()).includes(`127.0.0.1:${stratumPort}`);
  };
  await until(readyz, { timeoutMs: 5_000, what: "/readyz to name the port" });

  taker.close();
  const miner = await until(() => V1Client.start(stratumPort, `${regtestAddress}.late`), {
    timeoutMs: 20_000,
    what: "the pool to listen when the port is free",
  });
  miner.close();
  const ready = async () => (await fetch(`http://127.0.0.1:${httpPort}/readyz`)).status === 200;
  await until(ready, { timeoutMs: 5_000, what: "the pool to be ready" });
  expect(running.lines.filter((text) => text.includes('"stratum-port-failed"'))).toHaveLength(1);
});

test("PENSTOCK_SHA256 forces the kernel that shares are judged with, and an unknown one is refused by name", async () => {
  const { settings, httpPort } = await good();
  await serve(settings, { PENSTOCK_SHA256: "portable" });
  const metrics = async () => (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
  await until(async () => /penstock_build_info\{[^}]*kernel="portable"/.test(await metrics()), {
    timeoutMs: 30_000,
    what: "/metrics to name the portable kernel",
  });

  const refused = await ending(await serve((await good()).settings, { PENSTOCK_SHA256: "abacus" }));
  expect(refused.code).toBe(1);
  expect(refused.said).toEqual([expect.stringMatching(/"abacus".*portable.*\[NATIVE_KERNEL_UNKNOWN\]/)]);
});

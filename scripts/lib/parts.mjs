/** Where the real parts come from: a good enough one on PATH, else Debian's package (docs/decisions/0006-real-parts.md). */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { machineSuite, provideDebian } from "./debian.mjs";
import { capture } from "./run.mjs";

/**
 * Bitcoin Core or Knots, 27 or newer.
 * @param {{log: (line: string) => void}} options
 * @returns {Promise<{bitcoind: string, bitcoinCli: string, origin: string}>} paths to start, and where they are from
 */
export async function provideBitcoin({ log }) {
  const knots = {
    name: "bitcoin-knots",
    packageName: "bitcoin-knots",
    suites: [["trixie", "trixie-backports"], ["forky"]],
    programs: ["bitcoind", "bitcoin-cli"],
  };
  const { folder, origin } = await fromPathOrDebian(knots, { major: 27, log });
  return { bitcoind: join(folder, "bitcoind"), bitcoinCli: join(folder, "bitcoin-cli"), origin };
}

/** @returns {Promise<{redisServer: string, redisCli: string, origin: string}>} Redis 7 or newer */
export async function provideRedis({ log }) {
  const redis = {
    name: "redis",
    packageName: "redis-server",
    suites: [[await machineSuite()], ["trixie"]],
    programs: ["redis-server", "redis-cli"],
  };
  const { folder, origin } = await fromPathOrDebian(redis, { major: 7, log });
  return { redisServer: join(folder, "redis-server"), redisCli: join(folder, "redis-cli"), origin };
}

/** @returns {Promise<{prometheus: string, promtool: string, origin: string}>} Prometheus 2 or newer */
export async function providePrometheus({ log }) {
  const prometheus = {
    name: "prometheus",
    packageName: "prometheus",
    suites: [[await machineSuite()], ["trixie"]],
    programs: ["prometheus", "promtool"],
  };
  const { folder, origin } = await fromPathOrDebian(prometheus, { major: 2, log });
  return { prometheus: join(folder, "prometheus"), promtool: join(folder, "promtool"), origin };
}

/** All programs of a part are taken from one place, so that a client and its server belong together. */
async function fromPathOrDebian(wanted, { major, log }) {
  for (const folder of (process.env.PATH ?? "").split(delimiter).filter(Boolean)) {
    if (!wanted.programs.every((program) => existsSync(join(folder, program)))) continue;
    const found = await majorVersion(join(folder, wanted.programs[0]));
    if (found >= major) return { folder, origin: `PATH (${folder})` };
    log(`${wanted.programs[0]} in ${folder} is older than ${major}: looking further`);
  }
  return { folder: await provideDebian(wanted, { log }), origin: "Debian" };
}

/** `… version v29.5.0`, `v=7.0.15`, `version 2.42.0` → the first number; 0 when it does not say. */
async function majorVersion(program) {
  const { stdout, stderr } = await capture(program, ["--version"]);
  return Number(/(?:version |v=)v?(\d+)\./.exec(`${stdout}\n${stderr}`)?.[1] ?? 0);
}

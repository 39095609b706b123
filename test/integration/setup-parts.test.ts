import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { capture } from "../../scripts/lib/run.mjs";
import { startBitcoind } from "../support/bitcoind.ts";
import { fillMempool, fundWallet, mineBlocks } from "../support/chain.ts";
import { fakeNodeOnPath, freshCheckout } from "../support/checkout.ts";
import { until } from "../support/deadline.ts";
import { promtool, startPrometheus } from "../support/prometheus.ts";
import { startRedis } from "../support/redis.ts";

test("a regtest node has coins of every kind to spend, and shows its blocks to its peer", async () => {
  const node = await startBitcoind({ chain: "regtest" });
  onTestFinished(() => node.stop());
  const peer = await startBitcoind({ chain: "regtest", connectTo: [node] });
  onTestFinished(() => peer.stop());

  await fundWallet(node);
  const sent = await fillMempool(node, { legacy: 2, segwit: 2, taproot: 2 });

  expect(sent).toHaveLength(6);
  expect(await node.call("getrawmempool")).toEqual(expect.arrayContaining(sent));
  const height = await node.call<number>("getblockcount");
  await until(async () => (await peer.call("getblockcount")) === height, {
    timeoutMs: 20_000,
    what: "the peer to have all blocks",
  });
});

test("the signet gives templates at once, takes the prepared blocks and goes on from them", async () => {
  const node = await startBitcoind({ chain: "signet" });
  onTestFinished(() => node.stop());
  const rules = [{ rules: ["segwit", "signet"] }];
  expect(await node.call("getblocktemplate", rules)).toMatchObject({ height: 1, bits: "1e0377ae" });

  await fundWallet(node);
  await fillMempool(node, { taproot: 1 });

  expect(await node.call("getblocktemplate", rules)).toMatchObject({ height: 112 });
  expect(await node.call("getblockchaininfo")).toMatchObject({ initialblockdownload: false });
  await mineBlocks(node, 1);
  expect(await node.call("getrawmempool")).toEqual([]);
});

test("a node that was killed comes back with its chain on the same address", async () => {
  const node = await startBitcoind({ chain: "regtest" });
  onTestFinished(() => node.stop());
  await fundWallet(node);
  await node.call("gettxoutsetinfo"); // writes the chain to disk

  await node.kill();
  await expect(node.call("getblockcount")).rejects.toThrow();
  await node.restart();

  expect(await node.call("getblockcount")).toBe(110);
});

test("Redis and Prometheus start, answer and leave nothing behind", async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  await redis.kill();
  await redis.restart();

  const prometheus = await startPrometheus({ targets: ["127.0.0.1:1"] });
  onTestFinished(() => prometheus.stop());
  await until(async () => (await prometheus.query("up"))[0]?.value[1] === "0", {
    timeoutMs: 20_000,
    what: "Prometheus to have found its target dead",
  });
  await expect(prometheus.query("sum(")).rejects.toThrow("parse error");
  expect((await promtool(["--version"])).code).toBe(0);
});

test("two runs at once download a package for a fresh clone without harm to each other", async () => {
  const checkout = await freshCheckout();
  onTestFinished(checkout.remove);
  const env = { ...process.env, PATH: pathWithout("bitcoind") };
  const install = () => capture(process.execPath, ["scripts/install-node.mjs"], { cwd: checkout.path, env });

  const runs = await Promise.all([install(), install()]);

  for (const { code, stderr } of runs) expect(code, stderr).toBe(0);
  const bin = join(checkout.path, ".cache/debian/bitcoin-knots/bin");
  for (const { stdout } of runs) expect(stdout.trim()).toBe(bin);
  expect((await capture(join(bin, "bitcoind"), ["--version"])).stdout).toMatch(/Knots.* v\d\d/);
  expect((await capture("ls", ["-A", join(checkout.path, ".cache/debian")])).stdout).toBe("bitcoin-knots\n");
});

test("programs on PATH come first, unless they are too old", async () => {
  const checkout = await freshCheckout();
  onTestFinished(checkout.remove);
  const newPath = await fakeNodeOnPath(checkout.path);
  const oldPath = await fakeNodeOnPath(checkout.path, "v26.2.0");
  const [newest, old] = [newPath, oldPath].map((path) => path.split(":")[0]);
  const env = { ...process.env, PATH: `${old}:${newPath}` };

  const { stdout, stderr } = await capture(process.execPath, ["scripts/install-node.mjs"], {
    cwd: checkout.path,
    env,
  });

  expect(stdout).toBe(`${newest}\n`);
  expect(stderr).toContain(`bitcoind in ${old} is older than 27`);
});

function pathWithout(program: string): string {
  const folders = (process.env["PATH"] ?? "").split(":");
  return folders.filter((folder) => !existsSync(join(folder, program))).join(":");
}

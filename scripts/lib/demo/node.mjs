/** The demo's Bitcoin node: a signet of its own on loopback, with a wallet for the pool and the miner. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { SetupFailure } from "../failure.mjs";
import { lastLines, startChild } from "./children.mjs";

const WALLET = "demo";
const START_TIMEOUT_MS = 60_000;
const RPC_WALLET_EXISTS = -4;
const RPC_NO_SUCH_LABEL = -11;

/**
 * Starts the node on its own data. It does not answer yet: see `untilNodeAnswers`.
 * @param {{folder: string, recordFolder: string, bitcoind: string}} options
 */
export async function startNode({ folder, recordFolder, bitcoind }) {
  await mkdir(folder, { recursive: true });
  const [rpcPort, zmqPort] = await Promise.all([freePort(), freePort()]);
  const zmq = `tcp://127.0.0.1:${zmqPort}`;
  // A file rather than arguments, so that `bitcoin-cli -datadir=…` finds the node too.
  await writeFile(join(folder, "bitcoin.conf"), configuration({ rpcPort, zmq }));
  const args = [`-datadir=${folder}`];
  const child = await startChild({ name: "node", file: bitcoind, args, folder: recordFolder });
  const cookieFile = join(folder, "signet/.cookie");
  const rpcUrl = `http://127.0.0.1:${rpcPort}`;
  const call = (method, params = [], path = "") => rpc(`${rpcUrl}${path}`, cookieFile, method, params);
  return { child, rpcUrl, cookieFile, zmq, call };
}

/** @param {AbortSignal} signal ends the waiting */
export async function untilNodeAnswers({ child, call }, signal) {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline && !child.exited) {
    try {
      return await call("getblockchaininfo");
    } catch {
      await pause(50, undefined, { signal }); // not listening yet, or warming up
    }
  }
  const lines = await lastLines(child, 3);
  throw new SetupFailure(
    `The Bitcoin node did not start: ${lines.join(" / ")}`,
    `Its whole log is ${child.logFile}.`,
  );
}

/** The addresses of the pool and of the miner, made at the first start. */
export async function demoAddresses({ call }) {
  if (!(await call("listwallets")).includes(WALLET)) await openWallet(call);
  return { pool: await addressOf(call, "pool"), miner: await addressOf(call, "miner") };
}

function configuration({ rpcPort, zmq }) {
  return `# Written anew at each start of the demo.
signet=1
[signet]
# OP_TRUE: anyone may make a block, no signature; the smallest work is about five million hashes.
signetchallenge=51
server=1
rpcbind=127.0.0.1
rpcallowip=127.0.0.1
rpcport=${rpcPort}
zmqpubhashblock=${zmq}
# Alone in its world: no peers in either direction.
connect=0
listen=0
dnsseed=0
fixedseeds=0
discover=0
# The last block may be from weeks ago: nobody mined while the demo was off. That is no initial download.
maxtipage=3153600000
fallbackfee=0.0001
dbcache=64
printtoconsole=1
nodebuglogfile=1
`;
}

async function openWallet(call) {
  const loadOnStartup = true;
  try {
    await call("createwallet", [WALLET, false, false, "", false, true, loadOnStartup]);
  } catch (error) {
    if (error.code !== RPC_WALLET_EXISTS) throw error;
    await call("loadwallet", [WALLET, loadOnStartup]);
  }
}

async function addressOf(call, label) {
  const wallet = `/wallet/${WALLET}`;
  try {
    return Object.keys(await call("getaddressesbylabel", [label], wallet))[0];
  } catch (error) {
    if (error.code !== RPC_NO_SUCH_LABEL) throw error;
    return await call("getnewaddress", [label, "bech32"], wallet);
  }
}

async function rpc(url, cookieFile, method, params) {
  const login = Buffer.from((await readFile(cookieFile, "utf8")).trim()).toString("base64");
  const response = await fetch(url, {
    method: "POST",
    headers: { authorization: `Basic ${login}`, "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "1.0", id: 1, method, params }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  const { result, error } = text.startsWith("{") ? JSON.parse(text) : { error: { message: text } };
  if (error) throw Object.assign(new Error(`${method}: ${error.message}`), { code: error.code });
  return result;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

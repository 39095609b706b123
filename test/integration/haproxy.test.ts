/**
 * Behind a real HAProxy: whatever counts or names addresses goes by the client's own, which comes in a PROXY header, from
 * those alone who may send one.
 */
import { once } from "node:events";
import { connect as connectTls } from "node:tls";
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from "vitest";
import { loadCertificate } from "../../src/pool/certificate.ts";
import type { BanNotice } from "../../src/stratum/bans.ts";
import { startBitcoind } from "../support/bitcoind.ts";
import { aCertificate } from "../support/certificates.ts";
import { until } from "../support/deadline.ts";
import { type Haproxy, hasIpv6, startHaproxy } from "../support/haproxy.ts";
import { aJob } from "../support/jobs.ts";
import { startPool } from "../support/pool.ts";
import { freePort } from "../support/ports.ts";
import { aBinaryHeader, anIpv6Block, aTextHeader } from "../support/proxy-headers.ts";
import {
  anAddress,
  aStratum,
  hardBits,
  RawClient,
  type StratumChanges,
  type StratumUnderTest,
} from "../support/stratum.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { dripping, tcpTo } from "../support/tls.ts";
import { V1Client } from "../support/v1-client.ts";
import { type RecordingLog, recordingLog } from "../unit/node/recording-log.ts";

const trusted = [{ address: "127.0.0.1", prefix: 32 }];
const submission = [`${anAddress}.rig`, "000000000a00", "0000000000000001", "000007d0", "0000002a"];
const versions = ["send-proxy", "send-proxy-v2"];

interface ProxiedPort extends StratumUnderTest {
  readonly log: RecordingLog;
  readonly bans: readonly BanNotice[];
}

let folder: { readonly path: string; readonly remove: () => Promise<void> };
let secureContext: Awaited<ReturnType<typeof loadCertificate>>["secureContext"];
const opened: ProxiedPort[] = [];

beforeAll(async () => {
  folder = await temporaryFolder("haproxy-tls");
  ({ secureContext } = await loadCertificate(await aCertificate(folder.path)));
});

afterEach(async () => {
  for (const pool of opened.splice(0)) await pool.stratum.close();
});

afterAll(async () => {
  await folder?.remove();
});

/** A port whose clients come through 127.0.0.1 with PROXY headers; every share is accepted at once. */
async function aProxiedPort(changes: StratumChanges = {}): Promise<ProxiedPort> {
  const log = recordingLog();
  const bans: BanNotice[] = [];
  const pool = await aStratum({
    proxyFrom: trusted,
    secureContext: () => secureContext,
    log: log.log,
    onBan: (notice) => bans.push(notice),
    ...changes,
  });
  pool.shares.verdict = "accepted";
  pool.broadcast(aJob({ number: 10, bits: hardBits }));
  const port = { ...pool, log, bans };
  opened.push(port);
  return port;
}

function portOf({ stratum }: StratumUnderTest): number {
  return stratum.addresses[0]!.port;
}

/** HAProxy in front of a port, for as long as the test runs. */
async function aHaproxyTo(pool: StratumUnderTest, ...servers: readonly string[]): Promise<Haproxy> {
  const haproxy = await startHaproxy(servers.map((server) => ({ to: portOf(pool), server })));
  onTestFinished(() => haproxy.stop());
  return haproxy;
}

/** A whole dialogue: it ends with an accepted share. */
async function mineOneShare(client: RawClient): Promise<void> {
  await client.join();
  await client.message(({ method }) => method === "mining.notify");
  expect(await client.request("mining.submit", submission)).toMatchObject({ result: true, error: null });
}

async function untilNoted(pool: StratumUnderTest, event: string, times: number): Promise<void> {
  await until(() => pool.metrics.count(event) >= times, {
    timeoutMs: 20_000,
    what: `${times} times ${event}: ${pool.metrics.events.slice(-20).join(", ")}`,
    intervalMs: 5,
  });
}

const addresses = ["127.0.0.2", "127.0.0.77", ...(hasIpv6 ? ["::1"] : [])];

test.each(versions)(
  "clients mine through %s, in the clear and over TLS, each under its own address",
  async (server) => {
    const pool = await aProxiedPort();
    const { ports } = await aHaproxyTo(pool, server);
    let closed = 0;
    for (const address of addresses) {
      const clear = RawClient.over(await tcpTo(ports[0]!, address));
      await mineOneShare(clear);
      const secure = connectTls({ socket: await tcpTo(ports[0]!, address), rejectUnauthorized: false });
      await once(secure, "secureConnect");
      await mineOneShare(RawClient.over(secure));
      clear.socket.destroy();
      secure.destroy();
      closed += 2;
      await untilNoted(pool, "connectionClosed peer", closed);
      const remotes = pool.log.events("connection-closed").map(({ remote }) => remote);
      expect(remotes.slice(-2)).toEqual([address, address]);
    }
  },
);

test("connections are counted by the clients' addresses, not by the proxy's", async () => {
  const pool = await aProxiedPort({ limits: { connectionsPerAddress: 2 } });
  const { ports } = await aHaproxyTo(pool, "send-proxy", "send-proxy-v2");
  const come = async (address: string, index: number) =>
    RawClient.over(await tcpTo(ports[index % 2]!, address));
  const all: RawClient[] = [];
  for (const address of addresses) {
    for (let index = 0; index < 2; index++) {
      const client = await come(address, index);
      await client.join();
      all.push(client);
    }
  }
  for (const address of addresses) {
    const third = await come(address, 1);
    third.send('{"id":1,"method":"mining.subscribe","params":[]}\n');
    await third.untilEnded();
    expect(third.received).toBe("");
  }
  expect(pool.metrics.count("connectionRefused connections-per-address")).toBe(addresses.length);
  expect(all.some(({ ended }) => ended)).toBe(false);
  // One leaves, and another of the same address finds its place.
  all[0]!.socket.destroy();
  await untilNoted(pool, "connectionClosed peer", 1);
  await mineOneShare(await come(addresses[0]!, 0));
});

test("a client that is banned stays out behind the proxy, and its neighbours stay in", async () => {
  const pool = await aProxiedPort({ limits: { newConnectionsPerAddressPerSecond: 10_000 } });
  const { ports } = await aHaproxyTo(pool, "send-proxy-v2");
  const neighbour = RawClient.over(await tcpTo(ports[0]!, "127.0.0.3"));
  await neighbour.join();
  while (pool.bans.length === 0) {
    const hostile = RawClient.over(await tcpTo(ports[0]!, "127.0.0.2"));
    hostile.send("SSH-2.0-OpenSSH_9.9\r\n");
    await hostile.untilEnded();
  }
  expect(pool.bans.map(({ network }) => network)).toEqual(["127.0.0.2"]);
  const refused = RawClient.over(await tcpTo(ports[0]!, "127.0.0.2"));
  await refused.untilEnded();
  expect(pool.metrics.count("connectionRefused banned")).toBe(1);
  await mineOneShare(RawClient.over(await tcpTo(ports[0]!, "127.0.0.4")));
  expect(await neighbour.request("mining.submit", submission)).toMatchObject({ result: true });
});

test("without a header nobody comes in from where there must be one, and the proxy is not blamed", async () => {
  const pool = await aProxiedPort();
  const { ports } = await aHaproxyTo(pool, "", "send-proxy");
  for (let turn = 1; turn <= 150; turn++) {
    const client = RawClient.over(await tcpTo(ports[0]!));
    client.send('{"id":1,"method":"mining.subscribe","params":[]}\n');
    await client.untilEnded();
    expect(client.received).toBe("");
  }
  await untilNoted(pool, "connectionClosed proxy-header", 150);
  expect(pool.bans).toEqual([]);
  await mineOneShare(RawClient.over(await tcpTo(ports[1]!, "127.0.0.2")));
});

test("a header from where there may be none ends the connection, and what follows it is not read", async () => {
  const pool = await aProxiedPort({ proxyFrom: [{ address: "192.0.2.1", prefix: 32 }] });
  const { ports } = await aHaproxyTo(pool, ...versions);
  for (const port of ports) {
    const client = RawClient.over(await tcpTo(port));
    client.send('{"id":1,"method":"mining.subscribe","params":[]}\n');
    await client.untilEnded();
    expect(client.received).toBe("");
  }
  await untilNoted(pool, "connectionClosed proxy-header", 2);
  await mineOneShare(await pool.connect());
});

test("health checks of every kind are no offence: connect and go, with a header, through TLS", async () => {
  const pool = await aProxiedPort({
    limits: { newConnectionsPerAddressPerSecond: 100_000, newConnectionsPerSubnetPerSecond: 100_000 },
  });
  // However slow this machine is, HAProxy takes the pool for alive: it is not what is asked here.
  const check = (options: string) => `check inter 20ms fall 10000 ${options}`;
  const { ports } = await aHaproxyTo(
    pool,
    `send-proxy ${check("check-send-proxy")}`,
    `send-proxy-v2 ${check("check-send-proxy")}`,
    `send-proxy-v2 ${check(`port ${portOf(pool)}`)}`,
    `send-proxy-v2 ${check("check-send-proxy check-ssl verify none")}`,
  );
  await untilNoted(pool, "connectionOpened", 300);
  for (const port of ports) await mineOneShare(RawClient.over(await tcpTo(port, "127.0.0.2")));
  const closed = new Set(pool.metrics.events.filter((event) => event.startsWith("connectionClosed")));
  expect([...closed]).toEqual(["connectionClosed peer"]);
  expect(pool.bans).toEqual([]);
  expect(pool.metrics.events.filter((event) => event.startsWith("connectionRefused"))).toEqual([]);
});

const headers: readonly (readonly [string, Buffer, string])[] = [
  ["version 1", aTextHeader(), "192.0.2.1"],
  ["version 1, IPv6", aTextHeader("TCP6 2001:db8::1 2001:db8::2 56324 3333"), "2001:db8::1"],
  ["version 1, unknown", aTextHeader("UNKNOWN"), "127.0.0.1"],
  ["version 2", aBinaryHeader(), "192.0.2.1"],
  ["version 2, IPv6", aBinaryHeader({ pair: 0x21, block: anIpv6Block }), "2001:db8::1"],
  [
    "version 2, the proxy's own",
    aBinaryHeader({ versionAndCommand: 0x20, pair: 0, block: Buffer.alloc(0) }),
    "127.0.0.1",
  ],
];

test.each(headers)(
  "a header of %s may come byte by byte, or with requests behind it",
  async (_, header, address) => {
    const pool = await aProxiedPort();
    const requests = Buffer.from(
      '{"id":"a","method":"mining.subscribe","params":[]}\n{"id":"b","method":"mining.extranonce.subscribe"}\n',
    );
    const whole = RawClient.over(await tcpTo(portOf(pool)));
    whole.send(Buffer.concat([header, requests]));
    await whole.answer("b");
    whole.socket.destroy();
    await untilNoted(pool, "connectionClosed peer", 1);

    const tcp = await tcpTo(portOf(pool));
    const slow = RawClient.over(tcp);
    dripping(tcp).write(Buffer.concat([header, requests]));
    await slow.answer("b");
    tcp.destroy();
    await untilNoted(pool, "connectionClosed peer", 2);
    expect(pool.log.events("connection-closed").map(({ remote }) => remote)).toEqual([address, address]);
  },
);

test("a header that stops half-way is closed in time, and one that goes wrong at once", async () => {
  const pool = await aProxiedPort();
  const cut = RawClient.over(await tcpTo(portOf(pool)));
  cut.send(aBinaryHeader().subarray(0, 20));
  const wrong = RawClient.over(await tcpTo(portOf(pool)));
  wrong.send("PROXY TCP4 192.0.2.1 198.51.100.2 x");
  await wrong.untilEnded();
  await untilNoted(pool, "connectionClosed proxy-header", 1);
  pool.clock.advance(9_999);
  const other = RawClient.over(await tcpTo(portOf(pool)));
  other.send(aTextHeader());
  await mineOneShare(other);
  expect(cut.ended).toBe(false);
  pool.clock.advance(1);
  await cut.untilEnded();
  await untilNoted(pool, "connectionClosed greeting-timeout", 1);
});

test("the pool's own program counts and names the clients behind HAProxy, in the clear and over TLS", async () => {
  const node = await startBitcoind({ chain: "regtest" });
  onTestFinished(() => node.stop());
  const [straight, proxied] = [await freePort(), await freePort()];
  const haproxy = await startHaproxy([
    { to: proxied, server: "send-proxy" },
    { to: proxied, server: "send-proxy-v2" },
  ]);
  onTestFinished(() => haproxy.stop());
  const pool = await startPool({
    nodes: [node],
    address: anAddress,
    difficulty: 1e-9,
    settings: {
      log: { level: "debug" },
      stratum: {
        listen: [`127.0.0.1:${straight}`],
        listeners: [{ listen: `127.0.0.1:${proxied}`, proxyFrom: ["127.0.0.1"] }],
        tls: await aCertificate(folder.path),
        limits: { connectionsPerAddress: 1 },
      },
    },
  });
  onTestFinished(() => pool.dispose());
  const user = `${anAddress}.rig`;
  const refused = () => pool.metric("penstock_stratum_refused_total", { cause: "connections-per-address" });
  const [textPort, binaryPort] = haproxy.ports as [number, number];

  const clear = await V1Client.over(await tcpTo(textPort, "127.0.0.2"), user);
  const socket = connectTls({ socket: await tcpTo(binaryPort, "127.0.0.3"), rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const secure = await V1Client.over(socket, user);
  const direct = await V1Client.start(straight, user);
  for (const client of [clear, secure, direct])
    expect(await client.submit(client.makeShare())).toMatchObject({ result: true });

  const second = RawClient.over(await tcpTo(binaryPort, "127.0.0.2"));
  await second.untilEnded();
  expect(await refused()).toBe(1);
  for (const client of [clear, secure, direct]) client.close();
  for (const remote of ["127.0.0.1", "127.0.0.2", "127.0.0.3"])
    await pool.running.waitForLine(new RegExp(`"connection-closed","remote":"${remote}"`));
  expect(await pool.metric("penstock_stratum_disconnects_total", { cause: "proxy-header" })).toBe(0);
  expect(await pool.metric("penstock_stratum_banned_addresses")).toBe(0);
});

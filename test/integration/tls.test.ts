/**
 * TLS on the Stratum port: ordinary certificates, versions 1.2 and 1.3, beside clients in the clear, renewed without a
 * restart. The certificates are made by OpenSSL, whose own client is one of those that speak here.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { get } from "node:https";
import { connect as connectTls, type SecureVersion } from "node:tls";
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from "vitest";
import { type CertificateFiles, CertificateWatcher, loadCertificate } from "../../src/pool/certificate.ts";
import { type Bitcoind, startBitcoind } from "../support/bitcoind.ts";
import { aCertificate, openssl, replaceCertificate, replaceFile } from "../support/certificates.ts";
import { aClock, type FakeClock } from "../support/clock.ts";
import { until, within } from "../support/deadline.ts";
import { aJob } from "../support/jobs.ts";
import { type PoolOptions, startPool } from "../support/pool.ts";
import { freePorts } from "../support/ports.ts";
import { mulberry32 } from "../support/random.ts";
import {
  anAddress,
  aStratum,
  hardBits,
  RawClient,
  type StratumChanges,
  type StratumUnderTest,
} from "../support/stratum.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { aClientHello, dripping, shownName, tcpTo, tlsTo } from "../support/tls.ts";
import { V1Client } from "../support/v1-client.ts";
import { recordingLog } from "../unit/node/recording-log.ts";

/** PENSTOCK_HANDSHAKES makes a long campaign of it. */
const brokenHandshakes = Number(process.env["PENSTOCK_HANDSHAKES"] ?? 3_000);
const both: readonly SecureVersion[] = ["TLSv1.2", "TLSv1.3"];
const submission = [`${anAddress}.rig`, "000000000a00", "0000000000000001", "000007d0", "0000002a"];
const yearMs = 365 * 86_400_000;

let folder: { readonly path: string; readonly remove: () => Promise<void> };
let program: string;
let elliptic: CertificateFiles;
let rsa: CertificateFiles;
const opened: StratumUnderTest[] = [];

beforeAll(async () => {
  folder = await temporaryFolder("tls");
  program = await openssl();
  elliptic = await aCertificate(folder.path);
  rsa = await aCertificate(folder.path, { kind: "RSA" });
});

afterEach(async () => {
  for (const pool of opened.splice(0)) {
    pool.shares.commit("unavailable");
    await pool.stratum.close();
  }
});

afterAll(async () => {
  await folder?.remove();
});

/** A port with a certificate and a job; every share is accepted at once. */
async function aTlsPort(changes: StratumChanges = {}, files = elliptic): Promise<StratumUnderTest> {
  const { secureContext } = await loadCertificate(files);
  return await aPort({ secureContext: () => secureContext, ...changes });
}

async function aPort(changes: StratumChanges): Promise<StratumUnderTest> {
  const pool = await aStratum(changes);
  opened.push(pool);
  pool.shares.verdict = "accepted";
  pool.broadcast(aJob({ number: 10, bits: hardBits }));
  return pool;
}

function portOf({ stratum }: StratumUnderTest): number {
  return stratum.addresses[0]!.port;
}

/** A whole dialogue: it ends with an accepted share. */
async function mineOneShare(client: RawClient): Promise<void> {
  await client.join();
  await client.message(({ method }) => method === "mining.notify");
  expect(await client.request("mining.submit", submission)).toMatchObject({ result: true, error: null });
}

test.each(both)(
  "a client subscribes, authorizes and submits over %s, with either kind of key",
  async (version) => {
    for (const files of [elliptic, rsa]) {
      const pool = await aTlsPort({}, files);
      const socket = await tlsTo(portOf(pool), { minVersion: version, maxVersion: version });
      expect(socket.getProtocol()).toBe(version);
      const client = RawClient.over(socket);
      await mineOneShare(client);
      pool.broadcast(aJob({ number: 11, bits: hardBits }));
      await client.message(
        ({ method, params }) => method === "mining.notify" && params[0] === "000000000b00",
      );
      socket.destroy();
    }
  },
);

test.each(["-tls1_2", "-tls1_3"])("OpenSSL's own client mines with %s", async (version) => {
  const pool = await aTlsPort();
  const child = spawn(program, ["s_client", "-connect", `127.0.0.1:${portOf(pool)}`, version, "-quiet"]);
  onTestFinished(() => void child.kill("SIGKILL"));
  let received = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    received += text;
  });
  const ask = async (id: number, method: string, params: readonly unknown[], answer: string) => {
    child.stdin.write(`${JSON.stringify({ id, method, params })}\n`);
    await until(() => received.includes(answer), { timeoutMs: 10_000, what: `${answer} in ${received}` });
  };
  await ask(1, "mining.subscribe", ["openssl/3"], '"mining.notify"');
  await ask(2, "mining.authorize", [`${anAddress}.rig`, "x"], '"id":2,"result":true');
  await ask(3, "mining.submit", submission, '"id":3,"result":true');
  child.kill();
  await once(child, "close");
});

test("clients in the clear and clients over TLS share the port and the jobs", async () => {
  const pool = await aTlsPort();
  const clear = await pool.connect();
  const secure = RawClient.over(await tlsTo(portOf(pool)));
  await Promise.all([mineOneShare(clear), mineOneShare(secure)]);
  pool.broadcast(aJob({ number: 11, bits: hardBits }));
  for (const client of [clear, secure])
    await client.message(({ method, params }) => method === "mining.notify" && params[0] === "000000000b00");
});

test.each(["TLSv1", "TLSv1.1"] as const)("%s is refused in its own words", async (version) => {
  const pool = await aTlsPort();
  const old = { minVersion: "TLSv1", maxVersion: version, ciphers: "DEFAULT@SECLEVEL=0" } as const;
  await expect(tlsTo(portOf(pool), old)).rejects.toMatchObject({
    code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
  });
  await untilClosed(pool, "tls-failed", 1);
  await mineOneShare(RawClient.over(await tlsTo(portOf(pool))));
});

test("a later connection takes up the TLS session of an earlier one, for a device that has no time for two handshakes", async () => {
  const pool = await aTlsPort();
  for (const version of both) {
    const options = { minVersion: version, maxVersion: version };
    const first = connectTls({
      port: portOf(pool),
      host: "127.0.0.1",
      rejectUnauthorized: false,
      ...options,
    });
    const session = within(5_000, "a ticket", once(first, "session"));
    await mineOneShare(RawClient.over(first));
    const [ticket] = (await session) as [Buffer];
    first.destroy();
    const second = await tlsTo(portOf(pool), { ...options, session: ticket });
    expect(second.isSessionReused()).toBe(true);
    await mineOneShare(RawClient.over(second));
  }
});

test("a handshake that comes byte by byte is one", async () => {
  const pool = await aTlsPort();
  for (const version of both) {
    const slow = dripping(await tcpTo(portOf(pool)));
    const socket = connectTls({ socket: slow, rejectUnauthorized: false, maxVersion: version });
    await within(10_000, "the handshake", once(socket, "secureConnect"));
    expect(socket.getProtocol()).toBe(version);
    await mineOneShare(RawClient.over(socket));
    socket.destroy();
  }
});

test("requests that come with the end of the handshake are answered, and so are those before the client's end", async () => {
  const pool = await aTlsPort();
  pool.shares.verdict = undefined;
  const socket = connectTls({
    port: portOf(pool),
    host: "127.0.0.1",
    rejectUnauthorized: false,
  });
  const client = RawClient.over(socket);
  const requests = [
    { id: 1, method: "mining.subscribe", params: [] },
    { id: 2, method: "mining.authorize", params: [`${anAddress}.rig`, "x"] },
    { id: 3, method: "mining.submit", params: submission },
  ];
  socket.end(requests.map((request) => `${JSON.stringify(request)}\n`).join(""));
  await until(() => pool.shares.waiting.length > 0, { timeoutMs: 5_000, what: "the share", intervalMs: 2 });
  pool.shares.commit();
  expect(await client.answer(3)).toMatchObject({ result: true });
  await client.untilEnded();
});

test("a record that is no ClientHello gets an alert and the connection ends", async () => {
  const pool = await aTlsPort();
  const garbage = [
    Buffer.from("160301000401000000", "hex"),
    Buffer.concat([Buffer.from("1603010200010001fc", "hex"), Buffer.alloc(508, 0x55)]),
    Buffer.from(
      `\x16\x03\x01\x02\0\x01${'{"id":1,"method":"mining.subscribe","params":[]}\n'.repeat(20)}`,
      "latin1",
    ),
  ];
  for (const bytes of garbage) {
    const client = RawClient.over(await tcpTo(portOf(pool)));
    client.send(bytes);
    await client.untilEnded();
    expect(client.received).not.toContain("id");
  }
  await untilClosed(pool, "tls-failed", garbage.length);
});

test("64 bytes that begin as TLS and are no ClientHello are a key of Stratum V2, by their first six", async () => {
  const pool = await aTlsPort();
  for (const bytes of [
    "\x16{",
    "\x16\x02\x00",
    "\x16\x03\x05",
    "\x16\x03\x01\x7f",
    "\x16\x03\x01\x02\0\x02",
  ]) {
    const client = RawClient.over(await tcpTo(portOf(pool)));
    client.send(Buffer.from(bytes.padEnd(64, "\0"), "latin1"));
    await until(() => client.received.length > 0, { timeoutMs: 10_000, what: "act 2", intervalMs: 2 });
    client.socket.destroy();
  }
  await untilClosed(pool, "peer", 5);
});

test("without a certificate TLS is turned away unanswered", async () => {
  const pool = await aPort({});
  const client = RawClient.over(await tcpTo(portOf(pool)));
  client.send(await aClientHello());
  await client.untilEnded();
  expect(client.received).toBe("");
  await untilClosed(pool, "tls-not-offered", 1);
});

test("a handshake that stalls is closed when greetingSeconds are over, wherever it stands", async () => {
  const pool = await aTlsPort({ limits: { greetingSeconds: 7 } });
  const hello = await aClientHello();
  const stalled: RawClient[] = [];
  for (const bytes of [hello.subarray(0, 1), hello.subarray(0, 100), hello]) {
    const client = RawClient.over(await tcpTo(portOf(pool)));
    client.send(bytes);
    stalled.push(client);
  }
  const silent = RawClient.over(await tlsTo(portOf(pool)));
  stalled.push(silent);
  await until(() => stalled[2]!.socket.bytesRead > 0, { timeoutMs: 5_000, what: "the server's hello" });
  const miner = RawClient.over(await tlsTo(portOf(pool)));
  await miner.join();
  pool.clock.advance(6_999);
  await miner.request("mining.ping");
  expect(stalled.map(({ ended }) => ended)).toEqual([false, false, false, false]);
  pool.clock.advance(1);
  await Promise.all(stalled.map((client) => client.untilEnded()));
  await untilClosed(pool, "greeting-timeout", 4);
  await mineOneShare(miner);
});

test("a browser gets the same short answer over TLS as in the clear", async () => {
  const pool = await aTlsPort();
  const text = await new Promise<string>((resolve, reject) => {
    const request = get(
      { port: portOf(pool), host: "127.0.0.1", rejectUnauthorized: false, agent: false },
      (response) => {
        let body = `${response.statusCode} `;
        response.setEncoding("utf8").on("data", (chunk: string) => {
          body += chunk;
        });
        response.once("end", () => resolve(body));
      },
    );
    request.once("error", reject);
  });
  expect(text).toMatch(/^400 This is a mining port/);
  await untilClosed(pool, "http", 1);
});

test("an HTTP request that comes in many pieces gets its one answer, and what follows is not kept", async () => {
  const pool = await aTlsPort();
  for (const socket of [await tcpTo(portOf(pool)), await tlsTo(portOf(pool))]) {
    const client = RawClient.over(socket);
    client.send("POST / HTTP/1.1\r\n");
    for (let piece = 0; piece < 200; piece++) {
      client.send(Buffer.alloc(16_384, "x"));
      if (piece % 10 === 0) await new Promise(setImmediate);
    }
    await client.untilEnded();
    expect(client.received.match(/HTTP\/1\.1 400 Bad Request/g)).toHaveLength(1);
    expect(client.received).toContain("stratum+tcp://");
  }
  await untilClosed(pool, "http", 2);
});

test("an HTTP client that does not go after its answer is closed in time", async () => {
  const pool = await aTlsPort();
  const client = RawClient.over(await tcpTo(portOf(pool)));
  client.socket.allowHalfOpen = true;
  client.send("GET / HTTP/1.1\r\n\r\n");
  await until(() => client.received.includes("mining port"), { timeoutMs: 5_000, what: "the answer" });
  pool.clock.advance(10_000);
  await untilClosed(pool, "http", 1);
  client.socket.destroy();
});

test("TLS within TLS is not spoken", async () => {
  const pool = await aTlsPort();
  const client = RawClient.over(await tlsTo(portOf(pool)));
  client.send(await aClientHello());
  await client.untilEnded();
  await untilClosed(pool, "not-stratum", 1);
});

test("a PROXY header comes before the handshake, and its address is the client's", async () => {
  const { log, lines } = recordingLog();
  const pool = await aTlsPort({ log, proxyFrom: [{ address: "127.0.0.1", prefix: 32 }] });
  const tcp = await tcpTo(portOf(pool));
  tcp.write("PROXY TCP4 192.0.2.9 198.51.100.2 56324 3333\r\n");
  const socket = connectTls({ socket: tcp, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  await mineOneShare(RawClient.over(socket));
  socket.destroy();
  await untilClosed(pool, "peer", 1);
  expect(lines.find(({ event }) => event === "connection-closed")).toMatchObject({ remote: "192.0.2.9" });

  // Within the tunnel anybody could write one.
  const liar = await tcpTo(portOf(pool));
  liar.write("PROXY TCP4 192.0.2.9 198.51.100.2 56324 3333\r\n");
  const tunnel = connectTls({ socket: liar, rejectUnauthorized: false });
  await once(tunnel, "secureConnect");
  const client = RawClient.over(tunnel);
  client.send("PROXY TCP4 203.0.113.7 198.51.100.2 56324 3333\r\n");
  await client.untilEnded();
  await untilClosed(pool, "proxy-header", 1);
});

test("who asks much over TLS and reads nothing is cut off before the answers fill the memory", async () => {
  const pool = await aTlsPort({ limits: { requestsPerSecond: 1_000_000 } });
  const client = RawClient.over(await tlsTo(portOf(pool)));
  await client.join();
  client.socket.pause();
  const requests = Buffer.from('{"id":1,"method":"mining.extranonce.subscribe","params":[]}\n'.repeat(1_000));
  await until(
    () => {
      if (client.socket.writable && client.socket.writableLength < 1 << 20) client.socket.write(requests);
      return pool.metrics.count("connectionClosed slow-reader") === 1;
    },
    { timeoutMs: 30_000, what: "the connection to be cut off", intervalMs: 1 },
  );
});

test("who renegotiates over and over is cut off: a handshake costs the pool a thousand times what a request does", async () => {
  const pool = await aTlsPort();
  const socket = await tlsTo(portOf(pool), { maxVersion: "TLSv1.2" });
  const client = RawClient.over(socket);
  await client.join();
  let done = 0;
  const again = () =>
    void socket.renegotiate({ rejectUnauthorized: false }, (error) => {
      if (error !== null) return;
      done += 1;
      again();
    });
  again();
  await client.untilEnded();
  expect(done).toBeLessThan(10);
  await untilClosed(pool, "peer", 1);
});

test.each(both)("a broken record after the handshake ends the connection (%s)", async (version) => {
  const pool = await aTlsPort();
  const tcp = await tcpTo(portOf(pool));
  const socket = connectTls({ socket: dripping(tcp), rejectUnauthorized: false, maxVersion: version });
  await once(socket, "secureConnect");
  await RawClient.over(socket).join();
  tcp.write(Buffer.from(`1703030020${"ab".repeat(32)}`, "hex"));
  await once(tcp, "close");
  await untilClosed(pool, "peer", 1);
});

test(`${brokenHandshakes} broken, cut and reset handshakes leave nothing behind and cost a miner nothing`, async () => {
  const pool = await aTlsPort({
    limits: {
      newConnectionsPerAddressPerSecond: 1_000_000,
      newConnectionsPerSubnetPerSecond: 1_000_000,
      connectionsPerAddress: 10_000,
      connectionsPerSubnet: 10_000,
      banSeconds: 0,
    },
  });
  const crashes: unknown[] = [];
  const crashed = (error: unknown) => void crashes.push(error);
  process.on("uncaughtException", crashed).on("unhandledRejection", crashed);
  onTestFinished(() => void process.off("uncaughtException", crashed).off("unhandledRejection", crashed));
  const honest = RawClient.over(await tlsTo(portOf(pool)));
  await honest.join();
  const hellos = await Promise.all(
    [...both, undefined].map((version) =>
      aClientHello(version === undefined ? {} : { minVersion: version, maxVersion: version }),
    ),
  );
  const below = mulberry32(1);
  const lane = async (turns: number) => {
    for (let turn = 0; turn < turns; turn++)
      await oneBrokenHandshake(portOf(pool), hellos[below(hellos.length)]!, below);
  };
  const lanes = 20;
  await Promise.all(Array.from({ length: lanes }, () => lane(Math.ceil(brokenHandshakes / lanes))));
  expect(await honest.request("mining.submit", submission)).toMatchObject({ result: true });
  // Those that stalled are still there.
  pool.clock.advance(10_000);
  await until(() => pool.stratum.counts.connections === 1, {
    timeoutMs: 10_000,
    what: "all of them to be gone",
  });
  expect(crashes).toEqual([]);
  expect(pool.metrics.count("sessionFailed")).toBe(0);
  await mineOneShare(RawClient.over(await tlsTo(portOf(pool))));
}, 300_000);

type Below = (limit: number) => number;

async function oneBrokenHandshake(port: number, hello: Buffer, below: Below): Promise<void> {
  const way = below(8);
  if (way < 2) return await aHandshakeCutShort(port, below);
  const socket = await tcpTo(port);
  socket.on("error", () => {});
  socket.resume();
  socket.write(broken(hello, below));
  if (way === 2) socket.write(Buffer.alloc(below(3_000), below(256)));
  // The server has read it, or some of it, or nothing.
  for (let turns = below(4); turns > 0; turns--) await new Promise(setImmediate);
  if (way === 3) socket.write(broken(hello, below));
  if (way < 5) socket.resetAndDestroy();
  else if (way < 7) socket.end();
  else socket.destroy();
  if (!socket.destroyed)
    await Promise.race([once(socket, "close"), new Promise((resolve) => setTimeout(resolve, 20))]);
  socket.destroy();
}

/** A real one, reset somewhere between its first byte and the first request. */
async function aHandshakeCutShort(port: number, below: Below): Promise<void> {
  const tcp = await tcpTo(port);
  const socket = connectTls({ socket: tcp, rejectUnauthorized: false });
  socket.on("error", () => {});
  tcp.on("error", () => {});
  if (below(2) === 0) socket.write('{"id":1,"method":"mining.subscribe","params":[]}\n');
  for (let turns = below(12); turns > 0; turns--) await new Promise(setImmediate);
  if (below(3) === 0) socket.end();
  else tcp.resetAndDestroy();
  socket.destroy();
}

function broken(hello: Buffer, below: Below): Buffer {
  const bytes = Buffer.from(hello);
  for (let changes = below(6); changes > 0; changes--) bytes[3 + below(bytes.length - 3)] = below(256);
  return below(2) === 0 ? bytes.subarray(0, 1 + below(bytes.length)) : bytes;
}

interface Watched {
  readonly pool: StratumUnderTest;
  readonly watcher: CertificateWatcher;
  readonly place: CertificateFiles;
  readonly clock: FakeClock;
  readonly expiries: number[];
  readonly log: ReturnType<typeof recordingLog>;
}

/** A port whose certificate is looked after; the test says when to look. */
async function aWatchedPort(name: string, days = 365): Promise<Watched> {
  const place = await aCertificate(folder.path, { name, days });
  const clock = aClock(Date.now());
  const log = recordingLog();
  const expiries: number[] = [];
  const watcher = await CertificateWatcher.start({
    files: place,
    clock,
    log: log.log,
    onExpiry: (expiresMs) => expiries.push(expiresMs),
  });
  const pool = await aPort({ secureContext: () => watcher.secureContext });
  return { pool, watcher, place, clock, expiries, log };
}

test("a certificate that is replaced is shown to new connections, and the old ones go on", async () => {
  const { pool, watcher, place, expiries, log } = await aWatchedPort("before");
  const old = await tlsTo(portOf(pool));
  expect(shownName(old)).toBe("before");
  const client = RawClient.over(old);
  await client.join();
  await watcher.look();
  expect(log.lines).toEqual([]);

  await replaceCertificate(place, await aCertificate(folder.path, { name: "after", days: 730 }));
  await watcher.look();

  const renewed = await tlsTo(portOf(pool));
  expect(shownName(renewed)).toBe("after");
  await mineOneShare(RawClient.over(renewed));
  expect(await client.request("mining.submit", submission)).toMatchObject({ result: true });
  expect(log.events("tls-certificate-renewed")).toHaveLength(1);
  expect(expiries.map((expiry) => Math.round((expiry - Date.now()) / yearMs))).toEqual([1, 2]);
});

test("a renewal that is looked at between its two files is no trouble to be told of", async () => {
  const { pool, watcher, place, log } = await aWatchedPort("first");
  const next = await aCertificate(folder.path, { name: "second" });
  await replaceFile(place.certificateFile, next.certificateFile);
  await watcher.look();
  expect(shownName(await tlsTo(portOf(pool)))).toBe("first");
  await replaceFile(place.keyFile, next.keyFile);
  await watcher.look();
  expect(shownName(await tlsTo(portOf(pool)))).toBe("second");
  expect(log.lines.map(({ event }) => event)).toEqual(["tls-certificate-renewed"]);
});

test("a replacement that cannot be used is named once and the old one stays, until a good one comes", async () => {
  const { pool, watcher, place, log } = await aWatchedPort("kept");
  const next = await aCertificate(folder.path, { name: "next" });
  const broken: readonly (() => Promise<void>)[] = [
    () =>
      writeFile(place.certificateFile, "-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n"),
    () => writeFile(place.certificateFile, ""),
    // Half of a renewal: the key is still the old one.
    () => replaceFile(place.certificateFile, next.certificateFile),
    () => writeFile(place.keyFile, readFileSync(place.certificateFile)),
  ];
  for (const [index, breakIt] of broken.entries()) {
    await breakIt();
    for (let looks = 0; looks < 4; looks++) await watcher.look();
    const refusals = log.events("tls-certificate-refused");
    expect(refusals).toHaveLength(index + 1);
    expect(refusals.at(-1)!["sentence"]).toContain(place.certificateFile);
    const socket = await tlsTo(portOf(pool));
    expect(shownName(socket)).toBe("kept");
    socket.destroy();
  }
  await replaceCertificate(place, next);
  await watcher.look();
  expect(shownName(await tlsTo(portOf(pool)))).toBe("next");
});

test("a certificate is complained of once a week before its end, again when a new one is as short", async () => {
  const { watcher, place, clock, log } = await aWatchedPort("ending", 30);
  await watcher.look();
  expect(log.lines).toEqual([]);
  clock.advance(23.5 * 86_400_000);
  await watcher.look();
  await watcher.look();
  expect(log.events("tls-certificate-expires")).toHaveLength(1);
  await replaceCertificate(place, await aCertificate(folder.path, { name: "fresh", days: 60 }));
  await watcher.look();
  await watcher.look();
  expect(log.events("tls-certificate-expires")).toHaveLength(1);
  clock.advance(60 * 86_400_000);
  await watcher.look();
  expect(log.events("tls-certificate-expires").at(-1)).toMatchObject({
    sentence: "the TLS certificate is over: miners refuse it",
  });
});

test("files that are no certificate, no key or not one another's are refused with their name", async () => {
  const noPem = `${folder.path}/no.pem`;
  await writeFile(noPem, "nothing");
  const missing = `${folder.path}/missing.pem`;
  const wrong: readonly CertificateFiles[] = [
    { certificateFile: noPem, keyFile: elliptic.keyFile },
    { certificateFile: elliptic.certificateFile, keyFile: noPem },
    { certificateFile: missing, keyFile: elliptic.keyFile },
    { certificateFile: elliptic.certificateFile, keyFile: missing },
    { certificateFile: elliptic.certificateFile, keyFile: rsa.keyFile },
    { certificateFile: elliptic.keyFile, keyFile: elliptic.certificateFile },
    { certificateFile: folder.path, keyFile: elliptic.keyFile },
  ];
  for (const files of wrong) {
    const loading = loadCertificate(files);
    await expect(loading, JSON.stringify(files)).rejects.toMatchObject({ code: "TLS_CERTIFICATE_UNUSABLE" });
    await expect(loading).rejects.toThrow(
      files.certificateFile === elliptic.certificateFile ? files.keyFile : files.certificateFile,
    );
  }
});

async function untilClosed(pool: StratumUnderTest, reason: string, times: number): Promise<void> {
  await until(() => pool.metrics.count(`connectionClosed ${reason}`) >= times, {
    timeoutMs: 10_000,
    what: `${times} connections to be closed for ${reason}: ${pool.metrics.events.join(", ")}`,
    intervalMs: 2,
  });
  expect(pool.metrics.count(`connectionClosed ${reason}`)).toBe(times);
}

/** The real program, with its real ticks. */
async function withNode(use: (node: Bitcoind) => Promise<void>): Promise<void> {
  const node = await startBitcoind({ chain: "regtest" });
  try {
    await use(node);
  } finally {
    await node.stop();
  }
}

function poolOptions(node: Bitcoind, tls: CertificateFiles): PoolOptions {
  return { nodes: [node], address: anAddress, difficulty: 1e-9, settings: { stratum: { tls } } };
}

test("the pool's own program takes shares over TLS and shows a renewed certificate within seconds", async () => {
  await withNode(async (node) => {
    const place = await aCertificate(folder.path, { name: "served" });
    const [first, second] = (await freePorts(2)) as [number, number];
    const { settings, ...options } = poolOptions(node, place);
    const listen = [`127.0.0.1:${first}`, `127.0.0.1:${second}`];
    const pool = await startPool({
      ...options,
      settings: { stratum: { ...(settings!["stratum"] as object), listen } },
    });
    try {
      const clients = [];
      for (const version of both) {
        const socket = await tlsTo(first, { minVersion: version, maxVersion: version });
        expect(shownName(socket)).toBe("served");
        const client = await V1Client.over(socket, `${anAddress}.${version.slice(-1)}`);
        expect(await client.submit(client.makeShare())).toMatchObject({ result: true });
        clients.push(client);
      }
      const expiry = await pool.metric("penstock_tls_certificate_expiry_seconds");
      expect(expiry * 1000 - Date.now()).toBeGreaterThan(yearMs - 86_400_000);

      await replaceCertificate(place, await aCertificate(folder.path, { name: "renewed", days: 730 }));
      await until(
        async () => {
          const socket = await tlsTo(second);
          const name = shownName(socket);
          socket.destroy();
          return name === "renewed";
        },
        { timeoutMs: 10_000, what: "the renewed certificate to be shown", intervalMs: 200 },
      );
      expect(await pool.metric("penstock_tls_certificate_expiry_seconds")).toBeGreaterThan(expiry + 86_400);
      for (const client of clients) {
        expect(await client.submit(client.makeShare())).toMatchObject({ result: true });
        client.close();
      }
      await pool.applied();
      const { stdout } = await pool.cli("ledger", "shares");
      expect(stdout.trim().split("\n")).toHaveLength(4);
      expect(await pool.metric("penstock_worker_restarts_total")).toBe(0);
    } finally {
      await pool.dispose();
    }
  });
});

test("the pool's own program does not start with a key that is another certificate's, and says so", async () => {
  await withNode(async (node) => {
    const wrong = { certificateFile: elliptic.certificateFile, keyFile: rsa.keyFile };
    await expect(startPool(poolOptions(node, wrong))).rejects.toThrow("TLS_CERTIFICATE_UNUSABLE");
  });
});

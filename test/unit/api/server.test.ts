import { once } from "node:events";
import { Agent, request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, test } from "vitest";
import { type Api, type ApiOptions, startApi } from "../../../src/api/index.ts";
import { within } from "../../support/deadline.ts";
import { silentLog } from "../../support/silent-log.ts";

let api: Api | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await api?.close();
  api = undefined;
});

async function started(options: Partial<ApiOptions> = {}): Promise<string> {
  api = await startApi({
    listen: { host: "127.0.0.1", port: 0 },
    readiness: () => ({ ready: true, reasons: [] }),
    metricsText: async () => "penstock_ready 1\n",
    log: silentLog,
    ...options,
  });
  return `http://127.0.0.1:${api.address.port}`;
}

function raw(bytes: string): Socket {
  const socket = connect(api!.address.port, "127.0.0.1");
  sockets.push(socket);
  socket.write(bytes);
  return socket;
}

describe("answers", () => {
  test("/metrics gives all metrics in Prometheus' text format", async () => {
    const answer = await fetch(`${await started()}/metrics?x=1`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toContain("text/plain; version=0.0.4");
    expect(await answer.text()).toBe("penstock_ready 1\n");
  });

  test("/livez answers as long as the process does, ready or not", async () => {
    const url = await started({ readiness: () => ({ ready: false, reasons: ["no template"] }) });
    const answer = await fetch(`${url}/livez`);
    expect([answer.status, await answer.json()]).toEqual([200, { live: true }]);
  });

  test("/readyz is 200 when ready, else 503 with the reasons, as they are now", async () => {
    let reasons = ["template: 700 s old", "journal: disk full"];
    const url = await started({ readiness: () => ({ ready: reasons.length === 0, reasons }) });
    const before = await fetch(`${url}/readyz`);
    expect([before.status, await before.json()]).toEqual([503, { ready: false, reasons }]);
    reasons = [];
    const after = await fetch(`${url}/readyz`);
    expect([after.status, await after.json()]).toEqual([200, { ready: true, reasons: [] }]);
    expect(after.headers.get("cache-control")).toBe("no-store");
  });

  test("HEAD answers without a body", async () => {
    const answer = await fetch(`${await started()}/metrics`, { method: "HEAD" });
    expect([answer.status, await answer.text()]).toEqual([200, ""]);
    expect(answer.headers.get("content-length")).toBe("17");
  });

  test("a connection is kept for the next request", async () => {
    const url = await started();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (let i = 0; i < 3; i++) {
      const request = httpRequest(`${url}/livez`, { agent }).end();
      const [response] = await once(request, "response");
      ports.add(request.socket?.localPort);
      await text(response);
    }
    expect(ports.size).toBe(1);
    agent.destroy();
  });
});

describe("refusals", () => {
  test.each([
    "/",
    "/metrics/",
    "//metrics",
    "/../etc/passwd",
    "/__proto__",
    "/constructor",
    "/toString",
    "/%00",
    "/METRICS",
  ])("%s is not there", async (path) => {
    const base = await started();
    const request = httpRequest(base, { path }).end();
    const [response] = await once(request, "response");
    expect(response.statusCode).toBe(404);
    expect(JSON.parse(await text(response))).toHaveProperty("error");
  });

  test.each(["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])("%s is not taken", async (method) => {
    const answer = await fetch(`${await started()}/metrics`, { method });
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  test("a body is refused and not waited for", async () => {
    await started();
    const socket = raw("GET /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n");
    expect(await within(3_000, "the answer", text(socket))).toMatch(/^HTTP\/1.1 413 /);
  });

  test("what is no HTTP is answered with 400 and closed", async () => {
    await started();
    const socket = raw('{"id":1,"method":"mining.subscribe","params":[]}\n');
    expect(await within(3_000, "the answer", text(socket))).toMatch(/^HTTP\/1.1 400 /);
  });

  test("headers without end are cut off", async () => {
    await started();
    const socket = raw(`GET / HTTP/1.1\r\nx: ${"y".repeat(100_000)}`);
    expect(await within(3_000, "the answer", text(socket))).toMatch(/^HTTP\/1.1 431 /);
  });

  test("a request that never ends its headers loses its connection", async () => {
    await started();
    const socket = raw("GET /metrics HTTP/1.1\r\nhost: x\r\n");
    expect(await within(10_000, "the time-out", text(socket))).toMatch(/^HTTP\/1.1 408 /);
  });

  test("an error behind a page is 500, without its words", async () => {
    const logged: unknown[] = [];
    const log = { ...silentLog, error: (fields: unknown) => logged.push(fields) };
    const url = await started({
      metricsText: async () => {
        throw new Error("canary");
      },
      log,
    });
    const answer = await fetch(`${url}/metrics`);
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain("canary");
    expect(logged).toMatchObject([{ event: "http-failed", path: "/metrics" }]);
  });
});

describe("many and hostile clients", () => {
  test("no more than 256 connections are held, and the server goes on", async () => {
    const url = await started();
    for (let i = 0; i < 400; i++) raw("").on("error", () => {});
    const closed = () => sockets.filter(({ destroyed, readableEnded }) => destroyed || readableEnded).length;
    for (const socket of sockets) socket.resume();
    await within(
      10_000,
      "144 to be closed",
      (async () => {
        while (closed() < 144) await new Promise(setImmediate);
      })(),
    );
    expect(closed()).toBe(144);
    for (const socket of sockets.splice(0)) socket.destroy();
    const answer = async () => (await fetch(`${url}/livez`).catch(() => undefined))?.status;
    let status = await answer();
    while (status !== 200) status = await answer();
    expect(status).toBe(200);
  });

  test("a client that vanishes in the middle harms nobody", async () => {
    let release = () => {};
    const waiting = new Promise<void>((resolve) => {
      release = resolve;
    });
    const url = await started({ metricsText: () => waiting.then(() => "late\n") });
    const socket = raw("GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(socket, "connect");
    socket.destroy();
    release();
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  });
});

describe("start and end", () => {
  test("a port in use is one clear error", async () => {
    await started();
    const options = {
      readiness: () => ({ ready: true, reasons: [] }),
      metricsText: async () => "",
      log: silentLog,
    };
    await expect(
      startApi({ ...options, listen: { host: "127.0.0.1", port: api!.address.port } }),
    ).rejects.toMatchObject({
      code: "HTTP_PORT_TAKEN",
    });
    await expect(startApi({ ...options, listen: { host: "192.0.2.1", port: 0 } })).rejects.toMatchObject({
      code: "HTTP_NOT_LISTENING",
    });
  });

  test("closing lets go of idle and of stuck connections within moments", async () => {
    await started({ metricsText: () => new Promise(() => {}) });
    const idle = raw("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(idle, "data");
    const stuck = raw("GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n");
    stuck.on("error", () => {});
    await once(stuck, "connect");
    await within(5_000, "the server to close", api!.close());
    api = undefined;
  });
});

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, test } from "vitest";
import { PoolError } from "../../../src/errors.ts";
import { NodeError } from "../../../src/node/errors.ts";
import { type NodeRpc, openRpc, type RpcOptions } from "../../../src/node/rpc.ts";
import { freePort } from "../../support/ports.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { type FakeNode, type Script, sendError, sendResult, sendText, startFakeNode } from "./fake-node.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function nodeThat(script: Script, options: Partial<RpcOptions> = {}): Promise<[NodeRpc, FakeNode]> {
  const node = await startFakeNode(script);
  const rpc = openRpc({ rpc: node.url, user: "pool", password: "secret", timeoutMs: 2_000, ...options });
  closing.push(node.close, rpc.close);
  return [rpc, node];
}

/** Both ways of calling fail alike. */
async function assertFault(rpc: NodeRpc, fault: string, rpcCode?: number): Promise<void> {
  const isFault = (error: unknown) => {
    assert(error instanceof NodeError, String(error));
    assert.equal(error.fault, fault, error.message);
    assert.equal(error.rpcCode, rpcCode);
    assert.match(error.code, /^NODE_[A-Z_]+$/);
    assert.ok(error.hint.length > 0);
    assert.doesNotMatch(`${error.message}${error.hint}`, /secret/);
    return true;
  };
  await assert.rejects(rpc.call("getblockcount"), isFault);
  await assert.rejects(rpc.callDirect("getblockcount", [], { timeoutMs: 300 }), isFault);
}

test("a call is answered with the node's result, both ways", async () => {
  const [rpc] = await nodeThat((_, response) => sendResult(response, { height: 7 }));
  assert.deepEqual({ ...((await rpc.call("getblockcount")) as object) }, { height: 7 });
  assert.deepEqual(await rpc.callDirect("getblockcount", [], { timeoutMs: 2_000 }), { height: 7 });
});

test("an ordinary call keeps numbers beyond 2^53 exact, as text", async () => {
  const [rpc] = await nodeThat((_, response) =>
    sendText(response, 200, '{"result":{"big":9007199254740993123,"coins":0.12345678},"error":null,"id":1}'),
  );
  assert.deepEqual(
    { ...((await rpc.call("x")) as object) },
    { big: "9007199254740993123", coins: 0.12345678 },
  );
});

test("a port where nobody listens is refused", async () => {
  const rpc = openRpc({ rpc: `http://127.0.0.1:${await freePort()}`, user: "pool", password: "secret" });
  closing.push(rpc.close);
  await assertFault(rpc, "refused");
});

test("a node that never answers is a time-out", async () => {
  const [rpc] = await nodeThat(() => {}, { timeoutMs: 300 });
  await assertFault(rpc, "timeout");
});

test("a node that drips its answer is a time-out for the whole call", async () => {
  const [rpc] = await nodeThat(
    (_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write(" "), 20);
      response.on("close", () => clearInterval(drip));
    },
    { timeoutMs: 300 },
  );
  await assertFault(rpc, "timeout");
});

test("HTTP 401 is unauthorized, and no password is in the error", async () => {
  const [rpc] = await nodeThat((_, response) => sendText(response, 401, ""));
  await assertFault(rpc, "unauthorized");
});

test("HTTP 500 and 503 without an RPC error are HTTP errors", async () => {
  const [rpc, node] = await nodeThat((_, response) => sendText(response, 500, "oops"));
  await assertFault(rpc, "http-error");
  node.answer((_, response) => sendText(response, 503, "Work queue depth exceeded"));
  await assertFault(rpc, "http-error");
});

test.each([
  [-28, "warming-up"],
  [-10, "initial-download"],
  [-9, "no-peers"],
  [-5, "rpc-error"],
  [-32601, "rpc-error"],
])("RPC error %i is %s", async (code, fault) => {
  const [rpc] = await nodeThat((_, response) => sendError(response, code, "Loading…"));
  await assertFault(rpc, fault, code);
});

test.each([
  ["not JSON", "{nope"],
  ["no object", "[]"],
  ["neither result nor error", "{}"],
  ["empty", ""],
])("an answer with %s is malformed", async (_, text) => {
  const [rpc] = await nodeThat((__, response) => sendText(response, 200, text));
  await assertFault(rpc, "malformed");
});

test("an answer longer than the limit is cut off and malformed", async () => {
  const [rpc] = await nodeThat((_, response) => {
    const chunk = Buffer.alloc(1 << 20, 0x20);
    response.on("error", () => {});
    const flow = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on("drain", flow);
    flow();
  });
  const isMalformed = (error: unknown) => error instanceof NodeError && error.fault === "malformed";
  await assert.rejects(rpc.call("x"), isMalformed);
  await assert.rejects(rpc.callDirect("x", [], { timeoutMs: 5_000 }), isMalformed);
});

test("an answer that breaks off is a disconnection", async () => {
  const [rpc] = await nodeThat((_, response) => {
    response.writeHead(200, { "content-length": 100 });
    response.write("{", () => response.destroy());
  });
  await assertFault(rpc, "disconnected");
});

test("a port that does not speak HTTP is malformed", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end("SSH-2.0-OpenSSH\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  const { port } = server.address() as { port: number };
  const rpc = openRpc({ rpc: `http://127.0.0.1:${port}`, user: "pool", password: "secret" });
  closing.push(rpc.close);
  await assertFault(rpc, "malformed");
});

test("a kept-alive connection that the node has closed costs no call", async () => {
  const [rpc, node] = await nodeThat((_, response) => {
    sendResult(response, 1);
    // Closes without saying so, as bitcoind does with idle connections.
    response.on("finish", () => setImmediate(() => response.socket?.destroy()));
  });
  for (let i = 0; i < 20; i++) assert.equal(await rpc.call("ping"), 1);
  assert.ok(node.calls.length >= 20);
});

test("a call can be given up", async () => {
  const [rpc] = await nodeThat(() => {});
  const giveUp = new AbortController();
  const call = rpc.callDirect("getblocktemplate", [], { timeoutMs: 60_000, signal: giveUp.signal });
  giveUp.abort(new Error("enough"));
  await assert.rejects(call, /enough/);
  await assert.rejects(
    rpc.callDirect("getblocktemplate", [], { timeoutMs: 60_000, signal: giveUp.signal }),
    /enough/,
  );
});

test("a new cookie is read when the node refuses the old one, without an error", async () => {
  const folder = await temporaryFolder("cookie");
  closing.push(folder.remove);
  const cookieFile = join(folder.path, ".cookie");
  const accepts = (password: string): Script => {
    const expected = `Basic ${Buffer.from(`__cookie__:${password}`).toString("base64")}`;
    return (_, response, request) =>
      request.headers.authorization === expected ? sendResult(response, "in") : sendText(response, 401, "");
  };
  const [rpc, node] = await nodeThat(accepts("first"), { user: undefined, password: undefined, cookieFile });
  await assertFault(rpc, "unauthorized"); // there is no cookie yet
  await writeFile(cookieFile, "__cookie__:first\n");
  assert.equal(await rpc.call("uptime"), "in");
  await writeFile(cookieFile, "__cookie__:second\n");
  node.answer(accepts("second"));
  assert.equal(await rpc.call("uptime"), "in");
});

test("credentials do not go to a proxy that the environment names", async () => {
  const [proxy, proxyNode] = await nodeThat((_, response) => sendResult(response, "proxy"));
  const [rpc] = await nodeThat((_, response) => sendResult(response, "node"));
  const before = process.env["http_proxy"];
  process.env["http_proxy"] = proxyNode.url;
  closing.push(() => {
    if (before === undefined) delete process.env["http_proxy"];
    else process.env["http_proxy"] = before;
  });
  assert.equal(await rpc.call("uptime"), "node");
  assert.equal(proxyNode.calls.length, 0);
  assert.ok(proxy.name !== rpc.name);
});

test.each(["127.0.0.1:8332", "https://127.0.0.1:8332", "http://user:secret@127.0.0.1", "tcp://x", ""])(
  "the address %j is refused with what to write instead",
  (address) => {
    assert.throws(
      () => openRpc({ rpc: address }),
      (error) =>
        error instanceof PoolError && error.code === "NODE_URL_INVALID" && !/secret/.test(error.message),
    );
  },
);

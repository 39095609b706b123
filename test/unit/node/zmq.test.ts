import assert from "node:assert/strict";
import { afterEach, test } from "vitest";
import { Publisher } from "zeromq";
import { missedBetween, subscribeBlocks } from "../../../src/node/zmq.ts";
import { until } from "../../support/deadline.ts";
import { freePort } from "../../support/ports.ts";
import { recordingLog } from "./recording-log.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0).reverse()) close();
});

test.each([
  [undefined, 0, 0],
  [undefined, 500, 0],
  [4, 5, 0],
  [4, 7, 2],
  [0xffffffff, 0, 0],
  [0xffffffff, 2, 2],
  [900, 0, 0], // a restarted node counts from 0
])("after message %s, message %i tells that %i were missed", (last, number, missed) => {
  assert.equal(missedBetween(last, number), missed);
});

function sequence(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes;
}

async function follow(endpoint: string) {
  const hashes: string[] = [];
  const gaps: number[] = [];
  const { log, events } = recordingLog();
  const subscription = subscribeBlocks({
    endpoint,
    node: "n",
    log,
    onHash: (hash) => hashes.push(hash),
    onGap: (missed) => gaps.push(missed),
  });
  closing.push(subscription.close);
  return { hashes, gaps, events };
}

/** A subscriber that has just connected hears nothing until its subscription has arrived: so it is sent until it is heard. */
async function publishUntilHeard(
  publisher: Publisher,
  hash: string,
  number: number,
  hashes: readonly string[],
) {
  const message = () => publisher.send(["hashblock", Buffer.from(hash, "hex"), sequence(number)]);
  await until(
    async () => {
      await message();
      return hashes.includes(hash);
    },
    { timeoutMs: 10_000, what: "the block to be heard of" },
  );
}

const hashA = "aa".repeat(32);
const hashB = "bb".repeat(32);

test("a gap in the node's numbers is logged, counted and told; junk is passed over", async () => {
  const endpoint = `tcp://127.0.0.1:${await freePort()}`;
  const publisher = new Publisher();
  closing.push(() => publisher.close());
  await publisher.bind(endpoint);
  const { hashes, gaps, events } = await follow(endpoint);
  await publishUntilHeard(publisher, hashA, 10, hashes);
  await publisher.send(["hashblock", Buffer.alloc(31), sequence(11)]);
  await publisher.send(["hashblock"]);
  await publisher.send(["hashblock", Buffer.from(hashB, "hex"), sequence(14)]);
  await until(() => hashes.includes(hashB), { timeoutMs: 5_000, what: "the block after the gap" });
  assert.deepEqual(gaps, [0, 3]); // 0: the connection was new
  assert.equal(events("zmq-gap").length, 1);
  assert.equal(events("zmq-gap")[0]?.["missed"], 3);
});

test("a restarted publisher is found again, and that is told", async () => {
  const endpoint = `tcp://127.0.0.1:${await freePort()}`;
  const first = new Publisher({ linger: 0 });
  await first.bind(endpoint);
  const { hashes, gaps, events } = await follow(endpoint);
  await publishUntilHeard(first, hashA, 900, hashes);
  await first.unbind(endpoint);
  first.close();

  const second = new Publisher();
  closing.push(() => second.close());
  await until(
    () =>
      second.bind(endpoint).then(
        () => true,
        () => false,
      ),
    { timeoutMs: 5_000, what: "the port to be free again" },
  );
  await publishUntilHeard(second, hashB, 0, hashes);
  assert.deepEqual(gaps, [0, 0]);
  assert.equal(events("zmq-gap").length, 0);
});

import { expect, test } from "vitest";
import { disown, type SocketOwner, setOwner } from "../../../src/stratum/socket-owner.ts";
import { soon } from "../../support/open-stratum.ts";
import { aSocketPair } from "../../support/socket-pair.ts";

class RecordingOwner implements SocketOwner {
  readonly heard: string[] = [];
  data(chunk: Buffer): void {
    this.heard.push(`data ${chunk.toString()}`);
  }
  ended(): void {
    this.heard.push("ended");
  }
  drained(): void {
    this.heard.push("drained");
  }
  closed(): void {
    this.heard.push("closed");
  }
}

test("an owner hears of everything, the end last", async () => {
  const { near, far } = await aSocketPair();
  const owner = new RecordingOwner();
  setOwner(near, owner);
  far.end("hello");
  await soon("the end", () => owner.heard.includes("ended"));
  near.end();
  await soon("the close", () => owner.heard.includes("closed"));
  expect(owner.heard).toEqual(["data hello", "ended", "closed"]);
});

test("a new owner takes over at once, and nothing is heard twice", async () => {
  const { near, far } = await aSocketPair();
  const [first, second] = [new RecordingOwner(), new RecordingOwner()];
  setOwner(near, first);
  setOwner(near, second);
  far.write("hello");
  await soon("the data", () => second.heard.length > 0);
  expect(first.heard).toEqual([]);
  expect(second.heard).toEqual(["data hello"]);
  expect(near.listenerCount("data")).toBe(1);
});

test("a socket that is disowned bears no listener of ours, and can be owned again", async () => {
  const { near, far } = await aSocketPair();
  const events = ["data", "end", "drain", "error", "close"] as const;
  const before = events.map((event) => near.listenerCount(event));
  const [first, second] = [new RecordingOwner(), new RecordingOwner()];
  setOwner(near, first);
  disown(near);
  expect(events.map((event) => near.listenerCount(event))).toEqual(before);
  setOwner(near, second);
  far.write("hello");
  await soon("the data", () => second.heard.length > 0);
  expect(first.heard).toEqual([]);
});

test("a peer that resets its connection is a close and nothing else", async () => {
  const { near, far } = await aSocketPair();
  const owner = new RecordingOwner();
  setOwner(near, owner);
  far.resetAndDestroy();
  await soon("the close", () => owner.heard.length > 0);
  expect(owner.heard).toEqual(["closed"]);
});

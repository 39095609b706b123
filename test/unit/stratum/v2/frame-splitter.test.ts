import { expect, test } from "vitest";
import { reconnect } from "../../../../src/protocol/v2/common.ts";
import { requestExtensions } from "../../../../src/protocol/v2/extensions.ts";
import type { FrameTransport, Opened } from "../../../../src/protocol/v2/frame-transport.ts";
import type { MessageReader } from "../../../../src/stratum/splitter.ts";
import { FrameSplitter } from "../../../../src/stratum/v2/frame-splitter.ts";

const frames = [
  reconnect.encode({ newHost: "", newPort: 0 }),
  requestExtensions.encode({ requestId: 1, requestedExtensions: [2, 3] }),
  reconnect.encode({ newHost: "elsewhere.example", newPort: 3333 }),
];

/** Whole frames go in and come out of one buffer that is used again, as the native one does it. */
class PlainTransport implements FrameTransport {
  readonly #scratch = Buffer.alloc(4096);
  problem: Opened["problem"];

  open(chunk: Uint8Array): Opened {
    this.#scratch.fill(0xee).set(chunk);
    return { frames: this.#scratch.subarray(0, chunk.length), problem: this.problem };
  }

  seal(plaintext: Uint8Array): Buffer {
    return Buffer.from(plaintext);
  }

  close(): void {}
}

/** @param patience how many frames are taken before one must wait. */
function aReader(patience = Number.POSITIVE_INFINITY) {
  const seen: string[] = [];
  let left = patience;
  const reader: MessageReader = {
    messages: (_, from) => from,
    mayTake: () => left-- > 0,
    message: (bytes) => void seen.push(bytes.toString("hex")),
  };
  return { seen, reader, wait: (more: number) => (left = more) };
}

const asHex = frames.map((frame) => frame.toString("hex"));

test("frames that come together are handed on one by one", () => {
  const splitter = new FrameSplitter(new PlainTransport(), () => 0);
  const { seen, reader } = aReader();
  expect(splitter.push(Buffer.concat(frames), reader)).toBe(true);
  expect(seen).toEqual(asHex);
  expect(splitter.holdsMessages).toBe(false);
});

test("frames that are taken together are not handed on again", () => {
  const splitter = new FrameSplitter(new PlainTransport(), () => 0);
  const { seen, reader } = aReader();
  const first = frames[0]!.length;
  const together: MessageReader = { ...reader, messages: (_, from) => (from === 0 ? first : from) };
  splitter.push(Buffer.concat(frames), together);
  expect(seen).toEqual(asHex.slice(1));
});

test("frames that must wait stay as they were, and go before what comes later", () => {
  const splitter = new FrameSplitter(new PlainTransport(), () => 0);
  const { seen, reader, wait } = aReader(1);
  expect(splitter.push(Buffer.concat(frames.slice(0, 2)), reader)).toBe(true);
  expect(splitter.holdsMessages).toBe(true);
  wait(0);
  expect(splitter.push(frames[2]!, reader)).toBe(true);
  expect(seen).toEqual(asHex.slice(0, 1));
  wait(2);
  expect(splitter.resume(reader)).toBe(true);
  expect(seen).toEqual(asHex);
  expect(splitter.holdsMessages).toBe(false);
});

test.each(["broken", "too-long"] as const)(
  "a stream that is %s ends behind its last good frame",
  (problem) => {
    const transport = new PlainTransport();
    const splitter = new FrameSplitter(transport, () => 0);
    const { seen, reader, wait } = aReader(0);
    transport.problem = problem;
    expect(splitter.push(frames[0]!, reader)).toBe(true);
    wait(1);
    expect(splitter.resume(reader)).toBe(false);
    expect(splitter.problem).toBe(problem);
    expect(seen).toEqual(asHex.slice(0, 1));
    expect(splitter.push(frames[1]!, reader)).toBe(false);
    expect(seen).toHaveLength(1);
  },
);

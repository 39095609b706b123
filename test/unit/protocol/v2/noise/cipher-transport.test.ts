import { describe, expect, test } from "vitest";
import { createNativeTransports } from "../../../../../src/native/frame-transport.ts";
import { loadAddon } from "../../../../../src/native/index.ts";
import type { FrameTransport, TransportOptions } from "../../../../../src/protocol/v2/frame-transport.ts";
import { CipherTransport } from "../../../../../src/protocol/v2/noise/cipher-transport.ts";
import { mulberry32 } from "../../../../support/random.ts";

const addon = loadAddon();
const keys = { receive: Buffer.alloc(32, 0x11), send: Buffer.alloc(32, 0x22) };
const everything = () => 0xffffff;

function aTransport(options: Partial<TransportOptions> = {}) {
  return new CipherTransport({ longPayload: 0, ...options }, keys);
}

/** Who sends what `aTransport` receives. */
function aPeer() {
  return createNativeTransports({ addon, longPayload: 0 })({ receive: keys.send, send: keys.receive });
}

function aFrame(payloadLength: number, messageType = 0x1a, extensionType = 0x8000): Buffer {
  const frame = Buffer.alloc(6 + payloadLength, payloadLength * 7 + messageType);
  frame.writeUInt16LE(extensionType, 0);
  frame[2] = messageType;
  frame.writeUIntLE(payloadLength, 3, 3);
  return frame;
}

describe("pieces of a stream", () => {
  const frames = [aFrame(24), aFrame(0, 3), aFrame(65_519), aFrame(65_520), aFrame(200_000), aFrame(1)];
  const sealed = aPeer().seal(Buffer.concat(frames));

  test.each([17, 1_000, 65_536, sealed.length])("of %d bytes give the frames that were sealed", (piece) => {
    const transport = aTransport();
    const opened: Buffer[] = [];
    for (let from = 0; from < sealed.length; from += piece) {
      const { frames: some, problem } = transport.open(sealed.subarray(from, from + piece), everything);
      expect(problem).toBeUndefined();
      opened.push(some);
    }
    expect(Buffer.concat(opened).equals(Buffer.concat(frames))).toBe(true);
  });

  test("need not stay as they were", () => {
    const transport = aTransport();
    const first = Buffer.from(sealed.subarray(0, 30));
    const opened = [transport.open(first, everything).frames];
    first.fill(0);
    opened.push(transport.open(sealed.subarray(30), everything).frames);
    expect(Buffer.concat(opened).equals(Buffer.concat(frames))).toBe(true);
  });
});

test("a payload above its bound is refused as soon as its header is there, and for good", () => {
  const asked: number[][] = [];
  const most = (...question: number[]) => {
    asked.push(question);
    return 2_999;
  };
  const sealed = aPeer().seal(Buffer.concat([aFrame(24), aFrame(3_000, 0x50, 0x8004)]));
  const transport = aTransport({ longPayload: 2_048 });
  const header = sealed.subarray(0, 22 + 40 + 22);
  expect(transport.open(header, most)).toEqual({ frames: aFrame(24), problem: "too-long" });
  expect(asked).toEqual([[0x0004, 0x50]]);
  expect(transport.open(sealed.subarray(header.length), most)).toEqual({
    frames: Buffer.alloc(0),
    problem: "too-long",
  });
});

test("what is closed opens nothing more", () => {
  const sealed = aPeer().seal(aFrame(24));
  const transport = aTransport();
  transport.open(sealed.subarray(0, 30), everything);
  transport.close();
  expect(transport.open(sealed.subarray(30), everything)).toEqual({
    frames: Buffer.alloc(0),
    problem: "broken",
  });
});

test("what are no whole frames is refused and uses up no counter", () => {
  const transport = aTransport();
  const frame = aFrame(24);
  expect(() => transport.seal(Buffer.concat([frame, frame.subarray(0, 29)]))).toThrow(
    "frames must be whole frames, back to back",
  );
  expect(transport.seal(frame)).toEqual(createNativeTransports({ addon, longPayload: 0 })(keys).seal(frame));
});

describe("beside the native transport", () => {
  const below = mulberry32(11);
  const lengths = [0, 1, 24, 24, 24, 100, 300, 2_048, 2_049, 65_518, 65_519, 65_520, 131_039, 150_000];
  const types = [0x0000, 0x8000, 0x0001, 0x8004];

  function randomFrames(): Buffer {
    const count = 1 + below(6);
    const frames = Array.from({ length: count }, () =>
      aFrame(lengths[below(lengths.length)]!, below(256), types[below(types.length)]),
    );
    return Buffer.concat(frames);
  }

  /** A bound that depends on the message: half of the long ones are above it. */
  const most = (extensionType: number, messageType: number) =>
    (extensionType + messageType) % 2 === 0 ? 0xffffff : 2_060;
  const someDiscarded = (extensionType: number) => extensionType === 4;
  const randomOptions = (): TransportOptions => ({
    longPayload: below(2) === 0 ? 0 : 2_048,
    discards: below(2) === 0 ? someDiscarded : undefined,
  });

  function damaged(sealed: Buffer): Buffer {
    const at = below(sealed.length);
    switch (below(5)) {
      case 0: {
        const changed = Buffer.from(sealed);
        changed[at]! ^= 1 << below(8);
        return changed;
      }
      case 1:
        return Buffer.concat([sealed.subarray(0, at), sealed.subarray(at + 1)]);
      case 2:
        return Buffer.concat([sealed.subarray(0, at), Buffer.of(below(256)), sealed.subarray(at)]);
      default:
        return sealed;
    }
  }

  function piecesOf(sealed: Buffer): Buffer[] {
    const most = [40, 500, 70_000][below(3)]!;
    const pieces: Buffer[] = [];
    for (let from = 0; from < sealed.length && pieces.length < 2_000; ) {
      const length = 1 + below(most);
      pieces.push(sealed.subarray(from, from + length));
      from += length;
    }
    return pieces;
  }

  function hear(transport: FrameTransport, pieces: readonly Buffer[]) {
    return pieces.map((piece) => {
      const { frames, problem } = transport.open(piece, most);
      return `${frames.toString("latin1")} ${problem}`;
    });
  }

  test("seals the same, and opens the same of what comes whole or damaged, in whatever pieces", () => {
    const endings = new Map<string, number>();
    for (let round = 0; round < 150; round++) {
      const options = randomOptions();
      const native = createNativeTransports({ addon, ...options })(keys);
      const plain = aTransport(options);
      const sealed = aPeer().seal(randomFrames());
      const pieces = piecesOf(damaged(sealed));
      const expected = hear(native, pieces);
      expect(hear(plain, pieces).every((answer, i) => answer === expected[i])).toBe(true);
      const ending = expected.at(-1)!.split(" ").at(-1)!;
      endings.set(ending, (endings.get(ending) ?? 0) + 1);

      const answers = randomFrames();
      expect(plain.seal(answers).equals(native.seal(answers))).toBe(true);
    }
    // Each way to end was met often enough.
    for (const ending of ["undefined", "broken", "too-long"]) expect(endings.get(ending)).toBeGreaterThan(15);
  });
});

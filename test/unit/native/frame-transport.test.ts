import { createCipheriv, createDecipheriv } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Addon } from "../../../src/native/addon.ts";
import { createNativeTransports, sealedLength } from "../../../src/native/frame-transport.ts";
import { openLayout as at } from "../../../src/native/layout.ts";
import type { FrameTransport } from "../../../src/protocol/v2/frame-transport.ts";
import vectors from "../../vectors/aead_hkdf.json" with { type: "json" };
import lengths from "../../vectors/frame_headers_and_lengths.json" with { type: "json" };
import { currentBinding } from "./binding.ts";

const addon = (await currentBinding()).addon("");

const hex = (text: string) => Buffer.from(text, "hex");
const receiveKey = Buffer.alloc(32, 0x11);
const sendKey = Buffer.alloc(32, 0x22);
const everything = () => 0xffffff;

/** @param options longPayload: 0 asks about all payloads that are not empty. */
function aTransport(options: { longPayload?: number; discards?: () => boolean } = {}) {
  const make = createNativeTransports({ addon, longPayload: 0, ...options });
  return make({ receive: receiveKey, send: sendKey });
}

function aFrame(payloadLength: number, messageType = 0x1a, extensionType = 0x8000): Buffer {
  const frame = Buffer.alloc(6 + payloadLength, payloadLength * 7 + messageType);
  frame.writeUInt16LE(extensionType, 0);
  frame[2] = messageType;
  frame.writeUIntLE(payloadLength, 3, 3);
  return frame;
}

/** The nonce of a counter; parts below are sealed by node:crypto, from the words of the specification. */
function nonceOf(counter: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64LE(BigInt(counter), 4);
  return nonce;
}

function sealPart(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, associated: Uint8Array = hex("")) {
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: 16 });
  cipher.setAAD(associated, { plaintextLength: plain.length });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function openPart(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Buffer {
  const decipher = createDecipheriv("chacha20-poly1305", key, nonce, { authTagLength: 16 });
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
}

function partsOf(frame: Buffer): Buffer[] {
  const parts = [frame.subarray(0, 6)];
  for (let from = 6; from < frame.length; from += 65_519) parts.push(frame.subarray(from, from + 65_519));
  return parts;
}

function sealPlainly(key: Uint8Array, frames: readonly Buffer[]): Buffer {
  const parts = frames.flatMap(partsOf);
  return Buffer.concat(parts.map((part, counter) => sealPart(key, nonceOf(counter), part)));
}

test("the cipher that these tests compare with computes the published answers", () => {
  for (const vector of vectors.aead) {
    const sealed = sealPart(hex(vector.key), hex(vector.nonce), hex(vector.plaintext), hex(vector.aad));
    expect(sealed.toString("hex")).toBe(vector.ciphertext_and_tag);
  }
});

test("this Node.js has a cipher that the addon can use", () => {
  expect(addon.hasAead).toBe(true);
});

describe("sealing", () => {
  test("seals header and payload apart, each under the next counter", () => {
    const frames = [aFrame(24), aFrame(0, 3), aFrame(1), aFrame(300)];
    const transport = aTransport();
    const sealed = [transport.seal(Buffer.concat(frames.slice(0, 3))), transport.seal(frames[3]!)];
    expect(Buffer.concat(sealed)).toEqual(sealPlainly(sendKey, frames));
  });

  test("takes as many bytes as the specification's formula says", () => {
    for (const { plaintext, ciphertext } of lengths.payload_ciphertext_length) {
      const frame = aFrame(plaintext);
      expect(sealedLength(frame)).toBe(22 + ciphertext);
      // The longest takes tens of milliseconds, and adds nothing but repetition.
      if (plaintext < 200_000)
        expect(
          aTransport()
            .seal(frame)
            .equals(sealPlainly(sendKey, [frame])),
        ).toBe(true);
    }
  });

  test("knows the headers of others", () => {
    for (const { bytes, msg_length: length } of lengths.headers) {
      const frame = Buffer.concat([hex(bytes), Buffer.alloc(length ?? 0)]);
      const sealed = aTransport().seal(frame);
      expect(openPart(sendKey, nonceOf(0), sealed.subarray(0, 22)).toString("hex")).toBe(bytes);
    }
  });

  test("nothing is sealed as nothing", () => {
    expect(aTransport().seal(Buffer.alloc(0))).toEqual(Buffer.alloc(0));
  });
});

describe("opening", () => {
  const usual = [aFrame(24), aFrame(0, 3), aFrame(1, 4, 1), aFrame(100, 5), aFrame(24)];

  test("yields all frames of a read", () => {
    const opened = aTransport().open(sealPlainly(receiveKey, usual), everything);
    expect(opened).toEqual({ frames: Buffer.concat(usual), problem: undefined });
  });

  test("yields the same frames, each as soon as it is whole, wherever the stream is cut", () => {
    const sealed = sealPlainly(receiveKey, usual);
    for (let cut = 0; cut <= sealed.length; cut++) {
      const transport = aTransport();
      const first = Buffer.from(transport.open(sealed.subarray(0, cut), everything).frames);
      const whole = usual.filter((_, i) => sealPlainly(receiveKey, usual.slice(0, i + 1)).length <= cut);
      expect(first).toEqual(Buffer.concat(whole));
      const second = transport.open(sealed.subarray(cut), everything);
      expect(second.problem).toBeUndefined();
      expect(Buffer.concat([first, second.frames])).toEqual(Buffer.concat(usual));
    }
  });

  test("takes a stream byte by byte, and holds nothing behind it", () => {
    const native = addon.createTransport(receiveKey, sendKey);
    const out = Buffer.alloc(200);
    const numbers = new Float64Array(at.length);
    numbers[at.longPayload] = 0xffffff;
    const empty = addon.transportBytes(native);
    const frames: Buffer[] = [];
    for (const byte of sealPlainly(receiveKey, usual)) {
      addon.openFrames(native, Buffer.of(byte), out, numbers);
      frames.push(Buffer.from(out.subarray(0, numbers[at.written])));
    }
    expect(Buffer.concat(frames)).toEqual(Buffer.concat(usual));
    expect(addon.transportBytes(native)).toBe(empty);
    expect(empty).toBeLessThanOrEqual(192);
  });

  test.each([0, 1, 65_518, 65_519, 65_520, 131_038, 131_039, 400_000])(
    "takes a payload of %d bytes",
    (length) => {
      const frames = [aFrame(3), aFrame(length), aFrame(24)];
      const sealed = sealPlainly(receiveKey, frames);
      for (const piece of [sealed.length, 60_000]) {
        const transport = aTransport();
        const opened: Buffer[] = [];
        for (let from = 0; from < sealed.length; from += piece) {
          const { frames: some, problem } = transport.open(sealed.subarray(from, from + piece), everything);
          expect(problem).toBeUndefined();
          opened.push(Buffer.from(some));
        }
        expect(Buffer.concat(opened).equals(Buffer.concat(frames))).toBe(true);
      }
    },
  );

  test("yields more frames than fit into the shared buffer at once", () => {
    const frames = Array.from({ length: 3_000 }, (_, i) => aFrame(100, i & 0xff));
    const { frames: opened, problem } = aTransport().open(sealPlainly(receiveKey, frames), everything);
    expect(problem).toBeUndefined();
    expect(opened.equals(Buffer.concat(frames))).toBe(true);
  });

  test("is ended by a change of any bit of any byte, behind the frames before it, and stays ended", () => {
    const frames = usual.slice(0, 3);
    const sealed = sealPlainly(receiveKey, frames);
    const ends = frames.map((_, i) => sealPlainly(receiveKey, frames.slice(0, i + 1)).length);
    for (let i = 0; i < sealed.length; i++) {
      const tampered = Buffer.from(sealed);
      tampered[i]! ^= 1 << (i % 8);
      const transport = aTransport();
      const { frames: opened, problem } = transport.open(tampered, everything);
      expect(problem).toBe("broken");
      expect(opened).toEqual(Buffer.concat(frames.filter((_, n) => ends[n]! <= i)));
      expect(transport.open(sealed, everything)).toEqual({ frames: Buffer.alloc(0), problem: "broken" });
    }
    expect(aTransport().open(sealed, everything).problem).toBeUndefined();
  });

  test("is ended by bytes that are repeated, left out, in another order or of another key", () => {
    const [one, other] = [sealPlainly(receiveKey, [aFrame(24)]), sealPlainly(receiveKey, usual)];
    const broken = { problem: "broken" };
    expect(aTransport().open(Buffer.concat([one, one]), everything)).toMatchObject(broken);
    expect(aTransport().open(other.subarray(one.length), everything)).toMatchObject(broken);
    expect(aTransport().open(other.subarray(22), everything)).toMatchObject(broken);
    expect(aTransport().open(sealPlainly(sendKey, usual), everything)).toMatchObject(broken);
  });
});

describe("a payload longer than asked about at once", () => {
  const long = aFrame(3_000, 0x50, 0x0004);
  const sealed = sealPlainly(receiveKey, [aFrame(24), long, aFrame(24)]);

  test("is taken up to what its message may have", () => {
    const asked: number[][] = [];
    const most = (...question: number[]) => {
      asked.push(question);
      return 3_000;
    };
    const opened = aTransport({ longPayload: 2_048 }).open(sealed, most);
    expect(opened).toEqual({ frames: Buffer.concat([aFrame(24), long, aFrame(24)]), problem: undefined });
    expect(asked).toEqual([[0x0004, 0x50]]);
  });

  test("is asked about without the channel bit, which is no part of the extension's number", () => {
    const asked: number[][] = [];
    const most = (...question: number[]) => {
      asked.push(question);
      return 3_000;
    };
    const channelMessage = aFrame(3_000, 0x1b, 0x8004);
    const opened = aTransport({ longPayload: 2_048 }).open(sealPlainly(receiveKey, [channelMessage]), most);
    expect(opened.frames).toEqual(channelMessage);
    expect(asked).toEqual([[0x0004, 0x1b]]);
  });

  test("ends the connection above it, as soon as the header is there, for good", () => {
    const transport = aTransport({ longPayload: 2_048 });
    const header = sealed.subarray(0, 22 + 40 + 22);
    const expected = { frames: aFrame(24), problem: "too-long" };
    expect(transport.open(header, () => 2_999)).toEqual(expected);
    expect(transport.open(sealed.subarray(header.length), () => 2_999)).toMatchObject({
      frames: Buffer.alloc(0),
      problem: "too-long",
    });
  });

  test("is opened and forgotten where that is asked for, in whatever pieces it comes", () => {
    for (const piece of [1, 50, sealed.length]) {
      const transport = aTransport({ longPayload: 2_048, discards: () => true });
      const opened: Buffer[] = [];
      for (let from = 0; from < sealed.length; from += piece) {
        const { frames, problem } = transport.open(sealed.subarray(from, from + piece), () => 0);
        expect(problem).toBeUndefined();
        opened.push(Buffer.from(frames));
      }
      expect(Buffer.concat(opened)).toEqual(Buffer.concat([aFrame(24), aFrame(24)]));
    }
  });

  test("is not asked about if it is no longer than that", () => {
    const most = () => expect.fail("asked");
    const stream = sealPlainly(receiveKey, [aFrame(2_048)]);
    expect(aTransport({ longPayload: 2_048 }).open(stream, most).frames).toEqual(aFrame(2_048));
  });
});

describe("memory", () => {
  const numbers = new Float64Array(at.length);
  const out = Buffer.alloc(1_024);

  function begin() {
    const native = addon.createTransport(receiveKey, sendKey);
    numbers.fill(0);
    numbers[at.longPayload] = 0xffffff;
    return { native, empty: addon.transportBytes(native) };
  }

  test("is not taken for what is only announced", () => {
    const { native, empty } = begin();
    const header = Buffer.from("000000ffffff", "hex");
    addon.openFrames(native, sealPart(receiveKey, nonceOf(0), header), out, numbers);
    addon.openFrames(native, Buffer.alloc(1_000), out, numbers);
    expect(numbers[at.stop]).toBe(at.stopEnd);
    expect(addon.transportBytes(native) - empty).toBeLessThanOrEqual(2_000);
  });

  test("grows with what has come, and is given back when the transport breaks or is closed", () => {
    const frame = aFrame(1_000_000);
    const sealed = sealPlainly(receiveKey, [frame]);
    for (const end of ["broken", "closed"]) {
      const { native, empty } = begin();
      for (let come = 0; come < 500_000; come += 50_000) {
        addon.openFrames(native, sealed.subarray(come, come + 50_000), out, numbers);
        expect(addon.transportBytes(native) - empty).toBeLessThan(2 * (come + 50_000) + 65_535);
      }
      if (end === "closed") addon.closeTransport(native);
      addon.openFrames(native, Buffer.alloc(65_535), out, numbers);
      expect(numbers[at.stop]).toBe(at.stopBroken);
      expect(addon.transportBytes(native)).toBe(empty);
    }
  });
});

describe("arguments", () => {
  const native = addon.createTransport(receiveKey, sendKey);
  const numbers = new Float64Array(at.length);
  const out = Buffer.alloc(100);

  function refused(call: (untyped: Record<keyof Addon, (...args: unknown[]) => unknown>) => unknown): string {
    try {
      call(addon as never);
    } catch (error) {
      if (error instanceof TypeError) return error.message;
      throw error;
    }
    return expect.fail("nothing was refused");
  }

  test("of a wrong type or length are refused by name", () => {
    expect(refused((a) => a.createTransport(Buffer.alloc(31), sendKey))).toMatch(
      /^receiveKey must have 32 bytes/,
    );
    expect(refused((a) => a.createTransport(receiveKey))).toMatch(/^sendKey must be a Uint8Array/);
    for (const wrong of [undefined, {}, addon.createLineLane()]) {
      const message = "transport is not what this addon made";
      expect(refused((a) => a.sealFrames(wrong, out, out))).toBe(message);
      expect(refused((a) => a.openFrames(wrong, out, out, numbers))).toBe(message);
      expect(refused((a) => a.closeTransport(wrong))).toBe(message);
      expect(refused((a) => a.transportBytes(wrong))).toBe(message);
    }
    expect(refused((a) => a.openFrames(native, "", out, numbers))).toMatch(/^chunk /);
    expect(refused((a) => a.openFrames(native, out, 1, numbers))).toMatch(/^out /);
    expect(refused((a) => a.openFrames(native, out, out, new Float64Array(2)))).toMatch(
      /^numbers must have 72 bytes/,
    );
    const odd = new Uint8Array(100).subarray(1, 73);
    expect(refused((a) => a.openFrames(native, out, out, odd))).toBe("numbers must be a Float64Array");
  });

  test("that are numbers out of range are refused by name", () => {
    for (const [place, wrong] of [
      ["from", 101],
      ["longPayload", 2 ** 24],
      ["verdict", 3],
      ["verdict", Number.NaN],
      ["longPayload", -1],
      ["from", 0.5],
    ] as const) {
      const bad = new Float64Array(at.length);
      bad[at[place]] = wrong;
      expect(refused((a) => a.openFrames(native, out, out, bad))).toMatch(
        new RegExp(`^numbers: ${place} must be`),
      );
    }
  });

  test("that are no whole frames, or have too little room, are refused and use up no counter", () => {
    const frame = aFrame(24);
    for (let length = 1; length < frame.length; length++) {
      const part = frame.subarray(0, length);
      expect(refused((a) => a.sealFrames(native, part, out))).toBe(
        "frames must be whole frames, back to back",
      );
    }
    const small = Buffer.alloc(61);
    expect(refused((a) => a.sealFrames(native, frame, small))).toBe(
      "out must have at least 62 bytes, not 61",
    );
    expect(addon.sealFrames(native, frame, out)).toBe(62);
    expect(out.subarray(0, 62)).toEqual(sealPlainly(sendKey, [frame]));
  });
});

test("transports do not disturb each other, and have the shape that sessions ask for", () => {
  const make = createNativeTransports({ addon, longPayload: 0 });
  const peers = Array.from({ length: 5 }, (_, i) => {
    const keys = { receive: Buffer.alloc(32, i), send: Buffer.alloc(32, i + 1) };
    const server: FrameTransport = make(keys);
    return { server, client: make({ receive: keys.send, send: keys.receive }) };
  });
  for (let turn = 0; turn < 20; turn++) {
    for (const { server, client } of peers) {
      expect(server.open(client.seal(aFrame(turn)), everything).frames).toEqual(aFrame(turn));
      expect(client.open(server.seal(aFrame(turn)), everything).frames).toEqual(aFrame(turn));
    }
  }
});

import { expect, test } from "vitest";
import { Malformed } from "../../src/protocol/malformed.ts";
import { FrameCursor } from "../../src/protocol/v2/frame.ts";
import { findMessage, messages } from "../../src/protocol/v2/registry.ts";
import { readSubmitSharesExtended, readSubmitSharesStandard } from "../../src/protocol/v2/submit-shares.ts";
import { decodeUserIdentity, encodeUserIdentity } from "../../src/protocol/v2/worker-tracking.ts";
import { mulberry32, randomSource } from "../support/random.ts";
import { randomFrames } from "../support/v2-messages.ts";

/** PENSTOCK_FRAMES makes a long campaign of it. */
const rounds = Number(process.env["PENSTOCK_FRAMES"] ?? 150_000);

test("whatever a frame holds, it is a message that is written as it was read, or malformed", () => {
  const below = mulberry32(1);
  const seeds = Array.from({ length: 10 }, (_, seed) => randomFrames(randomSource(seed))).flat();
  seeds.push(...seeds.map((frame) => Buffer.concat([frame, encodeUserIdentity("rig")])));
  let good = 0;
  let bad = 0;
  for (let round = 0; round < rounds; round++) {
    const frame = mutated(Buffer.from(seeds[below(seeds.length)]!), below);
    if (frame.length >= 6 && below(50) > 0) frame.writeUIntLE(frame.length - 6, 3, 3);
    const cursor = new FrameCursor(frame);
    while (cursor.next()) {
      const codec =
        findMessage(cursor.extensionType, cursor.messageType) ?? messages[below(messages.length)]!;
      const decoded = codec.decodeWithExtra(cursor.payload);
      readSubmitSharesStandard(frame, cursor.payloadStart, cursor.payloadEnd);
      readSubmitSharesExtended(frame, cursor.payloadStart, cursor.payloadEnd);
      if (decoded instanceof Malformed) {
        expect(decoded.detail.length).toBeLessThan(200);
        bad++;
        continue;
      }
      decodeUserIdentity(decoded.extra);
      good++;
      // A replacement character is longer than the byte it stands for: such a text may not fit any more.
      if (Object.values(decoded.message as object).some((value) => String(value).includes("\ufffd")))
        continue;
      // Once read, nothing of it changes: not by rounds of writing and reading. (NaN has many forms, only one is written.)
      const again = codec.encode(decoded.message, decoded.extra);
      const twice = codec.decodeWithExtra(again.subarray(6));
      if (!(twice instanceof Malformed))
        expect(codec.encode(twice.message, twice.extra).equals(again)).toBe(true);
      else throw new Error(`${codec.name} does not read what it wrote: ${twice.detail}`);
    }
  }
  expect(good).toBeGreaterThan(rounds / 10);
  expect(bad).toBeGreaterThan(rounds / 10);
});

function mutated(frame: Buffer, below: (limit: number) => number): Buffer {
  for (let times = below(4); times > 0; times--) {
    const at = below(frame.length + 1);
    const kind = below(5);
    if (kind === 0) frame = frame.subarray(0, at);
    else if (kind === 1)
      frame = Buffer.concat([frame.subarray(0, at), Buffer.of(below(256)), frame.subarray(at)]);
    else if (kind === 2) frame = Buffer.concat([frame, frame.subarray(at)]);
    else if (at < frame.length) frame[at] = [0, 1, 0x7f, 0xff, below(256)][below(5)]!;
  }
  return frame;
}

import { expect, test } from "vitest";
import { decodeFrameHeader, encodeFrameHeader, FrameCursor } from "../../../../src/protocol/v2/frame.ts";
import vectors from "../../../vectors/frame_headers_and_lengths.json" with { type: "json" };

test.each(vectors.headers)("the header $bytes is read and written", (vector) => {
  const header = decodeFrameHeader(Buffer.from(vector.bytes, "hex"))!;
  const field = Number(vector.extension_type);
  expect(header).toEqual({
    extensionType: field & 0x7fff,
    isChannelMessage: field >= 0x8000,
    messageType: Number(vector.msg_type ?? 0),
    payloadLength: vector.msg_length ?? 0,
  });
  expect(encodeFrameHeader(header).toString("hex")).toBe(vector.bytes);
});

test("a header of fewer than six bytes is not there yet", () => {
  for (let length = 0; length < 6; length++) expect(decodeFrameHeader(Buffer.alloc(length))).toBeUndefined();
});

test("frames back to back are walked over, and a cut one is left", () => {
  const frames = Buffer.from("00801a020000aabb010000000000000010030000cc", "hex");
  const cursor = new FrameCursor(frames);
  expect(cursor.next()).toBe(true);
  expect([cursor.extensionType, cursor.isChannelMessage, cursor.messageType]).toEqual([0, true, 0x1a]);
  expect(cursor.payload.toString("hex")).toBe("aabb");
  expect(cursor.next()).toBe(true);
  expect([cursor.extensionType, cursor.isChannelMessage, cursor.messageType]).toEqual([1, false, 0]);
  expect(cursor.payload.length).toBe(0);
  expect(cursor.next()).toBe(false);
  expect(cursor.rest.toString("hex")).toBe("000010030000cc");
  expect(cursor.next()).toBe(false);
});

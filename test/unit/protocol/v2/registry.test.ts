import { expect, test } from "vitest";
import {
  findMessage,
  maxIgnoredPayload,
  messages,
  mostPayload,
  mostPayloadBeforeSetup,
} from "../../../../src/protocol/v2/registry.ts";

test("a message is known by extension and type together", () => {
  expect(findMessage(0, 0)?.name).toBe("SetupConnection");
  expect(findMessage(1, 0)?.name).toBe("RequestExtensions");
  expect(findMessage(2, 0)).toBeUndefined();
  expect(findMessage(0, 0x1e)).toBeUndefined();
  for (const codec of messages) expect(findMessage(codec.extensionType, codec.messageType)).toBe(codec);
});

test("the channel bit is that of chapter 8's table", () => {
  const withBit = messages.filter((codec) => codec.isChannelMessage).map((codec) => codec.messageType);
  expect(withBit.toSorted((a, b) => a - b)).toEqual([
    0x03, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24,
  ]);
});

test("a server takes of each message what its fields can hold, with room for extensions", () => {
  expect(mostPayload(0, 0x1b)).toBe(57 + 512);
  expect(mostPayload(0, 0x10)).toBe(4 + 256 + 4 + 32 + 512);
  expect(mostPayload(1, 0x00)).toBe(65_519 + 512);
  expect(mostPayload(0, 0x22)).toBeGreaterThan(65_535);
  expect(mostPayload(0x4000, 0x33)).toBe(maxIgnoredPayload);
  expect(mostPayload(0, 0x1f)).toBe(maxIgnoredPayload);
});

test("before the setup only SetupConnection is taken", () => {
  expect(mostPayloadBeforeSetup(0, 0)).toBe(1 + 2 + 2 + 4 + 256 + 2 + 4 * 256 + 512);
  expect(mostPayloadBeforeSetup(1, 0)).toBe(0);
  expect(mostPayloadBeforeSetup(0, 0x10)).toBe(0);
  expect(mostPayloadBeforeSetup(0x4000, 0)).toBe(0);
});

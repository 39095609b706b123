import { expect, test } from "vitest";
import { NativeFrameTransport } from "../../../src/native/frame-transport.ts";
import { loadAddon } from "../../../src/native/index.ts";
import { createTransports } from "../../../src/pool/frame-transports.ts";
import { CipherTransport } from "../../../src/protocol/v2/noise/cipher-transport.ts";

const addon = loadAddon();
const keys = { receive: Buffer.alloc(32, 1), send: Buffer.alloc(32, 2) };

test("transports are native where the addon reaches a cipher, and by node:crypto where it does not", () => {
  const options = { addon, longPayload: 2_048 };
  expect(createTransports(options)(keys)).toBeInstanceOf(NativeFrameTransport);
  const without = createTransports({ ...options, addon: { ...addon, hasAead: false } })(keys);
  expect(without).toBeInstanceOf(CipherTransport);
});

test("both make the same bytes and read each other's", () => {
  const frame = Buffer.from("00801a020000abcd", "hex");
  const native = createTransports({ addon, longPayload: 0 });
  const plain = createTransports({ addon: { ...addon, hasAead: false }, longPayload: 0 });
  const other = { receive: keys.send, send: keys.receive };
  expect(plain(keys).seal(frame)).toEqual(native(keys).seal(frame));
  for (const [one, two] of [
    [native, plain],
    [plain, native],
  ] as const)
    expect(one(other).open(two(keys).seal(frame), () => 2)).toEqual({ frames: frame, problem: undefined });
});

/**
 * `npm run bench:transport`: one SubmitSharesStandard (a payload of 24 bytes) sealed and opened as Stratum V2's transport has
 * it, natively and with node:crypto, whose two calls for each message are what JavaScript pays at least. One at a time, and as
 * many as a busy read brings.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { createNativeTransports, type NativeFrameTransport } from "../src/native/frame-transport.ts";
import { loadAddon } from "../src/native/index.ts";
import { time } from "./kernel-times.ts";
import { table } from "./table.ts";

const frame = Buffer.concat([Buffer.from("00801a180000", "hex"), randomBytes(24)]);
const bundled = 32;
const addon = loadAddon();
const transport = createNativeTransports({ addon, longPayload: 2_048 });
const keys = { client: randomBytes(32), server: randomBytes(32) };
const most = () => 0;

const rows = [1, bundled].flatMap((frames) => {
  const native = timeNative(frames);
  const rival = timeRival(frames);
  const row = (way: string, opened: number, sealed: number) => [
    way,
    frames,
    (sealed / frames).toFixed(0),
    (opened / frames).toFixed(0),
  ];
  return [row("native", native.opened, native.sealed), row("node:crypto", rival.opened, rival.sealed)];
});
console.log("\nOne submit frame of 30 bytes, in ns\n");
console.log(table(["by", "frames at once", "sealed", "opened"], rows));

const bytes = addon.transportBytes(addon.createTransport(keys.client, keys.server));
console.log(`\nA transport between frames: ${bytes} bytes outside JavaScript`);

function pair(): { readonly client: NativeFrameTransport; readonly server: NativeFrameTransport } {
  return {
    client: transport({ receive: keys.server, send: keys.client }),
    server: transport({ receive: keys.client, send: keys.server }),
  };
}

/** Only what was sealed just before can be opened: opening is what both together take longer. */
function timeNative(frames: number) {
  const { client, server } = pair();
  const bundle = Buffer.concat(Array.from({ length: frames }, () => frame));
  const sealed = time(() => client.seal(bundle));
  const other = pair();
  const both = time(() => {
    const { frames: opened, problem } = other.server.open(other.client.seal(bundle), most);
    if (problem !== undefined || opened.length !== bundle.length) throw new Error("not opened");
  });
  server.close();
  return { sealed, opened: both - sealed };
}

function timeRival(frames: number) {
  const nonce = Buffer.alloc(12);
  const parts = Array.from({ length: frames }, () => [frame.subarray(0, 6), frame.subarray(6)]).flat();
  const seal = (part: Uint8Array) => {
    const cipher = createCipheriv("chacha20-poly1305", keys.client, nonce, { authTagLength: 16 });
    const sealed = cipher.update(part);
    cipher.final();
    return { sealed, tag: cipher.getAuthTag() };
  };
  const sealed = parts.map(seal);
  return {
    sealed: time(() => {
      for (const part of parts) seal(part);
    }),
    opened: time(() => {
      for (const part of sealed) {
        const decipher = createDecipheriv("chacha20-poly1305", keys.client, nonce, { authTagLength: 16 });
        decipher.setAuthTag(part.tag);
        decipher.update(part.sealed);
        decipher.final();
      }
    }),
  };
}

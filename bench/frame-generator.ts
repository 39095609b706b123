/**
 * The program that loads bench/native/frame_generator.cpp: V2's generator needs Node's OpenSSL, and handshakes, which are
 * JavaScript's.
 *
 *   node frame-generator.ts LIBRARY standard|extended CHANNELS
 */
import { randomBytes } from "node:crypto";
import { createEllswiftKey } from "../src/protocol/v2/noise/ellswift.ts";
import { createInitiator } from "./one-key-initiator.ts";

interface Library {
  /** @param finish from act 2 to the keys to send and to receive with. @returns an exit code. */
  runLoad(act1: Buffer, finish: (act2: Buffer) => Buffer, kind: string, channels: number): number;
}

const [library, kind, channels] = process.argv.slice(2);
const module: { exports: Partial<Library> } = { exports: {} };
process.dlopen(module, library!);

const ephemeral = createEllswiftKey(randomBytes);
const finish = createInitiator(ephemeral);
const { runLoad } = module.exports as Library;
process.exitCode = runLoad(
  Buffer.from(ephemeral.ellswift),
  (act2) => {
    const { sendKey, receiveKey } = finish(act2);
    return Buffer.concat([sendKey, receiveKey]);
  },
  kind!,
  Number(channels),
);

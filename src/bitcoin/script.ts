/** The little of Script that a pool writes and counts; nothing here executes anything. */

const op = {
  0: 0x00,
  pushData1: 0x4c,
  pushData2: 0x4d,
  pushData4: 0x4e,
  1: 0x51,
  return: 0x6a,
  checkSig: 0xac,
  checkSigVerify: 0xad,
  checkMultiSig: 0xae,
  checkMultiSigVerify: 0xaf,
} as const;

/** Consensus bounds of the coinbase's input script, bytes. */
export const coinbaseScriptLength = { min: 2, max: 100 } as const;

/** Bitcoin Core's MAX_SCRIPT_SIZE: an output script longer than that can never be spent. */
const maxScriptLength = 10_000;

/**
 * BIP 34: the height exactly as Bitcoin Core's `CScript() << nHeight` writes it, the prefix that consensus compares.
 * Heights up to 16 are one opcode, so the script that starts with them needs another byte to reach its least length.
 */
export function pushHeight(height: number): Buffer {
  if (!Number.isInteger(height) || height < 0 || height > 0x7fffffff) {
    throw new RangeError(`${height} is not a block height`);
  }
  if (height === 0) return Buffer.of(op[0]);
  if (height <= 16) return Buffer.of(op[1] + height - 1);
  return pushData(scriptNumber(height));
}

/** Height of a coinbase input script by BIP 34; undefined if it does not start with one. */
export function readHeight(script: Uint8Array): number | undefined {
  const first = script[0];
  if (first === undefined) return undefined;
  if (first === op[0]) return 0;
  if (first >= op[1] && first < op[1] + 16) return first - op[1] + 1;
  if (first > 5 || script.length < 1 + first) return undefined;
  const height = script.subarray(1, 1 + first).reduceRight((value, byte) => value * 256 + byte, 0);
  if (height > 0x7fffffff || !startsWith(script, pushHeight(height))) return undefined;
  return height;
}

/** Pushes bytes with the shortest opcode for their length (not the special opcodes for single small numbers). */
export function pushData(data: Uint8Array): Buffer {
  if (data.length < op.pushData1) return Buffer.concat([Buffer.of(data.length), data]);
  if (data.length <= 0xff) return Buffer.concat([Buffer.of(op.pushData1, data.length), data]);
  if (data.length > 0xffff) throw new RangeError(`${data.length} bytes are too many for one push`);
  return Buffer.concat([Buffer.of(op.pushData2, data.length & 0xff, data.length >> 8), data]);
}

/**
 * Signature operations as Bitcoin Core's GetLegacySigOpCount counts them in one script: CHECKSIG 1, CHECKMULTISIG 20,
 * up to the first place that does not parse. Their cost in a block is four times that.
 */
export function legacySigops(script: Uint8Array): number {
  let count = 0;
  for (const opcode of opcodesOf(script)) {
    if (opcode === op.checkSig || opcode === op.checkSigVerify) count += 1;
    if (opcode === op.checkMultiSig || opcode === op.checkMultiSigVerify) count += 20;
  }
  return count;
}

/** Whether every push of a script is complete. */
export function parses(script: Uint8Array): boolean {
  for (const opcode of opcodesOf(script)) if (opcode === undefined) return false;
  return true;
}

/** Whether money sent to this output script could ever move again, as far as its form tells. */
export function isPayable(script: Uint8Array): boolean {
  return script.length > 0 && script.length <= maxScriptLength && script[0] !== op.return && parses(script);
}

/** Opcodes in order; undefined, as the last, where a push runs past the end. */
function* opcodesOf(script: Uint8Array): Generator<number | undefined> {
  let at = 0;
  while (at < script.length) {
    const opcode = script[at]!;
    const lengthBytes = lengthBytesOf(opcode);
    let length = opcode < op.pushData1 ? opcode : 0;
    for (let i = 0; i < lengthBytes; i++) length += (script[at + 1 + i] ?? 0) * 2 ** (8 * i);
    at += 1 + lengthBytes + length;
    if (at > script.length) {
      yield undefined;
      return;
    }
    yield opcode;
  }
}

function lengthBytesOf(opcode: number): number {
  if (opcode === op.pushData1) return 1;
  if (opcode === op.pushData2) return 2;
  return opcode === op.pushData4 ? 4 : 0;
}

/** CScriptNum: little-endian, shortest, the top bit being the sign. */
function scriptNumber(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256);
  if (bytes.at(-1)! >= 0x80) bytes.push(0);
  return Buffer.from(bytes);
}

function startsWith(script: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, i) => script[i] === byte);
}

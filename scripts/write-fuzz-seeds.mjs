#!/usr/bin/env node
/**
 * Writes the inputs that fuzzing begins with (native/fuzz/corpus) from what devices send and from real blocks. What the
 * fuzzer found of itself lies beside them, under checksums as names, and is left alone.
 *
 * Each seed is laid out as the target of its folder reads it: see Input in native/fuzz/fuzz.h.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { corpusOf } from "./lib/fuzz.mjs";
import { projectDir } from "./lib/paths.mjs";

const u8 = (value) => Buffer.from([value]);
const u16 = (value) => Buffer.from([value & 255, value >> 8]);
const u32 = (value) => Buffer.from(new Uint32Array([value]).buffer);
const hex = (text) => Buffer.from(text.replaceAll(/\s/g, ""), "hex");
const ones = (count) => Buffer.alloc(count, 0xff);
const sha256 = (bytes) => createHash("sha256").update(bytes).digest();

const vectors = (name) => readFile(join(projectDir, "test/vectors", name), "utf8");

const genesis = {
  header: hex(`01000000 ${"00".repeat(32)} 3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a
    29ab5f49 ffff001d 1dac2b7c`),
  coinbase: hex(`01000000 01 ${"00".repeat(32)} ffffffff 4d 04ffff001d010445
    5468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261
    696c6f757420666f722062616e6b73 ffffffff 01 00f2052a01000000 43 4104678afdb0fe5548271967f1a67130b7105cd6a828e0
    3909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac 00000000`),
};

/** Blocks of our signet that hold a coinbase alone. */
async function signetBlocks() {
  const lines = (await vectors("signet-blocks.hex")).trim().split("\n");
  const blocks = lines.map((line) => Buffer.from(line, "hex"));
  return blocks
    .filter((block) => block[80] === 1)
    .map((block) => ({
      header: block.subarray(0, 80),
      coinbase: withoutWitness(block.subarray(81)),
    }));
}

/** BIP 144, for one input whose witness is one element of 32 bytes, as BIP 141 demands of a coinbase. */
function withoutWitness(transaction) {
  if (transaction[4] !== 0) return transaction;
  const witnessAt = transaction.length - 4 - 34;
  return Buffer.concat([
    transaction.subarray(0, 4),
    transaction.subarray(6, witnessAt),
    transaction.subarray(-4),
  ]);
}

// judge: the job of a block, and the submission that solved it, with its extranonces cut out of the coinbase at `at`.

const COINBASE_CUT = 45;

const extranoncesLength = (wide) => (wide ? 20 : 12);

function jobOf(
  { header, coinbase },
  { tip = 1, at = COINBASE_CUT, wide = false, networkTarget = ones(32), branch = [] } = {},
) {
  return Buffer.concat([
    header.subarray(0, 4),
    header.subarray(72, 76),
    header.subarray(68, 72),
    u8(tip),
    u8(wide ? 1 : 0),
    u16(at),
    u16(coinbase.length - at - extranoncesLength(wide)),
    u16(branch.length),
    networkTarget,
    header.subarray(4, 36),
    coinbase.subarray(0, at),
    coinbase.subarray(at + extranoncesLength(wide)),
    ...branch,
  ]);
}

function submissionOf(
  { header, coinbase },
  { at = COINBASE_CUT, target = ones(32), flags = 0, version = 0, ntimeMin = 0 } = {},
) {
  const extranonces = Buffer.alloc(20); // of which a job that is not wide takes the first 12
  extranonces.set(coinbase.subarray(at, at + 20));
  return Buffer.concat([
    extranonces,
    header.subarray(68, 72),
    header.subarray(76, 80),
    u32(version),
    u32(0x1fffe000),
    u32(flags),
    u32(ntimeMin),
    u32(0xffffffff),
    target,
  ]);
}

const STALE = 1;
const WHOLE_VERSION = 2;

const FORGET = 0x00;
const REPEAT = 0x02;
const SUBMIT = 0x04;
const SUBMIT_SECOND = SUBMIT | 1;
const HARMLESS = 0x10;
const AT_TARGET = 0x20;
const BELOW_TARGET = 0x60;

/** @param steps arrays that begin with one of the numbers above */
function judging({ maxEntries = 31, sameTip = false, jobs, steps }) {
  const head = [u8(maxEntries), Buffer.alloc(16, 0x5e), u8(sameTip ? 0 : 1)];
  return Buffer.concat([...head, ...jobs, ...steps.flatMap(([kind, ...rest]) => [u8(kind), ...rest])]);
}

async function judgeSeeds() {
  const [first, second] = await signetBlocks();
  for (const { header, coinbase } of [genesis, first, second]) {
    if (!sha256(sha256(coinbase)).equals(header.subarray(36, 68)))
      throw new Error("a coinbase is not its block's");
  }
  const jobs = [jobOf(first), jobOf(second, { tip: 2 })];
  const one = submissionOf(first);
  const other = submissionOf(second);
  return {
    "genesis-block": judging({
      jobs: [jobOf(genesis), jobOf(first)],
      steps: [
        [SUBMIT, submissionOf(genesis)],
        [REPEAT, u16(0)],
      ],
    }),
    "no-block": judging({
      jobs: [jobOf(genesis, { networkTarget: Buffer.alloc(32) }), jobs[1]],
      steps: [[SUBMIT | AT_TARGET, submissionOf(genesis)]],
    }),
    "two-tips": judging({
      jobs,
      steps: [
        [SUBMIT, one],
        [SUBMIT_SECOND, other],
        [REPEAT, u16(0)],
        [REPEAT, u16(1)],
      ],
    }),
    "same-tip": judging({
      sameTip: true,
      jobs,
      steps: [
        [SUBMIT, one],
        [SUBMIT_SECOND, other],
        [REPEAT, u16(0)],
      ],
    }),
    "forgotten-tip": judging({
      jobs,
      steps: [
        [SUBMIT, one],
        [FORGET, u8(2)],
        [REPEAT, u16(0)],
        [SUBMIT_SECOND, other],
      ],
    }),
    "full-window": judging({
      maxEntries: 1,
      jobs,
      steps: [
        [SUBMIT, one],
        [SUBMIT_SECOND, other],
        [REPEAT, u16(0)],
      ],
    }),
    "at-and-below-target": judging({
      jobs,
      steps: [
        [SUBMIT | BELOW_TARGET, one],
        [SUBMIT | AT_TARGET, one],
        [SUBMIT | BELOW_TARGET, one],
      ],
    }),
    stale: judging({
      jobs,
      steps: [
        [SUBMIT, submissionOf(first, { flags: STALE })],
        [SUBMIT, one],
      ],
    }),
    "version-bits": judging({
      jobs,
      steps: [0x2000, 0x1000, 0x1fffe000, 0x80000000].map((version) => [
        SUBMIT,
        submissionOf(first, { version }),
      ]),
    }),
    "whole-versions": judging({
      jobs,
      steps: [0, 0x2000, 0x1fffe000, 0x1000, 0x80000000].map((rolled) => [
        SUBMIT,
        submissionOf(first, { version: (first.header.readUInt32LE(0) ^ rolled) >>> 0, flags: WHOLE_VERSION }),
      ]),
    }),
    "least-ntime": judging({
      jobs,
      steps: [1, 0].map((above) => [
        SUBMIT,
        submissionOf(first, { ntimeMin: first.header.readUInt32LE(68) + above }),
      ]),
    }),
    "wide-extranonce2": judging({
      jobs: [jobOf(first, { wide: true }), jobOf(first)],
      steps: [
        [SUBMIT, one],
        [SUBMIT_SECOND, one],
      ],
    }),
    "harmless-noise": judging({
      jobs,
      steps: [1, 2, 3].map((noise) => [SUBMIT | HARMLESS, Buffer.alloc(80, noise)]),
    }),
    "long-branch": judging({
      jobs: [jobOf(first, { branch: Array.from({ length: 12 }, (_, i) => Buffer.alloc(32, i)) }), jobs[1]],
      steps: [[SUBMIT, one]],
    }),
    ...Object.fromEntries(
      [43, 44, 63].map((at) => [
        `wide-extranonces-at-${at}`,
        judging({
          jobs: [jobOf(genesis, { at, wide: true }), jobs[1]],
          steps: [[SUBMIT, submissionOf(genesis, { at })]],
        }),
      ]),
    ),
    // Extranonces at the end of a block of SHA-256, across its end and in the next one; an empty end.
    ...Object.fromEntries(
      [0, 52, 53, 63, 64, 120, 192].map((at) => [
        `extranonces-at-${at}`,
        judging({
          jobs: [jobOf(genesis, { at }), jobs[1]],
          steps: [[SUBMIT, submissionOf(genesis, { at })]],
        }),
      ]),
    ),
  };
}

// sha256: what is to be hashed, after a byte that says as what.

const message = (bytes) => Buffer.concat([u8(0), bytes]);
const pairs = (count, bytes) => Buffer.concat([u8(1), ...Array.from({ length: count }, () => bytes)]);
const headers = (count) => Buffer.concat([u8(2), ...Array.from({ length: count }, () => genesis.header)]);
const scan = (first, count, topLimit) =>
  Buffer.concat([u8(3), u32(topLimit), u32(first), u16(count), genesis.header]);
const GENESIS_NONCE = 2083236893;

function sha256Seeds() {
  const lengths = [0, 1, 55, 56, 63, 64, 65, 119, 120, 128];
  return {
    ...Object.fromEntries(
      lengths.map((length) => [`message-${length}`, message(Buffer.alloc(length, 0x61))]),
    ),
    ...Object.fromEntries([1, 3, 8, 17].map((count) => [`pairs-${count}`, pairs(count, ones(64))])),
    ...Object.fromEntries([1, 2, 9, 17].map((count) => [`headers-${count}`, headers(count)])),
    "scan-finds-genesis": scan(GENESIS_NONCE - 21, 40, 0),
    "scan-ends-before": scan(GENESIS_NONCE - 21, 21, 0),
    "scan-to-the-last-nonce": scan(0xffffffff - 10, 40, 0x07ffffff),
  };
}

async function merkleSeeds() {
  const block = (txids) => Buffer.concat([u16(txids.length - 1), ...txids]);
  const { vectors: known } = JSON.parse(await vectors("merkle_path.json"));
  const real = known.filter(({ txids_display_order: txids }) => txids);
  return {
    ...Object.fromEntries(
      real.map(({ block: name, txids_display_order: txids }) => [
        name.replaceAll(" ", "-"),
        block(txids.map((txid) => hex(txid).reverse())),
      ]),
    ),
    // Without bytes for txids the target makes them.
    ...Object.fromEntries([1, 2, 3, 5, 8, 16, 17, 33, 100].map((count) => [`made-${count}`, u16(count - 1)])),
  };
}

function seenWindowSeeds() {
  const window = (maxEntries, seed, steps) =>
    Buffer.concat([u16(maxEntries), Buffer.alloc(16, seed), ...steps]);
  const hash = (choice, where, first, second = 0) => Buffer.from([choice, where, first, second]);
  const many = (count, make) => Array.from({ length: count }, (_, i) => make(i));
  return {
    grows: window(
      300,
      0x5e,
      many(80, (i) => hash(17, 8, i)),
    ),
    "one-place": window(
      300,
      0,
      many(80, (i) => hash(17, 1, i)),
    ),
    full: window(
      3,
      0x5e,
      many(6, (i) => hash(17, 2, i)),
    ),
    "free-slot-marks": window(9, 0x5e, [hash(1, 0, 0), hash(1, 0, 1), hash(1, 16, 1), hash(1, 31, 1)]),
    "tips-come-back": window(30, 0x5e, [
      hash(17, 3, 1),
      hash(50, 3, 1),
      Buffer.from([32, 2]),
      hash(17, 3, 1),
      hash(81, 3, 1),
      Buffer.from([64, 9]),
      hash(81, 3, 1),
    ]),
  };
}

// Lines as devices send them: shapes of cgminer, Braiins OS, ESP-Miner, NerdMiner and others, then what is only nearly one.

const usualLines = {
  cgminer:
    '{"params": ["rig", "000000000100", "0000000000000001", "65a0b1c2", "deadbeef"], "id": 4, "method": "mining.submit"}',
  cpuminer:
    '{"method": "mining.submit", "params": ["rig", "000000000100", "0100000000000000", "65a0b1c2", "0000002a"], "id":4}',
  braiins:
    '{"id":17,"method":"mining.submit","params":["bc1qaddress.rig","000000000101","00000000000000ff","65a0b1c2","0badf00d","00c0e000"]}',
  "esp-miner":
    '{"id": 8, "method": "mining.submit", "params": ["bc1qaddress.rig", "000000000200", "0200000000000000", "65a0b1c3", "1a44b901", "0001a000"]}',
  nerdminer:
    '{"id": 12,"method": "mining.submit","params": ["x","000000000200","0000000000000001","65a0b1c2","1a2b3"]}\r',
  "upper-case":
    '{"id":1,"method":"mining.submit","params":["rig","000000000100","00000000000000AB","65A0B1C2","DEADBEEF"]}',
  "text-id":
    '{"id":"a-1","method":"mining.submit","params":["rig","1234567890ff","0000000000000001","65a0b1c2","deadbeef","0"]}',
};

const oddLines = {
  "nonce-too-long":
    '{"id":1,"method":"mining.submit","params":["rig","000000000100","0000000000000001","65a0b1c2","0deadbeef"]}',
  "short-extranonce2":
    '{"id":1,"method":"mining.submit","params":["rig","000000000100","00000001","65a0b1c2","deadbeef"]}',
  prefixed:
    '{"id":1,"method":"mining.submit","params":["rig","000000000100","0000000000000001","0x65a0b1","deadbeef"]}',
  "seven-parameters":
    '{"id":1,"method":"mining.submit","params":["rig","000000000100","0000000000000001","65a0b1c2","deadbeef","0","0"]}',
  "more-keys":
    '{"id":1,"jsonrpc":"2.0","method":"mining.submit","params":["rig","000000000100","0000000000000001","65a0b1c2","deadbeef"]}',
  "two-ids": '{"id":1,"id":2,"method":"mining.submit","params":["rig"]}',
  "null-id":
    '{"id":null,"method":"mining.submit","params":["rig","000000000100","0000000000000001","65a0b1c2","deadbeef"]}',
  "escaped-user":
    '{"id":1,"method":"mining.submit","params":["r\\u0069g","000000000100","0000000000000001","65a0b1c2","deadbeef"]}',
  "percent-user":
    '{"id":1,"method":"mining.submit","params":["bc1q%2525.rig","000000000100","0000000000000001","65a0b1c2","deadbeef"]}',
  "twenty-digits":
    '{"id":18446744073709551615,"method":"mining.submit","params":["rig","000000000100","0000000000000001","65a0b1c2","1"]}',
  "long-text-id": `{"id":"${"i".repeat(62)}","method":"mining.submit","params":["rig","000000000100","0000000000000001","1","1"]}`,
  "longest-user": `{"id":1,"method":"mining.submit","params":["${"u".repeat(930)}","000000000100","0000000000000001","1","1"]}`,
  authorize: '{"id":3,"method":"mining.authorize","params":["bc1qaddress.rig","x"]}',
  "cut-off": '{"id":1,"method":"mining.submit","params":["rig","0000000001',
};

// intake: settings, then what a connection sends.

const reading = (lines, settings) =>
  readingOf(Buffer.from(lines.map((line) => `${line}\n`).join("")), settings);

function readingOf(sent, settings = {}) {
  const { maxEntries = 100, journalRoom = 1920, answerRoom = 400, oldestJob = 0 } = settings;
  const { targets = 0xff, networkTargets = 0, tags = 0, changes = [] } = settings;
  const head = [
    u8(maxEntries),
    u16(journalRoom),
    u16(answerRoom),
    u8(oldestJob),
    u8(targets),
    u8(networkTargets),
  ];
  const rest = [u8(tags), Buffer.from([...changes, 0, 0, 0, 0, 0, 0, 0, 0]).subarray(0, 8)];
  return Buffer.concat([...head, ...rest, sent]);
}

function intakeSeeds() {
  const usual = Object.values(usualLines);
  const rolled = Array.from({ length: 20 }, (_, i) => usualLines.braiins.replace("0badf00d", i.toString(16)));
  return {
    "all-shapes": reading(usual),
    "odd-between": reading(Object.values(oddLines).flatMap((odd, i) => [usual[i % usual.length], odd])),
    "more-than-a-batch": reading(rolled),
    "every-other-refused": reading(rolled, { targets: 0x55 }),
    "blocks-between": reading(rolled, { networkTargets: 0xaa }),
    duplicates: reading([usual[0], usual[0], usual[1], usual[0]]),
    "window-full": reading(rolled, { maxEntries: 3 }),
    "tags-change": reading(usual, { tags: 0b0101 }),
    "retired-jobs": reading(usual, { oldestJob: 2 }),
    "small-journal": reading(rolled, { journalRoom: 200 }),
    "small-answers": reading(rolled, { answerRoom: 80 }),
    "job-becomes-another": reading(rolled, { answerRoom: 80, changes: [0, 17, 0, 145, 0, 209] }),
    "all-taken-back": reading(usual, { answerRoom: 80, changes: [0, 3] }),
    "comes-in-pieces": reading(usual, { changes: [85, 149, 213, 37, 245] }),
  };
}

// frame_intake: the same settings, then frames of the target's channels: 5 and 8 are standard, 7 and 9 extended.

function shareFrame(
  channelId,
  sequenceNumber,
  jobName,
  { extranonce, ntime = 0x65a0b1c2, version = 0 } = {},
) {
  const fields = [channelId, sequenceNumber, jobName, sequenceNumber * 77, ntime, 0x20000000 + version];
  const end = extranonce === undefined ? [] : [u8(extranonce.length), extranonce];
  const payload = Buffer.concat([...fields.map(u32), ...end]);
  return Buffer.concat([frameHead(extranonce === undefined ? 0x1a : 0x1b, payload.length), payload]);
}

function frameIntakeSeeds() {
  const extranonce = (length, i) => Buffer.alloc(length, i);
  const ofAll = (i) => [
    shareFrame(5, i, 1),
    shareFrame(7, i, 1, { extranonce: extranonce(8, i) }),
    shareFrame(5, i, 2),
    shareFrame(9, i, 2, { extranonce: extranonce(16, i) }),
    shareFrame(8, i, 2),
  ];
  const many = (make) => Array.from({ length: 20 }, (_, i) => make(i)).flat();
  const reads = (frames, settings) => readingOf(Buffer.concat(frames), { maxEntries: 127, ...settings });
  const oneChannel = many((i) => shareFrame(5, i, 1));
  const odd = [
    shareFrame(6, 1, 1),
    shareFrame(5, 1, 3),
    shareFrame(7, 1, 1),
    shareFrame(5, 1, 1, { extranonce: extranonce(8, 1) }),
    shareFrame(9, 1, 2, { extranonce: extranonce(8, 1) }),
    shareFrame(7, 1, 1, { extranonce: extranonce(33, 1) }),
    Buffer.concat([frameHead(0x1a, 25), Buffer.alloc(25, 5)]),
    Buffer.concat([frameHead(0x1b, 24), Buffer.alloc(24, 7)]),
    Buffer.concat([
      frameHead(0x1b, 36),
      shareFrame(7, 1, 1, { extranonce: extranonce(8, 1) }).subarray(6),
      u24(1),
    ]),
    Buffer.concat([u16(0), shareFrame(5, 1, 1).subarray(2)]),
    frameHead(0x16, 0),
  ];
  return {
    "all-channels": reads(many(ofAll)),
    "one-channel": reads(oneChannel),
    "odd-between": reads(odd.flatMap((frame, i) => [ofAll(i)[i % 5], frame])),
    "versions-and-times": reads(
      many((i) => [
        shareFrame(5, i, 1, { version: 1 << i }),
        shareFrame(7, i, 1, { extranonce: extranonce(8, 1), ntime: 0x65a0b1c2 + i - 10 }),
      ]),
    ),
    "every-other-refused": reads(many(ofAll), { targets: 0x55 }),
    "blocks-between": reads(many(ofAll), { networkTargets: 0xaa }),
    duplicates: reads([...ofAll(1), ...ofAll(1), ...ofAll(2), ...ofAll(1)]),
    "window-full": reads(oneChannel, { maxEntries: 3 }),
    "little-room-for-accepted": reads(oneChannel, { maxEntries: 69 }),
    "retired-jobs": reads(many(ofAll), { oldestJob: 2 }),
    "small-journal": reads(oneChannel, { journalRoom: 200 }),
    "small-answers": reads(oneChannel, { answerRoom: 80, targets: 0x55 }),
    "job-becomes-another": reads(many(ofAll), { journalRoom: 200, changes: [0, 17, 0, 33, 0, 49] }),
    "channel-taken-back": reads(many(ofAll), { journalRoom: 400, changes: [0, 7, 0, 23, 55] }),
    "all-taken-back": reads(many(ofAll), { journalRoom: 400, changes: [0, 3] }),
    "comes-in-pieces": reads(many(ofAll), { changes: [85, 149, 213, 37, 245] }),
    "length-lies": reads([shareFrame(5, 1, 1), frameHead(0x1a, 0xffffff), Buffer.alloc(40)]),
  };
}

// share_rows: what is asked for, then shares, then whatever stands behind them.

function share(i, { names = [i % 4, i % 3], tens = 0, damage = [0] } = {}) {
  return Buffer.concat([
    Buffer.alloc(32, i + 1),
    Buffer.from([i % 3, ...names]),
    u16(tens),
    u32(800_000),
    Buffer.from(damage),
  ]);
}

function records(count, { most = 58, odd = 2, each = () => ({}), behind = "" } = {}) {
  const asked = [u32(77), u16(most), Buffer.alloc(8, 3), u8(odd)];
  const shares = Array.from({ length: count }, (_, i) => share(i, each(i)));
  return Buffer.concat([...asked, u16(count), ...shares, Buffer.from(behind)]);
}

function shareRowsSeeds() {
  const fifth = (damage) => (i) => (i === 4 ? { damage } : {});
  return {
    usual: records(20, { odd: 9 }),
    "many-minutes": records(30, { odd: 1, each: (i) => ({ tens: (i * 6000) % 40_000 }) }),
    "long-names": records(6, { odd: 40, each: (i) => ({ names: [250, i * 40, 0, 201, 255, 0] }) }),
    "asked-for-fewer": records(12, { most: 5 }),
    damaged: records(8, { each: fifth([241, 30, 0, 7, 0]) }),
    "strange-but-sound": records(8, { each: fifth([242, 24, 0, 2, 0]) }),
    "something-behind": records(3, { behind: "PENSTOCK and what else may stand here" }),
    nothing: records(0),
  };
}

// frame_transport: settings, sizes of pieces, zeros behind, then sealed parts of the target's toy cipher.

const u24 = (value) => Buffer.from([value & 255, (value >> 8) & 255, value >> 16]);

/** @param parts plaintext of one sealed part each */
function sealedParts(parts, firstCounter = 0) {
  return Buffer.concat(
    parts.map((part, i) => {
      const mask = 0x11 ^ ((firstCounter + i) & 0x7f);
      return Buffer.concat([part.map((byte) => byte ^ mask), Buffer.alloc(16, mask)]);
    }),
  );
}

const frameHead = (messageType, length) => Buffer.concat([u16(0x8000), u8(messageType), u24(length)]);

function transported(parts, { longPayload = 8, room = 20, sizes = [], zeros = [], behind = [] } = {}) {
  const pieces = [u8(longPayload), u8(room), u8(sizes.length), Buffer.from(sizes)];
  const zero = zeros.length === 0 ? [u8(0)] : [u8(63), Buffer.from(zeros)];
  return Buffer.concat([...pieces, ...zero, sealedParts(parts), Buffer.from(behind)]);
}

function frameTransportSeeds() {
  const submit = [frameHead(0x1a, 24), Buffer.alloc(24, 7)];
  const withLength = (messageType, length) => [frameHead(messageType, length), Buffer.alloc(length, 3)];
  const submits = Array.from({ length: 12 }, () => submit).flat();
  return {
    "one-submit": transported(submit, { sizes: [31, 255] }),
    "many-submits": transported(submits, { sizes: [3, 9, 1, 4, 9, 40, 31, 255] }),
    "byte-by-byte": transported(submits),
    "small-room": transported(submits, { room: 1, sizes: [31, 255] }),
    "empty-payloads": transported([frameHead(1, 0), ...submit, frameHead(2, 0)], { room: 0 }),
    "long-taken": transported([...withLength(0x1c, 300), ...submit], { sizes: [2, 3, 2, 4] }),
    "long-discarded": transported([...withLength(0x1d, 300), ...submit], { sizes: [2, 3, 2, 4] }),
    "long-refused": transported([...withLength(0x1e, 300), ...submit]),
    "length-lies": transported([frameHead(0x1c, 0xffffff), Buffer.alloc(100)]),
    "several-parts": transported([frameHead(0x1c, 131_038)], { zeros: [170] }),
    "several-parts-discarded": transported([frameHead(0x1d, 65_520)], { zeros: [100] }),
    "broken-header": transported(submit, { behind: Array(22).fill(0xff) }),
    "cut-off": transported(submit, { behind: [1, 2, 3] }),
  };
}

const text = (lines) =>
  Object.fromEntries(Object.entries(lines).map(([name, line]) => [name, Buffer.from(line)]));

const seeds = {
  judge: await judgeSeeds(),
  sha256: sha256Seeds(),
  merkle: await merkleSeeds(),
  seen_window: seenWindowSeeds(),
  submit_line: text({ ...usualLines, ...oddLines }),
  intake: intakeSeeds(),
  frame_intake: frameIntakeSeeds(),
  share_rows: shareRowsSeeds(),
  frame_transport: frameTransportSeeds(),
};
for (const [target, files] of Object.entries(seeds)) {
  await mkdir(corpusOf(target), { recursive: true });
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(corpusOf(target), name), bytes);
}

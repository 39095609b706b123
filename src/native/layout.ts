/**
 * The bytes that cross the border at each judgement; native/src/judge.h has the same numbers, and a test compares them.
 *
 *   submission, 80 bytes                      verdict, 112 bytes
 *    0  extranonce1   4 bytes, as in coinbase    0  hash    32 bytes, internal order
 *    4  extranonce2   8 or 16 bytes: the job's  32  header  80 bytes
 *   20  ntime         u32 little-endian
 *   24  nonce         u32 little-endian
 *   28  version       u32 little-endian: bits that are set in the job's, or with flag 2 the header's whole version
 *   32  version mask  u32 little-endian: bits that may be set so, or may differ from the job's
 *   36  flags         u32 little-endian: 1 = stale, 2 = whole version
 *   40  ntime min     u32 little-endian; the job's own holds beside it
 *   44  ntime max     u32 little-endian
 *   48  target        32 bytes, little-endian
 */
export const submissionLayout = {
  size: 80,
  extranonce1: 0,
  extranonce2: 4,
  ntime: 20,
  nonce: 24,
  version: 28,
  versionMask: 32,
  flags: 36,
  ntimeMin: 40,
  ntimeMax: 44,
  target: 48,
} as const;

export const staleFlag = 1;
export const wholeVersionFlag = 2;

export const verdictLayout = { size: 112, hash: 0, header: 32 } as const;

/** Added to the refusal code when the hash meets the network target. */
export const blockFlag = 0x100;

/** Refusal codes in the order in which the rules are asked; 0 is accepted. */
export const refusalCodes = [
  undefined,
  "duplicate",
  "stale",
  "ntime-out-of-range",
  "version-bits-not-allowed",
  "low-difficulty",
  "window-full",
] as const;

/**
 * Places in the Float64Array that goes with takeLines and takeFrames; what stands before `taken` goes in, the rest comes
 * out. `tag` is of lines only. From `refused` on stand counts of refusals by their codes.
 */
export const frameLayout = {
  from: 0,
  oldestJob: 1,
  timeMs: 2,
  ntimeMax: 3,
  journalStart: 4,
  journalEnd: 5,
  epoch: 6,
  sequence: 7,
  index: 8,
  taken: 9,
  again: 10,
  records: 11,
  journalBytes: 12,
  answerBytes: 13,
  tag: 14,
  refused: 15,
  length: 22,
} as const;

/**
 * Places in the Float64Array that goes with openFrames; what stands before `taken` goes in, the rest comes out. Then why
 * it stopped, and what may be said of a long payload.
 */
export const openLayout = {
  /** Where in the chunk to begin. */
  from: 0,
  /** Longer payloads are asked about; bytes below 2^24. */
  longPayload: 1,
  /** What is to become of the payload that was asked about. */
  verdict: 2,
  /** Up to where the chunk need not be given again. */
  taken: 3,
  /** Bytes of whole frames in `out`. */
  written: 4,
  stop: 5,
  /** Of the frame that stopped it, with `stopFull` and `stopLong`. */
  extensionType: 6,
  messageType: 7,
  payloadLength: 8,
  length: 9,
  /** All that came was taken. */
  stopEnd: 0,
  /** The next frame is whole, but what is left of `out` has no room for it. */
  stopFull: 1,
  /** A long payload is announced: the next call says what is to become of it. */
  stopLong: 2,
  /** Something was not sealed by the other side, or not in this order. For good. */
  stopBroken: 3,
  verdictUndecided: 0,
  verdictTake: 1,
  /** Opened as it comes, and forgotten. */
  verdictDiscard: 2,
} as const;

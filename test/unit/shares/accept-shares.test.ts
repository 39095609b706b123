import { expect, test } from "vitest";
import { targetFromDifficulty } from "../../../src/bitcoin/target.ts";
import type { JournalRecord } from "../../../src/journal/record.ts";
import type { PreparedJob, SeenWindow } from "../../../src/native/addon.ts";
import {
  blockFlag,
  refusalCodes,
  staleFlag,
  submissionLayout,
  wholeVersionFlag,
} from "../../../src/native/layout.ts";
import { createShares } from "../../../src/shares/accept-shares.ts";
import type { Submission } from "../../../src/shares/shares.ts";
import { aClock } from "../../support/clock.ts";
import { aJob } from "../../support/jobs.ts";

/** Shares whose judge gives the verdict that a test asks for; every effect is noted in order. */
function sharesJudging(code: number, { durable = true, stored = "stored" as "stored" | "known" } = {}) {
  const effects: string[] = [];
  const records: JournalRecord[] = [];
  const found: { extranonce1: string; extranonce2: string }[] = [];
  const protocols = new Set<string>();
  let request: Uint8Array = new Uint8Array();
  const shares = createShares({
    addon: {
      judge: (_job, _seen, submission) => {
        request = Uint8Array.from(submission);
        return code;
      },
    },
    seen: {} as SeenWindow,
    clock: aClock(),
    append: (record, done) => {
      effects.push(`journal ${record.kind}`);
      records.push(record);
      done(durable);
    },
    storeBlock: ({ extranonce1, extranonce2 }) => {
      effects.push("store block");
      found.push({
        extranonce1: Buffer.from(extranonce1).toString("hex"),
        extranonce2: Buffer.from(extranonce2).toString("hex"),
      });
      return stored;
    },
    terms: { feeMillionths: 10_000, windowThousandths: 4_000 },
    ntimeAheadSeconds: 7_000,
    counters: {
      received: (protocol) => {
        protocols.add(protocol);
        effects.push("received");
      },
      answered: (protocol, result) => {
        protocols.add(protocol);
        effects.push(`answered ${result}`);
      },
      accepted: (protocol, work) => {
        protocols.add(protocol);
        effects.push(`work ${work}`);
      },
      windowFull: () => effects.push("window full"),
    },
  });
  const submit = (changes: Partial<Submission> = {}) =>
    shares.submit(aSubmission(changes), (refusal) => effects.push(`done ${refusal ?? "accepted"}`));
  return { submit, effects, records, found, protocols, request: () => request };
}

function aSubmission(changes: Partial<Submission> = {}): Submission {
  return {
    job: { data: aJob(), prepared: {} as PreparedJob },
    extranonce1: 0x01020304,
    extranonce2: new Uint8Array(8).fill(9),
    ntime: 2_000,
    nonce: 0xdeadbeef,
    ntimeMin: 0,
    version: { kind: "bits", bits: 0 },
    versionMask: 0x1fffe000,
    target: targetFromDifficulty(1),
    stale: false,
    refusal: undefined,
    account: "bc1qaccount",
    worker: "rig",
    protocol: "v1",
    scheme: "pplns",
    ...changes,
  };
}

test("an accepted share is journaled before the miner is answered", () => {
  const { submit, effects, records } = sharesJudging(0);
  submit();
  expect(effects).toEqual([
    "received",
    "journal share",
    "work 4295032833",
    "answered accepted",
    "done accepted",
  ]);
  expect(records[0]).toMatchObject({
    kind: "share",
    block: false,
    account: "bc1qaccount",
    worker: "rig",
    protocol: "v1",
  });
});

test("a share that could not be made durable is refused as unavailable", () => {
  const { submit, effects } = sharesJudging(0, { durable: false });
  submit();
  expect(effects.at(-1)).toBe("done unavailable");
});

test("a block is stored before its share is journaled, and its record follows its share", () => {
  const { submit, effects, records } = sharesJudging(blockFlag);
  submit();
  expect(effects.filter((effect) => !/^(answered|work)/.test(effect))).toEqual([
    "received",
    "store block",
    "journal share",
    "done accepted",
    "journal block",
  ]);
  expect(records[1]).toMatchObject({
    kind: "block",
    rewardSats: 5_000_000_000n,
    feeMillionths: 10_000,
    account: "bc1qaccount",
  });
});

test.each(
  refusalCodes.map((reason, code) => ({ reason, code })).filter(({ reason }) => reason !== undefined),
)("a block whose share is refused as $reason is stored and recorded all the same", ({ code, reason }) => {
  const { submit, effects, records } = sharesJudging(code | blockFlag);
  submit();
  expect(effects.filter((effect) => /^(store|journal|done)/.test(effect))).toEqual([
    "store block",
    "journal block",
    `done ${reason === "window-full" ? "unavailable" : reason}`,
  ]);
  expect(records).toMatchObject([{ kind: "block", account: "bc1qaccount" }]);
});

test("a block in an unauthorized submission is stored, and the submission is refused", () => {
  const { submit, effects } = sharesJudging(blockFlag);
  submit({ refusal: "unauthorized" });
  expect(effects).toEqual([
    "received",
    "store block",
    "journal block",
    "answered unauthorized",
    "done unauthorized",
  ]);
});

test("solo work is recorded as such, and its block with the fee that its coinbase pays, whatever the window is", () => {
  const { submit, records } = sharesJudging(blockFlag);
  submit({ scheme: "solo" });
  expect(records).toMatchObject([
    { kind: "share", scheme: "solo", block: true },
    { kind: "block", scheme: "solo", rewardSats: 5_000_000_000n, feeSats: 50_000_000n },
  ]);
  expect(records[1]).not.toHaveProperty("windowThousandths");
});

test("the same block again is neither recorded nor credited twice", () => {
  const { submit, records } = sharesJudging(refusalCodes.indexOf("duplicate") | blockFlag, {
    stored: "known",
  });
  submit();
  expect(records).toEqual([]);
});

test("a full window of seen hashes refuses as unavailable and says so to the operator", () => {
  const { submit, effects } = sharesJudging(refusalCodes.indexOf("window-full"));
  submit();
  expect(effects).toEqual(["received", "window full", "answered unavailable", "done unavailable"]);
});

test("a submission that is refused whatever its hash is not remembered, so that it counts when it comes again", () => {
  const { submit, request } = sharesJudging(refusalCodes.indexOf("stale"));
  submit({ refusal: "unauthorized" });
  expect(Buffer.from(request()).readUInt32LE(submissionLayout.flags)).toBe(staleFlag);
});

test("the native judge is given the submission in the layout of the border", () => {
  const { submit, request } = sharesJudging(0);
  submit({ version: { kind: "bits", bits: 0x00002000 }, stale: true, ntimeMin: 1_500 });
  const bytes = Buffer.from(request());
  expect(bytes.subarray(0, 12).toString("hex")).toBe("010203040909090909090909");
  expect(bytes.readUInt32LE(submissionLayout.nonce)).toBe(0xdeadbeef);
  expect(bytes.readUInt32LE(submissionLayout.version)).toBe(0x00002000);
  expect(bytes.readUInt32LE(submissionLayout.flags)).toBe(staleFlag);
  expect(bytes.readUInt32LE(submissionLayout.ntimeMin)).toBe(1_500);
  expect(bytes.readUInt32LE(submissionLayout.ntimeMax)).toBe(1_700_000_000 + 7_000);
  expect(bytes.subarray(submissionLayout.target)).toEqual(Buffer.from(targetFromDifficulty(1).bytes));
});

test("a whole version is given as such, and 16 bytes of extranonce2 where the job has them", () => {
  const { submit, request } = sharesJudging(0);
  const job = { data: aJob({ extranonce2Length: 16 }), prepared: {} as PreparedJob };
  const extranonce2 = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
  submit({ job, extranonce2, version: { kind: "whole", version: 0xe0002000 } });
  const bytes = Buffer.from(request());
  expect(bytes.subarray(0, 20).toString("hex")).toBe("010203040102030405060708090a0b0c0d0e0f10");
  expect(bytes.readUInt32LE(submissionLayout.version)).toBe(0xe0002000);
  expect(bytes.readUInt32LE(submissionLayout.flags)).toBe(wholeVersionFlag);
  submit({ job, extranonce2, version: { kind: "whole", version: 1 }, refusal: "unauthorized" });
  expect(Buffer.from(request()).readUInt32LE(submissionLayout.flags)).toBe(wholeVersionFlag | staleFlag);
});

test.each([8, 16] as const)("a block is stored with its %i bytes of extranonce2", (extranonce2Length) => {
  const { submit, found } = sharesJudging(blockFlag);
  const job = { data: aJob({ extranonce2Length }), prepared: {} as PreparedJob };
  const extranonce2 = new Uint8Array(extranonce2Length).fill(7);
  submit({
    job: { ...job, data: aJob({ extranonce2Length: 16 }) },
    extranonce2: new Uint8Array(16).fill(0xff),
  });
  submit({ job, extranonce2, protocol: "v2" });
  expect(found.at(-1)).toEqual({
    extranonce1: "01020304",
    extranonce2: Buffer.from(extranonce2).toString("hex"),
  });
});

test("a V2 share is recorded and counted as one", () => {
  const { submit, records, protocols } = sharesJudging(blockFlag);
  submit({ protocol: "v2", version: { kind: "whole", version: 0x20000000 } });
  expect(records[0]).toMatchObject({ kind: "share", protocol: "v2" });
  expect([...protocols]).toEqual(["v2"]);
});

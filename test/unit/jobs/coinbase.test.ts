import { Transaction } from "bitcoinjs-lib";
import { describe, expect, test } from "vitest";
import { type Coinbase, readCoinbase, serializeBlock } from "../../../src/bitcoin/block.ts";
import { sha256d } from "../../../src/bitcoin/hash.ts";
import { legacySigops, pushHeight, readHeight } from "../../../src/bitcoin/script.ts";
import {
  buildCoinbase,
  type CoinbaseParts,
  type CoinbaseSpec,
  checkCoinbaseSpec,
  maxCoinbaseBytes,
  maxTagBytes,
  widenCoinbase1,
} from "../../../src/jobs/coinbase.ts";
import { aTemplate } from "../../support/jobs.ts";
import { randomSource } from "../../support/random.ts";

const p2wpkh = Buffer.from(`0014${"11".repeat(20)}`, "hex");
const p2tr = Buffer.from(`5120${"22".repeat(32)}`, "hex");
const p2pkh = Buffer.from(`76a914${"33".repeat(20)}88ac`, "hex");
const commitment = Buffer.from(`6a24aa21a9ed${"44".repeat(32)}`, "hex");
const salt = Buffer.of(1, 2, 3, 4, 5);
const extranonces = Buffer.from("a1a2a3a4b1b2b3b4b5b6b7b8", "hex");

const toPool: CoinbaseSpec = { tag: "/Penstock/", split: [{ script: p2wpkh, millionths: "rest" }] };

function whole({ coinbase1, coinbase2 }: CoinbaseParts): Buffer {
  return Buffer.concat([coinbase1, extranonces, coinbase2]);
}

function wideWhole({ coinbase1, coinbase2 }: CoinbaseParts): Buffer {
  return Buffer.concat([widenCoinbase1(coinbase1)!, Buffer.alloc(20, 0xe1), coinbase2]);
}

function read(parts: CoinbaseParts): Coinbase {
  return readCoinbase(whole(parts));
}

describe("the coinbase", () => {
  test("has the bytes of its drawing", () => {
    const template = aTemplate({ height: 840_000, rewardSats: 312_500_000n, witnessCommitment: commitment });
    const { coinbase1, coinbase2 } = buildCoinbase(template, toPool, salt);
    expect(coinbase1.toString("hex")).toBe(
      [
        "02000000", // version
        `01${"00".repeat(32)}ffffffff`, // one input, of nothing
        "21", // 33 bytes of script
        "0340d10c", // height 840,000
        "0a2f50656e73746f636b2f", // push of /Penstock/
        "110102030405", // push of 17: the salt, then what the miner adds
      ].join(""),
    );
    expect(coinbase2.toString("hex")).toBe(
      [
        "feffffff", // sequence
        "02", // outputs
        `205fa01200000000160014${"11".repeat(20)}`,
        `0000000000000000266a24aa21a9ed${"44".repeat(32)}`,
        "3fd10c00", // lock time 839,999
      ].join(""),
    );
  });

  test("is a transaction that another reader takes, with its weight as counted", () => {
    const template = aTemplate({ witnessCommitment: commitment });
    const split = [
      { script: p2tr, millionths: 250_000 },
      { script: p2pkh, millionths: 1 },
      { script: p2wpkh, millionths: "rest" as const },
    ];
    const parts = buildCoinbase(template, { tag: "x", split }, salt);
    for (const coinbase of [whole(parts), wideWhole(parts)]) {
      const block = serializeBlock({
        header: Buffer.alloc(80),
        coinbase,
        witness: parts.witness,
        transactionCount: 0,
        transactions: Buffer.alloc(0),
      });
      const transaction = Transaction.fromBuffer(block.subarray(81));
      expect(transaction.isCoinbase()).toBe(true);
      const bytesLess = wideWhole(parts).length - coinbase.length;
      expect(transaction.weight()).toBe(parts.weight - 4 * bytesLess);
      expect(Buffer.from(transaction.getHash())).toEqual(sha256d(coinbase));
      expect(transaction.outs.map(({ value }) => value)).toEqual([
        1_250_000_000n,
        5_000n,
        3_749_995_000n,
        0n,
      ]);
      expect(transaction.ins[0]!.witness).toEqual([Buffer.alloc(32)]);
    }
  });

  test("has a wide form in which only the script's length and the push of the extranonces differ", () => {
    const template = aTemplate({ height: 840_000, rewardSats: 312_500_000n, witnessCommitment: commitment });
    const { coinbase1 } = buildCoinbase(template, toPool, salt);
    expect(widenCoinbase1(coinbase1)!.toString("hex")).toBe(
      [
        "02000000", // version
        `01${"00".repeat(32)}ffffffff`, // one input, of nothing
        "29", // 41 bytes of script
        "0340d10c", // height 840,000
        "0a2f50656e73746f636b2f", // push of /Penstock/
        "190102030405", // push of 25: the salt, then what the miner adds
      ].join(""),
    );
  });

  test("counts no signature operations in its wide form, whatever the miner puts in", () => {
    const { coinbase1, coinbase2 } = buildCoinbase(aTemplate(), toPool, salt);
    const hostile = Buffer.concat([widenCoinbase1(coinbase1)!, Buffer.alloc(20, 0xac), coinbase2]);
    expect(legacySigops(readCoinbase(hostile).script)).toBe(0);
  });

  test("has a wide form as far as the script has room, and with any tag that the pool may have", () => {
    const build = (bytes: number, tag = "x".repeat(maxTagBytes)) =>
      buildCoinbase(
        aTemplate({ height: 0x7fffffff, coinbaseAux: Buffer.alloc(bytes), witnessCommitment: commitment }),
        { ...toPool, tag },
        salt,
      );
    expect(readCoinbase(wideWhole(build(0))).script).toHaveLength(96);
    expect(readCoinbase(wideWhole(build(3))).script).toHaveLength(100);
    expect(widenCoinbase1(build(4).coinbase1)).toBeUndefined();
    expect(readCoinbase(wideWhole(build(27, "x".repeat(40)))).script).toHaveLength(100);
    expect(widenCoinbase1(build(28, "x".repeat(40)).coinbase1)).toBeUndefined();
    // What cannot be wide need not have the weight for it.
    expect(build(4).weight - build(3).weight).toBe(4 * (1 - 8));
  });

  test("starts with the height at every boundary of its encoding", () => {
    for (const height of [1, 16, 17, 127, 128, 32_767, 32_768, 8_388_607, 8_388_608]) {
      const { script, lockTime } = read(buildCoinbase(aTemplate({ height }), toPool, salt));
      expect(Buffer.from(script).subarray(0, pushHeight(height).length)).toEqual(pushHeight(height));
      expect(readHeight(script)).toBe(height);
      expect(lockTime).toBe(height - 1); // below the height: final in that block
    }
  });

  test("has a commitment and a witness exactly when the template has a commitment", () => {
    const without = buildCoinbase(aTemplate(), toPool, salt);
    expect(without.witness).toBe(false);
    expect(read(without).outputs).toHaveLength(1);
    const having = buildCoinbase(aTemplate({ witnessCommitment: commitment }), toPool, salt);
    expect(having.witness).toBe(true);
    expect(read(having).outputs.at(-1)).toEqual({ valueSats: 0n, script: commitment });
  });

  test("carries the node's auxiliary bytes as data, after the height and before the tag", () => {
    const coinbaseAux = Buffer.from("acacaeff", "hex"); // counted as 22 operations if they were code
    const parts = buildCoinbase(aTemplate({ height: 5, coinbaseAux }), toPool, salt);
    const script = Buffer.from(read(parts).script).toString("hex");
    expect(script.startsWith(`5504acacaeff0a${Buffer.from("/Penstock/").toString("hex")}`)).toBe(true);
    expect(parts.sigops).toBe(0);
  });

  test("can do without a tag", () => {
    const parts = buildCoinbase(aTemplate({ height: 5 }), { ...toPool, tag: "" }, salt);
    expect(Buffer.from(read(parts).script)).toEqual(Buffer.concat([Buffer.of(0x55, 17), salt, extranonces]));
  });

  test("is another one for another salt", () => {
    const [a, b] = [0, 1].map((last) =>
      whole(buildCoinbase(aTemplate(), toPool, Buffer.of(0, 0, 0, 0, last))),
    );
    expect(a).not.toEqual(b);
  });

  test("counts its signature operations whatever the miner puts in", () => {
    const split = [
      { script: p2pkh, millionths: 500_000 },
      { script: p2pkh, millionths: "rest" as const },
    ];
    const parts = buildCoinbase(aTemplate({ witnessCommitment: commitment }), { tag: "\xac", split }, salt);
    expect(parts.sigops).toBe(2);
    const hostile = Buffer.concat([parts.coinbase1, Buffer.alloc(12, 0xac), parts.coinbase2]);
    expect(legacySigops(readCoinbase(hostile).script)).toBe(0);
  });

  test("pays exactly the reward, for any reward and height", () => {
    const random = randomSource(12);
    for (let i = 0; i < 300; i++) {
      const rewardSats = random.bigint(random.integer(1, 45));
      const template = aTemplate({
        rewardSats,
        height: random.integer(1, 2 ** 31 - 1),
        witnessCommitment: commitment,
      });
      const split = [
        { script: p2tr, millionths: random.integer(1, 1_000_000) },
        { script: p2wpkh, millionths: "rest" as const },
      ];
      const coinbase = read(buildCoinbase(template, { tag: "/Penstock/", split }, random.bytes(5)));
      expect(coinbase.outputs.reduce((sum, { valueSats }) => sum + valueSats, 0n)).toBe(rewardSats);
      expect(coinbase.script.length).toBeGreaterThanOrEqual(2);
      expect(coinbase.script.length).toBeLessThanOrEqual(100);
    }
  });
});

describe("limits", () => {
  const code = (name: string) => expect.objectContaining({ code: name });

  test("the longest tag fits at any height, one byte more is refused at start", () => {
    expect(() => checkCoinbaseSpec({ ...toPool, tag: "x".repeat(maxTagBytes) })).not.toThrow();
    expect(() => checkCoinbaseSpec({ ...toPool, tag: "x".repeat(maxTagBytes + 1) })).toThrow(
      code("COINBASE_TAG_INVALID"),
    );
    expect(() => checkCoinbaseSpec({ ...toPool, tag: "é".repeat(33) })).toThrow(code("COINBASE_TAG_INVALID"));
  });

  test.each(["a\nb", "\u0000", "\u007f", "a\u202eb"])(
    "a tag that cannot be printed is refused: %j",
    (tag) => {
      expect(() => checkCoinbaseSpec({ ...toPool, tag })).toThrow(code("COINBASE_TAG_INVALID"));
    },
  );

  test("a split that does not add up is refused at start", () => {
    expect(() => checkCoinbaseSpec({ ...toPool, split: [] })).toThrow(code("REWARD_SPLIT_INVALID"));
  });

  test("auxiliary bytes fill the input script to its 100 bytes and no further", () => {
    const tag = "x".repeat(maxTagBytes);
    const build = (length: number) =>
      buildCoinbase(
        aTemplate({ height: 0x7fffffff, coinbaseAux: Buffer.alloc(length) }),
        { ...toPool, tag },
        salt,
      );
    expect(read(build(11)).script).toHaveLength(100);
    expect(() => build(12)).toThrow(code("COINBASE_SCRIPT_TOO_LONG"));
  });

  test("what common miners cannot hold is refused at start", () => {
    const to = (count: number): CoinbaseSpec => ({
      ...toPool,
      split: Array.from({ length: count }, (_, i) => ({
        script: p2tr,
        millionths: i === 0 ? "rest" : 1_000,
      })),
    });
    const most = Math.floor((maxCoinbaseBytes - 4 - 1 - 36 - 1 - 34 - 4 - 1 - 47 - 4) / 43);
    expect(() => checkCoinbaseSpec(to(most))).not.toThrow();
    expect(() => checkCoinbaseSpec(to(most + 1))).toThrow(code("COINBASE_TOO_LARGE"));
  });

  test("a template that left room for exactly this coinbase is used, one unit less is refused", () => {
    const transactions = { ...aTemplate().transactions, count: 3_000, weight: 3_990_000 };
    const template = aTemplate({ transactions, witnessCommitment: commitment });
    const { weight } = buildCoinbase(template, toPool, salt);
    const needed = 4 * (80 + 3) + weight;
    const weightLimit = transactions.weight + needed;
    expect(() => buildCoinbase({ ...template, weightLimit }, toPool, salt)).not.toThrow();
    expect(() => buildCoinbase({ ...template, weightLimit: weightLimit - 1 }, toPool, salt)).toThrow(
      expect.objectContaining({
        code: "COINBASE_OVER_WEIGHT",
        hint: expect.stringContaining(`blockreservedweight=${needed} `),
      }),
    );
  });

  test("a template that left room for exactly these signature operations is used, one less is refused", () => {
    const transactions = { ...aTemplate().transactions, sigops: 79_996 };
    const spec: CoinbaseSpec = { ...toPool, split: [{ script: p2pkh, millionths: "rest" }] };
    expect(() => buildCoinbase(aTemplate({ transactions }), spec, salt)).not.toThrow();
    const full = aTemplate({ transactions: { ...transactions, sigops: 79_997 } });
    expect(() => buildCoinbase(full, spec, salt)).toThrow(code("COINBASE_OVER_SIGOPS"));
    expect(() => buildCoinbase(full, toPool, salt)).not.toThrow(); // SegWit outputs have none
  });

  test("a salt of another length is refused", () => {
    expect(() => buildCoinbase(aTemplate(), toPool, Buffer.alloc(4))).toThrow(RangeError);
  });
});

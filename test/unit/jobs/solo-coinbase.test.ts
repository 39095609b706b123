import { Transaction } from "bitcoinjs-lib";
import { describe, expect, test } from "vitest";
import { type Coinbase, readCoinbase } from "../../../src/bitcoin/block.ts";
import { buildJob } from "../../../src/jobs/build.ts";
import { buildCoinbase, checkCoinbaseSpec } from "../../../src/jobs/coinbase.ts";
import { pplnsSequence, soloSequence } from "../../../src/jobs/coinbase-outputs.ts";
import type { JobData } from "../../../src/jobs/job.ts";
import type { RewardSplit } from "../../../src/jobs/reward-split.ts";
import {
  type SoloTerms,
  soloCoinbase2,
  soloFeeSats,
  soloJob,
  soloOutputs,
} from "../../../src/jobs/solo-coinbase.ts";
import { aTemplate } from "../../support/jobs.ts";
import { randomSource } from "../../support/random.ts";

const payees = {
  P2PKH: Buffer.from(`76a914${"33".repeat(20)}88ac`, "hex"),
  P2SH: Buffer.from(`a914${"44".repeat(20)}87`, "hex"),
  P2WPKH: Buffer.from(`0014${"11".repeat(20)}`, "hex"),
  P2WSH: Buffer.from(`0020${"55".repeat(32)}`, "hex"),
  P2TR: Buffer.from(`5120${"22".repeat(32)}`, "hex"),
};
const pool = Buffer.from(`0014${"99".repeat(20)}`, "hex");
const partner = Buffer.from(`0014${"88".repeat(20)}`, "hex");
const commitment = Buffer.from(`6a24aa21a9ed${"44".repeat(32)}`, "hex");
const largest = 750;

const onePercent: SoloTerms = { feeMillionths: 10_000, split: [{ script: pool, millionths: "rest" }] };

function shared(feeMillionths: number, partnerMillionths: number): SoloTerms {
  const split: RewardSplit = [
    { script: pool, millionths: "rest" },
    { script: partner, millionths: partnerMillionths },
  ];
  return { feeMillionths, split };
}

function aPoolJob(changes: Parameters<typeof aTemplate>[0] = {}): JobData {
  const template = aTemplate({ height: 840_000, rewardSats: 312_500_000n, ...changes });
  const spec = { tag: "/Penstock/", split: onePercent.split };
  const issue = { number: 7, tipNumber: 1, clean: true, startTime: 2_000 };
  return buildJob(template, spec, issue, { merkleBranch: () => [] });
}

function whole({ coinbase1, coinbase2 }: JobData): Buffer {
  return Buffer.concat([coinbase1, Buffer.alloc(12, 0xe2), coinbase2]);
}

function read(job: JobData): Coinbase {
  return readCoinbase(whole(job));
}

function values(terms: SoloTerms, rewardSats: bigint): bigint[] {
  return soloOutputs(rewardSats, payees.P2TR, terms).map(({ valueSats }) => valueSats);
}

describe("the solo coinbase", () => {
  test("has the bytes of its drawing: the miner first, the fee beside it, the commitment last", () => {
    const job = aPoolJob({ witnessCommitment: commitment });
    expect(soloCoinbase2(job, payees.P2WPKH, onePercent).toString("hex")).toBe(
      [
        "fdffffff", // sequence of solo work
        "03", // outputs
        `18b0701200000000160014${"11".repeat(20)}`, // 309,375,000
        `08af2f0000000000160014${"99".repeat(20)}`, // 3,125,000
        `0000000000000000266a24aa21a9ed${"44".repeat(32)}`,
        "3fd10c00", // lock time 839,999
      ].join(""),
    );
  });

  test.each(Object.entries(payees))("pays %s, and another reader takes it", (_, script) => {
    const job = soloJob(aPoolJob({ witnessCommitment: commitment }), script, onePercent, largest);
    const transaction = Transaction.fromBuffer(whole(job));
    expect(transaction.isCoinbase()).toBe(true);
    expect(transaction.outs.map((out) => Buffer.from(out.script))).toEqual([script, pool, commitment]);
    expect(transaction.outs.map(({ value }) => value)).toEqual([309_375_000n, 3_125_000n, 0n]);
  });

  test("has a commitment exactly when the template has one", () => {
    const job = soloJob(aPoolJob(), payees.P2TR, onePercent, largest);
    expect(read(job).outputs).toHaveLength(2);
  });

  test("pays exactly the reward, and the pool exactly its fee, for any reward, rate, split and limit", () => {
    const random = randomSource(5);
    for (let i = 0; i < 3_000; i++) {
      const rewardSats = random.bigint(random.integer(1, 45));
      const feeMillionths = random.integer(0, 1_000_000);
      const parts = random.integer(0, 14);
      const split: RewardSplit = [
        { script: pool, millionths: "rest" },
        ...Array.from({ length: parts }, (_, n) => ({
          script: Buffer.from(`0014${n.toString(16).padStart(40, "0")}`, "hex"),
          millionths: random.integer(1, 60_000),
        })),
      ];
      const terms = { feeMillionths, split };
      const job = soloJob(aPoolJob({ rewardSats }), payees.P2TR, terms, random.integer(0, 900));
      const [miner, ...fees] = read(job).outputs;
      const fee = fees.reduce((sum, { valueSats }) => sum + valueSats, 0n);
      expect(fee).toBe(soloFeeSats(rewardSats, feeMillionths));
      expect(miner!.valueSats + fee).toBe(rewardSats);
      expect(fees.every(({ valueSats }) => valueSats >= 546n)).toBe(true);
    }
  });

  test("tells its scheme, whatever the addresses are", () => {
    const job = aPoolJob();
    expect(read(job).sequence).toBe(pplnsSequence);
    expect(read(soloJob(job, pool, onePercent, largest)).sequence).toBe(soloSequence);
  });

  test("is all that its job has of its own", () => {
    const job = aPoolJob();
    const { coinbase2, ...others } = soloJob(job, payees.P2TR, onePercent, largest);
    const { coinbase2: pooled, ...same } = job;
    expect(others).toEqual(same);
    expect(Object.entries(others).every(([name, value]) => value === job[name as keyof JobData])).toBe(true);
    expect(Buffer.from(coinbase2)).not.toEqual(Buffer.from(pooled));
  });
});

describe("the fee", () => {
  test("is rounded down, and its split follows the largest remainder", () => {
    expect(soloFeeSats(312_500_099n, 10_000)).toBe(3_125_000n);
    expect(values(shared(10_000, 333_333), 100_000_100n)).toEqual([99_000_099n, 666_668n, 333_333n]);
  });

  test("of nothing leaves the miner's output alone", () => {
    expect(values(shared(0, 500_000), 312_500_000n)).toEqual([312_500_000n]);
  });

  test("that is dust as a whole is not taken: the miner has it", () => {
    expect(soloFeeSats(54_599n, 10_000)).toBe(0n);
    expect(values(onePercent, 54_599n)).toEqual([54_599n]);
    expect(values(onePercent, 54_600n)).toEqual([54_054n, 546n]);
    expect(values(onePercent, 0n)).toEqual([0n]);
  });

  test("keeps its sum where a part is dust: the largest part has it", () => {
    expect(values(shared(10_000, 100_000), 500_000n)).toEqual([495_000n, 5_000n]);
    expect(values(shared(10_000, 900_000), 500_000n)).toEqual([495_000n, 5_000n]);
    const toPartner = soloOutputs(500_000n, payees.P2TR, shared(10_000, 900_000));
    expect(toPartner[1]!.script).toBe(partner);
    expect(values(shared(10_000, 500_000), 80_000n)).toEqual([79_200n, 800n]); // both parts are dust
  });

  test("of all of it leaves the miner an output worth nothing, in its place", () => {
    expect(values({ ...onePercent, feeMillionths: 1_000_000 }, 1_000n)).toEqual([0n, 1_000n]);
  });
});

describe("limits", () => {
  const code = (name: string) => expect.objectContaining({ code: name });

  test("a device that does not take all outputs of the fee gets them as one, to the pool's first address", () => {
    const job = aPoolJob({ witnessCommitment: commitment });
    const terms = shared(10_000, 250_000);
    const full = soloJob(job, payees.P2TR, terms, largest);
    const bytes = whole(full).length;
    expect(read(full).outputs).toHaveLength(4);
    expect(soloJob(job, payees.P2TR, terms, bytes)).toEqual(full);
    const small = soloJob(job, payees.P2TR, terms, bytes - 1);
    expect(read(small).outputs).toEqual([
      { valueSats: 309_375_000n, script: payees.P2TR },
      { valueSats: 3_125_000n, script: pool },
      { valueSats: 0n, script: commitment },
    ]);
    expect(soloJob(job, payees.P2TR, terms, 0), "as small as it gets").toEqual(small);
  });

  test("a template is used only if a solo coinbase fits it, too, with the payee that weighs most", () => {
    const transactions = { ...aTemplate().transactions, count: 3_000, weight: 3_990_000 };
    const template = aTemplate({ transactions, witnessCommitment: commitment });
    const spec = { tag: "/Penstock/", split: onePercent.split, solo: onePercent };
    const { weight } = buildCoinbase(template, spec, Buffer.alloc(5));
    const soloWeight = weight + 4 * (8 + 1 + 34); // one output more
    const weightLimit = transactions.weight + 4 * (80 + 3) + soloWeight;
    const build = (limit: number) =>
      buildCoinbase({ ...template, weightLimit: limit }, spec, Buffer.alloc(5));
    expect(build(weightLimit).weight).toBe(weight);
    expect(() => build(weightLimit - 1)).toThrow(code("COINBASE_OVER_WEIGHT"));
  });

  test("a template is used only if it has the signature operation that a payee may cost", () => {
    const spec = { tag: "/Penstock/", split: onePercent.split, solo: onePercent };
    const build = (sigops: number) =>
      buildCoinbase(
        aTemplate({ transactions: { ...aTemplate().transactions, sigops } }),
        spec,
        Buffer.alloc(5),
      );
    expect(build(79_996).sigops).toBe(0);
    expect(() => build(79_997)).toThrow(code("COINBASE_OVER_SIGOPS"));
  });

  test("terms whose split does not add up are refused at start", () => {
    const spec = { tag: "", split: onePercent.split, solo: { feeMillionths: 1, split: [] } };
    expect(() => checkCoinbaseSpec(spec)).toThrow(code("REWARD_SPLIT_INVALID"));
    expect(() => checkCoinbaseSpec({ ...spec, solo: onePercent })).not.toThrow();
  });
});

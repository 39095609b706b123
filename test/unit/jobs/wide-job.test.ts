import { describe, expect, test } from "vitest";
import { readCoinbase } from "../../../src/bitcoin/block.ts";
import { sha256d } from "../../../src/bitcoin/hash.ts";
import { merkleRoot } from "../../../src/bitcoin/merkle.ts";
import { buildJob } from "../../../src/jobs/build.ts";
import { coinbaseLength, type JobData } from "../../../src/jobs/job.ts";
import { type LiveJob, prepare } from "../../../src/jobs/live-jobs.ts";
import { soloJob } from "../../../src/jobs/solo-coinbase.ts";
import { createWideJobs, wideJob } from "../../../src/jobs/wide-job.ts";
import { type Addon, loadAddon, type PreparedJob } from "../../../src/native/index.ts";
import { aTemplate } from "../../support/jobs.ts";

const native = loadAddon();
const script = Buffer.from(`0014${"11".repeat(20)}`, "hex");
const split = [{ script, millionths: "rest" as const }];

function aPoolJob({ tag = "/Penstock/", aux = 0 } = {}): JobData {
  const template = aTemplate({ height: 840_000, coinbaseAux: Buffer.alloc(aux) });
  const issue = { number: 7, tipNumber: 1, clean: true, startTime: 2_000 };
  return buildJob(template, { tag, split }, issue, { merkleBranch: () => [Buffer.alloc(32, 9)] });
}

function live(data: JobData): LiveJob {
  return { data, prepared: prepare(native, data) };
}

describe("the wide form of a job", () => {
  test("is the same job with 8 bytes more in the coinbase, and shares all else with it", () => {
    const job = aPoolJob();
    const wide = wideJob(job)!;
    expect(wide.extranonce2Length).toBe(16);
    expect(coinbaseLength(wide)).toBe(coinbaseLength(job) + 8);
    const { coinbase1: _, extranonce2Length: __, ...others } = wide;
    for (const [name, value] of Object.entries(others)) expect(value).toBe(job[name as keyof JobData]);
    const extranonces = Buffer.alloc(20, 0xac);
    const plain = readCoinbase(Buffer.concat([job.coinbase1, extranonces.subarray(8), job.coinbase2]));
    const coinbase = readCoinbase(Buffer.concat([wide.coinbase1, extranonces, wide.coinbase2]));
    expect(coinbase.outputs).toEqual(plain.outputs);
    expect([coinbase.sequence, coinbase.lockTime]).toEqual([plain.sequence, plain.lockTime]);
    expect(Buffer.from(coinbase.script).subarray(-26, -20).toString("hex")).toBe("190000000007");
  });

  test("leaves the job that it is made of as it was", () => {
    const job = aPoolJob();
    const before = structuredClone(job);
    wideJob(job);
    expect(structuredClone(job)).toEqual(before);
  });

  test("of a wide job is that job", () => {
    const wide = wideJob(aPoolJob())!;
    expect(wideJob(wide)).toBe(wide);
  });

  test("of a solo job is the solo job of the wide form", () => {
    const [job, terms] = [aPoolJob(), { feeMillionths: 10_000, split }];
    const payee = Buffer.from(`5120${"22".repeat(32)}`, "hex");
    const payed = soloJob(wideJob(job)!, payee, terms, 750);
    expect(wideJob(soloJob(job, payee, terms, 750))).toEqual(payed);
  });

  test("is there only where the script has room for it", () => {
    const tag = "x".repeat(40);
    expect(wideJob(aPoolJob({ tag, aux: 28 }))).toBeDefined();
    expect(wideJob(aPoolJob({ tag, aux: 29 }))).toBeUndefined();
  });
});

describe("wide jobs of a worker", () => {
  function wideJobs() {
    let made = 0;
    const addon: Pick<Addon, "prepareJob"> = {
      prepareJob(job): PreparedJob {
        made += 1;
        return native.prepareJob(job);
      },
    };
    return { ...createWideJobs({ addon }), made: () => made };
  }

  test("are made once for each job, whether the pool's or a solo miner's", () => {
    const { of, made } = wideJobs();
    const job = live(aPoolJob());
    const solo = live(soloJob(job.data, script, { feeMillionths: 0, split }, 750));
    expect(of(job)).toBe(of(job));
    expect(of(solo)).toBe(of(solo));
    expect(of(solo)!.data.coinbase2).toBe(solo.data.coinbase2);
    expect(made()).toBe(2);
  });

  test("are their own wide form", () => {
    const { of, made } = wideJobs();
    const wide = of(live(aPoolJob()))!;
    expect(of(wide)).toBe(wide);
    expect(made()).toBe(1);
  });

  test("are none where the script has no room, however often they are asked for", () => {
    const { of, made } = wideJobs();
    const job = live(aPoolJob({ tag: "x".repeat(64), aux: 11 }));
    expect([of(job), of(job)]).toEqual([undefined, undefined]);
    expect(made()).toBe(0);
  });

  test("are prepared with their own bytes: the judge's roots are those of their coinbases", () => {
    const { of } = wideJobs();
    const job = live(aPoolJob());
    for (const { data, prepared } of [job, of(job)!]) {
      const extranonces = Buffer.alloc(4 + data.extranonce2Length, 0xa5);
      const root = Buffer.alloc(32);
      native.jobRoots(prepared, extranonces, root);
      const coinbase = Buffer.concat([data.coinbase1, extranonces, data.coinbase2]);
      expect(root).toEqual(Buffer.from(merkleRoot(sha256d(coinbase), data.merkleBranch)));
    }
  });
});

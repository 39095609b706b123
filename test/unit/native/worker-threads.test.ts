import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { buildNative } from "../../../scripts/build-native.mjs";

const { path } = await buildNative({ log: () => {} });

/** Judges the same shares on objects of its own, in both ways, and says what came of it. */
const work = `
  const { parentPort, workerData } = require("node:worker_threads");
  const addon = require(workerData.path).addon("");
  const job = addon.prepareJob({
    version: 1, previousHash: new Uint8Array(32), bits: 0, minTime: 0, coinbase1: new Uint8Array(50),
    coinbase2: new Uint8Array(70), extranonce2Length: 8, merkleBranch: new Uint8Array(96),
    networkTarget: new Uint8Array(32), tipNumber: 1,
  });
  const seen = addon.createSeenWindow(100000);
  const submission = Buffer.alloc(80, 0xff).fill(0, 28, 44);
  const verdict = Buffer.alloc(112);
  let accepted = 0;
  for (let nonce = 0; nonce < 20000; nonce++) {
    submission.writeUInt32LE(nonce % 15000, 24);
    if (addon.judge(job, seen, submission, verdict) === 0) accepted++;
  }
  const texts = [0, 1, 2, 3, 4, 5, 6].map(String);
  const intake = addon.createIntake({ seen, acceptedTail: "+", refusalTails: texts, errorCodes: texts });
  const lane = addon.createLineLane();
  addon.grantLines(lane, {
    extranonce1: 1, versionMask: 0, user: "u", account: Buffer.from("a"), worker: Buffer.from("w"), jobNumber: 1,
    variant: 0, prepared: job, target: new Uint8Array(32).fill(0xff), work: new Uint8Array(16), height: 7, solo: false, tag: 3,
  });
  const journal = Buffer.alloc(1 << 20), answers = Buffer.alloc(1 << 16), frame = new Float64Array(22);
  let taken = 0;
  for (let read = 0; read < 200; read++) {
    const lines = Array.from({ length: 10 }, (_, line) =>
      '{"id":' + line + ',"method":"mining.submit","params":["u","000000000100","' +
      (read * 10 + line).toString(16).padStart(16, "0") + '","1","2"]}\\n').join("");
    frame.set([0, 1, 5, 1000, 0, journal.length, 1, 1, 0]);
    addon.takeLines(intake, lane, Buffer.from(lines), journal, answers, frame);
    taken += frame[11];
  }
  parentPort.postMessage({ accepted, taken, size: seen.size, hash: verdict.toString("hex", 0, 32) });
`;

test("several threads load the addon, judge at the same time and end, and do not meet", async () => {
  for (let round = 0; round < 2; round++) {
    const workers = Array.from({ length: 3 }, () => new Worker(work, { eval: true, workerData: { path } }));
    const ended = workers.map((worker) => once(worker, "exit"));
    const messages = await Promise.all(workers.map((worker) => once(worker, "message")));
    const results = messages.map(([result]) => result);
    expect(results[0]).toMatchObject({ accepted: 15_000, taken: 2_000, size: 17_000 });
    expect(results).toEqual(results.map(() => results[0]));
    expect(await Promise.all(ended)).toEqual([[0], [0], [0]]);
  }
});

import { expect, test } from "vitest";
import { readBlock } from "../../../src/bitcoin/block.ts";
import { buildJob } from "../../../src/jobs/build.ts";
import { soloSequence } from "../../../src/jobs/coinbase-outputs.ts";
import { createJobFeed } from "../../../src/jobs/feed.ts";
import { soloJob } from "../../../src/jobs/solo-coinbase.ts";
import { TemplateFlow } from "../../../src/pool/template-flow.ts";
import { aClock } from "../../support/clock.ts";
import { aTemplate } from "../../support/jobs.ts";
import { silentLog } from "../../support/silent-log.ts";

const script = Buffer.from(`0014${"99".repeat(20)}`, "hex");
const split = [{ script, millionths: "rest" as const }];
type Shape = "pplns" | "solo" | "pplns wide" | "solo wide";
/** What opens the push of salt, extranonce1 and 16 bytes of extranonce2, the last of a wide coinbase's script. */
const widePush = 0x19;

/** A flow whose node answers by the block's shape. */
function aFlow({ solo = true, answers = {} as Partial<Record<Shape, unknown>> } = {}) {
  const shown: Shape[] = [];
  const verdicts: string[] = [];
  let number = 0;
  const feed = createJobFeed({
    build: (template, issue) => buildJob(template, { tag: "", split }, issue, { merkleBranch: () => [] }),
    nextNumber: () => ++number,
    clock: aClock(),
    reissueMs: 25_000,
    onJob: () => {},
  });
  const terms = { feeMillionths: 10_000, split };
  const flow = new TemplateFlow({
    feed,
    writeTransactions: () => {},
    propose: async (hex) => {
      const { coinbase } = readBlock(Buffer.from(hex, "hex"));
      const scheme = coinbase.sequence === soloSequence ? "solo" : "pplns";
      const shape: Shape = coinbase.script.at(-1 - widePush) === widePush ? `${scheme} wide` : scheme;
      shown.push(shape);
      return answers[shape] === undefined ? null : answers[shape];
    },
    soloProbe: solo ? (job) => soloJob(job, script, terms, 750) : undefined,
    log: silentLog,
    onVerdict: (kind) => verdicts.push(kind),
    onRefused: () => {},
    onChange: () => {},
  });
  return { flow, shown, verdicts, answers };
}

test("a node is shown every shape that miners are handed out, once for each tip and kind", async () => {
  const { flow, shown, verdicts } = aFlow();
  await flow.take(aTemplate({ kind: "first" }));
  await flow.take(aTemplate({ kind: "full" }));
  await flow.take(aTemplate({ kind: "full" }));
  const all: Shape[] = ["pplns", "solo", "pplns wide", "solo wide"];
  expect(shown).toEqual([...all, ...all]);
  expect(verdicts).toEqual(Array(8).fill("valid"));
  expect(flow.reasons).toEqual([]);
});

test("where nobody may work solo, it is not shown solo shapes", async () => {
  const { flow, shown } = aFlow({ solo: false });
  await flow.take(aTemplate());
  expect(shown).toEqual(["pplns", "pplns wide"]);
});

test.each(["solo", "pplns wide", "solo wide"] as const)(
  "a node that refuses the shape %s alone stops the pool, until it takes it on another tip",
  async (shape) => {
    const { flow, answers } = aFlow({ answers: { [shape]: "bad-cb-amount" } });
    await flow.take(aTemplate());
    expect(flow.reasons).toEqual(["the node refuses our blocks (bad-cb-amount)"]);
    delete answers[shape];
    await flow.take(aTemplate({ previousHash: new Uint8Array(32).fill(2) }));
    expect(flow.reasons).toEqual([]);
  },
);

test("a solo shape that the node says nothing about is shown again with the next template", async () => {
  const { flow, shown, answers } = aFlow({ answers: { solo: "inconclusive-not-best-prevblk" } });
  await flow.take(aTemplate());
  delete answers.solo;
  await flow.take(aTemplate());
  const all: Shape[] = ["pplns", "solo", "pplns wide", "solo wide"];
  expect(shown).toEqual([...all, ...all]);
});

test("where a coinbase has no room for the wide form, which nobody gets then, it is not shown", async () => {
  const { flow, shown } = aFlow();
  await flow.take(aTemplate({ coinbaseAux: Buffer.alloc(75) }));
  expect(shown).toEqual(["pplns", "solo"]);
  expect(flow.reasons).toEqual([]);
});

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import {
  buildFuzzTargets,
  corpusOf,
  fuzzArguments,
  fuzzEnvironment,
  fuzzTargets,
  PLANTED,
} from "../../scripts/lib/fuzz.mjs";
import { capture } from "../../scripts/lib/run.mjs";
import { temporaryFolder } from "../support/temporary.ts";

/** One to three seconds each; a target that is not named here has a new file and no number yet. */
const runs: Record<string, number> = {
  frame_intake: 2_000,
  frame_transport: 6_000,
  intake: 2_000,
  judge: 5_000,
  merkle: 600,
  seen_window: 10_000,
  sha256: 7_000,
  share_rows: 8_000,
  submit_line: 150_000,
};

const targets = await fuzzTargets();
let programOf: (target: string) => string;
beforeAll(async () => {
  programOf = await buildFuzzTargets({ log: () => {} });
});

/** Starts from the corpus with the same luck each time; what it finds is gone afterwards. */
async function fuzz(target: string, count: number, corpora: readonly string[]) {
  const folder = await temporaryFolder("fuzz");
  onTestFinished(folder.remove);
  const args = fuzzArguments(target, { runs: count, seed: 1, artifact_prefix: `${folder.path}/finding-` });
  const options = { env: fuzzEnvironment(), cwd: folder.path };
  const { code, stderr } = await capture(programOf(target), [...args, folder.path, ...corpora], options);
  const executed = Number(/number_of_executed_units: (\d+)/.exec(stderr)?.[1]);
  const found = (await readdir(folder.path)).filter((name) => name.startsWith("finding-"));
  return { code, stderr, executed, found };
}

test("every target has a number of runs and inputs to begin with", async () => {
  expect(targets).toEqual(Object.keys(runs));
  for (const target of targets) expect((await readdir(corpusOf(target))).length).toBeGreaterThan(3);
});

test.each(targets)("%s holds on its corpus and on what grows from it", async (target) => {
  const corpus = await readdir(corpusOf(target));
  const { code, stderr, executed, found } = await fuzz(target, runs[target] ?? 1_000, [corpusOf(target)]);
  expect(code, stderr.slice(-4_000)).toBe(0);
  expect(found).toEqual([]);
  expect(executed).toBeGreaterThan(2 * corpus.length);
});

test("a read of one byte too far is found, and its input kept", async () => {
  const { code, stderr, found } = await fuzz(PLANTED, 5_000_000, []);
  expect(code).not.toBe(0);
  expect(stderr).toContain("heap-buffer-overflow");
  expect(stderr).toMatch(/planted\.cpp:\d+/);
  expect(found).toEqual([expect.stringMatching(/^finding-crash-/)]);
});

test("a target that does not exist is refused", async () => {
  const { code, stderr } = await capture(join(programOf(PLANTED), "../../fuzz"), []);
  expect(code).toBe(2);
  expect(stderr).toContain("fuzz is not a fuzz target");
});

#!/usr/bin/env node
/**
 * npm run fuzz [-- TARGET…] [--seconds 3600] [--jobs 1] [--keep]: the long campaign, see docs/fuzzing.md.
 *
 * Each target runs for that many seconds, as many targets at once as there are jobs. Exit code 1: something was found,
 * and lies in native/fuzz/findings.
 */
import { mkdir, readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { SetupFailure } from "./lib/failure.mjs";
import {
  buildFuzzTargets,
  corpusOf,
  fuzzArguments,
  fuzzDir,
  fuzzEnvironment,
  fuzzTargets,
} from "./lib/fuzz.mjs";
import { cacheDir, projectDir } from "./lib/paths.mjs";
import { attach, capture } from "./lib/run.mjs";
import { say } from "./lib/say.mjs";
import { buildProgram, runCommand } from "./lib/setup.mjs";

const findings = join(fuzzDir, "findings");

await runCommand("npm run fuzz", async () => {
  const { targets, seconds, jobs, keep } = await readCommandLine();
  await buildProgram();
  const programOf = await buildFuzzTargets({ log: (line) => say(`… ${line}`) });
  await mkdir(findings, { recursive: true });

  const waiting = [...targets];
  const faulty = [];
  const runNext = async () => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      if (!(await campaign(target, programOf(target), { seconds, alone: jobs === 1 }))) faulty.push(target);
      else if (keep) await keepNew(target, programOf(target));
    }
  };
  await Promise.all(Array.from({ length: jobs }, runNext));

  if (faulty.length === 0) return 0;
  say(`found in ${faulty.join(", ")}: see ${relative(projectDir, findings)} and docs/fuzzing.md`);
  return 1;
});

async function readCommandLine() {
  const known = await fuzzTargets();
  const usage = `Usage: npm run fuzz -- [TARGET…] [--seconds 3600] [--jobs 1] [--keep]; targets: ${known.join(", ")}.`;
  const { values, positionals } = parse(usage);
  const unknown = positionals.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new SetupFailure(`${unknown} is no fuzz target.`, usage);
  return {
    targets: positionals.length > 0 ? positionals : known,
    seconds: wholeNumber("--seconds", values.seconds, usage),
    jobs: wholeNumber("--jobs", values.jobs, usage),
    keep: values.keep,
  };
}

function parse(usage) {
  const options = {
    seconds: { type: "string", default: "3600" },
    jobs: { type: "string", default: "1" },
    keep: { type: "boolean", default: false },
  };
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new SetupFailure(error.message, usage);
  }
}

function wholeNumber(name, text, usage) {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new SetupFailure(`${name} is to be a whole number above 0, not ${text}.`, usage);
}

/** What is new goes to the first folder, the second is only read. Whether nothing was found. */
async function campaign(target, program, { seconds, alone }) {
  const grown = await grownCorpusOf(target);
  const args = fuzzArguments(target, {
    max_total_time: seconds,
    artifact_prefix: join(findings, `${target}-`),
  });
  say(`… ${target}: ${seconds} s`);
  const env = fuzzEnvironment();
  // libFuzzer's own lines are for a person who watches one target; of several, the end is enough.
  if (alone) return (await attach(program, [...args, grown, corpusOf(target)], { env })) === 0;
  const { code, stderr } = await capture(program, [...args, grown, corpusOf(target)], { env });
  say(code === 0 ? `  ${target}: ${/Done.*/.exec(stderr)?.[0]}` : stderr.slice(-4_000));
  return code === 0;
}

/** Adds to the repository's corpus those of the new inputs that reach something new, smallest first. */
async function keepNew(target, program) {
  const before = await readdir(corpusOf(target));
  const args = ["-merge=1", corpusOf(target), await grownCorpusOf(target)];
  const { code, stderr } = await capture(program, args, { env: fuzzEnvironment() });
  if (code !== 0) throw new SetupFailure(`The corpus of ${target} was not merged.`, stderr.slice(-1_000));
  const added = (await readdir(corpusOf(target))).length - before.length;
  say(`  ${target}: ${added} inputs added to ${relative(projectDir, corpusOf(target))}`);
}

/** What campaigns found on this machine, none of it a fault. */
async function grownCorpusOf(target) {
  const folder = join(cacheDir, "fuzz", target);
  await mkdir(folder, { recursive: true });
  return folder;
}

/**
 * `npm run campaign:real-miner -- --miner PATH [--minutes 10] [--arguments="-o {url} -u {user} …"]`: a miner's program on a
 * pool of its own, on the private signet; {url2} is the address of Stratum V2. Prints what became of its shares; ends with 1 if it found no block, or if
 * anything was refused for another reason than a new block.
 */
import { parseArgs } from "node:util";
import { type Cell, table } from "../../bench/table.ts";
import { cpuminer, type MiningRun, mineWith } from "../../test/support/real-miner.ts";

const progressSeconds = 30;

const { values } = parseArgs({
  options: {
    miner: { type: "string" },
    minutes: { type: "string", default: "10" },
    arguments: { type: "string" },
  },
});
const seconds = Number(values.minutes) * 60;
if (values.miner === undefined || !(seconds > 0)) {
  say('campaign:real-miner: --miner PATH [--minutes 10] [--arguments="-o {url} -u {user}"]');
  process.exit(2);
}

const usual = cpuminer(values.miner);
const program = { ...usual, args: values.arguments?.split(" ") ?? usual.args };
let saidAt = 0;
const run = await mineWith([program], {
  seconds,
  onProgress(elapsed, accepted, blocks) {
    if (elapsed - saidAt < progressSeconds) return;
    saidAt = elapsed;
    say(`… ${Math.round(elapsed)} s: ${accepted} shares accepted, ${blocks} blocks`);
  },
});
process.stdout.write(`${table(["what", "count"], rowsOf(run))}\n`);

const faults = faultsOf(run);
for (const fault of faults) say(`campaign:real-miner: ${fault}`);
if (faults.length > 0) say(`the miner's last lines:\n${run.lines.slice(-20).join("\n")}`);
process.exitCode = faults.length > 0 ? 1 : 0;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function rowsOf({ said, ...run }: MiningRun): Cell[][] {
  return [
    ["seconds", run.seconds],
    ["shares accepted", run.accepted],
    ...[...run.refused].map(([reason, count]) => [`shares refused: ${reason}`, count]),
    ...(said === undefined
      ? []
      : [
          ["accepted by the miner's own count", said.accepted],
          ["refused by the miner's own count", said.refused],
        ]),
    ["blocks found", run.blocksFound],
    ["blocks in the chain", run.blocksInChain],
    ["blocks that a node refused", run.blocksRefused],
    ["changes of difficulty", run.difficultyChanges],
    ["connections", run.connections],
    ["lines that were no request", run.malformedLines],
    ["frames that were malformed", run.malformedFrames],
  ];
}

function faultsOf({
  refused,
  blocksFound,
  blocksRefused,
  malformedLines,
  malformedFrames,
}: MiningRun): string[] {
  const others = [...refused].filter(([reason]) => reason !== "stale");
  return [
    ...others.map(([reason, count]) => `${count} shares were refused: ${reason}`),
    ...(blocksFound > 0 ? [] : ["no block was found"]),
    ...(blocksRefused > 0 ? [`${blocksRefused} blocks were refused by the node`] : []),
    ...(malformedLines > 0 ? [`${malformedLines} lines could not be read`] : []),
    ...(malformedFrames > 0 ? [`${malformedFrames} frames could not be read`] : []),
  ];
}

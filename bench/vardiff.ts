/**
 * `npm run bench:vardiff`: simulated devices on vardiff, each with many seeds, in simulated time. Prints tables and writes
 * them into docs/vardiff.md, with a plot beside it. `-- --check` writes nothing and fails unless every device is held
 * within a quarter of the aim from the fifth minute on and no change of difficulty cost a share.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  churn,
  devices,
  heldRate,
  mean,
  quantile,
  secondsUntilHeld,
  seeds,
  simulateAll,
  solarDay,
  solarNight,
  sum,
  tuning,
  worstMinute,
} from "../test/support/vardiff-scenarios.ts";
import type { Outcome, Scenario } from "../test/support/vardiff-simulation.ts";
import { defaultBounds } from "../test/support/vardiff-simulation.ts";
import type { Cell } from "./table.ts";
import { table, whole } from "./table.ts";
import { plot } from "./vardiff-plot.ts";

const hour = 3600;
const chosen = seeds(200);
const docs = resolve(import.meta.dirname, "../docs");
const faults: string[] = [];

const percent = (ratio: number) => `${Math.round(ratio * 100)}%`;
const minutesOf = (seconds: number) => (Number.isFinite(seconds) ? (seconds / 60).toFixed(1) : "never");

const lowest = (values: Float64Array) => values.reduce((low, value) => Math.min(low, value));

function run(scenario: Scenario, name: string): readonly Outcome[] {
  const outcomes = simulateAll(scenario, chosen);
  if (rejectsOf(outcomes) > 0) faults.push(`${name}: shares were rejected`);
  return outcomes;
}

const rejectsOf = (outcomes: readonly Outcome[]) => sum(outcomes.map(({ rejects }) => rejects));

/** Mean of the shares counted, and where nine runs in ten are when chance in their number is left aside. */
function rateCells(outcomes: readonly Outcome[], from: number, to: number): Cell[] {
  const rates = outcomes.map((outcome) => heldRate(outcome, defaultBounds, from, to));
  const caused = rates.map((rate) => rate.caused);
  return [
    percent(mean(rates.map(({ counted }) => counted))),
    `${percent(quantile(caused, 0.05))} to ${percent(quantile(caused, 0.95))}`,
  ];
}

function worstCells(outcomes: readonly Outcome[], from: number): Cell[] {
  const worst = outcomes.map((outcome) => worstMinute(outcome, from));
  return [whole(quantile(worst, 0.5)), whole(Math.max(...worst))];
}

function steadyTable(): string {
  const rows = devices.map(({ name, device }) => {
    const outcomes = run({ device, seconds: 3 * hour }, name);
    const rate = mean(outcomes.map((outcome) => heldRate(outcome, defaultBounds, 300, 900).counted));
    if (Math.abs(rate - 1) > 0.25) faults.push(`${name}: ${percent(rate)} of the aim after five minutes`);
    const until = outcomes.map((outcome) => secondsUntilHeld(outcome, defaultBounds));
    const steadyHours = 2;
    const changes = outcomes.map(
      ({ changesAt }) => changesAt.filter((second) => second >= hour).length / steadyHours,
    );
    return [
      name,
      ...rateCells(outcomes, 300, 900),
      minutesOf(quantile(until, 0.5)),
      minutesOf(quantile(until, 0.95)),
      mean(changes).toFixed(2),
      ...worstCells(outcomes, 0),
      rejectsOf(outcomes),
    ];
  });
  const head = [
    "steady",
    "share rate, minutes 5 to 15",
    "nine runs in ten",
    "within ±25% after, min",
    "19 in 20",
    "changes an hour",
    "worst minute, shares",
    "of all runs",
    "rejects",
  ];
  return table(head, rows);
}

function changingTable(): string {
  const rows = devices
    .filter(({ name }) => name !== "lottery miner, 50 kH/s")
    .flatMap(({ name, device }) => {
      const day = run({ device: solarDay(device), seconds: 4 * hour }, name);
      const night = run({ device: solarNight(device), seconds: 4 * hour }, name);
      const dim = [4800, 7200] as const;
      const back = [3 * hour, 4 * hour] as const;
      return [
        [name, "to 20%: there", ...rateCells(day, ...dim), ...worstCells(day, hour), rejectsOf(day)],
        [name, "to 20%: an hour after", ...rateCells(day, ...back), ...worstCells(day, hour), rejectsOf(day)],
        [
          name,
          "to nothing: an hour after",
          ...rateCells(night, ...back),
          ...worstCells(night, hour),
          rejectsOf(night),
        ],
      ];
    });
  const head = [
    "throttled",
    "by a cloud",
    "share rate",
    "nine runs in ten",
    "worst minute, shares",
    "of all runs",
    "rejects",
  ];
  return table(head, rows);
}

function churnTable(): string {
  const rows = devices.flatMap(({ name, device }) =>
    [true, false].map((remembers) => {
      const outcomes = run({ device: churn(device), seconds: hour, remembers }, name);
      return [
        name,
        remembers ? "remembered" : "1024 each time",
        ...rateCells(outcomes, 300, 900),
        ...rateCells(outcomes, 900, hour),
        ...worstCells(outcomes, 300),
        rejectsOf(outcomes),
      ];
    }),
  );
  const head = [
    "connection lost every 1 to 3 min",
    "start difficulty",
    "share rate, minutes 5 to 15",
    "nine runs in ten",
    "minutes 15 to 60",
    "nine runs in ten",
    "worst minute, shares",
    "of all runs",
    "rejects",
  ];
  return table(head, rows);
}

function tuningTable(): string {
  const rows = [undefined, 1024].map((floorBeforeFirstShare) => {
    const bounds = {
      ...defaultBounds,
      ...(floorBeforeFirstShare !== undefined && { floorBeforeFirstShare }),
    };
    const outcomes = run({ device: tuning(4), seconds: hour, bounds }, "tuning");
    const easiest = Math.min(...outcomes.map(({ difficulties }) => lowest(difficulties)));
    return [
      floorBeforeFirstShare === undefined ? "no floor" : "a floor of 1024 before the first share",
      easiest,
      ...rateCells(outcomes, 540, 1140),
      ...worstCells(outcomes, 0),
      rejectsOf(outcomes),
    ];
  });
  const head = [
    "rig, 112 TH/s, silent for 4 min",
    "easiest difficulty",
    "share rate, minutes 9 to 19",
    "nine runs in ten",
    "worst minute, shares",
    "of all runs",
    "rejects",
  ];
  return table(head, rows);
}

function writeBetweenMarkers(file: string, text: string): void {
  const page = readFileSync(file, "utf8");
  const [begin, end] = ["<!-- figures -->\n", "<!-- end of figures -->"];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${file} has no place for the figures`);
  writeFileSync(file, `${page.slice(0, from + begin.length)}\n${text}\n\n${page.slice(to)}`);
}

const figures = [steadyTable(), changingTable(), churnTable(), tuningTable()].join("\n\n");
console.log(figures);
if (!process.argv.includes("--check")) {
  writeBetweenMarkers(resolve(docs, "vardiff.md"), figures);
  writeFileSync(resolve(docs, "vardiff.svg"), plot());
  console.log("\nwrote docs/vardiff.md and docs/vardiff.svg");
}
for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;

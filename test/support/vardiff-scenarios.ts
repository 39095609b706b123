/** The devices and days that vardiff is shown on, and what is read from their simulations. */
import type { VardiffBounds } from "../../src/stratum/vardiff.ts";
import type { Device, Outcome, Scenario } from "./vardiff-simulation.ts";
import { simulate } from "./vardiff-simulation.ts";

export interface NamedDevice {
  readonly name: string;
  readonly device: Device;
}

const steady = (hashrate: number): Device => ({ hashrate: () => hashrate });

export const devices: readonly NamedDevice[] = [
  { name: "lottery miner, 50 kH/s", device: steady(50e3) },
  { name: "lottery miner suggesting 0.00015", device: { ...steady(50e3), suggests: 0.00015 } },
  { name: "home miner, 1 TH/s", device: steady(1e12) },
  { name: "rig, 200 TH/s", device: steady(200e12) },
  { name: "proxy, 2 PH/s", device: steady(2e15) },
];

const hour = 3600;

/** Throttled after an hour within twenty minutes, for forty, and back within twenty. */
export const solarDay = (device: Device) => shaded(device, 0.2);
/** The same down to nothing. */
export const solarNight = (device: Device) => shaded(device, 0);

function shaded(device: Device, lowest: number): Device {
  const ramp = hour / 3;
  const share = (seconds: number) => {
    const intoDark = (seconds - hour) / ramp;
    const intoLight = (seconds - 2 * hour) / ramp;
    return Math.max(lowest, Math.min(1, Math.max(1 - intoDark, intoLight)));
  };
  return { ...device, hashrate: (seconds) => device.hashrate(seconds) * share(seconds) };
}

/** Its connection is lost every one to three minutes. */
export const churn = (device: Device): Device => ({ ...device, connectionSeconds: { from: 60, to: 180 } });

/** Silent while it tunes itself for so many minutes; its chips report nothing easier than 256. */
export function tuning(minutes: number): Device {
  return { hashrate: (seconds) => (seconds < minutes * 60 ? 0 : 112e12), chipDifficulty: 256 };
}

export const seeds = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i + 1);

export function simulateAll(scenario: Scenario, chosen: readonly number[]): readonly Outcome[] {
  return chosen.map((seed) => simulate(scenario, seed));
}

export interface HeldRate {
  /** Shares that came, in units of the aim: chance in their number and all. */
  readonly counted: number;
  /** Shares that the difficulty held causes on average, in units of the aim. */
  readonly caused: number;
}

export function heldRate(outcome: Outcome, bounds: VardiffBounds, from: number, to: number): HeldRate {
  const due = ((to - from) / 60) * bounds.sharesPerMinute;
  return {
    counted: sum(outcome.shares.subarray(from, to)) / due,
    caused: sum(outcome.meanRates.subarray(from, to)) / due,
  };
}

/** The first second of a whole minute in which difficulty causes shares within a quarter of the aim. */
export function secondsUntilHeld(outcome: Outcome, bounds: VardiffBounds): number {
  let held = 0;
  for (const [second, rate] of outcome.meanRates.entries()) {
    held = Math.abs((rate * 60) / bounds.sharesPerMinute - 1) <= 0.25 ? held + 1 : 0;
    if (held === 60) return second - 59;
  }
  return Number.POSITIVE_INFINITY;
}

/** @param from of the first minute looked at, in seconds. */
export function worstMinute({ shares }: Outcome, from = 0): number {
  let worst = 0;
  for (let at = from; at < shares.length; at += 60)
    worst = Math.max(worst, sum(shares.subarray(at, at + 60)));
  return worst;
}

export function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
}

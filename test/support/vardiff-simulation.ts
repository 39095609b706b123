/**
 * Devices on vardiff in simulated time: shares come at random (a Poisson process), work and shares take time on the
 * way, and each share is judged by what the pool itself uses to know its difficulty, `WorkHistory`.
 */
import { targetFromDifficulty } from "../../src/bitcoin/target.ts";
import type { JobId } from "../../src/protocol/v1/job-id.ts";
import { clamp } from "../../src/stratum/difficulty.ts";
import type { VardiffBounds, VardiffWindow } from "../../src/stratum/vardiff.ts";
import { countShare, nextDifficulty, openWindow, reopenWindow } from "../../src/stratum/vardiff.ts";
import { WorkHistory } from "../../src/stratum/work-history.ts";
import { mulberry32 } from "./random.ts";

export const defaultBounds: VardiffBounds = { min: 0.00001, max: 1_000_000_000, sharesPerMinute: 6 };
export const defaultStart = 1024;

const hashesPerDifficulty = 2 ** 32;
const sweepMs = 1000;
const jobMs = 25_000;
/** Jobs that can still be judged, as in `LiveJobs` on a tip that lasts for ten minutes. */
const liveJobs = 24;

/** When a device uses a new difficulty: on all its work at once, or with the job that came with it. */
export type Applies = "at-once" | "with-the-job";

export interface Device {
  /** Hashes per second at a time in seconds. */
  readonly hashrate: (seconds: number) => number;
  /** Chips report nothing easier than this. */
  readonly chipDifficulty?: number;
  /** A fault: it keeps the easiest difficulty that it was ever sent. */
  readonly ignoresRises?: boolean;
  /** Suggested right after the first work. */
  readonly suggests?: number;
  /** How long its connections last, in seconds; forever if left out. */
  readonly connectionSeconds?: { readonly from: number; readonly to: number };
}

export interface Scenario {
  readonly device: Device;
  readonly seconds: number;
  readonly start?: number;
  readonly bounds?: VardiffBounds;
  /** Whether the pool starts a new connection at the difficulty that the last one has proven. */
  readonly remembers?: boolean;
}

/** What happened, second by second. */
export interface Outcome {
  readonly difficulties: Float64Array;
  /** Shares that reached the pool. */
  readonly shares: Uint32Array;
  /** Shares that the device's difficulty causes on average. */
  readonly meanRates: Float64Array;
  /** In seconds; those of reconnections are not counted. */
  readonly changesAt: readonly number[];
  /** Shares that the device had to think good, judged too easy or for an unknown job. */
  readonly rejects: number;
}

interface Work {
  readonly id: JobId;
  readonly difficulty: number;
}

interface Link {
  readonly latencyMs: number;
  /** From the arrival of a job until the last chip works on it. */
  readonly pipelineMs: number;
  readonly applies: Applies;
}

interface Sent<T> {
  readonly atMs: number;
  readonly value: T;
}

type Uniform = () => number;

/** Each seed draws its own link: 5 to 800 ms one way, a pipeline of up to 4 s, difficulty applied in either way. */
export function simulate(scenario: Scenario, seed: number): Outcome {
  const below = mulberry32(seed * 7919 + 17);
  // Never 0, whose logarithm is infinite.
  const uniform: Uniform = () => (below(2 ** 32) + 1) / 2 ** 32;
  const link: Link = {
    latencyMs: Math.exp(Math.log(5) + uniform() * Math.log(800 / 5)),
    pipelineMs: uniform() * 4000,
    applies: seed % 2 === 0 ? "at-once" : "with-the-job",
  };
  return new Simulation(scenario, link, uniform).run();
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #bounds: VardiffBounds;
  readonly #link: Link;
  readonly #uniform: Uniform;

  readonly #difficulties: Float64Array;
  readonly #shares: Uint32Array;
  readonly #meanRates: Float64Array;
  readonly #changesAt: number[] = [];
  #rejects = 0;

  #nowMs = 0;
  #jobNumber = 1;
  #nextJobMs = jobMs;
  #endsMs = Number.POSITIVE_INFINITY;
  #proven: number | undefined;

  // The pool's side of the connection.
  #history = new WorkHistory();
  #window: VardiffWindow;
  // On the way.
  #toDevice: Sent<Work>[] = [];
  #toPool: Sent<Sent<Work>>[] = [];
  // The device's side.
  #pipeline: Sent<Work>[] = [];
  #work: Work | undefined;
  #newestDifficulty = Number.NaN;
  #easiestDifficulty = Number.POSITIVE_INFINITY;

  constructor(scenario: Scenario, link: Link, uniform: Uniform) {
    this.#scenario = scenario;
    this.#bounds = scenario.bounds ?? defaultBounds;
    this.#link = link;
    this.#uniform = uniform;
    this.#difficulties = new Float64Array(scenario.seconds);
    this.#shares = new Uint32Array(scenario.seconds);
    this.#meanRates = new Float64Array(scenario.seconds);
    this.#window = this.#connect();
  }

  run(): Outcome {
    for (let second = 0; second < this.#scenario.seconds; second++) {
      const hashrate = this.#scenario.device.hashrate(second);
      this.#difficulties[second] = this.#window.difficulty;
      this.#meanRates[second] = hashrate / hashesPerDifficulty / this.#window.difficulty;
      this.#mineUntil((second + 1) * sweepMs, hashrate);
      if (this.#nowMs >= this.#nextJobMs) this.#newJob();
      this.#sweep();
      if (this.#nowMs >= this.#endsMs) this.#window = this.#connect();
    }
    return {
      difficulties: this.#difficulties,
      shares: this.#shares,
      meanRates: this.#meanRates,
      changesAt: this.#changesAt,
      rejects: this.#rejects,
    };
  }

  #connect(): VardiffWindow {
    const { device, remembers, start = defaultStart } = this.#scenario;
    if (this.#nowMs > 0) this.#proven = this.#nowProven() ? this.#window.difficulty : this.#proven;
    const { connectionSeconds } = device;
    if (connectionSeconds !== undefined) {
      const { from, to } = connectionSeconds;
      this.#endsMs = this.#nowMs + (from + this.#uniform() * (to - from)) * 1000;
    }
    this.#history = new WorkHistory();
    this.#toDevice = [];
    this.#toPool = [];
    this.#pipeline = [];
    this.#work = undefined;
    const known = remembers === true ? this.#proven : undefined;
    const difficulty = clamp(known ?? start, this.#bounds.min, this.#bounds.max);
    this.#window =
      known === undefined ? openWindow(difficulty, this.#nowMs) : reopenWindow(difficulty, this.#nowMs);
    this.#assign(difficulty);
    if (device.suggests !== undefined) {
      const suggested = 2 ** Math.ceil(Math.log2(device.suggests));
      this.#window = openWindow(suggested, this.#nowMs, this.#window);
      this.#assign(suggested);
    }
    return this.#window;
  }

  #nowProven(): boolean {
    return this.#window.load > 0 || this.#window.provenDifficulty > 0;
  }

  #assign(difficulty: number): void {
    const id = { number: this.#jobNumber, variant: this.#history.nextVariant(this.#jobNumber) };
    this.#history.prune((number) => number > this.#jobNumber - liveJobs);
    this.#history.assigned({ ...id, difficulty, target: targetFromDifficulty(difficulty) });
    this.#send({ id, difficulty });
  }

  #send(work: Work): void {
    this.#toDevice.push({ atMs: this.#nowMs + this.#link.latencyMs, value: work });
  }

  #newJob(): void {
    this.#nextJobMs += jobMs;
    this.#jobNumber += 1;
    this.#history.sent(this.#jobNumber);
    this.#send({ id: { number: this.#jobNumber, variant: 0 }, difficulty: this.#window.difficulty });
  }

  #sweep(): void {
    const next = nextDifficulty(this.#window, this.#nowMs, this.#bounds);
    if (next === undefined) return;
    if (next !== this.#window.difficulty) {
      if (!this.#history.canAssign(this.#jobNumber)) return;
      this.#changesAt.push(this.#nowMs / 1000);
      this.#assign(next);
    }
    this.#window = openWindow(next, this.#nowMs, this.#window);
  }

  /** Everything in order of time until `untilMs`. */
  #mineUntil(untilMs: number, hashrate: number): void {
    while (this.#nowMs < untilMs) {
      const shareMs = this.#nextShareMs(hashrate);
      const arrivalMs = Math.min(
        this.#toDevice[0]?.atMs ?? untilMs,
        this.#toPool[0]?.atMs ?? untilMs,
        this.#pipeline[0]?.atMs ?? untilMs,
        untilMs,
      );
      // A Poisson process has no memory: what did not come before the next event is drawn anew after it.
      this.#nowMs = Math.min(shareMs, arrivalMs);
      if (shareMs < arrivalMs) this.#find();
      this.#arrive();
    }
  }

  #deviceDifficulty(): number {
    const { chipDifficulty = 0, ignoresRises } = this.#scenario.device;
    if (ignoresRises === true) return this.#easiestDifficulty;
    const assigned = this.#link.applies === "at-once" ? this.#newestDifficulty : this.#work!.difficulty;
    return Math.max(assigned, chipDifficulty);
  }

  #nextShareMs(hashrate: number): number {
    if (this.#work === undefined || hashrate === 0) return Number.POSITIVE_INFINITY;
    const meanMs = (1000 * hashesPerDifficulty * this.#deviceDifficulty()) / hashrate;
    return this.#nowMs - Math.log(this.#uniform()) * meanMs;
  }

  /** The device finds a hash that meets its difficulty, by as much as luck has it. */
  #find(): void {
    const share = { id: this.#work!.id, difficulty: this.#deviceDifficulty() / this.#uniform() };
    const sent = { atMs: this.#nowMs, value: share };
    this.#toPool.push({ atMs: this.#nowMs + this.#link.latencyMs, value: sent });
  }

  #arrive(): void {
    while (this.#toDevice.length > 0 && this.#toDevice[0]!.atMs <= this.#nowMs) {
      const { value } = this.#toDevice.shift()!;
      this.#newestDifficulty = value.difficulty;
      this.#easiestDifficulty = Math.min(this.#easiestDifficulty, value.difficulty);
      // The first job has no other to wait behind.
      const waitMs = this.#work === undefined ? 0 : this.#link.pipelineMs;
      this.#pipeline.push({ atMs: this.#nowMs + waitMs, value });
    }
    while (this.#pipeline.length > 0 && this.#pipeline[0]!.atMs <= this.#nowMs)
      this.#work = this.#pipeline.shift()!.value;
    while (this.#toPool.length > 0 && this.#toPool[0]!.atMs <= this.#nowMs)
      this.#judge(this.#toPool.shift()!.value.value);
  }

  #judge(share: Work): void {
    this.#shares[Math.min(Math.floor(this.#nowMs / 1000), this.#shares.length - 1)]! += 1;
    const assignment = this.#history.inForce(share.id);
    if (assignment === undefined || share.difficulty < assignment.difficulty) this.#rejects += 1;
    else countShare(this.#window, assignment.difficulty);
  }
}

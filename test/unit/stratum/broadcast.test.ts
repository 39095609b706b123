import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import type { LiveJob } from "../../../src/jobs/live-jobs.ts";
import { Broadcaster } from "../../../src/stratum/broadcast.ts";
import { FanOut } from "../../../src/stratum/fan-out.ts";
import { aClock } from "../../support/clock.ts";

interface Received {
  readonly jobs: LiveJob[];
  readonly errors: unknown[];
  deliver(job: LiveJob): void;
  failed(error: unknown): void;
}

function receivers(count: number): Received[] {
  return Array.from({ length: count }, () => {
    const jobs: LiveJob[] = [];
    const errors: unknown[] = [];
    const deliver = (job: LiveJob) => {
      if (jobs.at(-1) !== job) jobs.push(job);
    };
    return { jobs, errors, deliver, failed: (error) => errors.push(error) };
  });
}

const job = (name: string) => ({ name }) as unknown as LiveJob;

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

test("a job goes out in slices between which the event loop has its turn", async () => {
  const all = receivers(1200);
  let done = 0;
  const broadcaster = new Broadcaster(new Set(all), new FanOut(undefined), aClock(), () => done++);
  const first = job("first");
  broadcaster.broadcast(first);
  const reached = () => all.filter(({ jobs }) => jobs.length > 0).length;
  expect([reached(), done]).toEqual([500, 0]);
  await turns(3);
  expect([reached(), done]).toEqual([1200, 1]);
});

test("a newer job overtakes one that is still on its way: who has not had the older one is spared it", async () => {
  const all = receivers(1200);
  const broadcaster = new Broadcaster(new Set(all), new FanOut(undefined), aClock(), () => {});
  const [older, newer] = [job("older"), job("newer")];
  broadcaster.broadcast(older);
  broadcaster.broadcast(newer);
  await turns(4);
  expect(all.slice(0, 500).every(({ jobs }) => jobs.length === 2 && jobs[1] === newer)).toBe(true);
  expect(all.slice(500).every(({ jobs }) => jobs.length === 1 && jobs[0] === newer)).toBe(true);
});

test("a receiver that fails is told so, and the others get their job", async () => {
  const all = receivers(3);
  const bug = new Error("a bug");
  all[1]!.deliver = () => {
    throw bug;
  };
  new Broadcaster(new Set(all), new FanOut(undefined), aClock(), () => {}).broadcast(job("only"));
  expect(all.map(({ jobs }) => jobs.length)).toEqual([1, 0, 1]);
  expect(all[1]!.errors).toEqual([bug]);
});

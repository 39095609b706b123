import { expect, test } from "vitest";
import { ExtranonceLeases } from "../../../src/stratum/extranonce-leases.ts";
import { aJob } from "../../support/jobs.ts";
import { MemoryJobs } from "../../support/stratum.ts";

test("what is given back rests until the tip has changed, each for itself", () => {
  const jobs = new MemoryJobs();
  const released: number[] = [];
  const leases = new ExtranonceLeases({ take: () => 7, release: (number) => released.push(number) }, jobs);
  expect(leases.take()).toBe(7);
  leases.giveBack(1);
  jobs.add(aJob({ number: 1, tipNumber: 1 }));
  leases.giveBack(2);
  jobs.add(aJob({ number: 2, tipNumber: 1 }));
  leases.giveBack(3);
  leases.sweep();
  expect(released).toEqual([1]);
  jobs.add(aJob({ number: 3, tipNumber: 2 }));
  leases.giveBack(4);
  leases.sweep();
  leases.sweep();
  expect(released).toEqual([1, 2, 3]);
});

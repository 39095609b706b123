import { expect, test } from "vitest";
import type { Guest } from "../../../../src/stratum/admission.ts";
import { ChannelQuota } from "../../../../src/stratum/v2/channel-quota.ts";

const limits = { channelsPerConnection: 3, channelsPerAddress: 4, workers: 6 };

function aGuest(network: string): Guest {
  return { network, acceptedMs: undefined };
}

test("a connection has no more channels than its limit", () => {
  const quota = new ChannelQuota(limits, { workers: 0 });
  expect([0, 2, 3, 4].map((open) => quota.take(aGuest("a"), open))).toEqual([true, true, false, false]);
});

test("an address has no more on all of its connections, until some are given back; others have theirs", () => {
  const counts = { workers: 0 };
  const quota = new ChannelQuota(limits, counts);
  const guest = aGuest("a");
  for (let channel = 0; channel < 4; channel++) expect(quota.take(guest, channel % 2)).toBe(true);
  expect(quota.take(guest, 0)).toBe(false);
  expect(quota.take(aGuest("b"), 0)).toBe(true);
  quota.giveBack(guest, 3);
  expect(counts.workers).toBe(2);
  expect(quota.take(guest, 0)).toBe(true);
});

test("all together are no more than the process may have workers, V1's among them", () => {
  const counts = { workers: 5 };
  const quota = new ChannelQuota(limits, counts);
  expect(quota.take(aGuest("a"), 0)).toBe(true);
  expect(quota.take(aGuest("b"), 0)).toBe(false);
  expect(counts.workers).toBe(6);
});

test("a peer without an address is bound by its connection's limit", () => {
  const quota = new ChannelQuota(limits, { workers: 0 });
  expect([0, 1, 2, 3].map((open) => quota.take(undefined, open))).toEqual([true, true, true, false]);
});

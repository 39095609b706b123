import { expect, test } from "vitest";
import { createMetrics } from "../../../src/metrics/index.ts";
import { stratumMetrics } from "../../../src/pool/metrics.ts";

/** What is exported behind `tell`: `name{labels}` → value, without those that stand at 0. */
async function exported(tell: (metrics: ReturnType<typeof stratumMetrics>) => void) {
  const metrics = createMetrics({ process: "worker-1" });
  tell(stratumMetrics(metrics));
  const snapshot = await metrics.collect();
  const samples = snapshot.flatMap(({ name, values }) =>
    values.map(({ value, labels, ...rest }) => {
      const { metricName } = rest as { metricName?: string };
      const { process, ...own } = labels as Record<string, string>;
      expect(process).toBe("worker-1");
      return [`${metricName ?? name} ${Object.values(own).join(" ")}`.trim(), value] as const;
    }),
  );
  return Object.fromEntries(samples.filter(([, value]) => value !== 0));
}

test("a refused submission counts as received and answered, under its protocol", async () => {
  expect(
    await exported((metrics) => {
      metrics.submissionRefused("v1", "malformed");
      metrics.submissionRefused("v2", "stale");
      metrics.submissionRefused("v2", "stale");
    }),
  ).toEqual({
    "penstock_shares_received_total v1": 1,
    "penstock_shares_received_total v2": 2,
    "penstock_shares_answered_total v1 malformed": 1,
    "penstock_shares_answered_total v2 stale": 2,
  });
});

test("what Stratum V2's clients ask for is counted by what they were answered", async () => {
  expect(
    await exported((metrics) => {
      metrics.setupAnswered("accepted");
      metrics.setupAnswered("unsupported-protocol");
      metrics.channelOpenAnswered("standard");
      metrics.channelOpenAnswered("extended");
      metrics.channelOpenAnswered("extended");
      metrics.channelOpenAnswered("unknown-user");
      metrics.channelUpdateAnswered("accepted");
      metrics.channelUpdateAnswered("invalid-channel-id");
      metrics.messageIgnored();
      metrics.malformedFrame();
      metrics.connectionClosed("first-message");
    }),
  ).toEqual({
    "penstock_stratum_v2_setups_total accepted": 1,
    "penstock_stratum_v2_setups_total unsupported-protocol": 1,
    "penstock_stratum_v2_channel_opens_total standard": 1,
    "penstock_stratum_v2_channel_opens_total extended": 2,
    "penstock_stratum_v2_channel_opens_total unknown-user": 1,
    "penstock_stratum_v2_channel_updates_total accepted": 1,
    "penstock_stratum_v2_channel_updates_total invalid-channel-id": 1,
    penstock_stratum_v2_ignored_messages_total: 1,
    penstock_stratum_v2_malformed_frames_total: 1,
    "penstock_stratum_disconnects_total first-message": 1,
  });
});

test("channels, keys and handshakes are what was last told, and how long they took", async () => {
  expect(
    await exported((metrics) => {
      metrics.channels(5, 5);
      metrics.channels(3, 1);
      metrics.ephemeralKeys(7);
      metrics.handshakeAnswered(20);
    }),
  ).toEqual({
    "penstock_stratum_v2_channels standard": 3,
    "penstock_stratum_v2_channels extended": 1,
    penstock_stratum_v2_ephemeral_keys: 7,
    "penstock_stratum_v2_handshake_seconds_bucket 30": 1,
    "penstock_stratum_v2_handshake_seconds_bucket +Inf": 1,
    penstock_stratum_v2_handshake_seconds_sum: 20,
    penstock_stratum_v2_handshake_seconds_count: 1,
  });
});

/** How what the parts report becomes exported metrics: the one place that knows both sides. */
import type { SubmitMetrics, TrackMetrics } from "../blocks/index.ts";
import type { JournalMetrics } from "../journal/index.ts";
import type { Logger } from "../log/index.ts";
import { declareNode, type Metrics, setOneOf } from "../metrics/index.ts";
import { nodeStates } from "../metrics/labels.ts";
import type { NodesMetrics } from "../node/index.ts";
import type { ShareCounters } from "../shares/accept-shares.ts";
import type { StratumMetrics } from "../stratum/metrics.ts";
import type { TemplateMetrics } from "../template/index.ts";

export function shareCounters({ shares }: Metrics, log: Logger): ShareCounters {
  let fullSaid = false;
  return {
    received: (protocol, submissions) => shares.received.inc({ protocol }, submissions),
    answered: (protocol, result, submissions) => shares.answered.inc({ protocol, result }, submissions),
    accepted: (protocol, work, count) => {
      shares.journaled.inc(count);
      shares.work.inc({ protocol }, Number(work));
    },
    windowFull() {
      shares.windowFull.inc();
      if (!fullSaid)
        log.error({ event: "seen-window-full" }, "shares are refused: stratum.limits.seenShares is reached");
      fullSaid = true;
    },
  };
}

export function journalMetrics({ journal }: Metrics): JournalMetrics {
  return {
    fsyncSeconds: journal.fsyncSeconds,
    batchRecords: journal.batchRecords,
    bytes: journal.bytes,
    freeBytes: journal.freeBytes,
    queuedBytes: journal.queuedBytes,
    refused: journal.refused,
  };
}

export function stratumMetrics(metrics: Metrics): StratumMetrics {
  const { stratum, stratumV2, shares } = metrics;
  const opened = new Tally((count) => stratum.opened.inc(count));
  const firmware = new Tally((count, profile) => stratum.firmware.inc({ firmware: profile }, count));
  const authorizations = new Tally((count, result) => stratum.authorizations.inc({ result }, count));
  const setups = new Tally((count, result) => stratumV2.setups.inc({ result }, count));
  const channelOpens = new Tally((count, result) => stratumV2.channelOpens.inc({ result }, count));
  const channelUpdates = new Tally((count, result) => stratumV2.channelUpdates.inc({ result }, count));
  metrics.onCollect(() => {
    for (const tally of [opened, firmware, authorizations, setups, channelOpens, channelUpdates])
      tally.report();
  });
  return {
    connectionOpened: () => opened.count(""),
    connectionClosed: (cause) => stratum.disconnects.inc({ cause }),
    connectionRefused: (cause) => stratum.refused.inc({ cause }),
    subscribed: (count) => stratum.subscribed.set(count),
    sessionResumed: () => stratum.resumed.inc(),
    firmwareSeen: (profile) => firmware.count(profile),
    authorizeAnswered: (result) => authorizations.count(result),
    submissionRefused(protocol, result) {
      shares.received.inc({ protocol });
      shares.answered.inc({ protocol, result });
    },
    sharesRefused: (firmware, reason, submissions) =>
      stratum.refusedShares.inc({ firmware, reason }, submissions),
    malformedLine: () => stratum.malformedLines.inc(),
    penalty: (taken) => stratum.penalties.inc({ taken }),
    sessionFailed: () => stratum.sessionFailures.inc(),
    difficultyChanged: () => stratum.difficultyChanges.inc(),
    broadcastDone: (seconds) => stratum.broadcastSeconds.observe(seconds),
    roundTrip: (seconds) => stratum.roundTripSeconds.observe(seconds),
    handshakeAnswered: (seconds) => stratumV2.handshakeSeconds.observe(seconds),
    ephemeralKeys: (count) => stratumV2.ephemeralKeys.set(count),
    setupAnswered: (result) => setups.count(result),
    channelOpenAnswered: (result) => channelOpens.count(result),
    channelUpdateAnswered: (result) => channelUpdates.count(result),
    channels(standard, extended) {
      stratumV2.channels.set({ kind: "standard" }, standard);
      stratumV2.channels.set({ kind: "extended" }, extended);
    },
    messageIgnored: () => stratumV2.ignoredMessages.inc(),
    malformedFrame: () => stratumV2.malformedFrames.inc(),
  };
}

export function nodesMetrics(metrics: Metrics, names: readonly string[]): NodesMetrics {
  const { nodes } = metrics;
  for (const name of names) declareNode(metrics, name);
  return {
    state(node, state) {
      setOneOf(nodes.state, nodeStates, state, { node });
      nodes.up.set({ node }, state === "healthy" ? 1 : 0);
    },
    height: (node, height) => nodes.height.set({ node }, height),
    fault: (node, kind) => nodes.rpcFailures.inc({ node, kind }),
    callSeconds: (node, method, seconds) => nodes.rpcSeconds.observe({ node, method }, seconds),
    zmqMissed: (node, messages) => nodes.zmqMissed.inc({ node }, messages),
    selected(selected) {
      for (const node of names) nodes.selected.set({ node }, node === selected ? 1 : 0);
    },
    tipSeen: (source) => nodes.tipNotices.inc({ source }),
    lagging: (node, lagging) => nodes.lagging.set({ node }, lagging ? 1 : 0),
  };
}

export function templateMetrics({ template }: Metrics): TemplateMetrics {
  return {
    published(current) {
      template.height.set(current.height);
      template.transactions.set(current.transactions.count);
    },
    refused: () => template.refused.inc(),
    tipToTemplateSeconds: (kind, seconds) => template.tipToTemplateSeconds.observe({ kind }, seconds),
    parseSeconds: (seconds) => template.parseSeconds.observe(seconds),
  };
}

export function submitMetrics({ blocks }: Metrics): SubmitMetrics {
  return { answered: (_node, result) => blocks.submissions.inc({ result }) };
}

export function trackMetrics({ blocks }: Metrics): TrackMetrics {
  return {
    transition: (_from, state) => blocks.transitions.inc({ state }),
    looked: (whole) => blocks.looks.inc({ result: whole ? "whole" : "broken-off" }),
  };
}

/** Counts what happens at every login, and tells the metric when it is asked for: a counter's own way is much longer. */
class Tally {
  readonly #report: (count: number, label: string) => void;
  readonly #counts = new Map<string, number>();

  constructor(report: (count: number, label: string) => void) {
    this.#report = report;
  }

  count(label: string): void {
    this.#counts.set(label, (this.#counts.get(label) ?? 0) + 1);
  }

  report(): void {
    for (const [label, count] of this.#counts) this.#report(count, label);
    this.#counts.clear();
  }
}

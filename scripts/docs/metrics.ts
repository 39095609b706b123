/** docs/metrics.md, made of the table that the metrics themselves are made of. */
import type { Definition, LabelValues } from "../../src/metrics/definition.ts";
import { definitions } from "../../src/metrics/definitions.ts";
import { writtenBy } from "./configuration.ts";

const titles: Record<keyof typeof definitions, string> = {
  shares: "Shares",
  journal: "Journal",
  ledger: "Ledger",
  template: "Templates",
  jobs: "Jobs",
  nodes: "Nodes",
  stratum: "Stratum",
  stratumV2: "Stratum V2",
  blocks: "Blocks",
  runtime: "Processes",
};

export function metricsReference(): string {
  return [
    "# Metrics",
    "",
    `<!-- ${writtenBy} -->`,
    "",
    "`GET /metrics` on `http.listen` has every metric of every process: the label `process` is `primary`, `worker-1` and",
    "so on. Labels are closed lists, never an address or a name that a miner chose. Counters with closed lists are there",
    "from the start with 0; gauges appear when they are first measured, by the process that measures them.",
    "",
    "A share walks through `received` → `answered` → `journaled` → `applied`: where the rates part, there the trouble is.",
    "Dashboard: [grafana/dashboards/operator.json](../grafana/dashboards/operator.json). Alerts:",
    "[config/prometheus/penstock.rules.yml](../config/prometheus/penstock.rules.yml).",
    ...Object.entries(definitions).flatMap(([area, members]) => [
      "",
      `## ${titles[area as keyof typeof titles]}`,
      ...Object.values(members as Record<string, Definition>).flatMap(entry),
    ]),
    "",
  ].join("\n");
}

function entry({ name, type, help, action, labels = {} }: Definition): string[] {
  const lines = Object.entries(labels).map(([label, values]) => `- \`${label}\`: ${valuesText(values)}`);
  return [
    "",
    `### \`${name}\``,
    "",
    `${help} (${type})`,
    "",
    ...lines,
    ...(lines.length > 0 ? [""] : []),
    `And then? ${action}`,
  ];
}

function valuesText(values: LabelValues): string {
  return "each" in values ? values.each : values.map((value) => `\`${value}\``).join(", ");
}

import type { Definition } from "../../src/metrics/definition.ts";
import { definitions } from "../../src/metrics/definitions.ts";
import type { Metrics } from "../../src/metrics/index.ts";

/** One event of every kind: each counter rises, each gauge has a value, each histogram an observation. */
export function exercise(metrics: Metrics): void {
  for (const [area, members] of Object.entries(definitions)) {
    for (const [key, definition] of Object.entries(members as Record<string, Definition>)) {
      const metric = metrics[area as keyof typeof definitions][key as never] as AnyMetric;
      for (const labels of examplesOf(definition)) {
        if (definition.type === "counter") metric.inc(labels);
        else if (definition.type === "gauge") metric.set(labels, 1);
        else metric.observe(labels, 0.003);
      }
    }
  }
}

interface AnyMetric {
  inc(labels: Record<string, string>): void;
  set(labels: Record<string, string>, value: number): void;
  observe(labels: Record<string, string>, value: number): void;
}

/** Every combination of the labels' values, with one example for those that are not closed lists. */
export function examplesOf({ labels = {} }: Definition): Record<string, string>[] {
  return Object.entries(labels).reduce<Record<string, string>[]>(
    (combinations, [label, values]) =>
      combinations.flatMap((combination) =>
        ("each" in values ? [`some-${label}`] : values).map((value) => ({ ...combination, [label]: value })),
      ),
    [{}],
  );
}

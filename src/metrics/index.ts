/**
 * Every exported metric, made once per process. A process' metrics carry its name as the label `process`; the primary
 * puts its own and those of its workers together for one scrape.
 */
import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue, Registry } from "prom-client";
import { type Definition, type MetricOf, register } from "./definition.ts";
import { definitions } from "./definitions.ts";

type Areas = typeof definitions;

export type AreaMetrics = {
  readonly [A in keyof Areas]: { readonly [M in keyof Areas[A]]: MetricOf<Areas[A][M]> };
};

/** What a process knows at one moment: plain data that crosses the process border. */
export type MetricsSnapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

export interface Metrics extends AreaMetrics {
  readonly registry: Registry;
  /** Called before each scrape, to set what is measured by looking: ages, sizes, counts. */
  onCollect(look: () => void): void;
  collect(): Promise<MetricsSnapshot>;
}

/** @param process "primary", "worker-1" …: tells the series of the processes apart. */
export function createMetrics({ process }: { readonly process: string }): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ process });
  const looks: (() => void)[] = [];
  return {
    ...registerAll(registry),
    registry,
    onCollect: (look) => void looks.push(look),
    async collect() {
      for (const look of looks) look();
      return (await registry.getMetricsAsJSON()) as unknown as MetricsSnapshot;
    },
  };
}

function registerAll(registry: Registry): AreaMetrics {
  const areas = Object.entries(definitions).map(([area, members]) => {
    const metrics = Object.entries(members as Record<string, Definition>).map(([key, definition]) => [
      key,
      register(definition, registry),
    ]);
    return [area, Object.fromEntries(metrics)];
  });
  return Object.fromEntries(areas);
}

/** What /metrics says: the snapshots of all processes in Prometheus' text format, no series lost. */
export async function mergeMetrics(snapshots: readonly MetricsSnapshot[]): Promise<string> {
  // prom-client would leave out or average some kinds; here the label `process` keeps all series apart.
  const apart = snapshots.map((snapshot) => snapshot.map((metric) => ({ ...metric, aggregator: "sum" })));
  return await AggregatorRegistry.aggregate(apart).metrics();
}

export const metricsContentType = Registry.PROMETHEUS_CONTENT_TYPE;

export { watchProcess } from "./process.ts";
export { declareNode, setOneOf } from "./states.ts";

import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** The values of a label: a closed list, or what bounds them. Never an address, a name that a miner chose. */
export type LabelValues = readonly string[] | { readonly each: string };

interface Options<L extends string> {
  readonly name: string;
  /** One sentence: what it counts or measures, with its unit. */
  readonly help: string;
  /** What the operator does when it is not as it should be. */
  readonly action: string;
  readonly labels?: Readonly<Record<L, LabelValues>>;
}

export interface Definition<L extends string = string> extends Options<L> {
  readonly type: "counter" | "gauge" | "histogram";
  readonly buckets?: readonly number[];
}

export interface CounterDefinition<L extends string> extends Definition<L> {
  readonly type: "counter";
}
export interface GaugeDefinition<L extends string> extends Definition<L> {
  readonly type: "gauge";
}
export interface HistogramDefinition<L extends string> extends Definition<L> {
  readonly type: "histogram";
  readonly buckets: readonly number[];
}

export type MetricOf<D> =
  D extends CounterDefinition<infer L>
    ? Counter<L>
    : D extends GaugeDefinition<infer L>
      ? Gauge<L>
      : D extends HistogramDefinition<infer L>
        ? Histogram<L>
        : never;

export function counter<L extends string = never>(options: Options<L>): CounterDefinition<L> {
  return { type: "counter", ...options };
}

export function gauge<L extends string = never>(options: Options<L>): GaugeDefinition<L> {
  return { type: "gauge", ...options };
}

export function histogram<L extends string = never>(
  options: Options<L> & { readonly buckets: readonly number[] },
): HistogramDefinition<L> {
  return { type: "histogram", ...options };
}

/** Makes the metric and registers it; it has its series from the start wherever its labels are closed lists. */
export function register(definition: Definition, registry: Registry): Counter | Gauge | Histogram {
  const { name, help } = definition;
  const labels = definition.labels ?? {};
  const options = { name, help, labelNames: Object.keys(labels), registers: [registry] };
  switch (definition.type) {
    case "counter": {
      const metric = new Counter(options);
      // Without a zero to start from, the first event of its kind would be no increase.
      for (const combination of combinationsOf(labels)) metric.inc(combination, 0);
      return metric;
    }
    case "gauge": {
      const metric = new Gauge(options);
      // Only who has measured speaks: a process that knows nothing of a template must not say that its height is 0.
      if (options.labelNames.length === 0) metric.remove();
      return metric;
    }
    case "histogram": {
      const metric = new Histogram({ ...options, buckets: [...(definition.buckets ?? [])] });
      for (const combination of combinationsOf(labels)) metric.zero(combination);
      return metric;
    }
  }
}

/** Every combination of the labels' values; none if a label is not a closed list. */
export function combinationsOf(labels: Readonly<Record<string, LabelValues>>): Record<string, string>[] {
  return Object.entries(labels).reduce<Record<string, string>[]>(
    (combinations, [label, values]) =>
      "each" in values
        ? []
        : combinations.flatMap((combination) => values.map((value) => ({ ...combination, [label]: value }))),
    [{}],
  );
}

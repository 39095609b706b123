import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { deserialize, serialize } from "node:v8";
import { describe, expect, test } from "vitest";
import { combinationsOf } from "../../../src/metrics/definition.ts";
import type { MetricsSnapshot } from "../../../src/metrics/index.ts";
import { createMetrics, declareNode, mergeMetrics, watchProcess } from "../../../src/metrics/index.ts";
import { examplesOf, exercise } from "../../support/metrics.ts";

/** `name{labels}` → value of every sample in Prometheus' text format, labels in the alphabet's order. */
function samplesOf(text: string): Map<string, number> {
  const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    samples.map((line) => {
      const [, name, labels, value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line)!;
      const sorted = (labels ?? "").split(",").sort().join(",");
      return [`${name}{${sorted}}`, Number(value)];
    }),
  );
}

/** As it arrives from another process. */
function sent(snapshot: MetricsSnapshot): MetricsSnapshot {
  return deserialize(serialize(snapshot));
}

async function textOf(...snapshots: MetricsSnapshot[]): Promise<Map<string, number>> {
  return samplesOf(await mergeMetrics(snapshots));
}

describe("from the start", () => {
  test("a counter with closed labels stands at 0, so that its first event is an increase", async () => {
    const samples = await textOf(await createMetrics({ process: "worker-1" }).collect());
    expect(
      samples.get('penstock_shares_answered_total{process="worker-1",protocol="v1",result="stale"}'),
    ).toBe(0);
    expect(samples.get('penstock_blocks_found_total{process="worker-1"}')).toBe(0);
    expect(samples.get('penstock_journal_fsync_duration_seconds_count{process="worker-1"}')).toBe(0);
  });

  test("a gauge that nobody has set says nothing", async () => {
    const samples = await textOf(await createMetrics({ process: "worker-1" }).collect());
    const said = [...samples.keys()].join("\n");
    for (const name of [
      "penstock_ledger_up",
      "penstock_template_height",
      "penstock_journal_free_bytes",
      "penstock_ready",
    ]) {
      expect(said).not.toContain(name);
    }
  });

  test("a node has its series once it is declared, so that its first fault is an increase", async () => {
    const metrics = createMetrics({ process: "primary" });
    declareNode(metrics, "a:8332");
    const samples = await textOf(await metrics.collect());
    const failures = 'penstock_node_rpc_failures_total{kind="timeout",node="a:8332",process="primary"}';
    expect(samples.get(failures)).toBe(0);
    expect(samples.get('penstock_node_selected{node="a:8332",process="primary"}')).toBe(0);
  });
});

describe("the processes of a pool in one scrape", () => {
  test("no series is lost and none is added up", async () => {
    const parts = ["primary", "worker-1", "worker-2"].map((process) => createMetrics({ process }));
    for (const part of parts) {
      watchProcess(part).stop();
      exercise(part);
    }
    const snapshots = await Promise.all(parts.map(async (part) => sent(await part.collect())));
    const merged = await textOf(...snapshots);
    const apart = await Promise.all(parts.map(async (part) => samplesOf(await part.registry.metrics())));
    expect(merged.size).toBe(apart.reduce((sum, { size }) => sum + size, 0));
    for (const samples of apart) {
      for (const [sample, value] of samples) {
        // CPU and memory went on between the two readings.
        if (/^(process|nodejs)_/.test(sample)) expect(merged.has(sample)).toBe(true);
        else expect([sample, merged.get(sample)]).toEqual([sample, value]);
      }
    }
  });

  test("each metric has one HELP and one TYPE line, as the format wants it", async () => {
    const parts = ["primary", "worker-1"].map((process) => createMetrics({ process }));
    const text = await mergeMetrics(await Promise.all(parts.map((part) => part.collect())));
    const types = text.split("\n").filter((line) => line.startsWith("# TYPE"));
    expect(new Set(types).size).toBe(types.length);
  });

  test("a worker that is replaced begins at 0 and leaves the others alone", async () => {
    const [primary, worker] = ["primary", "worker-1"].map((process) => createMetrics({ process }));
    primary!.shares.applied.inc(7);
    worker!.shares.received.inc({ protocol: "v1" }, 5);
    const received = 'penstock_shares_received_total{process="worker-1",protocol="v1"}';
    const before = await textOf(await primary!.collect(), sent(await worker!.collect()));
    expect(before.get(received)).toBe(5);

    const replacement = createMetrics({ process: "worker-1" });
    replacement.shares.received.inc({ protocol: "v1" }, 2);
    const after = await textOf(await primary!.collect(), sent(await replacement.collect()));
    expect(after.get(received)).toBe(2);
    expect(after.get('penstock_shares_applied_total{process="primary"}')).toBe(7);
    // While there is no worker at all, the primary's series are still right.
    expect((await textOf(await primary!.collect())).get(received)).toBeUndefined();
  });
});

describe("measured at the scrape", () => {
  test("what is looked at has its value of that moment", async () => {
    const metrics = createMetrics({ process: "primary" });
    let age = 3;
    metrics.onCollect(() => metrics.template.ageSeconds.set(age));
    expect(
      (await textOf(await metrics.collect())).get('penstock_template_age_seconds{process="primary"}'),
    ).toBe(3);
    age = 4;
    expect(
      (await textOf(await metrics.collect())).get('penstock_template_age_seconds{process="primary"}'),
    ).toBe(4);
  });

  test("processor time only rises, and memory is there", async () => {
    const metrics = createMetrics({ process: "primary" });
    const watch = watchProcess(metrics);
    const cpu = 'process_cpu_seconds_total{process="primary"}';
    const first = await textOf(await metrics.collect());
    for (let i = 0, end = performance.now() + 20; performance.now() < end; i++) Math.sqrt(i);
    const second = await textOf(await metrics.collect());
    watch.stop();
    expect(second.get(cpu)).toBeGreaterThan(first.get(cpu)!);
    expect(second.get('process_resident_memory_bytes{process="primary"}')).toBeGreaterThan(1e6);
    expect(second.get('process_start_time_seconds{process="primary"}')).toBeLessThan(Date.now() / 1000);
  });

  test("a stall of the event loop is seen", async () => {
    const metrics = createMetrics({ process: "primary" });
    const watch = watchProcess(metrics);
    const [count, above] = ["count", 'bucket{le="0.25",process="primary"}'];
    const observed = async () => {
      const samples = await textOf(await metrics.collect());
      const total = samples.get(`penstock_event_loop_lag_seconds_${count}{process="primary"}`)!;
      return { total, slow: total - samples.get(`penstock_event_loop_lag_seconds_${above}`)! };
    };
    // The monitor's own timer must be running before the loop stands still.
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const end = performance.now() + 400; performance.now() < end; );
    let seen = await observed();
    for (
      const end = performance.now() + 5_000;
      seen.total === 0 && performance.now() < end;
      seen = await observed()
    ) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    watch.stop();
    expect(seen).toEqual({ total: 1, slow: 1 });
  });
});

describe("names and labels", () => {
  const all = createMetrics({ process: "primary" }).registry.getMetricsAsArray();

  test("follow Prometheus' habits: the product first, base units, _total on counters alone", () => {
    for (const { name, type } of all as unknown as { name: string; type: string }[]) {
      expect(name).toMatch(/^(penstock|process|nodejs)_[a-z0-9_]+$/);
      expect(name).not.toMatch(/_(ms|milliseconds|minutes|kb|megabytes|percent)(_|$)/);
      expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"]);
    }
  });

  test("are few: no process has more than a thousand series", async () => {
    const metrics = createMetrics({ process: "primary" });
    exercise(metrics);
    expect((await textOf(await metrics.collect())).size).toBeLessThan(1_000);
  });

  test("every metric is described in docs/metrics.md, with what to do, and no other is", async () => {
    const page = await readFile(resolve(import.meta.dirname, "../../../docs/metrics.md"), "utf8");
    const described = [...page.matchAll(/^### `(.*)`$/gm)].map((match) => match[1]);
    expect(described.sort()).toEqual(all.map(({ name }) => name).sort());
    expect(page.match(/^And then\? \S.*\.$/gm)).toHaveLength(described.length);
  });

  test("metrics that a sentence mentions exist", async () => {
    const names = new Set(all.map(({ name }) => name));
    const page = await readFile(resolve(import.meta.dirname, "../../../docs/metrics.md"), "utf8");
    const mentioned = [...page.matchAll(/penstock_[a-z0-9_]+/g)].map(([name]) => name);
    expect(mentioned.filter((name) => !names.has(name))).toEqual([]);
  });
});

test("combinations are those of closed lists only", () => {
  expect(combinationsOf({})).toEqual([{}]);
  expect(combinationsOf({ a: ["1", "2"], b: ["x"] })).toEqual([
    { a: "1", b: "x" },
    { a: "2", b: "x" },
  ]);
  expect(combinationsOf({ a: ["1"], node: { each: "node" } })).toEqual([]);
  const definition = {
    type: "gauge",
    name: "x",
    help: "",
    action: "",
    labels: { node: { each: "node" } },
  } as const;
  expect(examplesOf(definition)).toEqual([{ node: "some-node" }]);
});

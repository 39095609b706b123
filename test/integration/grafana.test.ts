import { readdir, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { type Api, startApi } from "../../src/api/index.ts";
import { createMetrics, mergeMetrics, watchProcess } from "../../src/metrics/index.ts";
import { alertRules, checkDashboard, dashboardExpressions, rulesFile } from "../support/dashboard.ts";
import { until } from "../support/deadline.ts";
import { exercise } from "../support/metrics.ts";
import { type Prometheus, promtool, startPrometheus } from "../support/prometheus.ts";
import { silentLog } from "../support/silent-log.ts";

const root = resolve(import.meta.dirname, "../..");
const parts = ["primary", "worker-1", "worker-2"].map((process) => createMetrics({ process }));
let api: Api;
let prometheus: Prometheus;
let activity: NodeJS.Timeout;

beforeAll(async () => {
  const watches = parts.map(watchProcess);
  activity = setInterval(() => parts.forEach(exercise), 100);
  api = await startApi({
    listen: { host: "127.0.0.1", port: 0 },
    readiness: () => ({ ready: true, reasons: [] }),
    metricsText: async () => mergeMetrics(await Promise.all(parts.map((part) => part.collect()))),
    log: silentLog,
  });
  prometheus = await startPrometheus({
    targets: [`127.0.0.1:${api.address.port}`],
    ruleFiles: [rulesFile],
  });
  return () => {
    for (const watch of watches) watch.stop();
  };
});

afterAll(async () => {
  clearInterval(activity);
  await prometheus?.stop();
  await api?.close();
});

test("every expression of the dashboard and of the alerts gives data in a real Prometheus", async () => {
  let problems: readonly string[] = ["not asked yet"];
  await until(
    async () => {
      problems = await checkDashboard(prometheus.url);
      return problems.length === 0;
    },
    { timeoutMs: 30_000, intervalMs: 500, what: "data for every expression" },
  ).catch(() => {});
  expect(problems).toEqual([]);
});

test("an expression about a metric that does not exist is found", async () => {
  const samples = await prometheus.query("penstock_no_such_metric");
  expect(samples).toEqual([]);
});

test("the series of all processes arrive, each under its own name", async () => {
  const samples = await prometheus.query("count by (process) (process_resident_memory_bytes)");
  expect(samples.map(({ metric }) => metric["process"]).sort()).toEqual(["primary", "worker-1", "worker-2"]);
});

test("the dashboard asks for every metric of the pool", async () => {
  const expressions = await dashboardExpressions("10s");
  const asked = expressions.map(({ expression }) => expression).join("\n");
  const names = parts[0]!.registry.getMetricsAsArray().map(({ name }) => name);
  expect(names.filter((name) => !asked.includes(name))).toEqual([]);
});

test("the alert rules and the scrape configuration are what Prometheus takes", async () => {
  const rules = await promtool(["check", "rules", rulesFile]);
  expect(rules).toMatchObject({ code: 0 });
  const config = await promtool(["check", "config", resolve(root, "config/prometheus/prometheus.yml")]);
  expect(config).toMatchObject({ code: 0 });
});

test("each alert fires when it should, and none while all is well", async () => {
  const file = resolve(import.meta.dirname, "alerts.promtool.yml");
  const { code, output } = await promtool(["test", "rules", file]);
  expect(output).toContain("SUCCESS");
  expect(code).toBe(0);
  const tested = await readFile(file, "utf8");
  const alerts = (await alertRules()).map(({ alert }) => alert);
  expect(alerts.filter((alert) => !tested.includes(`alertname: ${alert}\n`))).toEqual([]);
});

test("Grafana finds the data source and the dashboards where they are provisioned", async () => {
  const folder = resolve(root, "grafana/provisioning");
  const source = parse(await readFile(resolve(folder, "datasources/prometheus.yaml"), "utf8"));
  expect(source.datasources[0]).toMatchObject({ type: "prometheus", isDefault: true });
  const provider = parse(await readFile(resolve(folder, "dashboards/penstock.yaml"), "utf8"));
  expect(provider.providers[0]).toMatchObject({ type: "file" });

  const dashboards = await readdir(resolve(root, "grafana/dashboards"));
  for (const name of dashboards) {
    const dashboard = JSON.parse(await readFile(resolve(root, "grafana/dashboards", name), "utf8"));
    const ids = dashboard.panels.map(({ id }: { id: number }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const uids = dashboard.panels.flatMap(
      (panel: { datasource?: { uid: string } }) => panel.datasource?.uid ?? [],
    );
    expect(new Set(uids)).toEqual(new Set(["$" + "{datasource}"]));
  }
});

test("a Prometheus without a pool has something to say against every expression", async () => {
  const empty = await startPrometheus({ targets: [], ruleFiles: [] });
  try {
    const expressions = (await dashboardExpressions("10s")).length + (await alertRules()).length;
    expect(await checkDashboard(empty.url)).toHaveLength(expressions);
  } finally {
    await empty.stop();
  }
});

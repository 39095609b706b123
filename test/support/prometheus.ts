import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { providePrometheus } from "../../scripts/lib/parts.mjs";
import { capture } from "../../scripts/lib/run.mjs";
import { until } from "./deadline.ts";
import { freePort } from "./ports.ts";
import { launch } from "./processes.ts";
import { temporaryFolder } from "./temporary.ts";

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  /** Unix seconds, and the value as Prometheus prints it. */
  readonly value: readonly [number, string];
}

/** A real Prometheus that scrapes what it is told, every half second. */
export interface Prometheus {
  readonly url: string;
  readonly pid: number;
  /** An instant query; fails with Prometheus's own words when the expression is wrong. */
  query(expression: string): Promise<readonly Sample[]>;
  stop(): Promise<void>;
}

export interface PrometheusOptions {
  /** `HOST:PORT` of each endpoint with `/metrics`. */
  readonly targets: readonly string[];
  /** Name of the job that the targets get, as dashboards may ask for it. */
  readonly job?: string;
  readonly scrapeInterval?: string;
  readonly ruleFiles?: readonly string[];
}

/** Starts Prometheus and waits until it is ready. */
export async function startPrometheus({
  targets,
  job = "penstock",
  scrapeInterval = "500ms",
  ruleFiles = [],
}: PrometheusOptions): Promise<Prometheus> {
  const { prometheus } = await providePrometheus({ log: (line) => console.error(line) });
  const folder = await temporaryFolder("prometheus");
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const configFile = join(folder.path, "prometheus.yml");
  const config = {
    global: {
      scrape_interval: scrapeInterval,
      scrape_timeout: scrapeInterval,
      evaluation_interval: scrapeInterval,
    },
    rule_files: ruleFiles,
    scrape_configs: [{ job_name: job, static_configs: [{ targets }] }],
  };
  await writeFile(configFile, stringify(config));
  const server = launch({
    name: "prometheus",
    file: prometheus,
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder.path, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
  });
  const ready = async () => server.exited || (await fetch(`${url}/-/ready`)).ok;
  await until(ready, { timeoutMs: 30_000, what: "Prometheus to be ready" });
  if (server.exited) throw new Error(`prometheus ended at start:\n${server.lines.join("\n")}`);
  return {
    url,
    pid: server.pid,
    query: (expression) => query(url, expression),
    stop: async () => {
      await server.stop();
      await folder.remove();
    },
  };
}

/** Runs promtool, for example `promtool(["check", "rules", file])`. */
export async function promtool(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const { promtool: file } = await providePrometheus({ log: (line) => console.error(line) });
  const { code, stdout, stderr } = await capture(file, args);
  return { code, output: stdout + stderr };
}

async function query(url: string, expression: string): Promise<readonly Sample[]> {
  const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
  const answer = (await response.json()) as { status: string; error?: string; data?: { result: Sample[] } };
  if (answer.status !== "success" || !answer.data) throw new Error(`${expression}: ${answer.error}`);
  return answer.data.result;
}

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parse } from "yaml";

const root = resolve(import.meta.dirname, "../..");
const dashboardFile = resolve(root, "grafana/dashboards/operator.json");
export const rulesFile = resolve(root, "config/prometheus/penstock.rules.yml");

export interface Expression {
  /** Panel or alert that it belongs to. */
  readonly where: string;
  /** As Prometheus takes it: Grafana's variables filled in. */
  readonly expression: string;
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
  readonly panels?: readonly Panel[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr: string }[] };
}

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

/** Every expression of the operator's dashboard. */
export async function dashboardExpressions(rateInterval: string): Promise<readonly Expression[]> {
  const { panels, annotations } = JSON.parse(await readFile(dashboardFile, "utf8")) as Dashboard;
  const all = panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  return [
    ...all.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({
        where: `panel "${title}"`,
        expression: expr.replaceAll("$__rate_interval", rateInterval),
      })),
    ),
    ...annotations.list.map(({ name, expr }) => ({
      where: `annotation "${name}"`,
      expression: withoutThreshold(expr),
    })),
  ];
}

export async function alertRules(): Promise<readonly Rule[]> {
  const { groups } = parse(await readFile(rulesFile, "utf8")) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/**
 * An alert that does not fire returns nothing. With `bool` its comparisons give 0 or 1 instead, so that it returns data
 * whenever the metrics that it is about are there.
 */
export function withoutThreshold(expression: string): string {
  return expression
    .split(/(\{[^}]*\})/)
    .map((part) => (part.startsWith("{") ? part : part.replace(/(==|!=|>=|<=|>|<)(?!\s*bool)/g, "$1 bool")))
    .join("");
}

/**
 * Asks a Prometheus every expression of the dashboard and of the alerts.
 * @returns those that fail or give no number, with the reason; nothing if all is well.
 */
export async function checkDashboard(
  prometheusUrl: string,
  { rateInterval = "10s" }: { readonly rateInterval?: string } = {},
): Promise<readonly string[]> {
  const rules = await alertRules();
  const expressions = [
    ...(await dashboardExpressions(rateInterval)),
    ...rules.map(({ alert, expr }) => ({ where: `alert ${alert}`, expression: withoutThreshold(expr) })),
  ];
  const problems = await Promise.all(
    expressions.map(async ({ where, expression }) => {
      const problem = await problemOf(prometheusUrl, expression);
      return problem === undefined ? [] : [`${where}: ${problem}: ${expression}`];
    }),
  );
  return problems.flat();
}

async function problemOf(prometheusUrl: string, expression: string): Promise<string | undefined> {
  const response = await fetch(`${prometheusUrl}/api/v1/query`, {
    method: "POST",
    body: new URLSearchParams({ query: expression }),
  });
  const answer = (await response.json()) as {
    error?: string;
    data?: { result: { value: [number, string] }[] };
  };
  if (answer.data === undefined) return `fails (${answer.error})`;
  const { result } = answer.data;
  if (result.length === 0) return "gives no series";
  return result.some(({ value }) => value[1] !== "NaN") ? undefined : "gives no number";
}

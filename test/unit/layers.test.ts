import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { expect, test } from "vitest";

/** What each folder of src/ may import besides itself, errors.ts and clock.ts. Any other arrow fails here. */
const mayImport: Record<string, readonly string[]> = {
  native: [],
  log: [],
  metrics: [],
  bitcoin: ["native"],
  config: ["bitcoin"],
  protocol: ["bitcoin"],
  node: ["bitcoin", "log", "metrics"],
  template: ["bitcoin", "node", "log", "metrics"],
  jobs: ["bitcoin", "native", "template"],
  journal: ["bitcoin", "native", "log", "metrics"],
  shares: ["bitcoin", "native", "jobs", "protocol", "journal", "log", "metrics"],
  stratum: ["bitcoin", "protocol", "jobs", "shares", "log", "metrics"],
  blocks: ["bitcoin", "node", "log", "metrics"],
  ledger: ["bitcoin", "journal", "blocks", "log", "metrics"],
  api: ["log", "metrics"],
  miner: ["bitcoin", "native", "protocol"],
  control: ["log"],
  processes: ["config", "jobs", "journal", "log", "metrics", "protocol", "stratum"],
};

/** Composition: the pool joins the parts, the command line starts it; they may import everything. */
const composition = ["pool", "cli"];

const source = resolve(import.meta.dirname, "../../src");
const foundations = ["errors.ts", "clock.ts"];

interface Arrow {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

function sourceFiles(): string[] {
  return readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
}

function arrowsOf(file: string): Arrow[] {
  const text = readFileSync(join(source, file), "utf8");
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) => match[1]!);
  return specifiers
    .map((specifier) => relative(source, resolve(source, dirname(file), specifier)))
    .filter((target) => !foundations.includes(target))
    .map((target) => ({ file, from: topOf(file), to: topOf(target) }))
    .filter(({ from, to }) => from !== to);
}

function topOf(file: string): string {
  return file.split(sep)[0]!;
}

test("every folder of src/ has its line in the table of layers", () => {
  const folders = new Set(
    sourceFiles()
      .filter((file) => file.includes(sep))
      .map(topOf),
  );
  const listed = new Set([...Object.keys(mayImport), ...composition]);
  expect([...folders].filter((folder) => !listed.has(folder))).toEqual([]);
});

test("a folder imports only what stands left of it or beneath it", () => {
  const forbidden = sourceFiles()
    .filter((file) => !composition.includes(topOf(file)))
    .flatMap(arrowsOf)
    .filter(({ from, to }) => !(mayImport[from] ?? []).includes(to))
    .map(({ file, to }) => `${file} imports ${to}`);
  expect(forbidden).toEqual([]);
});

test("only config/ reads the environment", () => {
  const readers = sourceFiles()
    .filter((file) => /process\.env\b/.test(readFileSync(join(source, file), "utf8")))
    .filter((file) => topOf(file) !== "config");
  expect(readers).toEqual([]);
});

test("what serves miners never reads a template: its process has no code that talks to a node or parses an answer", () => {
  const reached = new Set<string>();
  const waiting = ["pool/worker.ts"];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    // Types are no code.
    const text = readFileSync(join(source, file), "utf8").replaceAll(/^import type [^;]*;/gm, "");
    for (const match of text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g))
      waiting.push(relative(source, resolve(source, dirname(file), match[1]!)));
  }
  expect([...reached]).toContain("stratum/stratum.ts");
  const parsing = [...reached].filter((file) => ["node", "template"].includes(topOf(file)));
  expect(parsing).toEqual(["template/transactions-file.ts"]);
});

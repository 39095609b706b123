import { existsSync, readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import * as errors from "../../../src/protocol/v2/errors.ts";
import { messages } from "../../../src/protocol/v2/registry.ts";

const root = resolve(import.meta.dirname, "../../..");
const page = resolve(root, "docs/stratum-v2.md");
const text = readFileSync(page, "utf8");

/** A requirement of the specification, as the table tells it. */
interface Row {
  readonly section: string;
  readonly requirement: string;
  readonly implementedIn: string;
  readonly provenBy: string;
  readonly notes: string;
}

/** A test that is named: its file, and its title behind those of the groups that it stands in. */
interface Proof {
  readonly file: string;
  readonly titles: readonly string[];
}

const rows = readRows(sectionOf("Conformance"));

function sectionOf(heading: string): string {
  const [, section = ""] = text.split(`\n## ${heading}\n`);
  return section.split("\n## ")[0]!;
}

function readRows(section: string): Row[] {
  const lines = section.split("\n").filter((line) => /^\| (?!section \|)/.test(line));
  return lines.map((line) => {
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    expect(cells, line).toHaveLength(7);
    const [, section = "", requirement = "", implementedIn = "", provenBy = "", notes = ""] = cells;
    return { section, requirement, implementedIn, provenBy, notes };
  });
}

/** Of this repository, absolute. */
function filesIn(cell: string): string[] {
  const links = [...cell.matchAll(/\]\((?!https:)([^)#]+)[^)]*\)/g)];
  return links.map(([, path]) => resolve(dirname(page), path!));
}

function proofsIn({ provenBy }: Row): Proof[] {
  return provenBy.split(/; (?=\[)/).flatMap((part) => {
    const [file] = filesIn(part);
    const titles = [...part.matchAll(/“([^”]+)”/g)].map(([, title]) => title!.split(" › "));
    return file === undefined ? [] : titles.map((title) => ({ file, titles: title }));
  });
}

/** Whether a test or a group of the file is called so, each within the one before. */
function hasTitles(source: string, titles: readonly string[]): boolean {
  let from = 0;
  for (const title of titles) {
    const quoted = title.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
    const match = new RegExp(String.raw`\(\s*["'\`]${quoted}["'\`],`).exec(source.slice(from));
    if (match === null) return false;
    from += match.index + 1;
  }
  return true;
}

/** Itself, not as a part of a longer name, as `SetupConnection.Error` has `SetupConnection`. */
function isNamed(message: string, inText: string): boolean {
  return new RegExp(String.raw`(?<![\w.])${message.replace(".", String.raw`\.`)}(?!\w|\.\w)`).test(inText);
}

describe("the conformance table", () => {
  test("has a requirement in each row", () => {
    expect(rows.length).toBeGreaterThan(150);
    for (const row of rows) expect(row.section && row.requirement, JSON.stringify(row)).toBeTruthy();
  });

  test("is about every message that there is", () => {
    const said = rows.map((row) => `${row.requirement} ${row.notes}`).join("\n");
    const missing = messages.map(({ name }) => name).filter((name) => !isNamed(name, said));
    expect(missing).toEqual([]);
  });

  test("has no cell that is still to be filled", () => {
    expect(rows.filter((row) => Object.values(row).join(" ").includes("TODO"))).toEqual([]);
  });

  test("names what implements a requirement together with what proves it, or says why neither is needed", () => {
    const wrong = rows.filter((row) => {
      const isImplemented = filesIn(row.implementedIn).length > 0;
      const isProven = proofsIn(row).length > 0;
      if (isImplemented || isProven) return !(isImplemented && isProven);
      return row.implementedIn !== "–" || row.provenBy !== "–" || row.notes === "";
    });
    expect(wrong).toEqual([]);
  });

  test("names tests that exist", () => {
    const sources = new Map<string, string>();
    const missing = rows.flatMap(proofsIn).filter(({ file, titles }) => {
      if (!existsSync(file)) return true;
      if (!sources.has(file)) sources.set(file, readFileSync(file, "utf8"));
      return !hasTitles(sources.get(file)!, titles);
    });
    expect(missing.map(({ file, titles }) => `${relative(root, file)}: ${titles.join(" › ")}`)).toEqual([]);
  });
});

test("every file that the page refers to exists", () => {
  const missing = filesIn(text).filter((file) => !existsSync(file));
  expect(missing.map((file) => relative(root, file))).toEqual([]);
});

test("every error code is explained", () => {
  const { setupErrorCodes, openErrorCodes, updateErrorCodes, submitErrorCodes } = errors;
  const codes = [...setupErrorCodes, ...openErrorCodes, ...updateErrorCodes, ...submitErrorCodes];
  const explained = sectionOf("Error codes");
  expect(codes.filter((code) => !explained.includes(`\`${code}\``))).toEqual([]);
});

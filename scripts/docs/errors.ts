/** docs/errors.md: every code of a PoolError, with what it says and what to do, read from the source itself. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const source = resolve(import.meta.dirname, "../../src");

export interface ErrorCode {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

const text = String.raw`(\`(?:[^\`\\]|\\.)*\`|"(?:[^"\\]|\\.)*")`;
const thrown = new RegExp(String.raw`new PoolError\(\s*"([A-Z][A-Z0-9_]+)",\s*${text},\s*${text}`, "g");
const named = /"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"/g;

/** Codes whose message stands beside them in the source. */
export function errorCodes(): ErrorCode[] {
  const codes = files().flatMap(({ content }) =>
    [...content.matchAll(thrown)].map(([, code, message, hint]) => ({
      code: code!,
      message: plain(message!),
      hint: plain(hint!),
    })),
  );
  return codes.sort(
    (left, right) => left.code.localeCompare(right.code) || left.message.localeCompare(right.message),
  );
}

/** Every word in the source that is written as a code: none may be missing from the page. */
export function codesInSource(): Set<string> {
  const words = files()
    .filter(({ content }) => content.includes("PoolError"))
    .flatMap(({ content }) => [...content.matchAll(named)].map(([, word]) => word!));
  return new Set(words.filter((word) => !foreign.test(word)));
}

/** Words in capitals that are others' (system, Node) or no errors (environment variables, file names). */
const foreign = /^(ERR_|EAI_|PENSTOCK_|PG_VERSION$)/;

export function errorsReference(): string {
  const codes = errorCodes();
  const names = [...new Set([...codes.map(({ code }) => code), ...codesInSource()])].sort();
  const sections = names.map((name) =>
    sectionOf(
      name,
      codes.filter(({ code }) => code === name),
    ),
  );
  return [
    "# Errors",
    "",
    "Trouble of the pool itself, as opposed to a miner's mistake (those are the reject reasons in `src/protocol/reasons.ts`).",
    "Codes are stable; `…` stands for what is filled in. This page is made of the source by `npm run docs`.",
    "",
    ...sections,
  ].join("\n");
}

function sectionOf(code: string, cases: readonly ErrorCode[]): string {
  const lines = new Set(cases.map(({ message, hint }) => `- ${message} ${hint}`));
  // Its sentence is put together from what is known at the time.
  if (lines.size === 0) lines.add("- The message says what, where and what to do.");
  return [`## ${code}`, "", ...lines, ""].join("\n");
}

function files(): { content: string }[] {
  return readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .sort()
    .map((file) => ({ content: readFileSync(join(source, file), "utf8") }));
}

/** Without quotes; what is filled in becomes an ellipsis. */
function plain(literal: string): string {
  return literal
    .slice(1, -1)
    .replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, "…")
    .replaceAll('\\"', '"')
    .replaceAll("\\`", "`");
}

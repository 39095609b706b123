/** Structured lines on standard output: JSON, a stable `event`, fields with units, no secrets. */
import { pino, stdTimeFunctions } from "pino";
import { createDestination } from "./destination.ts";
import { createScrubber } from "./scrub.ts";

/** `event` is stable and machines rely on it; the sentence is for people and may change. */
export interface LogFields {
  readonly event: string;
  readonly [field: string]: unknown;
}

type LogLine = (fields: LogFields, sentence: string) => void;

/** What modules log through; pino's own logger is one. */
export interface Logger {
  readonly trace: LogLine;
  readonly debug: LogLine;
  readonly info: LogLine;
  readonly warn: LogLine;
  readonly error: LogLine;
  readonly fatal: LogLine;
  /** A logger whose lines carry these fields as well. */
  child(fields: Readonly<Record<string, unknown>>): Logger;
  isLevelEnabled(level: string): boolean;
}

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

export interface LogOptions {
  readonly level: LogLevel;
  /** Stands in every line: "primary", "worker-1". */
  readonly process: string;
  /** Values that must never be printed, in addition to what looks like a secret. */
  readonly secrets?: readonly string[];
  /** Counts lines that could not be written. */
  readonly onDropped?: (lines: number) => void;
  /** Where lines go; standard output unless said otherwise. */
  readonly fd?: number;
}

export interface Log {
  readonly log: Logger;
  /** Waits until what was logged is written, but no longer than the limit; for the end of the process. */
  flush(limitMs?: number): Promise<void>;
}

/** Some ten thousand lines: enough for a collector's restart, nothing for the memory. */
const maxQueuedCharacters = 4 * 1024 * 1024;

export function createLogger(options: LogOptions): Log {
  const scrub = createScrubber(options.secrets ?? []);
  const destination = createDestination({
    fd: options.fd ?? 1,
    maxQueued: maxQueuedCharacters,
    onDropped: options.onDropped ?? (() => {}),
    onRecovered: (lines) =>
      log.warn({ event: "log-lines-lost", lines }, "log lines were lost because nobody took them"),
  });
  const log: Logger = pino(
    {
      level: options.level,
      base: { process: options.process, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => destination.write(scrub(line)) },
  );
  return { log, flush: (limitMs = 1_000) => destination.drain(limitMs) };
}

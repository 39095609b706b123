import type { LogFields, Logger } from "../../../src/log/index.ts";

export interface RecordingLog {
  readonly log: Logger;
  readonly lines: readonly (LogFields & { readonly level: string })[];
  events(name: string): readonly (LogFields & { readonly level: string })[];
}

/** A logger that keeps its lines. */
export function recordingLog(): RecordingLog {
  const lines: (LogFields & { level: string })[] = [];
  const write = (level: string) => (fields: LogFields, sentence: string) => {
    lines.push({ ...fields, level, sentence });
  };
  const log: Logger = {
    trace: write("trace"),
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    fatal: write("fatal"),
    child: () => log,
    isLevelEnabled: () => true,
  };
  return { log, lines, events: (name) => lines.filter(({ event }) => event === name) };
}

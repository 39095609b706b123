const acts = new Set<() => void>();

/**
 * Has `act` run when this process ends, the newest first: by itself, by vitest, which ends its workers with SIGTERM, or by
 * Ctrl-C. Only SIGKILL leaves it undone.
 * @returns takes it back
 */
export function atExit(act: () => void): () => void {
  acts.add(act);
  return () => void acts.delete(act);
}

process.once("exit", () => {
  for (const act of [...acts].reverse()) {
    try {
      act();
    } catch (error) {
      process.stderr.write(`at the end of a test process: ${error}\n`); // the others still have to run
    }
  }
});
// Without a listener these end the process at once, with no word to "exit".
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(1));

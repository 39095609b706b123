/** Plain lines for a person who waits: what is being done, and how long it took where that was long. */

const NOTEWORTHY_MS = 1_500;

/** Progress goes to stderr, so that a script's own output stays clean. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/** Says what is starting; says how long it took only when a person will have wondered. */
export async function step(what, work) {
  const startedAt = performance.now();
  say(`… ${what}`);
  const result = await work();
  const elapsedMs = performance.now() - startedAt;
  if (elapsedMs > NOTEWORTHY_MS) say(`  done in ${(elapsedMs / 1000).toFixed(1)} s`);
  return result;
}

import { setTimeout as pause } from "node:timers/promises";

/**
 * Waits for what a real part does in its own time: polls until `condition` gives something truthy, and gives that.
 * An error thrown by `condition` counts as "not yet" and is shown if the time runs out.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { timeoutMs, what, intervalMs = 25 }: { timeoutMs: number; what: string; intervalMs?: number },
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  let lastError: unknown;
  while (performance.now() < deadline) {
    try {
      const value = await condition();
      if (value) return value;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    await pause(intervalMs);
  }
  throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`, { cause: lastError });
}

/** Fails instead of hanging: `promise`, or an error that names what was waited for. */
export async function within<T>(timeoutMs: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms in vain for: ${what}`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

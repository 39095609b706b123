/**
 * Our own trouble, as opposed to a miner's mistake (which is data, see `shares/reasons.ts`).
 * The code is stable and listed in docs/errors.md; the message says what and where; the hint says how to fix it.
 */
export class PoolError extends Error {
  override readonly name = "PoolError";
  readonly code: string;
  readonly hint: string;

  constructor(code: string, message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }
}

/** One line for a person: what happened, then what to do. */
export function describeError(error: unknown): string {
  if (error instanceof PoolError) return `${error.message} ${error.hint} [${error.code}]`;
  return error instanceof Error ? error.message : String(error);
}

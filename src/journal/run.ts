/** Called once: true when the record is durable, false when it never will be. */
export type Done = (durable: boolean) => void;

/**
 * Where records may be written into a gathering commit by another hand: at bytes[start, end), the first of them as
 * `sequence` and `index`. The writer says how many it wrote, in how many bytes, and who waits for them.
 */
export interface RunPlace {
  bytes: Buffer;
  start: number;
  end: number;
  readonly epoch: number;
  sequence: number;
  index: number;
  records: number;
  length: number;
  done: Done | undefined;
}

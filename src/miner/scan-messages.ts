/** What a scanning thread is started with. */
export interface ScanThreadData {
  /** Of this thread alone; Infinity for as fast as it can. */
  readonly hashesPerSecond: number;
}

/** What the miner and its scanning threads tell each other. */
export type ToThread =
  | {
      readonly kind: "scan";
      readonly unit: number;
      readonly header: Uint8Array;
      readonly target: Uint8Array;
    }
  /** Goes on behind the share that was found. */
  | { readonly kind: "continue" };

export type FromThread =
  | { readonly kind: "progress"; readonly hashes: number }
  /** The thread waits for `continue` or other work: a target that everything meets must not flood the pool. */
  | { readonly kind: "found"; readonly hashes: number; readonly unit: number; readonly nonce: number }
  /** All nonces are tried; the thread waits for other work. */
  | { readonly kind: "exhausted"; readonly hashes: number; readonly unit: number };

/** Who mines: what a difficulty is remembered by. */
export interface Miner {
  readonly account: string;
  readonly worker: string;
}

/**
 * The difficulty that each worker came to, for its next connection: a device that reconnects must not send a flood of
 * easy shares each time. Those seen longest ago go first.
 */
export class RememberedDifficulties {
  readonly #most: number;
  readonly #onSet: (key: string, difficulty: number) => void;
  readonly #byKey = new Map<string, number>();

  /** @param onSet hears of what is learned here, so that others can be told. */
  constructor(most: number, onSet: (key: string, difficulty: number) => void = () => {}) {
    this.#most = most;
    this.#onSet = onSet;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(miner: Miner): number | undefined {
    return this.#byKey.get(keyOf(miner));
  }

  set(miner: Miner, difficulty: number): void {
    const key = keyOf(miner);
    this.learn(key, difficulty);
    this.#onSet(key, difficulty);
  }

  /** What was learned elsewhere. */
  learn(key: string, difficulty: number): void {
    if (this.#most === 0) return;
    this.#byKey.delete(key);
    if (this.#byKey.size >= this.#most) this.#byKey.delete(this.#byKey.keys().next().value!);
    this.#byKey.set(key, difficulty);
  }

  /** Those seen longest ago first. */
  entries(): IterableIterator<[string, number]> {
    return this.#byKey.entries();
  }
}

/** Addresses have no dot. */
function keyOf({ account, worker }: Miner): string {
  return `${account}.${worker}`;
}

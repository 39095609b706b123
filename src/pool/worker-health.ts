import type { Health } from "./serving.ts";

/** What the workers say of themselves: the pool is ready when one of them takes shares. */
export class WorkerHealth {
  readonly #said = new Map<number, Health>();
  #expected = 0;

  expect(workers: number): void {
    this.#expected = workers;
  }

  hear(worker: number, health: Health): void {
    this.#said.set(worker, health);
  }

  /** What it gave as its reason stands until its replacement says something: it may die of the same. */
  gone(worker: number): void {
    const { reasons } = this.#said.get(worker) ?? { reasons: [] };
    if (reasons.length === 0) this.#said.delete(worker);
    else this.#said.set(worker, { reasons, listening: false });
  }

  /** Number of a worker that serves miners. */
  anyListening(): number | undefined {
    return [...this.#said].find(([, { listening }]) => listening)?.[0];
  }

  /** Why no share could be accepted now; empty when one could. */
  reasons(): string[] {
    if (this.anyListening() !== undefined) return [];
    const said = [...new Set([...this.#said.values()].flatMap(({ reasons }) => reasons))];
    if (said.length > 0) return said;
    return [`none of ${this.#expected} stratum workers has started yet`];
  }
}

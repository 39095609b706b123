import type { MetricsSnapshot } from "../metrics/index.ts";
import type { ToWorker } from "../processes/messages.ts";

/** A worker that does not answer in time is left out of this scrape; its series have a gap, as they should. */
const limitMs = 1_000;

interface Scrape {
  readonly missing: Set<number>;
  readonly snapshots: MetricsSnapshot[];
  done(): void;
}

/** Collects the metrics of all workers for one scrape. */
export class WorkerMetrics {
  readonly #broadcast: (message: ToWorker) => void;
  readonly #alive = new Set<number>();
  readonly #scrapes = new Map<number, Scrape>();
  #nextId = 1;

  constructor(broadcast: (message: ToWorker) => void) {
    this.#broadcast = broadcast;
  }

  started(worker: number): void {
    this.#alive.add(worker);
  }

  gone(worker: number): void {
    this.#alive.delete(worker);
    for (const scrape of this.#scrapes.values()) this.#tick(scrape, worker);
  }

  hear(worker: number, id: number, snapshot: MetricsSnapshot): void {
    const scrape = this.#scrapes.get(id);
    if (scrape === undefined || !scrape.missing.has(worker)) return;
    scrape.snapshots.push(snapshot);
    this.#tick(scrape, worker);
  }

  async gather(): Promise<readonly MetricsSnapshot[]> {
    if (this.#alive.size === 0) return [];
    const id = this.#nextId++;
    const snapshots: MetricsSnapshot[] = [];
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, limitMs);
      const done = () => {
        clearTimeout(late);
        resolve();
      };
      this.#scrapes.set(id, { missing: new Set(this.#alive), snapshots, done });
      this.#broadcast({ type: "metrics-wanted", id });
    });
    this.#scrapes.delete(id);
    return snapshots;
  }

  #tick(scrape: Scrape, worker: number): void {
    if (scrape.missing.delete(worker) && scrape.missing.size === 0) scrape.done();
  }
}

/**
 * Whether a worker serves miners. It listens only while a share could be durably accepted and there is work to hand
 * out; otherwise it closes its port and its connections, so that miners go to their backup pool.
 *
 *   closed ──a job, and no reason against──► open ──any reason──► closed
 */
import type { Logger } from "../log/index.ts";

export interface Port {
  open(): Promise<void>;
  suspend(reason: string): Promise<void>;
  close(): Promise<void>;
}

export interface Health {
  readonly reasons: readonly string[];
  readonly listening: boolean;
}

export interface ServingOptions {
  readonly stratum: Port;
  readonly log: Logger;
  /** What this worker has against it. */
  readonly ownReasons: () => readonly string[];
  readonly onChange: (health: Health) => void;
}

/** After a port that could not be had. */
const retryMs = 2_000;

export class Serving {
  readonly #options: ServingOptions;
  #primaryReasons: readonly string[] = ["the primary has not said yet"];
  #hasJob = false;
  #listening = false;
  #closing = false;
  #portTrouble: string | undefined;
  /** Opening and closing happen one after the other. */
  #last: Promise<void> = Promise.resolve();
  #told = "";

  constructor(options: ServingOptions) {
    this.#options = options;
  }

  haveJob(): void {
    if (this.#hasJob) return;
    this.#hasJob = true;
    this.review();
  }

  primarySays(reasons: readonly string[]): void {
    this.#primaryReasons = reasons;
    this.review();
  }

  /** To be called whenever something changed that `ownReasons` depends on. */
  review(): void {
    this.#last = this.#last.then(() => this.#apply());
  }

  /** Resolves when all that was decided so far is done. */
  async settled(): Promise<void> {
    await this.#last;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#last;
    await this.#options.stratum.close();
  }

  async #apply(): Promise<void> {
    if (this.#closing) return;
    const reasons = this.#reasons();
    if (reasons.length === 0 && !this.#listening) await this.#open();
    else if (reasons.length > 0 && this.#listening) {
      this.#listening = false;
      await this.#options.stratum.suspend(reasons.join("; "));
    }
    this.#tell();
  }

  async #open(): Promise<void> {
    try {
      await this.#options.stratum.open();
      this.#listening = true;
      this.#portTrouble = undefined;
    } catch (error) {
      const trouble = (error as Error).message;
      if (trouble !== this.#portTrouble) {
        this.#options.log.error(
          { event: "stratum-port-failed", err: error },
          "the Stratum port cannot be had; trying again",
        );
      }
      this.#portTrouble = trouble;
      setTimeout(() => this.review(), retryMs).unref();
    }
  }

  #reasons(): string[] {
    const work = this.#hasJob ? [] : ["there is no job yet"];
    return [...this.#primaryReasons, ...work, ...this.#options.ownReasons()];
  }

  #tell(): void {
    const reasons = [...this.#reasons(), ...(this.#portTrouble === undefined ? [] : [this.#portTrouble])];
    const health = { reasons, listening: this.#listening };
    const text = JSON.stringify(health);
    if (text === this.#told) return;
    this.#told = text;
    this.#options.onChange(health);
  }
}

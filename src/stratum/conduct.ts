import type { Reason } from "../protocol/reasons.ts";
import type { StratumContext } from "./context.ts";
import type { StratumSession } from "./session.ts";
import type { TooEasyClient } from "./too-easy-report.ts";

/** So many refusals and nothing else: what its client sends waits behind what miners send. */
const mostlyRefused = 20;
/** A client whose first shares, so many, are all too easy hashes something else than it was given. */
const tellingShares = 50;

/** What a session's shares say about its client, whatever it speaks, and what follows from that. */
export class Conduct {
  readonly #session: StratumSession & TooEasyClient;
  readonly #context: Pick<StratumContext, "metrics" | "discipline" | "allTooEasy">;
  #hasShares = false;
  /** Shares refused as too easy before any was accepted. */
  #tooEasyFromTheFirst = 0;
  /** Shares refused before any was accepted. */
  #refusedFromTheFirst = 0;

  constructor(
    session: StratumSession & TooEasyClient,
    context: Pick<StratumContext, "metrics" | "discipline" | "allTooEasy">,
  ) {
    this.#session = session;
    this.#context = context;
  }

  /** Shares became durable. */
  accepted(): void {
    this.#hasShares = true;
    this.#session.connection.isTrusted = true;
    this.#context.discipline.accepted(this.#session);
  }

  refused(reason: Reason, submissions: number): void {
    this.#context.metrics.sharesRefused(this.#session.profile.name, reason, submissions);
    if (this.#hasShares) return;
    this.#refusedFromTheFirst += submissions;
    if (this.#refusedFromTheFirst >= mostlyRefused) this.#session.connection.isTrusted = false;
    if (reason === "low-difficulty") this.#tooEasy(submissions);
  }

  /** A flood of refused submissions has consequences; what could not be stored is our own trouble. */
  blame(reason: Reason, submissions: number): void {
    if (reason !== "unavailable") this.#context.discipline.refused(this.#session, submissions);
  }

  #tooEasy(submissions: number): void {
    const before = this.#tooEasyFromTheFirst;
    this.#tooEasyFromTheFirst += submissions;
    if (before < tellingShares && this.#tooEasyFromTheFirst >= tellingShares)
      this.#context.allTooEasy(this.#session);
  }
}

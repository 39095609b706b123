import type { ToWorker } from "../processes/messages.ts";

/** A worker that does not answer in time is left out; a scrape of metrics then has a gap, as it should. */
const limitMs = 1_000;

interface Question<T> {
  readonly missing: Set<number>;
  readonly answers: T[];
  done(): void;
}

/** Asks all workers the same and collects what they answer. */
export class WorkerAnswers<T> {
  readonly #broadcast: (message: ToWorker) => void;
  readonly #alive = new Set<number>();
  readonly #questions = new Map<number, Question<T>>();
  #nextId = 1;

  constructor(broadcast: (message: ToWorker) => void) {
    this.#broadcast = broadcast;
  }

  started(worker: number): void {
    this.#alive.add(worker);
  }

  gone(worker: number): void {
    this.#alive.delete(worker);
    for (const question of this.#questions.values()) this.#tick(question, worker);
  }

  hear(worker: number, id: number, answer: T): void {
    const question = this.#questions.get(id);
    if (question === undefined || !question.missing.has(worker)) return;
    question.answers.push(answer);
    this.#tick(question, worker);
  }

  /** @param message what to ask under this id, which the answer bears. */
  async ask(message: (id: number) => ToWorker): Promise<readonly T[]> {
    if (this.#alive.size === 0) return [];
    const id = this.#nextId++;
    const answers: T[] = [];
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, limitMs);
      const done = () => {
        clearTimeout(late);
        resolve();
      };
      this.#questions.set(id, { missing: new Set(this.#alive), answers, done });
      this.#broadcast(message(id));
    });
    this.#questions.delete(id);
    return answers;
  }

  #tick(question: Question<T>, worker: number): void {
    if (question.missing.delete(worker) && question.missing.size === 0) question.done();
  }
}

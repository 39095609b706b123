/**
 * What all workers learned of miners' difficulties, kept over restarts. Nothing is lost with the file but some minutes
 * in which miners find their difficulty again, so what cannot be read is passed over.
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import type { LearnedDifficulties } from "../processes/messages.ts";
import { RememberedDifficulties } from "../stratum/remembered-difficulties.ts";

const format = "penstock-difficulties 1";

export class LearnedDifficultiesFile {
  readonly #file: string;
  readonly #remembered: RememberedDifficulties;
  #hasChanged = false;

  private constructor(file: string, most: number) {
    this.#file = file;
    this.#remembered = new RememberedDifficulties(most);
  }

  static async open(file: string, most: number): Promise<LearnedDifficultiesFile> {
    const opened = new LearnedDifficultiesFile(file, most);
    const text = await readFile(file, "utf8").catch(() => "");
    const [first, ...lines] = text.split("\n");
    if (first === format) for (const line of lines) opened.#read(line);
    return opened;
  }

  get all(): LearnedDifficulties {
    return [...this.#remembered.entries()];
  }

  learn(learned: LearnedDifficulties): void {
    for (const [key, difficulty] of learned) this.#remembered.learn(key, difficulty);
    this.#hasChanged ||= learned.length > 0;
  }

  /** @throws if the file cannot be written; then the next call tries again. */
  async save(): Promise<void> {
    if (!this.#hasChanged) return;
    this.#hasChanged = false;
    const lines = this.all.map(([key, difficulty]) => `${difficulty} ${key}`);
    try {
      await writeFile(`${this.#file}.tmp`, [format, ...lines, ""].join("\n"));
      await rename(`${this.#file}.tmp`, this.#file);
    } catch (error) {
      this.#hasChanged = true;
      throw error;
    }
  }

  #read(line: string): void {
    const space = line.indexOf(" ");
    const difficulty = Number(line.slice(0, space));
    const key = line.slice(space + 1);
    if (space > 0 && key !== "" && difficulty > 0 && Number.isFinite(difficulty))
      this.#remembered.learn(key, difficulty);
  }
}

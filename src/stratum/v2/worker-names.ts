import { splitUserName } from "../../protocol/v1/user-name.ts";
import type { Miner } from "../remembered-difficulties.ts";

/**
 * Names of workers as they come with shares (extension 0x0002), made the same as those of user names: harmless
 * characters only. Whose account is paid they do not say.
 */
export class WorkerNames {
  readonly #most: number;
  readonly #names = new Set<string>();

  /** @param most distinct names of one connection; shares under further ones count for the channel's worker. */
  constructor(most: number) {
    this.#most = most;
  }

  workerOf(identity: string, { worker }: Miner): string {
    const name = splitUserName(`.${identity}`).worker;
    if (name === "" || this.#names.has(name)) return name || worker;
    if (this.#names.size >= this.#most) return worker;
    this.#names.add(name);
    return name;
  }
}

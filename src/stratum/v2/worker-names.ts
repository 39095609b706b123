import { splitUserName } from "../../protocol/v1/user-name.ts";
import type { Miner } from "../remembered-difficulties.ts";

/**
 * Names of workers as they come with shares (extension 0x0002), made the same as those of user names: harmless
 * characters only. `ADDRESS.worker` means the worker where it is the channel's own address; nobody is paid by it.
 */
export class WorkerNames {
  readonly #most: number;
  readonly #names = new Set<string>();

  /** @param most distinct names of one connection; shares under further ones count for the channel's worker. */
  constructor(most: number) {
    this.#most = most;
  }

  workerOf(identity: string, { account, worker }: Miner): string {
    const { length } = account;
    const isOwn = identity.startsWith(account) && (identity.length === length || identity[length] === ".");
    // What follows an address is cleaned as in a user name.
    const name = splitUserName(isOwn ? identity : `.${identity}`).worker;
    if (name === "") return worker;
    if (this.#names.has(name)) return name;
    if (this.#names.size >= this.#most) return worker;
    this.#names.add(name);
    return name;
  }
}

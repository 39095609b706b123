/** Numbers for payout addresses and worker names, kept in memory as far as the bound allows. */
import type { ClientBase } from "pg";
import type { Name } from "./batch.ts";
import { statement } from "./sql.ts";

const internAccounts = statement("intern-accounts");
const internWorkers = statement("intern-workers");
const maxCached = 500_000;

export class Dictionary {
  readonly #accounts = new Map<string, number>();
  readonly #workers = new Map<number, Map<string, number>>();
  #cachedWorkers = 0;

  /** Makes sure that `account` and `worker` know all of these. */
  async learn(client: ClientBase, names: readonly Name[]): Promise<void> {
    if (this.#accounts.size + this.#cachedWorkers > maxCached) this.forget();
    const newAccounts = new Set<string>();
    for (const { account } of names) if (!this.#accounts.has(account)) newAccounts.add(account);
    if (newAccounts.size > 0) {
      const { rows } = await client.query<{ id: number; address: string }>(internAccounts, [
        [...newAccounts],
      ]);
      for (const { id, address } of rows) this.#accounts.set(address, id);
    }
    const newWorkers = new Map<string, [account: number, name: string]>();
    for (const { account, worker } of names) {
      const id = this.account(account);
      if (!this.#workers.get(id)?.has(worker)) newWorkers.set(`${id}.${worker}`, [id, worker]);
    }
    if (newWorkers.size > 0) await this.#learnWorkers(client, [...newWorkers.values()]);
  }

  account(address: string): number {
    return this.#accounts.get(address)!;
  }

  worker(account: string, name: string): number {
    return this.#workers.get(this.account(account))!.get(name)!;
  }

  /** After a transaction was rolled back: numbers that it made are not there. */
  forget(): void {
    this.#accounts.clear();
    this.#workers.clear();
    this.#cachedWorkers = 0;
  }

  async #learnWorkers(client: ClientBase, pairs: readonly (readonly [number, string])[]): Promise<void> {
    const { rows } = await client.query<{ id: number; account: number; name: string }>(internWorkers, [
      pairs.map(([account]) => account),
      pairs.map(([, name]) => name),
    ]);
    for (const { id, account, name } of rows) {
      const ofAccount = this.#workers.get(account) ?? new Map<string, number>();
      this.#workers.set(account, ofAccount.set(name, id));
      this.#cachedWorkers += 1;
    }
  }
}

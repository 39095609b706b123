/** Who is credited for shares under a user name. */
export interface Worker {
  /** The payout address, in its one spelling. */
  readonly account: string;
  readonly worker: string;
}

/** The authorized names of one connection, as the client writes them. Nearly always it is one: a map is for proxies. */
export class Workers {
  #user: string | undefined;
  #worker: Worker | undefined;
  #more: Map<string, Worker> | undefined;

  get size(): number {
    return (this.#user === undefined ? 0 : 1) + (this.#more?.size ?? 0);
  }

  /** The one that was authorized first. */
  get first(): Worker | undefined {
    return this.#worker;
  }

  get(user: string): Worker | undefined {
    return user === this.#user ? this.#worker : this.#more?.get(user);
  }

  /** The only name that begins so: some firmware cuts names when it submits. */
  beginningWith(user: string): Worker | undefined {
    const found: Worker[] = [];
    if (this.#user?.startsWith(user)) found.push(this.#worker!);
    for (const [name, worker] of this.#more ?? []) if (name.startsWith(user)) found.push(worker);
    return found.length === 1 ? found[0] : undefined;
  }

  add(user: string, worker: Worker): void {
    if (this.#user === undefined) {
      this.#user = user;
      this.#worker = worker;
    } else {
      this.#more ??= new Map();
      this.#more.set(user, worker);
    }
  }
}

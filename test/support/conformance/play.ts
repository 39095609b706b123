/** Plays a dialogue against the pool, line by line; the first thing that is not as written ends it. */
import { until } from "../deadline.ts";
import { type Message, RawClient } from "../stratum.ts";
import { type Dialogue, DialogueError, type Step } from "./dialogue.ts";
import { compareMessage } from "./expectation.ts";
import { Miner, type ShareWish, Work } from "./miner.ts";
import { numberOf, substitute, type Variables } from "./pattern.ts";
import { aConformancePool, type ConformancePool } from "./pool.ts";

export interface Played {
  /** Submissions that were taken in native code. */
  readonly native: number;
}

/** @throws DialogueError with file and line, what was expected and what came. */
export async function playDialogue(dialogue: Dialogue, { intake }: { intake: boolean }): Promise<Played> {
  const pool = await aConformancePool({ settings: dialogue.settings, intake });
  const stage = new Stage(pool);
  try {
    for (const step of dialogue.steps) {
      for (let time = 0; time < step.times; time++) {
        await stage.play(step).catch((error: Error) => {
          throw new DialogueError(dialogue.file, step, `${error.message}${stage.context(step)}`);
        });
      }
    }
    const last = dialogue.steps.at(-1);
    await stage.finish().catch((error: Error) => {
      throw new DialogueError(dialogue.file, last ?? { line: 1, text: "" }, `behind this, ${error.message}`);
    });
    return { native: pool.native };
  } finally {
    stage.close();
    await pool.close();
  }
}

const patienceMs = 5_000;
const shareWishes = new Set(["job", "named", "meets", "misses", "ntime", "bits", "extranonce2", "nonce"]);

class Stage {
  readonly #pool: ConformancePool;
  readonly #miners = new Map<string, Miner>();
  readonly #work = new Work();
  readonly #variables: Variables = new Map<string, unknown>([
    ["address", "bcrt1qqurswpc8qurswpc8qurswpc8qurswpc8dxm0gk"],
    ["other", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"],
  ]);
  /** Lines that go in one packet with the next. */
  readonly #packets = new Map<string, string>();
  #nextId = 1_000;
  #lastShare: readonly string[] | undefined;
  #credited = 0;

  constructor(pool: ConformancePool) {
    this.#pool = pool;
  }

  async play(step: Step): Promise<void> {
    if (step.verb !== ">>") this.#flush(step.connection);
    switch (step.verb) {
      case ">":
        return (await this.#miner(step)).client.send(`${this.#text(step)}\n`);
      case ">>":
        await this.#miner(step);
        this.#packets.set(
          step.connection,
          `${this.#packets.get(step.connection) ?? ""}${this.#text(step)}\n`,
        );
        return;
      case ">|":
        return (await this.#miner(step)).client.send(bytesOf(this.#text(step)));
      case "<":
        return this.#expect(await this.#miner(step), step.rest);
      case "<~":
        return this.#expectLater(await this.#miner(step), step.rest);
      case "<=":
        return this.#expectText(await this.#miner(step), this.#text(step));
      case "nothing":
        return this.#expectNothing(await this.#miner(step));
      case "share":
      case "again":
        return this.#submit(await this.#miner(step), step);
      case "make":
        return this.#make(await this.#miner(step), this.#text(step));
      case "tip":
        return this.#pool.newTip();
      case "job":
        return this.#pool.newTemplate();
      case "wait":
        return this.#pool.wait(millisecondsOf(step.rest));
      case "disk":
        this.#pool.diskFull = step.rest === "full";
        return;
      case "show":
        this.#pool.stratum.show(step.rest);
        return;
      case "drain":
        this.#drain(step.rest);
        return this.#pool.wait(1_000);
      case "credited":
        return this.#expectCredited(this.#text(step));
      case "end":
        (await this.#miner(step)).client.socket.end();
        return;
      case "close":
        return this.#close(step.connection);
      case "closed":
        return this.#expectClosed(await this.#miner(step), step.rest);
      default:
        throw new Error(`there is no step "${step.verb}"`);
    }
  }

  /** Whatever is left unread was not expected. */
  async finish(): Promise<void> {
    for (const [name, miner] of this.#miners) {
      this.#flush(name);
      if (!miner.client.ended) await this.#expectNothing(miner);
      if (miner.unread.length > 0) throw new Error(`${name} was sent: ${miner.unread[0]}`);
    }
  }

  close(): void {
    for (const { client } of this.#miners.values()) client.socket.destroy();
  }

  /** What came last, for whoever reads the failure. */
  context({ connection }: Step): string {
    const unread = this.#miners.get(connection)?.unread ?? [];
    return unread.length === 0 ? "" : `\nunread: ${unread.slice(0, 5).join("\n        ")}`;
  }

  #text({ rest }: Step): string {
    return substitute(rest, this.#variables);
  }

  /** Opens the connection when it is first spoken of. */
  async #miner({ connection }: Step): Promise<Miner> {
    const known = this.#miners.get(connection);
    if (known !== undefined) return known;
    const miner = new Miner(await RawClient.connect(this.#pool.port), this.#work);
    this.#miners.set(connection, miner);
    return miner;
  }

  #flush(connection: string): void {
    const packet = this.#packets.get(connection);
    if (packet === undefined) return;
    this.#packets.delete(connection);
    this.#miners.get(connection)!.client.send(packet);
  }

  async #expect(miner: Miner, expected: string): Promise<void> {
    const line = await miner.nextLine();
    const problem = this.#compare(miner, expected, line);
    if (problem !== undefined) throw new Error(`${problem}\ncame:   ${line}`);
  }

  async #expectLater(miner: Miner, expected: string): Promise<void> {
    for (;;) {
      const before = new Map(this.#variables);
      if (this.#compare(miner, expected, await miner.nextLine()) === undefined) return;
      this.#variables.clear();
      for (const [name, value] of before) this.#variables.set(name, value);
    }
  }

  async #expectText(miner: Miner, expected: string): Promise<void> {
    // HTTP's lines have a carriage return.
    const line = (await miner.nextLine()).trimEnd();
    if (line !== expected) throw new Error(`the line is not this text\ncame:   ${line}`);
    if (line.startsWith("{")) miner.take(JSON.parse(line));
  }

  /** An answer to what is asked now comes next: then nothing else was on its way. */
  async #expectNothing(miner: Miner): Promise<void> {
    const id = this.#nextId++;
    miner.client.send(`{"id":${id},"method":"mining.ping","params":[]}\n`);
    const line = await miner.nextLine();
    if (line !== `{"id":${id},"result":"pong","error":null}`)
      throw new Error(`nothing was expected\ncame:   ${line}`);
  }

  /** @returns what is wrong; the miner takes the message in any case. */
  #compare(miner: Miner, expected: string, line: string): string | undefined {
    const message = JSON.parse(line) as Message;
    miner.take(message);
    return compareMessage(expected, { message, line }, this.#variables);
  }

  async #submit(miner: Miner, step: Step): Promise<void> {
    const words = this.#text(step).split(" ");
    const [, expected, reason] = /(?:^| )(ok|refused)(?: ([a-z-]+))?$/.exec(words.join(" ")) ?? [];
    if (expected === undefined) throw new Error('a share ends with "ok" or "refused REASON"');
    const wishes = words.slice(0, expected === "ok" ? -1 : -2);
    const share = step.verb === "again" ? this.#again(wishes) : this.#share(miner, wishes);
    const id = this.#nextId++;
    miner.client.send(`${JSON.stringify({ id, method: "mining.submit", params: share })}\n`);
    await this.#expect(miner, expected === "ok" ? `ok ${id}` : `refused ${id} ${reason}`);
  }

  #again([user, ...rest]: readonly string[]): readonly string[] {
    if (this.#lastShare === undefined || rest.length > 0)
      throw new Error("there is no share to send again so");
    return user === undefined ? this.#lastShare : [user, ...this.#lastShare.slice(1)];
  }

  #share(miner: Miner, [user, ...options]: readonly string[]): readonly string[] {
    const wish = Object.fromEntries(options.map((option) => option.split("=", 2) as [string, string]));
    const unknown = Object.keys(wish).find((name) => !shareWishes.has(name));
    if (user === undefined || unknown !== undefined)
      throw new Error(`a share cannot be made with "${unknown}"`);
    this.#lastShare = [user, ...miner.makeShare(wish as ShareWish, this.#pool.clock.wallMs())];
    return this.#lastShare;
  }

  #make(miner: Miner, text: string): void {
    const [name, ...share] = text.split(" ");
    this.#variables.set(name!, this.#share(miner, share));
  }

  #drain(text: string): void {
    const [host, port] = text.split(" ");
    this.#pool.stratum.drain(
      host === "" ? undefined : { host: host!, port: Number(port), waitSeconds: 0 },
      0,
    );
  }

  /** Of the shares that were made durable, the next one. */
  #expectCredited(text: string): void {
    const [account, worker = "", difficulty] = text.split(" ");
    const share = this.#pool.credited[this.#credited++];
    if (share === undefined) throw new Error("no other share was credited");
    if (share.account !== account || share.worker !== worker) {
      throw new Error(`the share was credited to "${share.account}", worker "${share.worker}"`);
    }
    const work = difficulty === undefined ? undefined : workOf(numberOf(difficulty));
    if (work !== undefined && share.target.work !== work)
      throw new Error(`the share was credited with a work of ${share.target.work}, not ${work}`);
  }

  async #close(connection: string): Promise<void> {
    const { client } = this.#miners.get(connection)!;
    const { connections } = this.#pool.stratum.counts;
    client.socket.destroy();
    this.#miners.delete(connection);
    await until(() => this.#pool.stratum.counts.connections < connections, {
      timeoutMs: patienceMs,
      what: "the pool to notice",
      intervalMs: 1,
    });
  }

  async #expectClosed(miner: Miner, reason: string): Promise<void> {
    await until(() => miner.client.ended, {
      timeoutMs: patienceMs,
      what: "the end of the connection",
      intervalMs: 1,
    });
    if (miner.unread.length > 0) throw new Error("lines came before the end");
    const alive = [...this.#miners.values()].filter(({ client }) => !client.ended).length;
    await until(() => this.#pool.stratum.counts.connections <= alive, {
      timeoutMs: patienceMs,
      what: "the pool to say why",
      intervalMs: 1,
    });
    const closed = this.#pool.metrics.events.filter((event) => event.startsWith("connectionClosed "));
    if (reason !== "" && !closed.includes(`connectionClosed ${reason}`))
      throw new Error(`the pool closed it for another reason: ${closed.at(-1)}`);
  }
}

/** floor(2^256 / (floor(0xffff * 2^208 / difficulty) + 1)), for the powers of two that dialogues use. */
function workOf(difficulty: number): bigint {
  const shift = Math.log2(difficulty);
  if (!Number.isInteger(shift)) throw new Error("only powers of two have a work here");
  const target = shift >= 0 ? (0xffffn << 208n) >> BigInt(shift) : 0xffffn << BigInt(208 - shift);
  return (1n << 256n) / (target + 1n);
}

/** \r, \n, \t and \xNN stand for bytes; text is UTF-8. */
function bytesOf(text: string): Buffer {
  const parts = text.split(/(\\[rnt]|\\x[0-9a-f]{2})/);
  return Buffer.concat(
    parts.map((part) => {
      if (part.startsWith("\\x")) return Buffer.from(part.slice(2), "hex");
      return Buffer.from(escapes[part] ?? part);
    }),
  );
}

const escapes: Readonly<Record<string, string>> = { "\\r": "\r", "\\n": "\n", "\\t": "\t" };

function millisecondsOf(text: string): number {
  const [, number, unit] = /^(\d+)(ms|s|m)$/.exec(text) ?? [];
  const scale = { ms: 1, s: 1_000, m: 60_000 }[unit ?? ""];
  if (scale === undefined) throw new Error(`"${text}" is no time, as 500ms, 30s or 10m`);
  return Number(number) * scale;
}

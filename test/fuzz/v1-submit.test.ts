import { expect, test } from "vitest";
import type { JobData } from "../../src/jobs/job.ts";
import type { Scheme } from "../../src/journal/record.ts";
import { loadAddon } from "../../src/native/index.ts";
import { encodeJobId } from "../../src/protocol/v1/job-id.ts";
import { aClock, type FakeClock } from "../support/clock.ts";
import { aJob } from "../support/jobs.ts";
import { mulberry32 } from "../support/random.ts";
import { aShareEngine, type ShareEngine } from "../support/share-engine.ts";
import { anAddress } from "../support/stratum.ts";
import { currentBinding } from "../unit/native/binding.ts";

/** PENSTOCK_LINES makes a long campaign of it. */
const lines = Number(process.env["PENSTOCK_LINES"] ?? 500_000);

type Below = (limit: number) => number;

const users = [anAddress, `${anAddress}.rig`, `${anAddress}.rig-2`, `${anAddress}.w%41`];
/** One hash in 32 is a block. */
const bits = 0x2007ffff;
/** About every second hash is a share. */
const difficulty = 4e-10;

/** One random history, shown to both ways. */
class Story {
  readonly #below: Below;
  readonly #clock: FakeClock;
  readonly #engines: readonly ShareEngine[];
  #number = 1;
  #tip = 1;
  #nextId = 1;
  #sent: string[] = [];
  /** Since the last commit, by engine. */
  #answers = ["", ""];

  constructor(seed: number, kernel: string) {
    this.#below = mulberry32(seed);
    this.#clock = aClock();
    const addon = loadAddon({ kernel });
    // In some the window fills up: the share that finds it full ends the connection.
    const seenShares = seed % 8 === 0 ? 300 : 1_000_000;
    const scheme: Scheme = seed % 3 === 0 ? "solo" : "pplns";
    const common = { addon, clock: this.#clock, difficulty, batchBytes: 20_000, seenShares, scheme };
    this.#engines = [aShareEngine({ ...common, native: true }), aShareEngine({ ...common, native: false })];
  }

  get native(): number {
    return this.#engines[0]!.native;
  }
  get counted(): ReadonlyMap<string, number> {
    return this.#engines[0]!.counted;
  }

  /** Tells `length` steps; both ways must have said and written the same after each. */
  tell(length: number): number {
    this.#addJob();
    this.#receive(
      `${[
        '{"id":1,"method":"mining.subscribe","params":["fuzz"]}',
        ...users.slice(0, 3).map((user) => `{"id":2,"method":"mining.authorize","params":["${user}","x"]}`),
      ].join("\n")}\n`,
    );
    let written = 0;
    for (let step = 0; step < length && this.#engines[0]!.endReason === ""; step++) written += this.#step();
    this.#commit(true);
    expect(this.#engines[0]!.counted).toEqual(this.#engines[1]!.counted);
    return written;
  }

  #step(): number {
    const below = this.#below;
    const choice = below(60);
    if (choice === 0) this.#addJob();
    else if (choice === 1) this.#configure();
    else if (choice === 2) this.#clock.advance(below(10_000));
    else if (choice < 6) this.#commit(below(40) > 0);
    else if (choice === 6) this.#suggest();
    else {
      const batch = Array.from({ length: 1 + below(40) }, () => this.#line());
      this.#receive(batch.join(""));
      return batch.length;
    }
    return 0;
  }

  #addJob(): void {
    const below = this.#below;
    if (below(3) === 0) this.#tip += 1;
    const data: JobData = aJob({
      number: this.#number++,
      tipNumber: this.#tip,
      previousHash: new Uint8Array(32).fill(this.#tip),
      bits,
      minTime: 1_699_999_000,
      clean: below(2) === 0,
      coinbase1: Buffer.alloc(40 + below(80), this.#number),
      coinbase2: Buffer.alloc(40 + below(120), this.#tip),
      merkleBranch: Array.from({ length: below(5) }, (_, index) => new Uint8Array(32).fill(index)),
    });
    this.#both((engine) => engine.addJob(data));
  }

  #configure(): void {
    const mask = this.#below(2) === 0 ? "1fffe000" : "00e00000";
    this.#receive(
      `{"id":3,"method":"mining.configure","params":[["version-rolling"],{"version-rolling.mask":"${mask}"}]}\n`,
    );
  }

  #suggest(): void {
    this.#receive(
      `{"id":4,"method":"mining.suggest_difficulty","params":[${difficulty * (1 + this.#below(3))}]}\n`,
    );
  }

  /** The bytes come in random pieces, the same for both. */
  #receive(text: string): void {
    const bytes = Buffer.from(text);
    const cut = this.#below(3) === 0 ? this.#below(bytes.length + 1) : bytes.length;
    this.#both((engine) => {
      engine.receive(bytes.subarray(0, cut));
      engine.receive(bytes.subarray(cut));
    });
  }

  #commit(durable: boolean): void {
    const [native, long] = this.#engines.map((engine) => engine.commit(durable).toString("hex"));
    expect(native).toBe(long);
    this.#compare();
    expect(this.#answers[0]).toBe(this.#answers[1]);
    this.#answers = ["", ""];
  }

  #both(act: (engine: ShareEngine) => void): void {
    for (const engine of this.#engines) act(engine);
    this.#compare();
  }

  /** Refusals in one read with an accepted share wait for its commit: answers are the same in the end. */
  #compare(): void {
    const sent = this.#engines.map((engine) => engine.takeSent().split("\n"));
    const [native, long] = sent.map((lines) => lines.filter((line) => line.includes('"method"')));
    expect(native).toEqual(long);
    sent.forEach((lines, index) => {
      const answers = lines.filter((line) => line !== "" && !line.includes('"method"'));
      this.#answers[index] += answers.map((line) => `${line}\n`).join("");
    });
    const [early, all] = this.#answers as [string, string];
    expect(this.#engines[0]!.endReason).toBe(this.#engines[1]!.endReason);
    expect(early).toBe(all.slice(0, early.length));
  }

  /** A submission of some kind, with its newline. */
  #line(): string {
    const below = this.#below;
    // The very share of before, perhaps in other words.
    if (below(30) === 0 && this.#sent.length > 0) return this.#sent[below(this.#sent.length)]!;
    const text = this.#mutated(this.#usual());
    const line = `${text}${below(40) === 0 ? "\r" : ""}\n`;
    if (this.#sent.length < 500) this.#sent.push(line);
    else this.#sent[below(500)] = line;
    return line;
  }

  #usual(): string {
    const below = this.#below;
    const hex = (digits: number) =>
      Array.from({ length: digits }, () => "0123456789abcdef"[below(16)]).join("");
    const user = users[below(30) === 0 ? 3 : below(10) === 0 ? below(3) : 0];
    const job = encodeJobId(
      Math.max(1, this.#number - 1 - (below(8) === 0 ? below(9) : 0)),
      below(6) === 0 ? below(4) : this.#variant(),
    );
    const extranonce2 = below(3) === 0 ? "00000000000000aa" : hex(16);
    const ntime = (1_700_000_000 + (below(50) === 0 ? below(20_000) - 10_000 : 0)).toString(16);
    const params = [user, job, extranonce2, ntime, hex(8)];
    const form = below(12);
    if (form < 5) params.push(((below(1 << 16) << 13) >>> 0).toString(16).padStart(8, "0"));
    else if (form === 5) params.push(hex(8));
    const id = this.#nextId++;
    const list = `[${params.map((param) => `"${param}"`).join(form === 6 ? ", " : ",")}]`;
    switch (below(6)) {
      case 0:
        return `{"params": ${list}, "id": ${id}, "method": "mining.submit"}`;
      case 1:
        return `{"method":"mining.submit","params":${list},"id":"${id}"}`;
      default:
        return `{"id":${id},"method":"mining.submit","params":${list}}`;
    }
  }

  /** The variant that most jobs have now. */
  #variant(): number {
    const { assignment } = this.#engines[0]!.session.channel!;
    return assignment!.number === this.#number - 1 && assignment!.variant > 0 ? this.#below(2) : 0;
  }

  #mutated(line: string): string {
    const below = this.#below;
    const kind = below(40);
    if (kind > 6) return line;
    const at = below(line.length);
    const scrap = [
      '"',
      "\\",
      "\\u0031",
      " ",
      "\t",
      ",",
      "]",
      "}",
      "0",
      "F",
      "g",
      "null",
      "é",
      "\0",
      "-",
      "1e3",
    ][below(16)]!;
    switch (kind) {
      case 0:
        return line.slice(0, at) + line.slice(at + 1 + below(3));
      case 1:
        return line.slice(0, at) + scrap + line.slice(at);
      case 2:
        return line.slice(0, at) + scrap + line.slice(at + scrap.length);
      case 3:
        return line.replace(
          /"id":\s*"?\d+"?/,
          `"id":${["null", "-1", "01", "1.5", '"é"', '""', "[1]", "18446744073709551616", '"a\\"b"', "true", `"${"x".repeat(below(80))}"`][below(11)]}`,
        );
      case 4:
        return line
          .toUpperCase()
          .replace(/"ID"|"METHOD"|"PARAMS"|"MINING.SUBMIT"|"BCRT1[^"]*"/g, (word) => word.toLowerCase());
      case 5:
        return line.replace(
          /}$/,
          [
            ',"jsonrpc":"2.0"}',
            ',"id":7}',
            ',"method":"mining.submit"}',
            ',"params":[]}',
            "}{",
            "} ",
            "}\t\r ",
          ][below(7)]!,
        );
      default:
        return line.replace(
          /,"[0-9a-f]{8}"\]/,
          [`,"${"0".repeat(below(10))}"]`, ",null]", `,7]`, `,"1","2","3"]`, ',"0000"]'][below(5)]!,
        );
    }
  }
}

test("native code and TypeScript say and write the same, whatever is sent in whatever pieces", {
  timeout: 600_000,
}, async () => {
  const { kernels } = await currentBinding();
  let written = 0;
  let native = 0;
  const counted = new Map<string, number>();
  for (let seed = 1; written < lines; seed++) {
    const story = new Story(seed, kernels[seed % kernels.length]!);
    written += story.tell(400);
    native += story.native;
    for (const [name, count] of story.counted) {
      const sum = name.startsWith("block") ? "block" : name;
      counted.set(sum, (counted.get(sum) ?? 0) + count);
    }
  }
  // Every kind of end was met, and the native way by most.
  for (const result of [
    "accepted",
    "duplicate",
    "low-difficulty",
    "ntime-out-of-range",
    "version-bits-not-allowed",
    "stale",
    "unavailable",
    "unauthorized",
  ]) {
    expect(counted.get(`${result} v1`) ?? 0, result).toBeGreaterThan(lines / 100_000);
  }
  expect(counted.get("block")).toBeGreaterThan(lines / 100_000);
  expect(native).toBeGreaterThan(lines / 3);
});

/** A Stratum V1 client for one connection: subscribes, configures, authorizes, takes jobs and hands in shares. */
import { connect, type Socket } from "node:net";
import { versionRollingMask } from "../bitcoin/header.ts";
import type { Target } from "../bitcoin/target.ts";
import { targetFromDifficulty } from "../bitcoin/target.ts";
import type { Addon } from "../native/addon.ts";
import { Malformed } from "../protocol/malformed.ts";
import type { Answer } from "../protocol/v1/answer.ts";
import { decodeAnswer } from "../protocol/v1/answer.ts";
import { encodeAuthorize } from "../protocol/v1/authorize.ts";
import { decodeConfiguration, encodeConfigure } from "../protocol/v1/configure.ts";
import type { Json } from "../protocol/v1/json.ts";
import type { Line } from "../protocol/v1/line.ts";
import { isBlank, readLine } from "../protocol/v1/line.ts";
import { decodeNotify } from "../protocol/v1/notify.ts";
import { decodeSetDifficulty } from "../protocol/v1/set-difficulty.ts";
import type { Extranonce } from "../protocol/v1/set-extranonce.ts";
import { decodeSetExtranonce } from "../protocol/v1/set-extranonce.ts";
import { decodeSetVersionMask } from "../protocol/v1/set-version-mask.ts";
import { decodeShowMessage } from "../protocol/v1/show-message.ts";
import { encodeSubmit } from "../protocol/v1/submit.ts";
import { decodeSubscription, encodeSubscribe } from "../protocol/v1/subscribe.ts";
import type { Outcome, PoolClient, PoolClientEvents, Work } from "./pool-client.ts";
import { accepted, unanswered } from "./pool-client.ts";
import type { Assignment, V1WorkUnit } from "./v1-work-unit.ts";
import { makeV1Unit } from "./v1-work-unit.ts";

export interface V1ClientOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly agent: string;
  readonly addon: Pick<Addon, "sha256d" | "merkleRoot">;
}

/** Pools send large coinbases; nothing sane is longer. */
const maxLineBytes = 1 << 20;
const maxDepth = 16;
/** Pools speak at least every half minute. */
const silenceMs = 300_000;

export class V1Client implements PoolClient {
  readonly #events: PoolClientEvents;
  readonly #user: string;
  readonly #addon: V1ClientOptions["addon"];
  readonly #socket: Socket;
  readonly #waiting = new Map<string, (answer: Answer | undefined) => void>();
  #nextId = 1;
  #rest: Buffer = Buffer.alloc(0);
  #extranonce: Extranonce | undefined;
  #target: Target = targetFromDifficulty(1);
  #versionMask = 0;
  #why = "the pool closed the connection";

  constructor(options: V1ClientOptions, events: PoolClientEvents) {
    this.#events = events;
    this.#user = options.user;
    this.#addon = options.addon;
    this.#socket = connect({ host: options.host, port: options.port, noDelay: true, keepAlive: true });
    this.#socket.setTimeout(silenceMs, () => this.close("the pool was silent for 5 minutes"));
    this.#socket.on("connect", () => this.#introduce(options));
    this.#socket.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#socket.on("error", (error) => {
      this.#why = error.message;
    });
    this.#socket.on("close", () => this.#closed());
  }

  close(why: string): void {
    this.#why = why;
    this.#socket.destroy();
  }

  #introduce({ agent, user, password }: V1ClientOptions): void {
    // Pools that do not know mining.configure refuse it or do not answer: nothing waits for that.
    this.#request(
      (id) => encodeConfigure(id, versionRollingMask),
      (answer) => {
        if (answer?.error === undefined) this.#versionMask = decodeConfiguration(answer?.result);
      },
    );
    this.#request(
      (id) => encodeSubscribe(id, agent),
      (answer) => this.#subscribed(answer),
    );
    this.#request(
      (id) => encodeAuthorize(id, user, password),
      (answer) => {
        if (answer === undefined || answer.result === true) return;
        const why = answer.error?.text ?? "the pool gave no reason";
        this.#events.refused(`the pool does not accept the user "${user}": ${why}`);
      },
    );
  }

  #subscribed(answer: Answer | undefined): void {
    if (answer === undefined) return;
    const subscription = decodeSubscription(answer.result);
    if (subscription instanceof Malformed) this.close(answer.error?.text ?? subscription.detail);
    else this.#extranonce = subscription;
  }

  /** @param onAnswer called before the next line is read; with undefined if the connection ends first. */
  #request(encode: (id: number) => string, onAnswer: (answer: Answer | undefined) => void): void {
    const id = this.#nextId++;
    if (this.#socket.destroyed) {
      onAnswer(undefined);
      return;
    }
    this.#waiting.set(String(id), onAnswer);
    this.#socket.write(encode(id));
  }

  #read(chunk: Buffer): void {
    const bytes = Buffer.concat([this.#rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
      this.#line(bytes.subarray(start, end));
      start = end + 1;
    }
    this.#rest = bytes.subarray(start);
    if (this.#rest.length > maxLineBytes) this.close("the pool sent a line without an end");
  }

  #line(bytes: Buffer): void {
    if (isBlank(bytes) || this.#socket.destroyed) return;
    const line = readLine(bytes, maxDepth);
    const problem = line instanceof Malformed ? line : this.#taken(line);
    if (problem !== undefined) this.close(`the pool sent something odd: ${problem.detail}`);
  }

  #taken(line: Line): Malformed | undefined {
    if (line.method !== undefined) return this.#notified(line.method, line.params);
    const onAnswer = this.#waiting.get(line.idText);
    this.#waiting.delete(line.idText);
    onAnswer?.(decodeAnswer(line));
    return undefined;
  }

  #notified(method: string, params: readonly Json[]): Malformed | undefined {
    switch (method) {
      case "mining.notify":
        return this.#notify(params);
      case "mining.set_difficulty":
        return this.#setDifficulty(params);
      case "mining.set_version_mask":
        return this.#setVersionMask(params);
      case "mining.set_extranonce":
        return this.#setExtranonce(params);
      case "client.show_message":
        this.#events.message(decodeShowMessage(params));
        return undefined;
      case "client.reconnect":
        // Never to another host: that is how hash power is stolen.
        this.close("the pool asked to connect again");
        return undefined;
      default:
        return undefined;
    }
  }

  #notify(params: readonly Json[]): Malformed | undefined {
    const job = decodeNotify(params);
    if (job instanceof Malformed) return job;
    if (this.#extranonce === undefined) return new Malformed("the pool sent a job before the subscription");
    const versionMask = this.#versionMask;
    this.#events.work(this.#workOn({ job, target: this.#target, ...this.#extranonce, versionMask }));
    return undefined;
  }

  #workOn(assignment: Assignment): Work {
    return {
      clean: assignment.job.clean,
      unit: (index, elapsedSeconds) => {
        const unit = makeV1Unit(assignment, index, elapsedSeconds, this.#addon);
        const { header, target } = unit;
        return { header, target, submit: (nonce) => this.#submit(unit, nonce) };
      },
    };
  }

  #submit(unit: V1WorkUnit, nonce: number): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#request(
        (id) => encodeSubmit(id, { ...unit, nonce, user: this.#user }),
        (answer) => resolve(outcomeOf(answer)),
      );
    });
  }

  /** In force from the next job on; pools that send none of their own behind it accept both. */
  #setDifficulty(params: readonly Json[]): Malformed | undefined {
    const difficulty = decodeSetDifficulty(params);
    if (difficulty instanceof Malformed) return difficulty;
    this.#target = targetFromDifficulty(difficulty);
    return undefined;
  }

  #setVersionMask(params: readonly Json[]): Malformed | undefined {
    const mask = decodeSetVersionMask(params);
    if (mask instanceof Malformed) return mask;
    this.#versionMask = mask;
    return undefined;
  }

  #setExtranonce(params: readonly Json[]): Malformed | undefined {
    const extranonce = decodeSetExtranonce(params);
    if (extranonce instanceof Malformed) return extranonce;
    this.#extranonce = extranonce;
    return undefined;
  }

  #closed(): void {
    for (const onAnswer of this.#waiting.values()) onAnswer(undefined);
    this.#waiting.clear();
    this.#events.closed(this.#why);
  }
}

function outcomeOf(answer: Answer | undefined): Outcome {
  if (answer === undefined) return unanswered;
  if (answer.result === true) return accepted;
  return { kind: "rejected", why: answer.error?.text ?? "the pool gave no reason" };
}

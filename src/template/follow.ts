import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import type { Chain } from "../bitcoin/address.ts";
import { type Clock, systemClock } from "../clock.ts";
import { describeError, PoolError } from "../errors.ts";
import type { Logger } from "../log/index.ts";
import { type NewTip, NodeError, type Nodes, type TemplateAnswer } from "../node/index.ts";
import { firstTemplate } from "./first-template.ts";
import { parseTemplate } from "./parse.ts";
import type { Template } from "./template.ts";

export interface FollowOptions {
  readonly nodes: Nodes;
  readonly chain: Chain;
  readonly log: Logger;
  readonly clock?: Clock | undefined;
  /** A fresh template is asked for at least so often; 25 if not given. */
  readonly refreshSeconds?: number | undefined;
  readonly metrics?: TemplateMetrics | undefined;
}

export interface TemplateMetrics {
  published(template: Template): void;
  refused(code: string): void;
  /** From the news of a tip to its first, and to its full template. */
  tipToTemplateSeconds(kind: "first" | "full", seconds: number): void;
  parseSeconds(seconds: number): void;
}

export interface NewTemplate {
  readonly template: Template;
  /** It builds on another block than the one before. */
  readonly newTip: boolean;
}

export interface TemplatesEvents {
  template: [NewTemplate];
}

/** After a failure; a new tip or an answer of the long poll comes in between whenever there is one. */
const retryMs = 500;
/** How long the long poll's template on a new tip is waited for before it is asked for. */
const longPollMs = 100;

/**
 * Follows the nodes' templates: on each new tip a `first` one at once and the `full` one when the node has it, then
 * fresher ones by long poll and by time. A bad answer never replaces a good template.
 */
export class Templates extends EventEmitter<TemplatesEvents> {
  readonly #options: FollowOptions;
  readonly #clock: Clock;
  readonly #refreshMs: number;
  /** Ids are never reused, not by another start of the pool either. */
  readonly #idPrefix = randomBytes(6).toString("hex");
  #idCount = 0;
  #current: Template | undefined;
  #tip: NewTip | undefined;
  /** Node and `longpollid` of the full template in force: a node gives the same one with the same content. */
  #contentId: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #asking = false;
  #askAgain = false;
  #lastComplaint: string | undefined;
  #closed = false;

  constructor(options: FollowOptions) {
    super();
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#refreshMs = (options.refreshSeconds ?? 25) * 1_000;
    const { nodes } = options;
    nodes.on("tip", this.#onTip);
    nodes.on("template", this.#onAnswer);
    nodes.on("selected", this.#onSelected);
    if (nodes.tip !== undefined) void this.#ask();
  }

  /** The last good template, however old; undefined before the first. */
  get current(): Template | undefined {
    return this.#current;
  }

  /** Seconds since the last good template came; Infinity before the first. */
  get ageSeconds(): number {
    if (this.#current === undefined) return Number.POSITIVE_INFINITY;
    return (this.#clock.monotonicMs() - this.#current.receivedMonotonicMs) / 1_000;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#options.nodes.off("tip", this.#onTip);
    this.#options.nodes.off("template", this.#onAnswer);
    this.#options.nodes.off("selected", this.#onSelected);
    this.removeAllListeners();
  }

  readonly #onTip = (news: NewTip): void => {
    this.#tip = news;
    this.#contentId = undefined;
    if (this.#current !== undefined) {
      const first = firstTemplate({
        id: this.#nextId(),
        chain: this.#options.chain,
        tip: news.tip,
        previous: this.#current,
        nowMonotonicMs: this.#clock.monotonicMs(),
      });
      if (first !== undefined) this.#publish(first);
    }
    // The long poll tells of a tip with the template in its hand, unless its node is passed over at this very moment;
    // whoever else tells of it is a little ahead of the long poll: to ask as well would cost the same work twice.
    if (news.source === "longpoll") this.#schedule(retryMs);
    else if (this.#current !== undefined) this.#schedule(longPollMs);
    else void this.#ask();
  };

  readonly #onSelected = (node: string | undefined): void => {
    if (node !== undefined) void this.#ask();
  };

  readonly #onAnswer = (answer: TemplateAnswer): void => {
    this.#take(answer);
    this.#schedule(this.#refreshMs);
  };

  /** One question at a time; news in between make it ask once more. */
  async #ask(): Promise<void> {
    if (this.#asking) {
      this.#askAgain = true;
      return;
    }
    this.#asking = true;
    let nextMs = this.#refreshMs;
    try {
      if (!this.#take(await this.#options.nodes.getBlockTemplate())) nextMs = retryMs;
    } catch (error) {
      if (!(error instanceof PoolError)) throw error;
      nextMs = retryMs;
      // Without any node there is nothing to add to what was logged about each.
      if (error instanceof NodeError) this.#complain("template-failed", error);
    } finally {
      this.#asking = false;
    }
    const again = this.#askAgain;
    this.#askAgain = false;
    this.#schedule(again ? 0 : nextMs);
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#ask(), delayMs);
  }

  /** @returns whether the answer is good and of the pool's tip. */
  #take({ node, answer }: TemplateAnswer): boolean {
    if (this.#closed) return true;
    const contentId = contentIdOf(node, answer);
    if (contentId !== undefined && contentId === this.#contentId) return this.#renew();

    const template = this.#parse(node, answer);
    if (template === undefined) return false;
    const tip = this.#options.nodes.tip;
    if (tip === undefined || !sameBytes(tip.hash, template.previousHash)) {
      // Older than the tip, or news of a newer one: the node will say which.
      this.#options.nodes.selected?.hurry();
      return false;
    }
    this.#lastComplaint = undefined;
    this.#contentId = contentId;
    this.#publish(template);
    return true;
  }

  #parse(node: string, answer: unknown): Template | undefined {
    const startMs = this.#clock.monotonicMs();
    try {
      return parseTemplate(answer, { id: this.#nextId(), receivedMonotonicMs: startMs });
    } catch (error) {
      if (!(error instanceof PoolError)) throw error;
      this.#options.metrics?.refused(error.code);
      this.#complain("template-refused", error, node);
      this.#options.nodes.distrust(node);
      return undefined;
    } finally {
      this.#options.metrics?.parseSeconds((this.#clock.monotonicMs() - startMs) / 1_000);
    }
  }

  /** The node says that what we have is still the best: the same template, fresh again. */
  #renew(): boolean {
    const current = this.#current;
    if (current?.kind !== "full") return false;
    const nowMs = this.#clock.monotonicMs();
    const elapsedSeconds = Math.floor((nowMs - current.receivedMonotonicMs) / 1_000);
    const currentTime = current.currentTime + elapsedSeconds;
    this.#current = Object.freeze({ ...current, currentTime, receivedMonotonicMs: nowMs });
    return true;
  }

  #publish(template: Template): void {
    const previous = this.#current;
    const newTip = previous === undefined || !sameBytes(previous.previousHash, template.previousHash);
    this.#current = template;
    this.#options.metrics?.published(template);
    if (this.#tip !== undefined && (newTip || previous?.kind !== template.kind)) {
      const seconds = (this.#clock.monotonicMs() - this.#tip.seenMonotonicMs) / 1_000;
      this.#options.metrics?.tipToTemplateSeconds(template.kind, seconds);
    }
    const { id, kind, height, transactions } = template;
    const fields = {
      event: "template-new",
      template: id,
      kind,
      height,
      newTip,
      transactions: transactions.count,
    };
    this.#options.log.debug(fields, "New template.");
    this.emit("template", { template, newTip });
  }

  /** Once for each kind of trouble, until a template is good again. */
  #complain(event: string, error: PoolError, node?: string): void {
    const complaint = `${event} ${error.code}`;
    if (complaint === this.#lastComplaint) return;
    this.#lastComplaint = complaint;
    this.#options.log.error({ event, code: error.code, node }, describeError(error));
  }

  #nextId(): string {
    return `${this.#idPrefix}-${++this.#idCount}`;
  }
}

function contentIdOf(node: string, answer: unknown): string | undefined {
  const id = (answer as { longpollid?: unknown } | null | undefined)?.longpollid;
  return typeof id === "string" ? `${node} ${id}` : undefined;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

import { EventEmitter } from "node:events";
import type { Chain } from "../bitcoin/address.ts";
import { type Clock, systemClock } from "../clock.ts";
import { PoolError } from "../errors.ts";
import type { Logger } from "../log/index.ts";
import type { Tip } from "./answers.ts";
import { NodeError } from "./errors.ts";
import { type LagWatch, watchLag } from "./lag-watch.ts";
import { type LongPoll, openLongPoll } from "./long-poll.ts";
import { type Selection, selectNode } from "./select.ts";
import { type NodeMetrics, type NodeOptions, type TipSource, WatchedNode } from "./watched-node.ts";

export interface NodesOptions {
  readonly chain: Chain;
  /** The first is preferred; at least one. */
  readonly nodes: readonly NodeOptions[];
  readonly log: Logger;
  readonly clock?: Clock | undefined;
  /** Milliseconds between two questions for the tip; 1,000 if not given. */
  readonly pollMs?: number | undefined;
  /** Milliseconds between two health checks; 5,000 if not given. */
  readonly healthMs?: number | undefined;
  /** A node that gives no sign of life for so long is passed over while another is quick; 400 if not given. */
  readonly slowMs?: number | undefined;
  /** How long a better node must have been well before it is used again; 3,000 if not given. */
  readonly returnAfterMs?: number | undefined;
  /** After so long without any node, one that is behind the pool's tip is used rather than none; 10,000 if not given. */
  readonly behindAfterMs?: number | undefined;
  readonly metrics?: NodesMetrics | undefined;
}

export interface NodesMetrics extends NodeMetrics {
  /** The node in use; undefined when there is none. */
  selected(node: string | undefined): void;
  /** Which source told of the pool's new tip. */
  tipSeen(source: TipSource): void;
  /** The node has been behind the others for a while, or is no longer. */
  lagging(node: string, lagging: boolean): void;
}

export interface NewTip {
  readonly tip: Tip;
  readonly node: string;
  readonly source: TipSource;
  /** When we knew, on the monotonic clock. */
  readonly seenMonotonicMs: number;
}

export interface TemplateAnswer {
  readonly node: string;
  /** What getblocktemplate gave; unchecked. */
  readonly answer: unknown;
}

export interface NodesEvents {
  /** The pool's tip is another block; each change once, whoever told. */
  tip: [NewTip];
  /** An answer of the long poll of the node in use; the tip it builds on was announced before. */
  template: [TemplateAnswer];
  /** The node in use changed: its name, or undefined when there is none. */
  selected: [string | undefined];
  /** This node is well again (or for the first time); what it was told before it may have lost. */
  recovered: [WatchedNode];
}

const templateTimeoutMs = 10_000;
/** With `slowMs`, how soon a node that hangs is left: 0.9 s at most. */
const probeMs = 500;

/**
 * The ordered set of nodes as one: follows the best of them, tells of new tips and answers calls from whichever is
 * well. Never throws out of its own loops; nodes may come and go for ever.
 */
export class Nodes extends EventEmitter<NodesEvents> {
  readonly all: readonly WatchedNode[];
  readonly #longPolls: readonly LongPoll[];
  readonly #rules: readonly string[];
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #returnAfterMs: number;
  readonly #behindAfterMs: number;
  readonly #metrics: NodesMetrics | undefined;
  readonly #lag: LagWatch;
  readonly #wasUsable = new Set<WatchedNode>();
  #selection: Selection;
  #tip: Tip | undefined;
  #closed = false;

  /** @throws PoolError NODE_URL_INVALID, NODE_NONE_CONFIGURED */
  constructor(options: NodesOptions) {
    super();
    if (options.nodes.length === 0) {
      throw new PoolError("NODE_NONE_CONFIGURED", "No node is configured.", "Add one to `nodes`.");
    }
    this.#log = options.log;
    this.#clock = options.clock ?? systemClock;
    this.#returnAfterMs = options.returnAfterMs ?? 3_000;
    this.#behindAfterMs = options.behindAfterMs ?? 10_000;
    this.#metrics = options.metrics;
    this.#rules = options.chain === "signet" ? ["segwit", "signet"] : ["segwit"];
    this.#lag = watchLag(this.#log, this.#clock, (node, lagging) => this.#metrics?.lagging(node, lagging));
    this.#selection = { current: undefined, chainWork: 0n, lostMs: this.#clock.monotonicMs() };
    this.all = options.nodes.map((node, index) => {
      const onChange = (source: TipSource) => this.#update(source, index);
      return new WatchedNode(node, {
        ...watchDefaults(options),
        log: this.#log,
        clock: this.#clock,
        onChange,
      });
    });
    this.#longPolls = this.all.map((node) => {
      const onTemplate = (answer: unknown) => this.#onTemplate(node, answer);
      return openLongPoll({ node, rules: this.#rules, onTemplate });
    });
  }

  /** The tip that the pool builds on; the last known one while no node is well. */
  get tip(): Tip | undefined {
    return this.#tip;
  }

  /** The node in use. */
  get selected(): WatchedNode | undefined {
    return this.#selection.current === undefined ? undefined : this.all[this.#selection.current];
  }

  /**
   * Waits for the first usable node.
   * @throws PoolError NODE_WRONG_CHAIN as soon as every node is on another chain; NODE_NONE_USABLE after the time.
   */
  async ready(timeoutMs: number): Promise<Tip> {
    const deadlineMs = this.#clock.monotonicMs() + timeoutMs;
    while (this.selected === undefined || this.#tip === undefined) {
      if (this.all.every((node) => node.state === "wrong-chain")) {
        const each = this.all.map((node) => node.trouble?.message).join(" ");
        throw new NodeError("wrong-chain", `No node is on the configured chain: ${each}`);
      }
      const leftMs = deadlineMs - this.#clock.monotonicMs();
      if (leftMs <= 0 || this.#closed) throw this.#noneUsable();
      await this.#changed(Math.min(leftMs, 250));
    }
    return this.#tip;
  }

  /**
   * An ordinary call to the node in use, or the next one that is well if it fails.
   * @throws NodeError rpc-error at once: that is an answer; PoolError NODE_NONE_USABLE
   */
  async call(method: string, parameters: readonly unknown[] = []): Promise<unknown> {
    return this.#withFailover((node) => node.call(method, parameters));
  }

  /** A fresh template of the node in use, unchecked. @throws NodeError rpc-error; PoolError NODE_NONE_USABLE */
  async getBlockTemplate(): Promise<TemplateAnswer> {
    return this.#withFailover(async (node) => {
      const options = { timeoutMs: templateTimeoutMs };
      const answer = await node.callDirect("getblocktemplate", [{ rules: this.#rules }], options);
      return { node: node.name, answer };
    });
  }

  /** The named node gave a template that was refused: others come first for a while. */
  distrust(name: string): void {
    this.all.find((node) => node.name === name)?.distrust();
  }

  close(): void {
    this.#closed = true;
    for (const poll of this.#longPolls) poll.close();
    for (const node of this.all) node.close();
    this.removeAllListeners();
  }

  async #withFailover<T>(run: (node: WatchedNode) => Promise<T>): Promise<T> {
    // Each failure takes its node out of the selection, so every node is tried once at most.
    for (let tries = 0; tries < this.all.length; tries++) {
      const node = this.selected;
      if (node === undefined) break;
      try {
        return await run(node);
      } catch (error) {
        if (!(error instanceof NodeError) || error.fault === "rpc-error") throw error;
      }
    }
    throw this.#noneUsable();
  }

  #update(source: TipSource, index: number): void {
    if (this.#closed || this.#longPolls === undefined) return; // the constructor is still at work
    const nowMs = this.#clock.monotonicMs();
    const candidates = this.all.map((node) => ({
      usable: node.usable,
      slow: node.slow,
      usableSinceMs: node.usableSinceMs,
      chainWork: node.tip?.chainWork,
    }));
    const rules = { nowMs, returnAfterMs: this.#returnAfterMs, behindAfterMs: this.#behindAfterMs };
    const chosen = selectNode(candidates, this.#selection, rules);
    if (chosen !== this.#selection.current) this.#switchTo(chosen, nowMs);
    this.#adoptTip(chosen === index ? source : "poll", nowMs);
    for (const [i, node] of this.all.entries()) {
      this.#noteRecovery(node);
      this.#longPolls[i]!.want(i === chosen);
      this.#lag.look(node.name, node.usable ? node.tip : undefined, this.#tip);
    }
  }

  #noteRecovery(node: WatchedNode): void {
    if (!node.usable) this.#wasUsable.delete(node);
    else if (!this.#wasUsable.has(node)) {
      this.#wasUsable.add(node);
      this.emit("recovered", node);
    }
  }

  #switchTo(chosen: number | undefined, nowMs: number): void {
    const previous = this.selected?.name;
    const lostMs = chosen === undefined ? nowMs : undefined;
    this.#selection = { ...this.#selection, current: chosen, lostMs };
    const name = this.selected?.name;
    this.#metrics?.selected(name);
    if (name === undefined) {
      this.#log.error(
        { event: "node-none-usable", previous, nodes: this.#summary() },
        "No node is usable; miners stay on the last template until it is too old.",
      );
    } else {
      this.#log.info({ event: "node-selected", node: name, previous }, "Templates come from this node.");
    }
    this.emit("selected", name);
  }

  #adoptTip(source: TipSource, nowMs: number): void {
    const node = this.selected;
    const tip = node?.tip;
    if (node === undefined || tip === undefined || tip.displayHash === this.#tip?.displayHash) return;
    this.#tip = tip;
    this.#selection = { ...this.#selection, chainWork: tip.chainWork };
    this.#metrics?.tipSeen(source);
    const fields = { event: "tip-new", node: node.name, source, height: tip.height, hash: tip.displayHash };
    this.#log.info(fields, "New tip.");
    this.emit("tip", { tip, node: node.name, source, seenMonotonicMs: nowMs });
  }

  #onTemplate(node: WatchedNode, answer: unknown): void {
    if (!this.#closed && node === this.selected) this.emit("template", { node: node.name, answer });
  }

  /** A change of the node in use, or the time. */
  #changed(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.off("tip", done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.on("tip", done);
    });
  }

  #noneUsable(): PoolError {
    return new PoolError(
      "NODE_NONE_USABLE",
      `No Bitcoin node is usable (${this.#summary()}).`,
      "See the log lines with event node-state: each says what to do.",
    );
  }

  #summary(): string {
    return this.all.map((node) => `${node.name}: ${node.distrusted ? "distrusted" : node.state}`).join(", ");
  }
}

function watchDefaults(options: NodesOptions) {
  return {
    chain: options.chain,
    pollMs: options.pollMs ?? 1_000,
    probeMs,
    healthMs: options.healthMs ?? 5_000,
    slowMs: options.slowMs ?? 400,
    metrics: options.metrics,
  };
}

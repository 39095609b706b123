import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import type { Chain } from "../bitcoin/address.ts";
import type { Clock } from "../clock.ts";
import type { Logger } from "../log/index.ts";
import {
  type HeaderAnswer,
  isPublicNetwork,
  readChainInfo,
  readHash,
  readHeader,
  readNetworkInfo,
  type Tip,
  tipOf,
} from "./answers.ts";
import { NodeError, type NodeFault } from "./errors.ts";
import { greet, requireChain, requirePeers, requireSynchronised } from "./health.ts";
import { type CallOptions, type NodeRpc, openRpc, type RpcOptions } from "./rpc.ts";
import { readSubmitFailure, readSubmitResult, type SubmitAnswer } from "./submit-answer.ts";
import { type BlockSubscription, subscribeBlocks } from "./zmq.ts";

/**
 * One node's states:
 *
 *   starting ──► healthy ◄──► (any fault of a call or of a health check)
 *
 * A fault of any call counts at once. Only a whole health check leads back to healthy: right chain, synchronised, with
 * peers where the chain has a public network, and a tip whose header the node gave us.
 */
export type NodeState = "starting" | "healthy" | Exclude<NodeFault, "rpc-error">;

/** Which of the ways to hear of a block was first. */
export type TipSource = "zmq" | "longpoll" | "poll";

export interface NodeOptions extends RpcOptions {
  /** tcp://HOST:PORT of `zmqpubhashblock`; not used when undefined. */
  readonly zmq?: string | undefined;
}

export interface NodeMetrics {
  state(node: string, state: NodeState): void;
  height(node: string, height: number): void;
  /** A failed call, `rpc-error` among them. */
  fault(node: string, fault: NodeFault): void;
  callSeconds(node: string, method: string, seconds: number): void;
  zmqMissed(node: string, messages: number): void;
}

export interface WatchOptions {
  readonly chain: Chain;
  /** Between two questions for the tip. */
  readonly pollMs: number;
  /** Between two health checks. */
  readonly healthMs: number;
  /** Between two questions that only ask whether the node is alive. */
  readonly probeMs: number;
  /** When that answer takes longer the node is slow: another one is preferred while it is. */
  readonly slowMs: number;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics?: NodeMetrics | undefined;
  /** State, slowness or tip changed, or time has passed. */
  readonly onChange: (source: TipSource) => void;
}

/** How long a node is not asked for templates after it gave one that we refused. */
const distrustMs = 30_000;
const submitTimeoutMs = 30_000;

export class WatchedNode {
  readonly name: string;
  readonly #rpc: NodeRpc;
  readonly #options: WatchOptions;
  readonly #subscription: BlockSubscription | undefined;
  readonly #closing = new AbortController();
  #state: NodeState = "starting";
  #trouble: NodeError | undefined;
  #tip: Tip | undefined;
  #slow = false;
  #greeted = false;
  #usableSinceMs = 0;
  #checkedMs = Number.NEGATIVE_INFINITY;
  #distrustedUntilMs = Number.NEGATIVE_INFINITY;
  #adopting: { readonly displayHash: string; readonly done: Promise<void> } | undefined;
  #hurried = false;
  #wake: () => void = () => {};
  #lastFailure: unknown;
  /** Aborted when the connection to this node is worth nothing any more. */
  #session = new AbortController();

  /** @throws PoolError NODE_URL_INVALID */
  constructor(node: NodeOptions, options: WatchOptions) {
    this.#options = options;
    this.#rpc = openRpc(node);
    this.name = this.#rpc.name;
    options.metrics?.state(this.name, this.#state);
    if (node.zmq !== undefined && node.zmq !== "") this.#subscription = this.#subscribe(node.zmq);
    void this.#watch();
    void this.#probe();
  }

  get state(): NodeState {
    return this.#state;
  }

  /** Why it is in a state that is not well. */
  get trouble(): NodeError | undefined {
    return this.#trouble;
  }

  get tip(): Tip | undefined {
    return this.#tip;
  }

  /** Templates and tips of this node count. */
  get usable(): boolean {
    return this.#state === "healthy" && this.#tip !== undefined && !this.distrusted;
  }

  get distrusted(): boolean {
    return this.#options.clock.monotonicMs() < this.#distrustedUntilMs;
  }

  /** It has not answered for a while; it may be hanging. */
  get slow(): boolean {
    return this.#slow;
  }

  /** Since when it has been healthy and quick without a break, on the monotonic clock. */
  get usableSinceMs(): number {
    return this.#usableSinceMs;
  }

  /** @throws NodeError */
  call(method: string, parameters: readonly unknown[] = []): Promise<unknown> {
    return this.#observed(method, () => this.#rpc.call(method, parameters));
  }

  /** @throws NodeError, or the signal's reason */
  callDirect(method: string, parameters: readonly unknown[], options: CallOptions): Promise<unknown> {
    return this.#observed(method, () => this.#rpc.callDirect(method, parameters, options));
  }

  /** A call that may wait for hours; ends with NodeError disconnected as soon as the node is known to be in trouble. */
  async callPatiently(method: string, parameters: readonly unknown[]): Promise<unknown> {
    const { signal } = this.#session;
    // Not observed: this waiting is no measure of the node, and its end by our own abort is no news.
    return this.#rpc.callDirect(method, parameters, {
      timeoutMs: 24 * 3_600_000,
      signal,
      beforeReading: () => this.#tipFirst(),
    });
  }

  /** News of a tip that are being confirmed go first, with the first job on it: miners wait for that. */
  async #tipFirst(): Promise<void> {
    if (this.#adopting === undefined) return;
    await this.#adopting.done;
    await nextTurn();
  }

  /** @returns undefined if this node does not know the block. @throws NodeError */
  async header(displayHash: string): Promise<HeaderAnswer | undefined> {
    try {
      return readHeader(this.name, await this.call("getblockheader", [displayHash]));
    } catch (error) {
      if (error instanceof NodeError && error.rpcCode === -5) return undefined; // RPC_INVALID_ADDRESS_OR_KEY
      throw error;
    }
  }

  /** Submits a block in whatever state the node is: a node in trouble may still be able to spread it. */
  async submitBlock(blockHex: string): Promise<SubmitAnswer> {
    try {
      const options = { timeoutMs: submitTimeoutMs, signal: this.#closing.signal };
      return readSubmitResult(await this.callDirect("submitblock", [blockHex], options));
    } catch (error) {
      if (this.#closing.signal.aborted) return { kind: "unknown", reason: "closing" };
      return readSubmitFailure(error);
    }
  }

  /** A failure of this node that was seen elsewhere. */
  noteFailure(error: unknown): void {
    this.#fail(error);
  }

  /** Its template was refused: others are asked for a while. */
  distrust(): void {
    this.#distrustedUntilMs = this.#options.clock.monotonicMs() + distrustMs;
    this.#options.onChange("poll");
  }

  /** Somebody said that this is the node's tip: believed once the node confirms it. Never rejects. */
  noteTip(displayHash: string, source: TipSource): Promise<void> {
    if (displayHash === this.#tip?.displayHash) return Promise.resolve();
    if (displayHash === this.#adopting?.displayHash) return this.#adopting.done;
    const done = this.#adopt(displayHash, source)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        if (this.#adopting?.done === done) this.#adopting = undefined;
      });
    this.#adopting = { displayHash, done };
    return done;
  }

  /** Asks for the tip now rather than at the next poll. */
  hurry(): void {
    this.#hurried = true;
    this.#wake();
  }

  close(): void {
    this.#closing.abort(new NodeError("disconnected", "The pool is closing."));
    this.#session.abort(this.#closing.signal.reason);
    this.#subscription?.close();
    this.#rpc.close();
    this.#wake();
  }

  /** Only a block that is the tip at this moment counts: one confirmation; so late or early news do no harm. */
  async #adopt(displayHash: string, source: TipSource): Promise<void> {
    const header = await this.header(displayHash);
    if (header?.confirmations !== 1 || displayHash === this.#tip?.displayHash) {
      if (header !== undefined && header.confirmations !== 1) this.hurry();
      return;
    }
    this.#tip = tipOf(header);
    this.#options.metrics?.height(this.name, header.height);
    this.#options.onChange(source);
  }

  async #watch(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      this.#hurried = false;
      await this.#check();
      this.#options.onChange("poll");
      await this.#pause();
    }
  }

  async #check(): Promise<void> {
    try {
      const due = this.#options.clock.monotonicMs() - this.#checkedMs >= this.#options.healthMs;
      if (due || this.#state !== "healthy") await this.#checkHealth();
      else await this.noteTip(readHash(this.name, await this.call("getbestblockhash")), "poll");
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Tells a node that hangs from one that is at work: `uptime` waits for no lock, while questions about the chain wait
   * until a block or a proposal has been judged.
   */
  async #probe(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      if (this.#state === "healthy") await this.#probeOnce();
      await pause(this.#options.probeMs, undefined, { signal }).catch(() => undefined); // closing
    }
  }

  async #probeOnce(): Promise<void> {
    const timer = setTimeout(() => this.#setSlow(true), this.#options.slowMs);
    try {
      await this.call("uptime");
      this.#setSlow(false);
    } catch (error) {
      this.#fail(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #checkHealth(): Promise<void> {
    const { chain } = this.#options;
    const info = readChainInfo(this.name, await this.call("getblockchaininfo"));
    requireChain(this.name, info, chain);
    requireSynchronised(this.name, info, chain);
    if (isPublicNetwork(chain) || !this.#greeted) {
      const network = readNetworkInfo(this.name, await this.call("getnetworkinfo"));
      if (!this.#greeted) greet(this.name, network, this.#options.log);
      this.#greeted = true;
      requirePeers(this.name, network, chain);
    }
    if (info.bestblockhash !== this.#tip?.displayHash) await this.#adopt(info.bestblockhash, "poll");
    this.#checkedMs = this.#options.clock.monotonicMs();
    this.#setState("healthy");
  }

  async #observed(method: string, run: () => Promise<unknown>): Promise<unknown> {
    const startMs = this.#options.clock.monotonicMs();
    try {
      return await run();
    } catch (error) {
      this.#fail(error);
      throw error;
    } finally {
      this.#options.metrics?.callSeconds(
        this.name,
        method,
        (this.#options.clock.monotonicMs() - startMs) / 1_000,
      );
    }
  }

  #fail(error: unknown): void {
    if (this.#closing.signal.aborted || error === this.#lastFailure) return;
    if (!(error instanceof NodeError)) throw error;
    this.#lastFailure = error; // it passes here where it arose and again where it ends a check
    this.#options.metrics?.fault(this.name, error.fault);
    if (error.fault === "rpc-error") return;
    this.#setState(error.fault, error);
    this.#session.abort(error);
    this.#session = new AbortController();
  }

  #setState(state: NodeState, error?: NodeError): void {
    if (state === this.#state || this.#closing.signal.aborted) return;
    const previous = this.#state;
    this.#state = state;
    this.#trouble = error;
    this.#options.metrics?.state(this.name, state);
    const fields = { event: "node-state", node: this.name, state, previous };
    if (state === "healthy") {
      this.#usableSinceMs = this.#options.clock.monotonicMs();
      this.#options.log.info({ ...fields, height: this.#tip?.height }, "The node is healthy.");
    } else {
      const level = state === "wrong-chain" || state === "unauthorized" ? "error" : "warn";
      this.#options.log[level]({ ...fields, code: error?.code }, `${error?.message} ${error?.hint}`);
    }
    this.#options.onChange("poll");
  }

  #setSlow(slow: boolean): void {
    if (slow === this.#slow) return;
    this.#slow = slow;
    this.#usableSinceMs = this.#options.clock.monotonicMs();
    this.#options.onChange("poll");
  }

  #subscribe(endpoint: string): BlockSubscription {
    return subscribeBlocks({
      endpoint,
      node: this.name,
      log: this.#options.log,
      onHash: (displayHash) => void this.noteTip(displayHash, "zmq"),
      onGap: (missed) => {
        if (missed > 0) this.#options.metrics?.zmqMissed(this.name, missed);
        this.hurry();
      },
    });
  }

  /** Until the next poll, or until somebody is in a hurry. */
  #pause(): Promise<void> {
    if (this.#closing.signal.aborted || this.#hurried) return Promise.resolve();
    const { pollMs, healthMs } = this.#options;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake(), Math.min(pollMs, healthMs));
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
    });
  }
}

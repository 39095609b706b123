import { Subscriber } from "zeromq";
import type { Logger } from "../log/index.ts";

export interface BlockSubscription {
  close(): void;
}

export interface SubscribeOptions {
  /** tcp://HOST:PORT of `zmqpubhashblock`. */
  readonly endpoint: string;
  /** Name of the node, for logs. */
  readonly node: string;
  readonly log: Logger;
  /** A new tip's hash in display order. */
  readonly onHash: (displayHash: string) => void;
  /** Messages were lost or the connection is new, so tips may have passed unseen: ask the node. `missed` may be 0. */
  readonly onGap: (missed: number) => void;
}

/**
 * Subscribes to a node's `hashblock`: [topic, hash (32 bytes, display order), sequence (u32 little-endian)]. libzmq
 * reconnects by itself. Losses show in bitcoind's sequence number, which starts at 0 with the node.
 */
export function subscribeBlocks(options: SubscribeOptions): BlockSubscription {
  const socket = new Subscriber({
    reconnectInterval: 100,
    reconnectMaxInterval: 2_000,
    // A connection that died without a word (NAT, power) is noticed and made anew.
    heartbeatInterval: 5_000,
    heartbeatTimeout: 10_000,
    maxMessageSize: 1_024,
    receiveHighWaterMark: 1_000,
    linger: 0,
  });
  socket.events.on("handshake", () => options.onGap(0));
  socket.connect(options.endpoint);
  socket.subscribe("hashblock");
  receive(socket, options).catch((error: unknown) => {
    if (socket.closed) return;
    options.log.error(
      { event: "zmq-stopped", node: options.node, error: String(error) },
      "ZMQ stopped; polling goes on.",
    );
  });
  return { close: () => socket.close() };
}

async function receive(socket: Subscriber, { node, log, onHash, onGap }: SubscribeOptions): Promise<void> {
  let last: number | undefined;
  for await (const [topic, hash, sequence] of socket) {
    if (topic?.toString() !== "hashblock" || hash?.length !== 32 || sequence?.length !== 4) continue;
    const number = sequence.readUInt32LE();
    const missed = missedBetween(last, number);
    last = number;
    if (missed > 0) {
      log.warn({ event: "zmq-gap", node, missed }, "ZMQ lost block notifications; asking the node.");
      onGap(missed);
    }
    onHash(hash.toString("hex"));
  }
}

/** A number at or below the last one is a restarted publisher's, whose earlier messages were not ours to lose. */
export function missedBetween(last: number | undefined, number: number): number {
  if (last === undefined) return 0;
  const step = (number - last - 1) >>> 0; // the counter wraps at 2^32
  return step < 0x80000000 ? step : 0;
}

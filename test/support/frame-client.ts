/** A Stratum V2 client for tests that speaks in frames: what is asked and what comes back is the test's to say. */
import { connect, type Socket } from "node:net";
import { loadAddon } from "../../src/native/index.ts";
import { createTransports } from "../../src/pool/frame-transports.ts";
import { Malformed } from "../../src/protocol/malformed.ts";
import { setupConnection } from "../../src/protocol/v2/common.ts";
import { FrameCursor } from "../../src/protocol/v2/frame.ts";
import type { FrameTransport } from "../../src/protocol/v2/frame-transport.ts";
import type { MessageCodec } from "../../src/protocol/v2/message.ts";
import { createEllswiftKey } from "../../src/protocol/v2/noise/ellswift.ts";
import { act2Bytes, finish, HandshakeFailure } from "../../src/protocol/v2/noise/handshake.ts";
import { findMessage } from "../../src/protocol/v2/registry.ts";
import { until } from "./deadline.ts";
import { randomSource } from "./random.ts";

/** A message that came, decoded; tests look into it freely. */
export interface Received {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: a message of the other side
  readonly message: any;
}

const random = randomSource(17);
const transports = createTransports({ addon: loadAddon(), longPayload: 2 ** 24 - 1 });
const patienceMs = 10_000;

export const usualSetup = {
  protocol: 0,
  minVersion: 2,
  maxVersion: 2,
  flags: 0,
  endpointHost: "127.0.0.1",
  endpointPort: 3333,
  vendor: "test",
  hardwareVersion: "",
  firmware: "",
  deviceId: "",
};

export class FrameClient {
  readonly socket: Socket;
  readonly received: Received[] = [];
  ended = false;
  /** Hears of each message, those before it was set included. */
  #onReceived: (received: Received) => void = () => {};
  onEnded = (): void => {};
  /** Payload bytes of TCP that came. */
  bytesReceived = 0;
  #transport: FrameTransport | undefined;
  #before = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.ended = true;
      this.onEnded();
    });
  }

  /** Connects, and says nothing. */
  static async open(port: number): Promise<FrameClient> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const client = new FrameClient(socket);
    await new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return client;
  }

  /** With the handshake done. @param authorityKey 32 bytes; left out, any is taken. */
  static async connect(port: number, authorityKey?: Uint8Array, nowSeconds?: number): Promise<FrameClient> {
    const client = await FrameClient.open(port);
    await client.secure(authorityKey, undefined, nowSeconds);
    return client;
  }

  /** Over a socket that is connected already: through TLS, or behind a PROXY header. */
  static async over(socket: Socket): Promise<FrameClient> {
    const client = new FrameClient(socket);
    await client.secure();
    return client;
  }

  /** With the connection set up. */
  static async setUp(port: number, changes: Partial<typeof usualSetup> = {}): Promise<FrameClient> {
    const client = await FrameClient.connect(port);
    await client.request(setupConnection.encode({ ...usualSetup, ...changes }), "SetupConnection.Success");
    return client;
  }

  /** @param send the key goes out by it. */
  async secure(
    authorityKey?: Uint8Array,
    send: (key: Uint8Array) => unknown = (key) => this.socket.write(key),
    nowSeconds = Math.floor(Date.now() / 1000),
  ): Promise<void> {
    const ephemeral = createEllswiftKey((length) => random.bytes(length));
    await send(ephemeral.ellswift);
    await this.#until(() => this.#before.length >= act2Bytes, "act 2");
    const keys = finish(this.#before.subarray(0, act2Bytes), ephemeral, authorityKey, nowSeconds);
    if (keys instanceof HandshakeFailure) throw new Error(keys.sentence);
    this.#transport = transports({ receive: keys.receiveKey, send: keys.sendKey });
    const rest = this.#before.subarray(act2Bytes);
    if (rest.length > 0) this.#open(rest);
  }

  set onReceived(listener: (received: Received) => void) {
    for (const received of this.received) listener(received);
    this.#onReceived = listener;
  }

  /** Bytes as they are, not sealed. */
  sendRaw(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Whole frames, back to back. */
  send(...frames: Uint8Array[]): void {
    this.socket.write(this.seal(Buffer.concat(frames)));
  }

  seal(frames: Uint8Array): Buffer {
    return this.#transport!.seal(frames);
  }

  /** @returns the first message of this name that comes from now on. */
  // biome-ignore lint/suspicious/noExplicitAny: a message of the other side
  async request(frame: Uint8Array, answer: string): Promise<any> {
    const { length } = this.received;
    this.send(frame);
    return await this.next(answer, length);
  }

  /** @param from how many of the messages that came are passed over. */
  // biome-ignore lint/suspicious/noExplicitAny: a message of the other side
  async next(name: string, from = 0): Promise<any> {
    const find = () => this.received.slice(from).find((received) => received.name === name);
    await this.#until(() => find() !== undefined || this.ended, `${name} (came: ${this.names.join(", ")})`);
    const found = find();
    if (found === undefined)
      throw new Error(`the connection ended before ${name} (came: ${this.names.join(", ")})`);
    return found.message;
  }

  // biome-ignore lint/suspicious/noExplicitAny: messages of the other side
  all(name: string): any[] {
    return this.received.filter((received) => received.name === name).map(({ message }) => message);
  }

  get names(): string[] {
    return this.received.map(({ name }) => name);
  }

  async untilReceived(name: string, count: number): Promise<void> {
    await this.#until(() => this.all(name).length >= count, `${count} of ${name}`);
  }

  async untilEnded(): Promise<void> {
    await this.#until(() => this.ended, "the end of the connection");
  }

  /** @throws Error when the connection ends first. */
  async until(condition: () => boolean, what: string): Promise<void> {
    await this.#until(() => condition() || this.ended, what);
    if (!condition()) throw new Error(`the connection ended before ${what}`);
  }

  close(): void {
    this.socket.destroy();
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    await until(condition, { timeoutMs: patienceMs, what, intervalMs: 2 });
  }

  #read(chunk: Buffer): void {
    this.bytesReceived += chunk.length;
    if (this.#transport === undefined) this.#before = Buffer.concat([this.#before, chunk]);
    else this.#open(chunk);
  }

  #open(chunk: Buffer): void {
    const { frames, problem } = this.#transport!.open(chunk, () => 2 ** 24 - 1);
    if (problem !== undefined) throw new Error(`what the pool sent is ${problem}`);
    const cursor = new FrameCursor(Buffer.from(frames));
    while (cursor.next()) {
      const codec = findMessage(cursor.extensionType, cursor.messageType);
      const received = { name: codec?.name ?? "unknown", message: decoded(codec, cursor) };
      this.received.push(received);
      this.#onReceived(received);
    }
  }
}

function decoded(codec: MessageCodec<unknown> | undefined, cursor: FrameCursor): unknown {
  const message = codec?.decode(cursor.payload);
  if (
    message === undefined ||
    message instanceof Malformed ||
    codec?.isChannelMessage !== cursor.isChannelMessage
  )
    throw new Error(`the pool sent something odd: ${JSON.stringify(message)}`);
  return message;
}

/** A Stratum V2 server in frames: what it says is the test's to decide. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { loadAddon } from "../../src/native/index.ts";
import { createTransports } from "../../src/pool/frame-transports.ts";
import { FrameCursor } from "../../src/protocol/v2/frame.ts";
import type { FrameTransport } from "../../src/protocol/v2/frame-transport.ts";
import { authorityKeyOf } from "../../src/protocol/v2/noise/authority-key.ts";
import { signCertificate } from "../../src/protocol/v2/noise/certificate.ts";
import { createEllswiftKey, decodeEllswift } from "../../src/protocol/v2/noise/ellswift.ts";
import { act1Bytes, respond } from "../../src/protocol/v2/noise/handshake.ts";
import { findMessage } from "../../src/protocol/v2/registry.ts";
import { until } from "./deadline.ts";
import type { Received } from "./frame-client.ts";
import { randomSource } from "./random.ts";

const random = randomSource(23);
const draw = (length: number) => random.bytes(length);
const secret = Buffer.alloc(32, 7);
const staticKey = createEllswiftKey(draw);
const certificate = signCertificate(
  secret,
  decodeEllswift(staticKey.ellswift),
  { validFrom: 1_000, notValidAfter: 2_000_000_000 },
  draw(32),
);
const transports = createTransports({ addon: loadAddon(), longPayload: 2_048 });

/** 32 bytes: the key of a V2Server's authority. */
export const serverAuthority = authorityKeyOf(secret);

export class V2Server {
  readonly port: number;
  readonly received: Received[] = [];
  connections = 0;
  /** Answers a message; what it returns is sent. */
  onReceived: (received: Received) => readonly Uint8Array[] = () => [];
  readonly #server: Server;
  #socket: Socket | undefined;
  #transport: FrameTransport | undefined;
  #before = Buffer.alloc(0);

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (socket) => {
      this.connections += 1;
      this.#socket = socket;
      this.#transport = undefined;
      this.#before = Buffer.alloc(0);
      socket.on("error", () => {});
      socket.on("data", (chunk: Buffer) => this.#read(chunk));
    });
  }

  static async start(): Promise<V2Server> {
    const server = createServer({ noDelay: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new V2Server(server);
  }

  get names(): string[] {
    return this.received.map(({ name }) => name);
  }

  /** To the connection that came last. */
  send(...frames: readonly Uint8Array[]): void {
    this.#socket!.write(this.#transport!.seal(Buffer.concat(frames)));
  }

  /** Bytes as they are, not sealed. */
  sendRaw(bytes: Uint8Array): void {
    this.#socket!.write(bytes);
  }

  /** @returns the messages of this name. */
  async untilReceived(name: string, count = 1): Promise<Received["message"][]> {
    const all = () => this.received.filter((received) => received.name === name);
    await until(() => all().length >= count, {
      timeoutMs: 10_000,
      what: `${count} of ${name}`,
      intervalMs: 2,
    });
    return all().map(({ message }) => message);
  }

  /** Ends the connection. */
  hangUp(): void {
    this.#socket?.destroy();
  }

  close(): void {
    this.hangUp();
    this.#server.close();
  }

  #read(chunk: Buffer): void {
    if (this.#transport !== undefined) {
      this.#open(this.#transport, chunk);
      return;
    }
    this.#before = Buffer.concat([this.#before, chunk]);
    if (this.#before.length < act1Bytes) return;
    const { act2, receiveKey, sendKey } = respond(
      this.#before.subarray(0, act1Bytes),
      { staticKey, certificate },
      createEllswiftKey(draw),
    );
    this.#socket!.write(act2);
    this.#transport = transports({ receive: receiveKey, send: sendKey });
  }

  #open(transport: FrameTransport, chunk: Buffer): void {
    const cursor = new FrameCursor(Buffer.from(transport.open(chunk, () => 2_048).frames));
    while (cursor.next()) {
      const codec = findMessage(cursor.extensionType, cursor.messageType)!;
      const received = { name: codec.name, message: codec.decode(cursor.payload) };
      this.received.push(received);
      const answers = this.onReceived(received);
      if (answers.length > 0) this.send(...answers);
    }
  }
}

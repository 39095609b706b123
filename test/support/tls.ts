/** Clients of the encrypted port. */
import { once } from "node:events";
import { connect as connectTcp, isIPv6, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";

/** A TCP connection to this machine. @param from one of its own addresses; all of 127.0.0.0/8 are. */
export async function tcpTo(port: number, from = "127.0.0.1"): Promise<Socket> {
  const host = isIPv6(from) ? "::1" : "127.0.0.1";
  const socket = connectTcp({ port, host, localAddress: from, noDelay: true });
  await once(socket, "connect");
  return socket.on("error", onLaterError);
}

/** TLS to this machine, handshake done; the certificate is not judged. */
export async function tlsTo(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
  await once(socket, "secureConnect");
  return socket.on("error", onLaterError);
}

/** "close" follows, which is what tests look at. */
function onLaterError(): void {}

/** The common name of the certificate that the other side showed. */
export function shownName(socket: TLSSocket): string {
  return String(socket.getPeerCertificate().subject.CN);
}

/** What is written goes out byte by byte, each in a packet of its own if the kernel is not faster. */
export function dripping(socket: Socket): Duplex {
  const drip = async (chunk: Buffer) => {
    for (const byte of chunk) {
      socket.write(Buffer.of(byte));
      await turn();
    }
  };
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      drip(chunk).then(() => done(), done);
    },
    final(done) {
      socket.end(done);
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on("data", (chunk: Buffer) => duplex.push(chunk));
  socket.on("end", () => duplex.push(null));
  socket.on("error", (error) => duplex.destroy(error));
  return duplex;
}

/** The first bytes of a client, as they would have been sent. */
export async function aClientHello(options: ConnectionOptions = {}): Promise<Buffer> {
  return await new Promise((resolve) => {
    const nowhere = new Duplex({
      read() {},
      write(chunk: Buffer, _, done) {
        resolve(chunk);
        done();
      },
    });
    connectTls({ socket: nowhere, rejectUnauthorized: false, ...options }).on("error", () => {});
  });
}

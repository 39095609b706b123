import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach } from "vitest";

/** Both ends of one connection over loopback; nobody owns them yet. */
export interface SocketPair {
  readonly near: Socket;
  readonly far: Socket;
}

const opened: Socket[] = [];

afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
});

/** Gone when the test is over. */
export async function aSocketPair(): Promise<SocketPair> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection");
  const far = connect((server.address() as AddressInfo).port, "127.0.0.1").on("error", () => {});
  const [near] = (await accepted) as [Socket];
  server.close();
  opened.push(near, far);
  return { near, far };
}

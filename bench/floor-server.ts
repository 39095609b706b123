/**
 * The floor: a Node server that speaks just enough V1 to be talked to and answers every submission unread. What a pool
 * costs above this is its own doing. Prints its port; the benchmark reads its CPU time from outside.
 */

import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";

const zeros = "0".repeat(64);
const notify = JSON.stringify({
  id: null,
  method: "mining.notify",
  params: [
    "000000000100",
    zeros,
    "00".repeat(100),
    "00".repeat(130),
    Array(12).fill(zeros),
    "20000000",
    "17024a71",
    "60000000",
    true,
  ],
});

const server = createServer({ noDelay: true }, serve);
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.on("disconnect", () => process.exit(0));

function serve(socket: Socket): void {
  let rest = "";
  socket.setEncoding("latin1");
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    socket.write(lines.map(answerTo).join(""));
  });
}

function answerTo(line: string): string {
  const id = line.slice(line.indexOf(":") + 1, line.indexOf(","));
  if (line.includes("mining.subscribe")) {
    return `{"id":${id},"result":[[["mining.notify","00"]],"00000001",8],"error":null}\n{"id":null,"method":"mining.set_difficulty","params":[1e-9]}\n${notify}\n`;
  }
  return `{"id":${id},"result":true,"error":null}\n`;
}

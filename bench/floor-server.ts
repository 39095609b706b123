/**
 * The floor: a Node server that speaks just enough V1 to be talked to and answers every submission unread, with one
 * write for each read and no string per line. What a pool costs above this is its own doing. Prints its port, serves
 * until its standard input ends; the benchmark reads its CPU time from outside. A line there is a new block: everybody
 * is sent a job on a new tip, then its moment is printed, CLOCK_MONOTONIC.
 */
import { type AddressInfo, createServer, type Socket } from "node:net";

const zeros = "0".repeat(64);

/** A line of the length that the pool's has for a template with 12 branches. */
function notify(tipNumber: number): string {
  const previousHash = String(tipNumber).padStart(64, "0");
  const branch = Array(12).fill(zeros);
  const [coinbase1, coinbase2] = ["00".repeat(70), "00".repeat(80)];
  const params = ["000000000100", previousHash, coinbase1, coinbase2, branch, "20000000", "17024a71"];
  return `${JSON.stringify({ id: null, method: "mining.notify", params: [...params, "60000000", true] })}\n`;
}

const work = `,"result":[[["mining.notify","00"]],"00000001",8],"error":null}\n{"id":null,"method":"mining.set_difficulty","params":[1e-9]}\n${notify(0)}`;
const accepted = Buffer.from(',"result":true,"error":null}\n');
const newline = 10;
const comma = 44;
const letterS = 115;
/** Where "mining.subscribe" has an s, counted from the comma behind the id, and no other method of the generator. */
const subscribeAt = ',"method":"mining.sub'.length;

const server = createServer({ noDelay: true }, serve);
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`);
});
process.stdin.on("data", sendNewTip).on("end", () => process.exit(0));

const sockets = new Set<Socket>();
let tips = 0;

function sendNewTip(): void {
  const announcedMs = Number(process.hrtime.bigint()) / 1e6;
  const line = Buffer.from(notify(++tips));
  for (const socket of sockets) socket.write(line);
  process.stdout.write(`${JSON.stringify({ announcedMs })}\n`);
}

function serve(socket: Socket): void {
  let rest: Buffer | undefined;
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    // An answer is never longer than the line, but for subscribe's.
    const answers = Buffer.allocUnsafe(bytes.length);
    let [from, length] = [0, 0];
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, from)) {
      const idEnd = bytes.indexOf(comma, from);
      if (bytes[idEnd + subscribeAt] === letterS) socket.write(bytes.toString("latin1", from, idEnd) + work);
      else {
        length += bytes.copy(answers, length, from, idEnd);
        length += accepted.copy(answers, length);
      }
      from = end + 1;
    }
    rest = from < bytes.length ? bytes.subarray(from) : undefined;
    if (length > 0) socket.write(answers.subarray(0, length));
  });
}

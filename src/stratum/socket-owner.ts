/**
 * Who hears of a socket's events. Listeners are the same functions for all sockets, and the owner is a property of each:
 * five closures for every connection would be a good part of its memory.
 */
import type { Socket } from "node:net";

export interface SocketOwner {
  data(chunk: Buffer): void;
  /** The peer will send no more. */
  ended(): void;
  /** All that was written has left this process. */
  drained(): void;
  /** What ended it; `closed` follows. */
  failed?(error: NodeJS.ErrnoException): void;
  closed(): void;
}

const owner = Symbol("owner");
type Owned = Socket & { [owner]?: SocketOwner };

/** Replaces the owner, if there is one. */
export function setOwner(socket: Socket, next: SocketOwner): void {
  const owned: Owned = socket;
  const isNew = owned[owner] === undefined;
  owned[owner] = next;
  if (!isNew) return;
  socket.on("data", onData);
  socket.on("end", onEnd);
  socket.on("drain", onDrain);
  socket.on("error", onError);
  socket.on("close", onClose);
}

/** Takes all listeners off again: somebody else goes on with the socket. */
export function disown(socket: Socket): void {
  delete (socket as Owned)[owner];
  socket.off("data", onData);
  socket.off("end", onEnd);
  socket.off("drain", onDrain);
  socket.off("error", onError);
  socket.off("close", onClose);
}

function onData(this: Owned, chunk: Buffer): void {
  this[owner]?.data(chunk);
}

function onEnd(this: Owned): void {
  this[owner]?.ended();
}

function onDrain(this: Owned): void {
  this[owner]?.drained();
}

/** What follows is "close"; a peer that resets its connection is nothing to report. */
function onError(this: Owned, error: NodeJS.ErrnoException): void {
  this[owner]?.failed?.(error);
}

function onClose(this: Owned): void {
  this[owner]?.closed();
}

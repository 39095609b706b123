import type { Socket } from "node:net";

/** Node keeps a socket's descriptor on its handle, which no public interface shows. */
interface WithHandle {
  readonly _handle?: { readonly fd?: number } | null;
}

/** The descriptor of an open TCP socket; -1 when it has none (any more), or where Node does not tell. */
export function descriptorOf(socket: Socket): number {
  return (socket as unknown as WithHandle)._handle?.fd ?? -1;
}
